import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class BackboneInfo(_message.Message):
    __slots__ = ("name", "digest", "loaded", "is_default")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    LOADED_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    name: str
    digest: str
    loaded: bool
    is_default: bool
    def __init__(self, name: _Optional[str] = ..., digest: _Optional[str] = ..., loaded: bool = ..., is_default: bool = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("message_bytes", "image_pixels", "frames_per_call", "frames_in_server", "pixels_in_server", "golden_parts", "calibration_images", "batch_frames")
    MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_PIXELS_FIELD_NUMBER: _ClassVar[int]
    FRAMES_PER_CALL_FIELD_NUMBER: _ClassVar[int]
    FRAMES_IN_SERVER_FIELD_NUMBER: _ClassVar[int]
    PIXELS_IN_SERVER_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_PARTS_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_IMAGES_FIELD_NUMBER: _ClassVar[int]
    BATCH_FRAMES_FIELD_NUMBER: _ClassVar[int]
    message_bytes: int
    image_pixels: int
    frames_per_call: int
    frames_in_server: int
    pixels_in_server: int
    golden_parts: int
    calibration_images: int
    batch_frames: int
    def __init__(self, message_bytes: _Optional[int] = ..., image_pixels: _Optional[int] = ..., frames_per_call: _Optional[int] = ..., frames_in_server: _Optional[int] = ..., pixels_in_server: _Optional[int] = ..., golden_parts: _Optional[int] = ..., calibration_images: _Optional[int] = ..., batch_frames: _Optional[int] = ...) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "device", "backbones", "limits", "start_time", "library_versions")
    class LibraryVersionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    BACKBONES_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    LIBRARY_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    version: str
    device: str
    backbones: _containers.RepeatedCompositeFieldContainer[BackboneInfo]
    limits: Limits
    start_time: _timestamp_pb2.Timestamp
    library_versions: _containers.ScalarMap[str, str]
    def __init__(self, version: _Optional[str] = ..., device: _Optional[str] = ..., backbones: _Optional[_Iterable[_Union[BackboneInfo, _Mapping]]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., library_versions: _Optional[_Mapping[str, str]] = ...) -> None: ...
