import datetime

from goldenpart.v1 import calibration_pb2 as _calibration_pb2
from goldenpart.v1 import gate_pb2 as _gate_pb2
from goldenpart.v1 import recipe_pb2 as _recipe_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RevisionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REVISION_STATE_UNSPECIFIED: _ClassVar[RevisionState]
    REVISION_STATE_STAGED: _ClassVar[RevisionState]
    REVISION_STATE_ACTIVE: _ClassVar[RevisionState]
    REVISION_STATE_DAMAGED: _ClassVar[RevisionState]
REVISION_STATE_UNSPECIFIED: RevisionState
REVISION_STATE_STAGED: RevisionState
REVISION_STATE_ACTIVE: RevisionState
REVISION_STATE_DAMAGED: RevisionState

class Category(_message.Message):
    __slots__ = ("category", "active_revision", "revision_count", "create_time", "activate_time", "etag")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_REVISION_FIELD_NUMBER: _ClassVar[int]
    REVISION_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ACTIVATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    category: str
    active_revision: str
    revision_count: int
    create_time: _timestamp_pb2.Timestamp
    activate_time: _timestamp_pb2.Timestamp
    etag: str
    def __init__(self, category: _Optional[str] = ..., active_revision: _Optional[str] = ..., revision_count: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., activate_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class GoldenPart(_message.Message):
    __slots__ = ("index", "name", "pixel_digest", "width_px", "height_px", "patches", "patches_excluded")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PIXEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    PATCHES_FIELD_NUMBER: _ClassVar[int]
    PATCHES_EXCLUDED_FIELD_NUMBER: _ClassVar[int]
    index: int
    name: str
    pixel_digest: str
    width_px: int
    height_px: int
    patches: int
    patches_excluded: int
    def __init__(self, index: _Optional[int] = ..., name: _Optional[str] = ..., pixel_digest: _Optional[str] = ..., width_px: _Optional[int] = ..., height_px: _Optional[int] = ..., patches: _Optional[int] = ..., patches_excluded: _Optional[int] = ...) -> None: ...

class Revision(_message.Message):
    __slots__ = ("category", "revision", "state", "create_time", "recipe", "backbone_digest", "golden_parts", "bank_vectors", "bank_dimensions", "bank_bytes", "coreset_radius", "calibration", "bank_digest", "parent_revision", "damage", "masked", "gate")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    BACKBONE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_PARTS_FIELD_NUMBER: _ClassVar[int]
    BANK_VECTORS_FIELD_NUMBER: _ClassVar[int]
    BANK_DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    BANK_BYTES_FIELD_NUMBER: _ClassVar[int]
    CORESET_RADIUS_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    BANK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    PARENT_REVISION_FIELD_NUMBER: _ClassVar[int]
    DAMAGE_FIELD_NUMBER: _ClassVar[int]
    MASKED_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    category: str
    revision: str
    state: RevisionState
    create_time: _timestamp_pb2.Timestamp
    recipe: _recipe_pb2.Recipe
    backbone_digest: str
    golden_parts: _containers.RepeatedCompositeFieldContainer[GoldenPart]
    bank_vectors: int
    bank_dimensions: int
    bank_bytes: int
    coreset_radius: float
    calibration: _calibration_pb2.Calibration
    bank_digest: str
    parent_revision: str
    damage: str
    masked: bool
    gate: _gate_pb2.GateReport
    def __init__(self, category: _Optional[str] = ..., revision: _Optional[str] = ..., state: _Optional[_Union[RevisionState, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., recipe: _Optional[_Union[_recipe_pb2.Recipe, _Mapping]] = ..., backbone_digest: _Optional[str] = ..., golden_parts: _Optional[_Iterable[_Union[GoldenPart, _Mapping]]] = ..., bank_vectors: _Optional[int] = ..., bank_dimensions: _Optional[int] = ..., bank_bytes: _Optional[int] = ..., coreset_radius: _Optional[float] = ..., calibration: _Optional[_Union[_calibration_pb2.Calibration, _Mapping]] = ..., bank_digest: _Optional[str] = ..., parent_revision: _Optional[str] = ..., damage: _Optional[str] = ..., masked: bool = ..., gate: _Optional[_Union[_gate_pb2.GateReport, _Mapping]] = ...) -> None: ...

class GetCategoryRequest(_message.Message):
    __slots__ = ("category",)
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    category: str
    def __init__(self, category: _Optional[str] = ...) -> None: ...

class GetCategoryResponse(_message.Message):
    __slots__ = ("category",)
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    category: Category
    def __init__(self, category: _Optional[_Union[Category, _Mapping]] = ...) -> None: ...

class ListCategoriesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCategoriesResponse(_message.Message):
    __slots__ = ("categories", "next_page_token")
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    categories: _containers.RepeatedCompositeFieldContainer[Category]
    next_page_token: str
    def __init__(self, categories: _Optional[_Iterable[_Union[Category, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteCategoryRequest(_message.Message):
    __slots__ = ("category", "etag")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    category: str
    etag: str
    def __init__(self, category: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class DeleteCategoryResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetRevisionRequest(_message.Message):
    __slots__ = ("category", "revision")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    category: str
    revision: str
    def __init__(self, category: _Optional[str] = ..., revision: _Optional[str] = ...) -> None: ...

class GetRevisionResponse(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: Revision
    def __init__(self, revision: _Optional[_Union[Revision, _Mapping]] = ...) -> None: ...

class ListRevisionsRequest(_message.Message):
    __slots__ = ("category", "page_size", "page_token")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    category: str
    page_size: int
    page_token: str
    def __init__(self, category: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRevisionsResponse(_message.Message):
    __slots__ = ("revisions", "next_page_token")
    REVISIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    revisions: _containers.RepeatedCompositeFieldContainer[Revision]
    next_page_token: str
    def __init__(self, revisions: _Optional[_Iterable[_Union[Revision, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteRevisionRequest(_message.Message):
    __slots__ = ("category", "revision")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    category: str
    revision: str
    def __init__(self, category: _Optional[str] = ..., revision: _Optional[str] = ...) -> None: ...

class DeleteRevisionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ActivateRevisionRequest(_message.Message):
    __slots__ = ("category", "revision", "etag", "gate", "added_false_rejects_allowed", "override_gate")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    ADDED_FALSE_REJECTS_ALLOWED_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_GATE_FIELD_NUMBER: _ClassVar[int]
    category: str
    revision: str
    etag: str
    gate: bool
    added_false_rejects_allowed: int
    override_gate: bool
    def __init__(self, category: _Optional[str] = ..., revision: _Optional[str] = ..., etag: _Optional[str] = ..., gate: bool = ..., added_false_rejects_allowed: _Optional[int] = ..., override_gate: bool = ...) -> None: ...

class ActivateRevisionResponse(_message.Message):
    __slots__ = ("category", "previous_revision", "gate")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_REVISION_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    category: Category
    previous_revision: str
    gate: _gate_pb2.GateReport
    def __init__(self, category: _Optional[_Union[Category, _Mapping]] = ..., previous_revision: _Optional[str] = ..., gate: _Optional[_Union[_gate_pb2.GateReport, _Mapping]] = ...) -> None: ...

class ExportRevisionRequest(_message.Message):
    __slots__ = ("category", "revision")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    category: str
    revision: str
    def __init__(self, category: _Optional[str] = ..., revision: _Optional[str] = ...) -> None: ...

class ExportRevisionResponse(_message.Message):
    __slots__ = ("chunk",)
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    def __init__(self, chunk: _Optional[bytes] = ...) -> None: ...

class ImportRevisionRequest(_message.Message):
    __slots__ = ("config", "chunk")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    config: ImportConfig
    chunk: bytes
    def __init__(self, config: _Optional[_Union[ImportConfig, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class ImportConfig(_message.Message):
    __slots__ = ("category", "stage_only", "etag")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    STAGE_ONLY_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    category: str
    stage_only: bool
    etag: str
    def __init__(self, category: _Optional[str] = ..., stage_only: bool = ..., etag: _Optional[str] = ...) -> None: ...

class ImportRevisionResponse(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: Revision
    def __init__(self, revision: _Optional[_Union[Revision, _Mapping]] = ...) -> None: ...
