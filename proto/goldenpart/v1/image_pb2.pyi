from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PixelFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PIXEL_FORMAT_UNSPECIFIED: _ClassVar[PixelFormat]
    PIXEL_FORMAT_MONO8: _ClassVar[PixelFormat]
    PIXEL_FORMAT_RGB8: _ClassVar[PixelFormat]
    PIXEL_FORMAT_BGR8: _ClassVar[PixelFormat]
    PIXEL_FORMAT_BAYER_RG8: _ClassVar[PixelFormat]
PIXEL_FORMAT_UNSPECIFIED: PixelFormat
PIXEL_FORMAT_MONO8: PixelFormat
PIXEL_FORMAT_RGB8: PixelFormat
PIXEL_FORMAT_BGR8: PixelFormat
PIXEL_FORMAT_BAYER_RG8: PixelFormat

class RawImage(_message.Message):
    __slots__ = ("data", "width_px", "height_px", "stride_bytes", "pixel_format")
    DATA_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    STRIDE_BYTES_FIELD_NUMBER: _ClassVar[int]
    PIXEL_FORMAT_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    width_px: int
    height_px: int
    stride_bytes: int
    pixel_format: PixelFormat
    def __init__(self, data: _Optional[bytes] = ..., width_px: _Optional[int] = ..., height_px: _Optional[int] = ..., stride_bytes: _Optional[int] = ..., pixel_format: _Optional[_Union[PixelFormat, str]] = ...) -> None: ...

class Image(_message.Message):
    __slots__ = ("encoded", "raw")
    ENCODED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    encoded: bytes
    raw: RawImage
    def __init__(self, encoded: _Optional[bytes] = ..., raw: _Optional[_Union[RawImage, _Mapping]] = ...) -> None: ...

class RelativePoint(_message.Message):
    __slots__ = ("x", "y")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    x: float
    y: float
    def __init__(self, x: _Optional[float] = ..., y: _Optional[float] = ...) -> None: ...

class Polygon(_message.Message):
    __slots__ = ("vertices",)
    VERTICES_FIELD_NUMBER: _ClassVar[int]
    vertices: _containers.RepeatedCompositeFieldContainer[RelativePoint]
    def __init__(self, vertices: _Optional[_Iterable[_Union[RelativePoint, _Mapping]]] = ...) -> None: ...

class InspectionMask(_message.Message):
    __slots__ = ("image", "polygons")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    POLYGONS_FIELD_NUMBER: _ClassVar[int]
    image: Image
    polygons: PolygonMask
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., polygons: _Optional[_Union[PolygonMask, _Mapping]] = ...) -> None: ...

class PolygonMask(_message.Message):
    __slots__ = ("include", "ignore")
    INCLUDE_FIELD_NUMBER: _ClassVar[int]
    IGNORE_FIELD_NUMBER: _ClassVar[int]
    include: _containers.RepeatedCompositeFieldContainer[Polygon]
    ignore: _containers.RepeatedCompositeFieldContainer[Polygon]
    def __init__(self, include: _Optional[_Iterable[_Union[Polygon, _Mapping]]] = ..., ignore: _Optional[_Iterable[_Union[Polygon, _Mapping]]] = ...) -> None: ...
