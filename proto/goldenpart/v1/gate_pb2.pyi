import datetime

from goldenpart.v1 import inspection_pb2 as _inspection_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GateDecision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GATE_DECISION_UNSPECIFIED: _ClassVar[GateDecision]
    GATE_DECISION_PASSED: _ClassVar[GateDecision]
    GATE_DECISION_HELD_BACK: _ClassVar[GateDecision]
    GATE_DECISION_NOT_COMPARED: _ClassVar[GateDecision]
GATE_DECISION_UNSPECIFIED: GateDecision
GATE_DECISION_PASSED: GateDecision
GATE_DECISION_HELD_BACK: GateDecision
GATE_DECISION_NOT_COMPARED: GateDecision

class ChallengeCounts(_message.Message):
    __slots__ = ("escapes", "false_rejects", "reviews")
    ESCAPES_FIELD_NUMBER: _ClassVar[int]
    FALSE_REJECTS_FIELD_NUMBER: _ClassVar[int]
    REVIEWS_FIELD_NUMBER: _ClassVar[int]
    escapes: int
    false_rejects: int
    reviews: int
    def __init__(self, escapes: _Optional[int] = ..., false_rejects: _Optional[int] = ..., reviews: _Optional[int] = ...) -> None: ...

class ChallengeChange(_message.Message):
    __slots__ = ("pixel_digest", "name", "defective", "verdict_before", "score_before", "threshold_before", "verdict_after", "score_after", "threshold_after")
    PIXEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DEFECTIVE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    SCORE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_BEFORE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_AFTER_FIELD_NUMBER: _ClassVar[int]
    SCORE_AFTER_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_AFTER_FIELD_NUMBER: _ClassVar[int]
    pixel_digest: str
    name: str
    defective: bool
    verdict_before: _inspection_pb2.Verdict
    score_before: float
    threshold_before: float
    verdict_after: _inspection_pb2.Verdict
    score_after: float
    threshold_after: float
    def __init__(self, pixel_digest: _Optional[str] = ..., name: _Optional[str] = ..., defective: bool = ..., verdict_before: _Optional[_Union[_inspection_pb2.Verdict, str]] = ..., score_before: _Optional[float] = ..., threshold_before: _Optional[float] = ..., verdict_after: _Optional[_Union[_inspection_pb2.Verdict, str]] = ..., score_after: _Optional[float] = ..., threshold_after: _Optional[float] = ...) -> None: ...

class GateReport(_message.Message):
    __slots__ = ("decision", "reason", "compared_with", "gate_time", "normals", "defectives", "before", "after", "added_false_rejects_allowed", "worse", "better", "golden_frames", "override_time")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    COMPARED_WITH_FIELD_NUMBER: _ClassVar[int]
    GATE_TIME_FIELD_NUMBER: _ClassVar[int]
    NORMALS_FIELD_NUMBER: _ClassVar[int]
    DEFECTIVES_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    ADDED_FALSE_REJECTS_ALLOWED_FIELD_NUMBER: _ClassVar[int]
    WORSE_FIELD_NUMBER: _ClassVar[int]
    BETTER_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_FRAMES_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_TIME_FIELD_NUMBER: _ClassVar[int]
    decision: GateDecision
    reason: str
    compared_with: str
    gate_time: _timestamp_pb2.Timestamp
    normals: int
    defectives: int
    before: ChallengeCounts
    after: ChallengeCounts
    added_false_rejects_allowed: int
    worse: _containers.RepeatedCompositeFieldContainer[ChallengeChange]
    better: _containers.RepeatedCompositeFieldContainer[ChallengeChange]
    golden_frames: _containers.RepeatedScalarFieldContainer[str]
    override_time: _timestamp_pb2.Timestamp
    def __init__(self, decision: _Optional[_Union[GateDecision, str]] = ..., reason: _Optional[str] = ..., compared_with: _Optional[str] = ..., gate_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., normals: _Optional[int] = ..., defectives: _Optional[int] = ..., before: _Optional[_Union[ChallengeCounts, _Mapping]] = ..., after: _Optional[_Union[ChallengeCounts, _Mapping]] = ..., added_false_rejects_allowed: _Optional[int] = ..., worse: _Optional[_Iterable[_Union[ChallengeChange, _Mapping]]] = ..., better: _Optional[_Iterable[_Union[ChallengeChange, _Mapping]]] = ..., golden_frames: _Optional[_Iterable[str]] = ..., override_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
