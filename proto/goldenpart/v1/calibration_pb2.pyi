from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CalibrationMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALIBRATION_METHOD_UNSPECIFIED: _ClassVar[CalibrationMethod]
    CALIBRATION_METHOD_CONFORMAL: _ClassVar[CalibrationMethod]
    CALIBRATION_METHOD_PERCENTILE: _ClassVar[CalibrationMethod]
    CALIBRATION_METHOD_F1_MAX: _ClassVar[CalibrationMethod]
    CALIBRATION_METHOD_LEAVE_ONE_OUT: _ClassVar[CalibrationMethod]
    CALIBRATION_METHOD_TOLERANCE_LIMIT: _ClassVar[CalibrationMethod]
    CALIBRATION_METHOD_MANUAL: _ClassVar[CalibrationMethod]
CALIBRATION_METHOD_UNSPECIFIED: CalibrationMethod
CALIBRATION_METHOD_CONFORMAL: CalibrationMethod
CALIBRATION_METHOD_PERCENTILE: CalibrationMethod
CALIBRATION_METHOD_F1_MAX: CalibrationMethod
CALIBRATION_METHOD_LEAVE_ONE_OUT: CalibrationMethod
CALIBRATION_METHOD_TOLERANCE_LIMIT: CalibrationMethod
CALIBRATION_METHOD_MANUAL: CalibrationMethod

class Calibration(_message.Message):
    __slots__ = ("method", "threshold", "review_threshold", "false_reject_rate", "review_rate", "normals", "defectives", "guaranteed_false_reject_rate", "false_reject_rate_upper_95", "guarantee", "smallest_attainable_rate", "normal_scores", "defective_scores", "f1_max", "auroc")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    REVIEW_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    FALSE_REJECT_RATE_FIELD_NUMBER: _ClassVar[int]
    REVIEW_RATE_FIELD_NUMBER: _ClassVar[int]
    NORMALS_FIELD_NUMBER: _ClassVar[int]
    DEFECTIVES_FIELD_NUMBER: _ClassVar[int]
    GUARANTEED_FALSE_REJECT_RATE_FIELD_NUMBER: _ClassVar[int]
    FALSE_REJECT_RATE_UPPER_95_FIELD_NUMBER: _ClassVar[int]
    GUARANTEE_FIELD_NUMBER: _ClassVar[int]
    SMALLEST_ATTAINABLE_RATE_FIELD_NUMBER: _ClassVar[int]
    NORMAL_SCORES_FIELD_NUMBER: _ClassVar[int]
    DEFECTIVE_SCORES_FIELD_NUMBER: _ClassVar[int]
    F1_MAX_FIELD_NUMBER: _ClassVar[int]
    AUROC_FIELD_NUMBER: _ClassVar[int]
    method: CalibrationMethod
    threshold: float
    review_threshold: float
    false_reject_rate: float
    review_rate: float
    normals: int
    defectives: int
    guaranteed_false_reject_rate: float
    false_reject_rate_upper_95: float
    guarantee: str
    smallest_attainable_rate: float
    normal_scores: _containers.RepeatedScalarFieldContainer[float]
    defective_scores: _containers.RepeatedScalarFieldContainer[float]
    f1_max: float
    auroc: float
    def __init__(self, method: _Optional[_Union[CalibrationMethod, str]] = ..., threshold: _Optional[float] = ..., review_threshold: _Optional[float] = ..., false_reject_rate: _Optional[float] = ..., review_rate: _Optional[float] = ..., normals: _Optional[int] = ..., defectives: _Optional[int] = ..., guaranteed_false_reject_rate: _Optional[float] = ..., false_reject_rate_upper_95: _Optional[float] = ..., guarantee: _Optional[str] = ..., smallest_attainable_rate: _Optional[float] = ..., normal_scores: _Optional[_Iterable[float]] = ..., defective_scores: _Optional[_Iterable[float]] = ..., f1_max: _Optional[float] = ..., auroc: _Optional[float] = ...) -> None: ...
