from goldenpart.v1 import image_pb2 as _image_pb2
from goldenpart.v1 import recipe_pb2 as _recipe_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_PASS: _ClassVar[Verdict]
    VERDICT_FAIL: _ClassVar[Verdict]
    VERDICT_REVIEW: _ClassVar[Verdict]
    VERDICT_NOT_INSPECTED: _ClassVar[Verdict]

class NotInspectedReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOT_INSPECTED_REASON_UNSPECIFIED: _ClassVar[NotInspectedReason]
    NOT_INSPECTED_REASON_UNSUPPORTED_FORMAT: _ClassVar[NotInspectedReason]
    NOT_INSPECTED_REASON_UNDECODABLE: _ClassVar[NotInspectedReason]
    NOT_INSPECTED_REASON_IMAGE_TOO_LARGE: _ClassVar[NotInspectedReason]
    NOT_INSPECTED_REASON_INVALID_FRAME: _ClassVar[NotInspectedReason]
    NOT_INSPECTED_REASON_UNKNOWN_CATEGORY: _ClassVar[NotInspectedReason]
    NOT_INSPECTED_REASON_UNKNOWN_REVISION: _ClassVar[NotInspectedReason]
    NOT_INSPECTED_REASON_NOT_CALIBRATED: _ClassVar[NotInspectedReason]
    NOT_INSPECTED_REASON_REVISION_DAMAGED: _ClassVar[NotInspectedReason]
    NOT_INSPECTED_REASON_BACKBONE_MISMATCH: _ClassVar[NotInspectedReason]
    NOT_INSPECTED_REASON_DEADLINE_PASSED: _ClassVar[NotInspectedReason]
    NOT_INSPECTED_REASON_OVERLOADED: _ClassVar[NotInspectedReason]
    NOT_INSPECTED_REASON_DRAINING: _ClassVar[NotInspectedReason]
    NOT_INSPECTED_REASON_NOTHING_TO_INSPECT: _ClassVar[NotInspectedReason]
    NOT_INSPECTED_REASON_SERVER_ERROR: _ClassVar[NotInspectedReason]
VERDICT_UNSPECIFIED: Verdict
VERDICT_PASS: Verdict
VERDICT_FAIL: Verdict
VERDICT_REVIEW: Verdict
VERDICT_NOT_INSPECTED: Verdict
NOT_INSPECTED_REASON_UNSPECIFIED: NotInspectedReason
NOT_INSPECTED_REASON_UNSUPPORTED_FORMAT: NotInspectedReason
NOT_INSPECTED_REASON_UNDECODABLE: NotInspectedReason
NOT_INSPECTED_REASON_IMAGE_TOO_LARGE: NotInspectedReason
NOT_INSPECTED_REASON_INVALID_FRAME: NotInspectedReason
NOT_INSPECTED_REASON_UNKNOWN_CATEGORY: NotInspectedReason
NOT_INSPECTED_REASON_UNKNOWN_REVISION: NotInspectedReason
NOT_INSPECTED_REASON_NOT_CALIBRATED: NotInspectedReason
NOT_INSPECTED_REASON_REVISION_DAMAGED: NotInspectedReason
NOT_INSPECTED_REASON_BACKBONE_MISMATCH: NotInspectedReason
NOT_INSPECTED_REASON_DEADLINE_PASSED: NotInspectedReason
NOT_INSPECTED_REASON_OVERLOADED: NotInspectedReason
NOT_INSPECTED_REASON_DRAINING: NotInspectedReason
NOT_INSPECTED_REASON_NOTHING_TO_INSPECT: NotInspectedReason
NOT_INSPECTED_REASON_SERVER_ERROR: NotInspectedReason

class Frame(_message.Message):
    __slots__ = ("frame_id", "category", "image", "options", "revision", "budget_ms")
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    BUDGET_MS_FIELD_NUMBER: _ClassVar[int]
    frame_id: str
    category: str
    image: _image_pb2.Image
    options: InspectOptions
    revision: str
    budget_ms: int
    def __init__(self, frame_id: _Optional[str] = ..., category: _Optional[str] = ..., image: _Optional[_Union[_image_pb2.Image, _Mapping]] = ..., options: _Optional[_Union[InspectOptions, _Mapping]] = ..., revision: _Optional[str] = ..., budget_ms: _Optional[int] = ...) -> None: ...

