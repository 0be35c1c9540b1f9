from goldenpart.v1 import image_pb2 as _image_pb2
from goldenpart.v1 import inspection_pb2 as _inspection_pb2
from goldenpart.v1 import onboarding_pb2 as _onboarding_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SuggestionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUGGESTION_REASON_UNSPECIFIED: _ClassVar[SuggestionReason]
    SUGGESTION_REASON_COVERAGE: _ClassVar[SuggestionReason]
    SUGGESTION_REASON_THRESHOLD: _ClassVar[SuggestionReason]

class GoldenPartVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GOLDEN_PART_VERDICT_UNSPECIFIED: _ClassVar[GoldenPartVerdict]
    GOLDEN_PART_VERDICT_OK: _ClassVar[GoldenPartVerdict]
    GOLDEN_PART_VERDICT_CONTAMINATED: _ClassVar[GoldenPartVerdict]
    GOLDEN_PART_VERDICT_REDUNDANT: _ClassVar[GoldenPartVerdict]
SUGGESTION_REASON_UNSPECIFIED: SuggestionReason
SUGGESTION_REASON_COVERAGE: SuggestionReason
SUGGESTION_REASON_THRESHOLD: SuggestionReason
GOLDEN_PART_VERDICT_UNSPECIFIED: GoldenPartVerdict
GOLDEN_PART_VERDICT_OK: GoldenPartVerdict
GOLDEN_PART_VERDICT_CONTAMINATED: GoldenPartVerdict
GOLDEN_PART_VERDICT_REDUNDANT: GoldenPartVerdict

class SuggestFramesRequest(_message.Message):
    __slots__ = ("config", "frame")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    config: SuggestFramesConfig
    frame: PoolFrame
    def __init__(self, config: _Optional[_Union[SuggestFramesConfig, _Mapping]] = ..., frame: _Optional[_Union[PoolFrame, _Mapping]] = ...) -> None: ...

class SuggestFramesConfig(_message.Message):
    __slots__ = ("category", "revision", "count", "frame_count")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FRAME_COUNT_FIELD_NUMBER: _ClassVar[int]
    category: str
    revision: str
    count: int
    frame_count: int
    def __init__(self, category: _Optional[str] = ..., revision: _Optional[str] = ..., count: _Optional[int] = ..., frame_count: _Optional[int] = ...) -> None: ...

class PoolFrame(_message.Message):
    __slots__ = ("name", "image")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    image: _image_pb2.Image
    def __init__(self, name: _Optional[str] = ..., image: _Optional[_Union[_image_pb2.Image, _Mapping]] = ...) -> None: ...

class SuggestFramesResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _onboarding_pb2.OnboardingProgress
    result: SuggestFramesResult
    def __init__(self, progress: _Optional[_Union[_onboarding_pb2.OnboardingProgress, _Mapping]] = ..., result: _Optional[_Union[SuggestFramesResult, _Mapping]] = ...) -> None: ...

class SuggestFramesResult(_message.Message):
    __slots__ = ("revision", "frames", "suggestions", "reach", "uncovered_share", "warnings")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    SUGGESTIONS_FIELD_NUMBER: _ClassVar[int]
    REACH_FIELD_NUMBER: _ClassVar[int]
    UNCOVERED_SHARE_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    revision: str
    frames: int
    suggestions: _containers.RepeatedCompositeFieldContainer[Suggestion]
    reach: float
    uncovered_share: float
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, revision: _Optional[str] = ..., frames: _Optional[int] = ..., suggestions: _Optional[_Iterable[_Union[Suggestion, _Mapping]]] = ..., reach: _Optional[float] = ..., uncovered_share: _Optional[float] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class Suggestion(_message.Message):
    __slots__ = ("name", "index", "reason", "explanation", "coverage_gain", "coverage_total", "shared_gain", "score", "threshold_ratio", "near_duplicates")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_GAIN_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_TOTAL_FIELD_NUMBER: _ClassVar[int]
    SHARED_GAIN_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_RATIO_FIELD_NUMBER: _ClassVar[int]
    NEAR_DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    name: str
    index: int
    reason: SuggestionReason
    explanation: str
    coverage_gain: float
    coverage_total: float
    shared_gain: float
    score: float
    threshold_ratio: float
    near_duplicates: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., index: _Optional[int] = ..., reason: _Optional[_Union[SuggestionReason, str]] = ..., explanation: _Optional[str] = ..., coverage_gain: _Optional[float] = ..., coverage_total: _Optional[float] = ..., shared_gain: _Optional[float] = ..., score: _Optional[float] = ..., threshold_ratio: _Optional[float] = ..., near_duplicates: _Optional[_Iterable[str]] = ...) -> None: ...

class AuditGoldenPartsRequest(_message.Message):
    __slots__ = ("category", "revision")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    category: str
    revision: str
    def __init__(self, category: _Optional[str] = ..., revision: _Optional[str] = ...) -> None: ...

class AuditGoldenPartsResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _onboarding_pb2.OnboardingProgress
    result: AuditGoldenPartsResult
    def __init__(self, progress: _Optional[_Union[_onboarding_pb2.OnboardingProgress, _Mapping]] = ..., result: _Optional[_Union[AuditGoldenPartsResult, _Mapping]] = ...) -> None: ...

class AuditGoldenPartsResult(_message.Message):
    __slots__ = ("revision", "parts", "contaminated_from", "reach", "warnings", "lie_alike")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    CONTAMINATED_FROM_FIELD_NUMBER: _ClassVar[int]
    REACH_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    LIE_ALIKE_FIELD_NUMBER: _ClassVar[int]
    revision: str
    parts: _containers.RepeatedCompositeFieldContainer[GoldenPartAudit]
    contaminated_from: float
    reach: float
    warnings: _containers.RepeatedScalarFieldContainer[str]
    lie_alike: bool
    def __init__(self, revision: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[GoldenPartAudit, _Mapping]]] = ..., contaminated_from: _Optional[float] = ..., reach: _Optional[float] = ..., warnings: _Optional[_Iterable[str]] = ..., lie_alike: bool = ...) -> None: ...

class GoldenPartAudit(_message.Message):
    __slots__ = ("index", "name", "verdict", "reason", "left_out_score", "p_value", "suspicion", "z_score", "covered_share", "worst_patch", "nearest_index")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_SCORE_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    SUSPICION_FIELD_NUMBER: _ClassVar[int]
    Z_SCORE_FIELD_NUMBER: _ClassVar[int]
    COVERED_SHARE_FIELD_NUMBER: _ClassVar[int]
    WORST_PATCH_FIELD_NUMBER: _ClassVar[int]
    NEAREST_INDEX_FIELD_NUMBER: _ClassVar[int]
    index: int
    name: str
    verdict: GoldenPartVerdict
    reason: str
    left_out_score: float
    p_value: float
    suspicion: float
    z_score: float
    covered_share: float
    worst_patch: _inspection_pb2.Box
    nearest_index: int
    def __init__(self, index: _Optional[int] = ..., name: _Optional[str] = ..., verdict: _Optional[_Union[GoldenPartVerdict, str]] = ..., reason: _Optional[str] = ..., left_out_score: _Optional[float] = ..., p_value: _Optional[float] = ..., suspicion: _Optional[float] = ..., z_score: _Optional[float] = ..., covered_share: _Optional[float] = ..., worst_patch: _Optional[_Union[_inspection_pb2.Box, _Mapping]] = ..., nearest_index: _Optional[int] = ...) -> None: ...
