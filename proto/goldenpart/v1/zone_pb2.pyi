from goldenpart.v1 import category_pb2 as _category_pb2
from goldenpart.v1 import image_pb2 as _image_pb2
from goldenpart.v1 import onboarding_pb2 as _onboarding_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ZoneKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ZONE_KIND_UNSPECIFIED: _ClassVar[ZoneKind]
    ZONE_KIND_INCLUDE: _ClassVar[ZoneKind]
    ZONE_KIND_IGNORE: _ClassVar[ZoneKind]
    ZONE_KIND_CRITICAL: _ClassVar[ZoneKind]
ZONE_KIND_UNSPECIFIED: ZoneKind
ZONE_KIND_INCLUDE: ZoneKind
ZONE_KIND_IGNORE: ZoneKind
ZONE_KIND_CRITICAL: ZoneKind

class Zone(_message.Message):
    __slots__ = ("name", "kind", "polygon", "threshold_factor", "minimum_area_px", "minimum_area_mm2")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    POLYGON_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FACTOR_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_AREA_PX_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_AREA_MM2_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: ZoneKind
    polygon: _image_pb2.Polygon
    threshold_factor: float
    minimum_area_px: float
    minimum_area_mm2: float
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[ZoneKind, str]] = ..., polygon: _Optional[_Union[_image_pb2.Polygon, _Mapping]] = ..., threshold_factor: _Optional[float] = ..., minimum_area_px: _Optional[float] = ..., minimum_area_mm2: _Optional[float] = ...) -> None: ...

class Zones(_message.Message):
    __slots__ = ("zones", "minimum_area_px", "minimum_area_mm2", "mm_per_px")
    ZONES_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_AREA_PX_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_AREA_MM2_FIELD_NUMBER: _ClassVar[int]
    MM_PER_PX_FIELD_NUMBER: _ClassVar[int]
    zones: _containers.RepeatedCompositeFieldContainer[Zone]
    minimum_area_px: float
    minimum_area_mm2: float
    mm_per_px: float
    def __init__(self, zones: _Optional[_Iterable[_Union[Zone, _Mapping]]] = ..., minimum_area_px: _Optional[float] = ..., minimum_area_mm2: _Optional[float] = ..., mm_per_px: _Optional[float] = ...) -> None: ...

class GetZonesRequest(_message.Message):
    __slots__ = ("category", "revision")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    category: str
    revision: str
    def __init__(self, category: _Optional[str] = ..., revision: _Optional[str] = ...) -> None: ...

class GetZonesResponse(_message.Message):
    __slots__ = ("revision", "zones", "drawn_mask")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ZONES_FIELD_NUMBER: _ClassVar[int]
    DRAWN_MASK_FIELD_NUMBER: _ClassVar[int]
    revision: str
    zones: Zones
    drawn_mask: bool
    def __init__(self, revision: _Optional[str] = ..., zones: _Optional[_Union[Zones, _Mapping]] = ..., drawn_mask: bool = ...) -> None: ...

class SetZonesRequest(_message.Message):
    __slots__ = ("category", "revision", "zones", "stage_only", "etag")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ZONES_FIELD_NUMBER: _ClassVar[int]
    STAGE_ONLY_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    category: str
    revision: str
    zones: Zones
    stage_only: bool
    etag: str
    def __init__(self, category: _Optional[str] = ..., revision: _Optional[str] = ..., zones: _Optional[_Union[Zones, _Mapping]] = ..., stage_only: bool = ..., etag: _Optional[str] = ...) -> None: ...

class SetZonesResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _onboarding_pb2.OnboardingProgress
    result: SetZonesResult
    def __init__(self, progress: _Optional[_Union[_onboarding_pb2.OnboardingProgress, _Mapping]] = ..., result: _Optional[_Union[SetZonesResult, _Mapping]] = ...) -> None: ...

class SetZonesResult(_message.Message):
    __slots__ = ("revision", "refitted", "warnings")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REFITTED_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    revision: _category_pb2.Revision
    refitted: bool
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, revision: _Optional[_Union[_category_pb2.Revision, _Mapping]] = ..., refitted: bool = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...
