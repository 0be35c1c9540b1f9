import datetime

from goldenpart.v1 import image_pb2 as _image_pb2
from goldenpart.v1 import onboarding_pb2 as _onboarding_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChallengeFrame(_message.Message):
    __slots__ = ("pixel_digest", "name", "label", "note", "width_px", "height_px", "size_bytes", "create_time")
    PIXEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    pixel_digest: str
    name: str
    label: _onboarding_pb2.Label
    note: str
    width_px: int
    height_px: int
    size_bytes: int
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, pixel_digest: _Optional[str] = ..., name: _Optional[str] = ..., label: _Optional[_Union[_onboarding_pb2.Label, str]] = ..., note: _Optional[str] = ..., width_px: _Optional[int] = ..., height_px: _Optional[int] = ..., size_bytes: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AddChallengeFramesRequest(_message.Message):
    __slots__ = ("config", "image")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    config: AddChallengeFramesConfig
    image: ChallengeImage
    def __init__(self, config: _Optional[_Union[AddChallengeFramesConfig, _Mapping]] = ..., image: _Optional[_Union[ChallengeImage, _Mapping]] = ...) -> None: ...

class AddChallengeFramesConfig(_message.Message):
    __slots__ = ("category", "image_count")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    category: str
    image_count: int
    def __init__(self, category: _Optional[str] = ..., image_count: _Optional[int] = ...) -> None: ...

class ChallengeImage(_message.Message):
    __slots__ = ("name", "image", "label", "note")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    name: str
    image: _image_pb2.Image
    label: _onboarding_pb2.Label
    note: str
    def __init__(self, name: _Optional[str] = ..., image: _Optional[_Union[_image_pb2.Image, _Mapping]] = ..., label: _Optional[_Union[_onboarding_pb2.Label, str]] = ..., note: _Optional[str] = ...) -> None: ...

class AddChallengeFramesResponse(_message.Message):
    __slots__ = ("frames", "known_count", "frame_count", "size_bytes")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    KNOWN_COUNT_FIELD_NUMBER: _ClassVar[int]
    FRAME_COUNT_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedCompositeFieldContainer[ChallengeFrame]
    known_count: int
    frame_count: int
    size_bytes: int
    def __init__(self, frames: _Optional[_Iterable[_Union[ChallengeFrame, _Mapping]]] = ..., known_count: _Optional[int] = ..., frame_count: _Optional[int] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class ListChallengeFramesRequest(_message.Message):
    __slots__ = ("category", "page_size", "page_token")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    category: str
    page_size: int
    page_token: str
    def __init__(self, category: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListChallengeFramesResponse(_message.Message):
    __slots__ = ("frames", "next_page_token")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedCompositeFieldContainer[ChallengeFrame]
    next_page_token: str
    def __init__(self, frames: _Optional[_Iterable[_Union[ChallengeFrame, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetChallengeFrameRequest(_message.Message):
    __slots__ = ("category", "pixel_digest")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PIXEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    category: str
    pixel_digest: str
    def __init__(self, category: _Optional[str] = ..., pixel_digest: _Optional[str] = ...) -> None: ...

class GetChallengeFrameResponse(_message.Message):
    __slots__ = ("frame", "encoded")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    ENCODED_FIELD_NUMBER: _ClassVar[int]
    frame: ChallengeFrame
    encoded: bytes
    def __init__(self, frame: _Optional[_Union[ChallengeFrame, _Mapping]] = ..., encoded: _Optional[bytes] = ...) -> None: ...

class RemoveChallengeFrameRequest(_message.Message):
    __slots__ = ("category", "pixel_digest")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PIXEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    category: str
    pixel_digest: str
    def __init__(self, category: _Optional[str] = ..., pixel_digest: _Optional[str] = ...) -> None: ...

class RemoveChallengeFrameResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
