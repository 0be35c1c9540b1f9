from goldenpart.v1 import calibration_pb2 as _calibration_pb2
from goldenpart.v1 import category_pb2 as _category_pb2
from goldenpart.v1 import gate_pb2 as _gate_pb2
from goldenpart.v1 import image_pb2 as _image_pb2
from goldenpart.v1 import recipe_pb2 as _recipe_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OnboardingStage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ONBOARDING_STAGE_UNSPECIFIED: _ClassVar[OnboardingStage]
    ONBOARDING_STAGE_RECEIVING: _ClassVar[OnboardingStage]
    ONBOARDING_STAGE_EMBEDDING: _ClassVar[OnboardingStage]
    ONBOARDING_STAGE_CORESET: _ClassVar[OnboardingStage]
    ONBOARDING_STAGE_CALIBRATING: _ClassVar[OnboardingStage]
    ONBOARDING_STAGE_SAVING: _ClassVar[OnboardingStage]
    ONBOARDING_STAGE_TRAINING: _ClassVar[OnboardingStage]
    ONBOARDING_STAGE_COMPARING: _ClassVar[OnboardingStage]
    ONBOARDING_STAGE_GATING: _ClassVar[OnboardingStage]

class Label(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LABEL_UNSPECIFIED: _ClassVar[Label]
    LABEL_NORMAL: _ClassVar[Label]
    LABEL_DEFECTIVE: _ClassVar[Label]
ONBOARDING_STAGE_UNSPECIFIED: OnboardingStage
ONBOARDING_STAGE_RECEIVING: OnboardingStage
ONBOARDING_STAGE_EMBEDDING: OnboardingStage
ONBOARDING_STAGE_CORESET: OnboardingStage
ONBOARDING_STAGE_CALIBRATING: OnboardingStage
ONBOARDING_STAGE_SAVING: OnboardingStage
ONBOARDING_STAGE_TRAINING: OnboardingStage
ONBOARDING_STAGE_COMPARING: OnboardingStage
ONBOARDING_STAGE_GATING: OnboardingStage
LABEL_UNSPECIFIED: Label
LABEL_NORMAL: Label
LABEL_DEFECTIVE: Label

class FitRequest(_message.Message):
    __slots__ = ("config", "image")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    config: FitConfig
    image: GoldenImage
    def __init__(self, config: _Optional[_Union[FitConfig, _Mapping]] = ..., image: _Optional[_Union[GoldenImage, _Mapping]] = ...) -> None: ...

class FitConfig(_message.Message):
    __slots__ = ("category", "recipe", "mask", "threshold", "stage_only", "etag", "image_count", "reuse_features", "without_threshold")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    STAGE_ONLY_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REUSE_FEATURES_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    category: str
    recipe: _recipe_pb2.Recipe
    mask: _image_pb2.InspectionMask
    threshold: ThresholdRequest
    stage_only: bool
    etag: str
    image_count: int
    reuse_features: bool
    without_threshold: bool
    def __init__(self, category: _Optional[str] = ..., recipe: _Optional[_Union[_recipe_pb2.Recipe, _Mapping]] = ..., mask: _Optional[_Union[_image_pb2.InspectionMask, _Mapping]] = ..., threshold: _Optional[_Union[ThresholdRequest, _Mapping]] = ..., stage_only: bool = ..., etag: _Optional[str] = ..., image_count: _Optional[int] = ..., reuse_features: bool = ..., without_threshold: bool = ...) -> None: ...

class ThresholdRequest(_message.Message):
    __slots__ = ("method", "false_reject_rate", "review_rate")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    FALSE_REJECT_RATE_FIELD_NUMBER: _ClassVar[int]
    REVIEW_RATE_FIELD_NUMBER: _ClassVar[int]
    method: _calibration_pb2.CalibrationMethod
    false_reject_rate: float
    review_rate: float
    def __init__(self, method: _Optional[_Union[_calibration_pb2.CalibrationMethod, str]] = ..., false_reject_rate: _Optional[float] = ..., review_rate: _Optional[float] = ...) -> None: ...

class GoldenImage(_message.Message):
    __slots__ = ("name", "image")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    image: _image_pb2.Image
    def __init__(self, name: _Optional[str] = ..., image: _Optional[_Union[_image_pb2.Image, _Mapping]] = ...) -> None: ...

class OnboardingProgress(_message.Message):
    __slots__ = ("stage", "done", "total")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    stage: OnboardingStage
    done: int
    total: int
    def __init__(self, stage: _Optional[_Union[OnboardingStage, str]] = ..., done: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class FitResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: OnboardingProgress
    result: FitResult
    def __init__(self, progress: _Optional[_Union[OnboardingProgress, _Mapping]] = ..., result: _Optional[_Union[FitResult, _Mapping]] = ...) -> None: ...

class FitResult(_message.Message):
    __slots__ = ("revision", "patches", "patches_excluded", "warnings")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    PATCHES_FIELD_NUMBER: _ClassVar[int]
    PATCHES_EXCLUDED_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    revision: _category_pb2.Revision
    patches: int
    patches_excluded: int
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, revision: _Optional[_Union[_category_pb2.Revision, _Mapping]] = ..., patches: _Optional[int] = ..., patches_excluded: _Optional[int] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class CalibrateRequest(_message.Message):
    __slots__ = ("config", "image")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    config: CalibrateConfig
    image: LabelledImage
    def __init__(self, config: _Optional[_Union[CalibrateConfig, _Mapping]] = ..., image: _Optional[_Union[LabelledImage, _Mapping]] = ...) -> None: ...

class CalibrateConfig(_message.Message):
    __slots__ = ("category", "revision", "threshold", "stage_only", "etag", "image_count", "gate", "added_false_rejects_allowed", "reuse_features")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    STAGE_ONLY_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    ADDED_FALSE_REJECTS_ALLOWED_FIELD_NUMBER: _ClassVar[int]
    REUSE_FEATURES_FIELD_NUMBER: _ClassVar[int]
    category: str
    revision: str
    threshold: ThresholdRequest
    stage_only: bool
    etag: str
    image_count: int
    gate: bool
    added_false_rejects_allowed: int
    reuse_features: bool
    def __init__(self, category: _Optional[str] = ..., revision: _Optional[str] = ..., threshold: _Optional[_Union[ThresholdRequest, _Mapping]] = ..., stage_only: bool = ..., etag: _Optional[str] = ..., image_count: _Optional[int] = ..., gate: bool = ..., added_false_rejects_allowed: _Optional[int] = ..., reuse_features: bool = ...) -> None: ...

class LabelledImage(_message.Message):
    __slots__ = ("name", "image", "label")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    name: str
    image: _image_pb2.Image
    label: Label
    def __init__(self, name: _Optional[str] = ..., image: _Optional[_Union[_image_pb2.Image, _Mapping]] = ..., label: _Optional[_Union[Label, str]] = ...) -> None: ...

class CalibrateResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: OnboardingProgress
    result: CalibrateResult
    def __init__(self, progress: _Optional[_Union[OnboardingProgress, _Mapping]] = ..., result: _Optional[_Union[CalibrateResult, _Mapping]] = ...) -> None: ...

class CalibrateResult(_message.Message):
    __slots__ = ("revision", "warnings", "gate")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    revision: _category_pb2.Revision
    warnings: _containers.RepeatedScalarFieldContainer[str]
    gate: _gate_pb2.GateReport
    def __init__(self, revision: _Optional[_Union[_category_pb2.Revision, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ..., gate: _Optional[_Union[_gate_pb2.GateReport, _Mapping]] = ...) -> None: ...

class AddGoldenPartsRequest(_message.Message):
    __slots__ = ("config", "image")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    config: AddGoldenPartsConfig
    image: GoldenImage
    def __init__(self, config: _Optional[_Union[AddGoldenPartsConfig, _Mapping]] = ..., image: _Optional[_Union[GoldenImage, _Mapping]] = ...) -> None: ...

class AddGoldenPartsConfig(_message.Message):
    __slots__ = ("category", "revision", "threshold", "stage_only", "etag", "image_count", "added_false_rejects_allowed")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    STAGE_ONLY_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    ADDED_FALSE_REJECTS_ALLOWED_FIELD_NUMBER: _ClassVar[int]
    category: str
    revision: str
    threshold: ThresholdRequest
    stage_only: bool
    etag: str
    image_count: int
    added_false_rejects_allowed: int
    def __init__(self, category: _Optional[str] = ..., revision: _Optional[str] = ..., threshold: _Optional[_Union[ThresholdRequest, _Mapping]] = ..., stage_only: bool = ..., etag: _Optional[str] = ..., image_count: _Optional[int] = ..., added_false_rejects_allowed: _Optional[int] = ...) -> None: ...

class AddGoldenPartsResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: OnboardingProgress
    result: GoldenPartsResult
    def __init__(self, progress: _Optional[_Union[OnboardingProgress, _Mapping]] = ..., result: _Optional[_Union[GoldenPartsResult, _Mapping]] = ...) -> None: ...

class RemoveGoldenPartRequest(_message.Message):
    __slots__ = ("category", "revision", "index", "name", "threshold", "stage_only", "etag", "added_false_rejects_allowed")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    STAGE_ONLY_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    ADDED_FALSE_REJECTS_ALLOWED_FIELD_NUMBER: _ClassVar[int]
    category: str
    revision: str
    index: int
    name: str
    threshold: ThresholdRequest
    stage_only: bool
    etag: str
    added_false_rejects_allowed: int
    def __init__(self, category: _Optional[str] = ..., revision: _Optional[str] = ..., index: _Optional[int] = ..., name: _Optional[str] = ..., threshold: _Optional[_Union[ThresholdRequest, _Mapping]] = ..., stage_only: bool = ..., etag: _Optional[str] = ..., added_false_rejects_allowed: _Optional[int] = ...) -> None: ...

class RemoveGoldenPartResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: OnboardingProgress
    result: GoldenPartsResult
    def __init__(self, progress: _Optional[_Union[OnboardingProgress, _Mapping]] = ..., result: _Optional[_Union[GoldenPartsResult, _Mapping]] = ...) -> None: ...

class GoldenPartsResult(_message.Message):
    __slots__ = ("revision", "base_revision", "gate", "left_out_of_calibration", "warnings")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    BASE_REVISION_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_OF_CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    revision: _category_pb2.Revision
    base_revision: str
    gate: _gate_pb2.GateReport
    left_out_of_calibration: _containers.RepeatedScalarFieldContainer[str]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, revision: _Optional[_Union[_category_pb2.Revision, _Mapping]] = ..., base_revision: _Optional[str] = ..., gate: _Optional[_Union[_gate_pb2.GateReport, _Mapping]] = ..., left_out_of_calibration: _Optional[_Iterable[str]] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class SetThresholdRequest(_message.Message):
    __slots__ = ("category", "revision", "threshold", "review_threshold", "stage_only", "etag")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    REVIEW_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    STAGE_ONLY_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    category: str
    revision: str
    threshold: float
    review_threshold: float
    stage_only: bool
    etag: str
    def __init__(self, category: _Optional[str] = ..., revision: _Optional[str] = ..., threshold: _Optional[float] = ..., review_threshold: _Optional[float] = ..., stage_only: bool = ..., etag: _Optional[str] = ...) -> None: ...

class SetThresholdResponse(_message.Message):
    __slots__ = ("revision", "warnings")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    revision: _category_pb2.Revision
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, revision: _Optional[_Union[_category_pb2.Revision, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...
