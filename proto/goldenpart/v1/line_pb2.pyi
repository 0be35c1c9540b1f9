import datetime

from goldenpart.v1 import image_pb2 as _image_pb2
from goldenpart.v1 import inspection_pb2 as _inspection_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Want(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WANT_UNSPECIFIED: _ClassVar[Want]
    WANT_VERDICT: _ClassVar[Want]
    WANT_REGIONS: _ClassVar[Want]
    WANT_HEATMAP: _ClassVar[Want]

class EventFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_FORMAT_UNSPECIFIED: _ClassVar[EventFormat]
    EVENT_FORMAT_JSON: _ClassVar[EventFormat]
    EVENT_FORMAT_PROTOBUF: _ClassVar[EventFormat]

class OpcEvaluation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPC_EVALUATION_UNSPECIFIED: _ClassVar[OpcEvaluation]
    OPC_EVALUATION_OK: _ClassVar[OpcEvaluation]
    OPC_EVALUATION_NOT_OK: _ClassVar[OpcEvaluation]
    OPC_EVALUATION_NOT_DECIDABLE: _ClassVar[OpcEvaluation]
WANT_UNSPECIFIED: Want
WANT_VERDICT: Want
WANT_REGIONS: Want
WANT_HEATMAP: Want
EVENT_FORMAT_UNSPECIFIED: EventFormat
EVENT_FORMAT_JSON: EventFormat
EVENT_FORMAT_PROTOBUF: EventFormat
OPC_EVALUATION_UNSPECIFIED: OpcEvaluation
OPC_EVALUATION_OK: OpcEvaluation
OPC_EVALUATION_NOT_OK: OpcEvaluation
OPC_EVALUATION_NOT_DECIDABLE: OpcEvaluation

class CameraFrame(_message.Message):
    __slots__ = ("frame_id", "category", "image", "part_id", "job_id", "capture_time", "budget_ms", "want", "simulated", "event_format")
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    PART_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_TIME_FIELD_NUMBER: _ClassVar[int]
    BUDGET_MS_FIELD_NUMBER: _ClassVar[int]
    WANT_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    EVENT_FORMAT_FIELD_NUMBER: _ClassVar[int]
    frame_id: str
    category: str
    image: _image_pb2.Image
    part_id: str
    job_id: str
    capture_time: _timestamp_pb2.Timestamp
    budget_ms: int
    want: Want
    simulated: bool
    event_format: EventFormat
    def __init__(self, frame_id: _Optional[str] = ..., category: _Optional[str] = ..., image: _Optional[_Union[_image_pb2.Image, _Mapping]] = ..., part_id: _Optional[str] = ..., job_id: _Optional[str] = ..., capture_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., budget_ms: _Optional[int] = ..., want: _Optional[_Union[Want, str]] = ..., simulated: bool = ..., event_format: _Optional[_Union[EventFormat, str]] = ...) -> None: ...

class LineTimes(_message.Message):
    __slots__ = ("capture_time", "queue_time", "inspect_time", "publish_time")
    CAPTURE_TIME_FIELD_NUMBER: _ClassVar[int]
    QUEUE_TIME_FIELD_NUMBER: _ClassVar[int]
    INSPECT_TIME_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_TIME_FIELD_NUMBER: _ClassVar[int]
    capture_time: _timestamp_pb2.Timestamp
    queue_time: _timestamp_pb2.Timestamp
    inspect_time: _timestamp_pb2.Timestamp
    publish_time: _timestamp_pb2.Timestamp
    def __init__(self, capture_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., queue_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., inspect_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., publish_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class InspectionEvent(_message.Message):
    __slots__ = ("event_id", "source", "result", "part_id", "job_id", "times", "late", "attempt", "simulated", "evaluation")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    PART_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    source: str
    result: _inspection_pb2.InspectionResult
    part_id: str
    job_id: str
    times: LineTimes
    late: bool
    attempt: int
    simulated: bool
    evaluation: OpcEvaluation
    def __init__(self, event_id: _Optional[str] = ..., source: _Optional[str] = ..., result: _Optional[_Union[_inspection_pb2.InspectionResult, _Mapping]] = ..., part_id: _Optional[str] = ..., job_id: _Optional[str] = ..., times: _Optional[_Union[LineTimes, _Mapping]] = ..., late: bool = ..., attempt: _Optional[int] = ..., simulated: bool = ..., evaluation: _Optional[_Union[OpcEvaluation, str]] = ...) -> None: ...
