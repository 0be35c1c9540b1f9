from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Preset(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRESET_UNSPECIFIED: _ClassVar[Preset]
    PRESET_DEFAULT: _ClassVar[Preset]
    PRESET_SEED: _ClassVar[Preset]

class Resize(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESIZE_UNSPECIFIED: _ClassVar[Resize]
    RESIZE_KEEP_ASPECT: _ClassVar[Resize]
    RESIZE_STRETCH: _ClassVar[Resize]

class Metric(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METRIC_UNSPECIFIED: _ClassVar[Metric]
    METRIC_COSINE: _ClassVar[Metric]
    METRIC_EUCLIDEAN: _ClassVar[Metric]
    METRIC_CENTRED_COSINE: _ClassVar[Metric]

class Aggregate(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AGGREGATE_UNSPECIFIED: _ClassVar[Aggregate]
    AGGREGATE_MAX: _ClassVar[Aggregate]
    AGGREGATE_MEAN: _ClassVar[Aggregate]
    AGGREGATE_TOP_PATCHES: _ClassVar[Aggregate]
    AGGREGATE_TOP_PERCENT: _ClassVar[Aggregate]

class Coreset(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CORESET_UNSPECIFIED: _ClassVar[Coreset]
    CORESET_NONE: _ClassVar[Coreset]
    CORESET_GREEDY: _ClassVar[Coreset]
    CORESET_RANDOM: _ClassVar[Coreset]

class SearchIndex(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEARCH_INDEX_UNSPECIFIED: _ClassVar[SearchIndex]
    SEARCH_INDEX_EXACT: _ClassVar[SearchIndex]
    SEARCH_INDEX_IVF: _ClassVar[SearchIndex]

class Detector(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DETECTOR_UNSPECIFIED: _ClassVar[Detector]
    DETECTOR_BANK: _ClassVar[Detector]
    DETECTOR_GAUSSIAN: _ClassVar[Detector]
    DETECTOR_SUBSPACE: _ClassVar[Detector]
    DETECTOR_AUTOENCODER: _ClassVar[Detector]
    DETECTOR_ENSEMBLE: _ClassVar[Detector]
PRESET_UNSPECIFIED: Preset
PRESET_DEFAULT: Preset
PRESET_SEED: Preset
RESIZE_UNSPECIFIED: Resize
RESIZE_KEEP_ASPECT: Resize
RESIZE_STRETCH: Resize
METRIC_UNSPECIFIED: Metric
METRIC_COSINE: Metric
METRIC_EUCLIDEAN: Metric
METRIC_CENTRED_COSINE: Metric
AGGREGATE_UNSPECIFIED: Aggregate
AGGREGATE_MAX: Aggregate
AGGREGATE_MEAN: Aggregate
AGGREGATE_TOP_PATCHES: Aggregate
AGGREGATE_TOP_PERCENT: Aggregate
CORESET_UNSPECIFIED: Coreset
CORESET_NONE: Coreset
CORESET_GREEDY: Coreset
CORESET_RANDOM: Coreset
SEARCH_INDEX_UNSPECIFIED: SearchIndex
SEARCH_INDEX_EXACT: SearchIndex
SEARCH_INDEX_IVF: SearchIndex
DETECTOR_UNSPECIFIED: Detector
DETECTOR_BANK: Detector
DETECTOR_GAUSSIAN: Detector
DETECTOR_SUBSPACE: Detector
DETECTOR_AUTOENCODER: Detector
DETECTOR_ENSEMBLE: Detector

class Recipe(_message.Message):
    __slots__ = ("preset", "backbone", "layers", "resolution_px", "resize", "neighbourhood_patches", "metric", "neighbours", "aggregate", "aggregate_patches", "aggregate_percent", "reweight_neighbours", "coreset", "coreset_vectors", "coreset_ratio", "coreset_projection_dimensions", "rotations_deg", "search_index", "heatmap_sigma_px", "region_min_area_px", "seed", "detector", "gaussian_dimensions", "subspace_variance", "subspace_components", "autoencoder_steps", "ensemble_detectors", "local_scale_neighbours")
    PRESET_FIELD_NUMBER: _ClassVar[int]
    BACKBONE_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_PX_FIELD_NUMBER: _ClassVar[int]
    RESIZE_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURHOOD_PATCHES_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    AGGREGATE_FIELD_NUMBER: _ClassVar[int]
    AGGREGATE_PATCHES_FIELD_NUMBER: _ClassVar[int]
    AGGREGATE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    REWEIGHT_NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    CORESET_FIELD_NUMBER: _ClassVar[int]
    CORESET_VECTORS_FIELD_NUMBER: _ClassVar[int]
    CORESET_RATIO_FIELD_NUMBER: _ClassVar[int]
    CORESET_PROJECTION_DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    ROTATIONS_DEG_FIELD_NUMBER: _ClassVar[int]
    SEARCH_INDEX_FIELD_NUMBER: _ClassVar[int]
    HEATMAP_SIGMA_PX_FIELD_NUMBER: _ClassVar[int]
    REGION_MIN_AREA_PX_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    DETECTOR_FIELD_NUMBER: _ClassVar[int]
    GAUSSIAN_DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    SUBSPACE_VARIANCE_FIELD_NUMBER: _ClassVar[int]
    SUBSPACE_COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    AUTOENCODER_STEPS_FIELD_NUMBER: _ClassVar[int]
    ENSEMBLE_DETECTORS_FIELD_NUMBER: _ClassVar[int]
    LOCAL_SCALE_NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    preset: Preset
    backbone: str
    layers: _containers.RepeatedScalarFieldContainer[int]
    resolution_px: int
    resize: Resize
    neighbourhood_patches: int
    metric: Metric
    neighbours: int
    aggregate: Aggregate
    aggregate_patches: int
    aggregate_percent: float
    reweight_neighbours: int
    coreset: Coreset
    coreset_vectors: int
    coreset_ratio: float
    coreset_projection_dimensions: int
    rotations_deg: _containers.RepeatedScalarFieldContainer[float]
    search_index: SearchIndex
    heatmap_sigma_px: float
    region_min_area_px: int
    seed: int
    detector: Detector
    gaussian_dimensions: int
    subspace_variance: float
    subspace_components: int
    autoencoder_steps: int
    ensemble_detectors: _containers.RepeatedScalarFieldContainer[Detector]
    local_scale_neighbours: int
    def __init__(self, preset: _Optional[_Union[Preset, str]] = ..., backbone: _Optional[str] = ..., layers: _Optional[_Iterable[int]] = ..., resolution_px: _Optional[int] = ..., resize: _Optional[_Union[Resize, str]] = ..., neighbourhood_patches: _Optional[int] = ..., metric: _Optional[_Union[Metric, str]] = ..., neighbours: _Optional[int] = ..., aggregate: _Optional[_Union[Aggregate, str]] = ..., aggregate_patches: _Optional[int] = ..., aggregate_percent: _Optional[float] = ..., reweight_neighbours: _Optional[int] = ..., coreset: _Optional[_Union[Coreset, str]] = ..., coreset_vectors: _Optional[int] = ..., coreset_ratio: _Optional[float] = ..., coreset_projection_dimensions: _Optional[int] = ..., rotations_deg: _Optional[_Iterable[float]] = ..., search_index: _Optional[_Union[SearchIndex, str]] = ..., heatmap_sigma_px: _Optional[float] = ..., region_min_area_px: _Optional[int] = ..., seed: _Optional[int] = ..., detector: _Optional[_Union[Detector, str]] = ..., gaussian_dimensions: _Optional[int] = ..., subspace_variance: _Optional[float] = ..., subspace_components: _Optional[int] = ..., autoencoder_steps: _Optional[int] = ..., ensemble_detectors: _Optional[_Iterable[_Union[Detector, str]]] = ..., local_scale_neighbours: _Optional[int] = ...) -> None: ...