class InspectOptions(_message.Message):
    __slots__ = ("regions", "heatmap", "overlay", "explanation", "reuse_features", "rescore")
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    HEATMAP_FIELD_NUMBER: _ClassVar[int]
    OVERLAY_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    REUSE_FEATURES_FIELD_NUMBER: _ClassVar[int]
    RESCORE_FIELD_NUMBER: _ClassVar[int]
    regions: bool
    heatmap: bool
    overlay: bool
    explanation: bool
    reuse_features: bool
    rescore: _containers.RepeatedCompositeFieldContainer[_recipe_pb2.Recipe]
    def __init__(self, regions: bool = ..., heatmap: bool = ..., overlay: bool = ..., explanation: bool = ..., reuse_features: bool = ..., rescore: _Optional[_Iterable[_Union[_recipe_pb2.Recipe, _Mapping]]] = ...) -> None: ...

class Box(_message.Message):
    __slots__ = ("x_px", "y_px", "width_px", "height_px")
    X_PX_FIELD_NUMBER: _ClassVar[int]
    Y_PX_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    x_px: int
    y_px: int
    width_px: int
    height_px: int
    def __init__(self, x_px: _Optional[int] = ..., y_px: _Optional[int] = ..., width_px: _Optional[int] = ..., height_px: _Optional[int] = ...) -> None: ...

class Region(_message.Message):
    __slots__ = ("box", "area_px", "peak", "text", "zone", "limit", "excess", "tolerated", "patch", "distance", "p_value", "appearance", "nearest", "side_by_side_png", "normal")
    BOX_FIELD_NUMBER: _ClassVar[int]
    AREA_PX_FIELD_NUMBER: _ClassVar[int]
    PEAK_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    EXCESS_FIELD_NUMBER: _ClassVar[int]
    TOLERATED_FIELD_NUMBER: _ClassVar[int]
    PATCH_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    APPEARANCE_FIELD_NUMBER: _ClassVar[int]
    NEAREST_FIELD_NUMBER: _ClassVar[int]
    SIDE_BY_SIDE_PNG_FIELD_NUMBER: _ClassVar[int]
    NORMAL_FIELD_NUMBER: _ClassVar[int]
    box: Box
    area_px: int
    peak: float
    text: str
    zone: str
    limit: float
    excess: float
    tolerated: str
    patch: Box
    distance: float
    p_value: float
    appearance: RegionAppearance
    nearest: NearestGoldenPart
    side_by_side_png: bytes
    normal: NormalRange
    def __init__(self, box: _Optional[_Union[Box, _Mapping]] = ..., area_px: _Optional[int] = ..., peak: _Optional[float] = ..., text: _Optional[str] = ..., zone: _Optional[str] = ..., limit: _Optional[float] = ..., excess: _Optional[float] = ..., tolerated: _Optional[str] = ..., patch: _Optional[_Union[Box, _Mapping]] = ..., distance: _Optional[float] = ..., p_value: _Optional[float] = ..., appearance: _Optional[_Union[RegionAppearance, _Mapping]] = ..., nearest: _Optional[_Union[NearestGoldenPart, _Mapping]] = ..., side_by_side_png: _Optional[bytes] = ..., normal: _Optional[_Union[NormalRange, _Mapping]] = ...) -> None: ...

class NormalRange(_message.Message):
    __slots__ = ("smallest", "median", "largest", "images")
    SMALLEST_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_FIELD_NUMBER: _ClassVar[int]
    LARGEST_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    smallest: float
    median: float
    largest: float
    images: int
    def __init__(self, smallest: _Optional[float] = ..., median: _Optional[float] = ..., largest: _Optional[float] = ..., images: _Optional[int] = ...) -> None: ...

class RegionAppearance(_message.Message):
    __slots__ = ("length_px", "width_px", "orientation_deg", "elongation", "x_px", "y_px", "area_px", "outlined", "to_surroundings", "to_golden")
    LENGTH_PX_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    ORIENTATION_DEG_FIELD_NUMBER: _ClassVar[int]
    ELONGATION_FIELD_NUMBER: _ClassVar[int]
    X_PX_FIELD_NUMBER: _ClassVar[int]
    Y_PX_FIELD_NUMBER: _ClassVar[int]
    AREA_PX_FIELD_NUMBER: _ClassVar[int]
    OUTLINED_FIELD_NUMBER: _ClassVar[int]
    TO_SURROUNDINGS_FIELD_NUMBER: _ClassVar[int]
    TO_GOLDEN_FIELD_NUMBER: _ClassVar[int]
    length_px: float
    width_px: float
    orientation_deg: float
    elongation: float
    x_px: float
    y_px: float
    area_px: float
    outlined: bool
    to_surroundings: ColourDifference
    to_golden: ColourDifference
    def __init__(self, length_px: _Optional[float] = ..., width_px: _Optional[float] = ..., orientation_deg: _Optional[float] = ..., elongation: _Optional[float] = ..., x_px: _Optional[float] = ..., y_px: _Optional[float] = ..., area_px: _Optional[float] = ..., outlined: bool = ..., to_surroundings: _Optional[_Union[ColourDifference, _Mapping]] = ..., to_golden: _Optional[_Union[ColourDifference, _Mapping]] = ...) -> None: ...

