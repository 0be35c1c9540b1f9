"""Every knob of Fit."""

from dataclasses import dataclass
from enum import StrEnum


class Preset(StrEnum):
    """A named set of knobs to start from."""

    DEFAULT = "DEFAULT"
    SEED = "SEED"


class Resize(StrEnum):
    """How an image is brought to the backbone's input size."""

    KEEP_ASPECT = "KEEP_ASPECT"
    STRETCH = "STRETCH"


class Metric(StrEnum):
    """Distance between patch tokens."""

    COSINE = "COSINE"
    CENTRED_COSINE = "CENTRED_COSINE"
    EUCLIDEAN = "EUCLIDEAN"


class Aggregate(StrEnum):
    """How patch distances become one image score."""

    MAX = "MAX"
    MEAN = "MEAN"
    TOP_PATCHES = "TOP_PATCHES"
    TOP_PERCENT = "TOP_PERCENT"


class Coreset(StrEnum):
    """How the bank is thinned."""

    NONE = "NONE"
    GREEDY = "GREEDY"
    RANDOM = "RANDOM"


class SearchIndex(StrEnum):
    """How the bank is searched."""

    EXACT = "EXACT"
    IVF = "IVF"


class Detector(StrEnum):
    """What is learned of the golden parts; see ``goldenpart.v1.Detector``."""

    BANK = "BANK"
    GAUSSIAN = "GAUSSIAN"
    SUBSPACE = "SUBSPACE"
    AUTOENCODER = "AUTOENCODER"
    ENSEMBLE = "ENSEMBLE"


@dataclass(frozen=True, slots=True)
class Recipe:
    """The knobs of Fit; None means the preset's value. A revision reports all of them resolved.

    The server checks ranges, so that there is one place that knows them.

    Attributes:
        preset: Where the knobs that are None come from.
        backbone: Name as listed by ``Client.server_info``; None means the server's default.
        layers: Backbone layers to concatenate, 1 = first.
        resolution_px: Length of the shorter side (KEEP_ASPECT) or of both sides (STRETCH), 32 to 2048.
        resize: How that size is reached.
        neighbourhood_patches: Tokens are averaged over so many patches along each side, odd, 1 (off) to 9.
        metric: Distance between tokens.
        neighbours: Neighbours whose distances are averaged, 1 to 50.
        aggregate: From patches to the image score.
        aggregate_patches: For TOP_PATCHES, >= 1.
        aggregate_percent: For TOP_PERCENT, in (0, 100].
        reweight_neighbours: PatchCore's re-weighting of the maximum (equation 7): 2 to 50 neighbours, 0 = off; only with MAX.
        local_scale_neighbours: Golden patches around a bank vector whose distances to the other golden parts are the unit of distances
            there: 1 to 256, 0 = off.
        coreset: How the bank is thinned.
        coreset_vectors: The coreset keeps at most so many vectors, >= 1. Excludes ``coreset_ratio``.
        coreset_ratio: The coreset keeps this fraction of all vectors, in (0, 1]. Excludes ``coreset_vectors``.
        coreset_projection_dimensions: Dimensions of the random projection for GREEDY, 8 to 4096.
        rotations_deg: Angles, counter-clockwise, by which every golden part is also shown; 0 is always included; at most 72.
        search_index: How the bank is searched.
        heatmap_sigma_px: Gaussian blur of the heat map in pixels of the resized image, 0 to 64.
        region_min_area_px: Smaller regions are not reported, pixels of the original image.
        seed: Seed of everything random in Fit.
        detector: What is learned. The knobs of the bank (neighbours, coreset, search) mean nothing to the others.
        gaussian_dimensions: Feature dimensions of GAUSSIAN, drawn by the seed, 2 to 512.
        subspace_variance: Share of the variance that the axes of SUBSPACE keep, 0.5 to 0.9999.
        subspace_components: Number of those axes, up to 4096; 0 means as many as ``subspace_variance`` needs.
        autoencoder_steps: Steps of training of AUTOENCODER, 10 to 5000.
        ensemble_detectors: The two of ENSEMBLE: different ones of BANK, GAUSSIAN and SUBSPACE.

    Raises:
        ValueError: Both coreset budgets are given.
    """

    preset: Preset = Preset.DEFAULT
    backbone: str | None = None
    layers: tuple[int, ...] | None = None
    resolution_px: int | None = None
    resize: Resize | None = None
    neighbourhood_patches: int | None = None
    metric: Metric | None = None
    neighbours: int | None = None
    aggregate: Aggregate | None = None
    aggregate_patches: int | None = None
    aggregate_percent: float | None = None
    reweight_neighbours: int | None = None
    local_scale_neighbours: int | None = None
    coreset: Coreset | None = None
    coreset_vectors: int | None = None
    coreset_ratio: float | None = None
    coreset_projection_dimensions: int | None = None
    rotations_deg: tuple[float, ...] | None = None
    search_index: SearchIndex | None = None
    heatmap_sigma_px: float | None = None
    region_min_area_px: int | None = None
    seed: int | None = None
    detector: Detector | None = None
    gaussian_dimensions: int | None = None
    subspace_variance: float | None = None
    subspace_components: int | None = None
    autoencoder_steps: int | None = None
    ensemble_detectors: tuple[Detector, ...] | None = None

    def __post_init__(self) -> None:
        if self.coreset_vectors is not None and self.coreset_ratio is not None:
            raise ValueError(
                f"coreset_vectors={self.coreset_vectors} and coreset_ratio={self.coreset_ratio} exclude each other; give one of them"
            )