class ColourDifference(_message.Message):
    __slots__ = ("lightness", "red", "yellow")
    LIGHTNESS_FIELD_NUMBER: _ClassVar[int]
    RED_FIELD_NUMBER: _ClassVar[int]
    YELLOW_FIELD_NUMBER: _ClassVar[int]
    lightness: float
    red: float
    yellow: float
    def __init__(self, lightness: _Optional[float] = ..., red: _Optional[float] = ..., yellow: _Optional[float] = ...) -> None: ...

class NearestGoldenPart(_message.Message):
    __slots__ = ("patch", "golden_index", "golden_name", "golden_patch", "rotation_deg", "distance")
    PATCH_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_INDEX_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_NAME_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_PATCH_FIELD_NUMBER: _ClassVar[int]
    ROTATION_DEG_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    patch: Box
    golden_index: int
    golden_name: str
    golden_patch: Box
    rotation_deg: float
    distance: float
    def __init__(self, patch: _Optional[_Union[Box, _Mapping]] = ..., golden_index: _Optional[int] = ..., golden_name: _Optional[str] = ..., golden_patch: _Optional[_Union[Box, _Mapping]] = ..., rotation_deg: _Optional[float] = ..., distance: _Optional[float] = ...) -> None: ...

class Heatmap(_message.Message):
    __slots__ = ("png", "scale")
    PNG_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    png: bytes
    scale: float
    def __init__(self, png: _Optional[bytes] = ..., scale: _Optional[float] = ...) -> None: ...

class StageTimings(_message.Message):
    __slots__ = ("queue_s", "decode_s", "backbone_s", "search_s", "post_s", "total_s", "batch_size")
    QUEUE_S_FIELD_NUMBER: _ClassVar[int]
    DECODE_S_FIELD_NUMBER: _ClassVar[int]
    BACKBONE_S_FIELD_NUMBER: _ClassVar[int]
    SEARCH_S_FIELD_NUMBER: _ClassVar[int]
    POST_S_FIELD_NUMBER: _ClassVar[int]
    TOTAL_S_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    queue_s: float
    decode_s: float
    backbone_s: float
    search_s: float
    post_s: float
    total_s: float
    batch_size: int
    def __init__(self, queue_s: _Optional[float] = ..., decode_s: _Optional[float] = ..., backbone_s: _Optional[float] = ..., search_s: _Optional[float] = ..., post_s: _Optional[float] = ..., total_s: _Optional[float] = ..., batch_size: _Optional[int] = ...) -> None: ...

class FrameStatistic(_message.Message):
    __slots__ = ("value", "references_above", "references_equal", "references", "reference_median", "reference_scatter", "p_value")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_ABOVE_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_EQUAL_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_MEDIAN_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_SCATTER_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    value: float
    references_above: int
    references_equal: int
    references: int
    reference_median: float
    reference_scatter: float
    p_value: float
    def __init__(self, value: _Optional[float] = ..., references_above: _Optional[int] = ..., references_equal: _Optional[int] = ..., references: _Optional[int] = ..., reference_median: _Optional[float] = ..., reference_scatter: _Optional[float] = ..., p_value: _Optional[float] = ...) -> None: ...

class FrameStatistics(_message.Message):
    __slots__ = ("score", "feature_shift", "brightness", "contrast", "sharpness", "framing_x", "framing_y", "highlight")
    SCORE_FIELD_NUMBER: _ClassVar[int]
    FEATURE_SHIFT_FIELD_NUMBER: _ClassVar[int]
    BRIGHTNESS_FIELD_NUMBER: _ClassVar[int]
    CONTRAST_FIELD_NUMBER: _ClassVar[int]
    SHARPNESS_FIELD_NUMBER: _ClassVar[int]
    FRAMING_X_FIELD_NUMBER: _ClassVar[int]
    FRAMING_Y_FIELD_NUMBER: _ClassVar[int]
    HIGHLIGHT_FIELD_NUMBER: _ClassVar[int]
    score: FrameStatistic
    feature_shift: FrameStatistic
    brightness: FrameStatistic
    contrast: FrameStatistic
    sharpness: FrameStatistic
    framing_x: FrameStatistic
    framing_y: FrameStatistic
    highlight: FrameStatistic
    def __init__(self, score: _Optional[_Union[FrameStatistic, _Mapping]] = ..., feature_shift: _Optional[_Union[FrameStatistic, _Mapping]] = ..., brightness: _Optional[_Union[FrameStatistic, _Mapping]] = ..., contrast: _Optional[_Union[FrameStatistic, _Mapping]] = ..., sharpness: _Optional[_Union[FrameStatistic, _Mapping]] = ..., framing_x: _Optional[_Union[FrameStatistic, _Mapping]] = ..., framing_y: _Optional[_Union[FrameStatistic, _Mapping]] = ..., highlight: _Optional[_Union[FrameStatistic, _Mapping]] = ...) -> None: ...

class InspectionResult(_message.Message):
    __slots__ = ("frame_id", "category", "revision", "verdict", "reason", "message", "score", "threshold", "review_threshold", "p_value", "confidence", "regions", "nearest", "heatmap", "overlay_png", "width_px", "height_px", "patches_inspected", "patches_excluded", "timings", "statistics", "rescored")
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    REVIEW_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    NEAREST_FIELD_NUMBER: _ClassVar[int]
    HEATMAP_FIELD_NUMBER: _ClassVar[int]
    OVERLAY_PNG_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    PATCHES_INSPECTED_FIELD_NUMBER: _ClassVar[int]
    PATCHES_EXCLUDED_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    STATISTICS_FIELD_NUMBER: _ClassVar[int]
    RESCORED_FIELD_NUMBER: _ClassVar[int]
    frame_id: str
    category: str
    revision: str
    verdict: Verdict
    reason: NotInspectedReason
    message: str
    score: float
    threshold: float
    review_threshold: float
    p_value: float
    confidence: float
    regions: _containers.RepeatedCompositeFieldContainer[Region]
    nearest: NearestGoldenPart
    heatmap: Heatmap
    overlay_png: bytes
    width_px: int
    height_px: int
    patches_inspected: int
    patches_excluded: int
    timings: StageTimings
    statistics: FrameStatistics
    rescored: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, frame_id: _Optional[str] = ..., category: _Optional[str] = ..., revision: _Optional[str] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., reason: _Optional[_Union[NotInspectedReason, str]] = ..., message: _Optional[str] = ..., score: _Optional[float] = ..., threshold: _Optional[float] = ..., review_threshold: _Optional[float] = ..., p_value: _Optional[float] = ..., confidence: _Optional[float] = ..., regions: _Optional[_Iterable[_Union[Region, _Mapping]]] = ..., nearest: _Optional[_Union[NearestGoldenPart, _Mapping]] = ..., heatmap: _Optional[_Union[Heatmap, _Mapping]] = ..., overlay_png: _Optional[bytes] = ..., width_px: _Optional[int] = ..., height_px: _Optional[int] = ..., patches_inspected: _Optional[int] = ..., patches_excluded: _Optional[int] = ..., timings: _Optional[_Union[StageTimings, _Mapping]] = ..., statistics: _Optional[_Union[FrameStatistics, _Mapping]] = ..., rescored: _Optional[_Iterable[float]] = ...) -> None: ...

class InspectRequest(_message.Message):
    __slots__ = ("frames",)
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedCompositeFieldContainer[Frame]
    def __init__(self, frames: _Optional[_Iterable[_Union[Frame, _Mapping]]] = ...) -> None: ...

class InspectResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[InspectionResult]
    def __init__(self, results: _Optional[_Iterable[_Union[InspectionResult, _Mapping]]] = ...) -> None: ...

class InspectStreamRequest(_message.Message):
    __slots__ = ("frame",)
    FRAME_FIELD_NUMBER: _ClassVar[int]
    frame: Frame
    def __init__(self, frame: _Optional[_Union[Frame, _Mapping]] = ...) -> None: ...

class InspectStreamResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: InspectionResult
    def __init__(self, result: _Optional[_Union[InspectionResult, _Mapping]] = ...) -> None: ...
