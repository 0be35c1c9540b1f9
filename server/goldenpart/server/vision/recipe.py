"""The recipe: every knob of Fit, its range, and the two presets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from goldenpart.server.errors import RecipeError


class Resize(StrEnum):
    """How an image is brought to the backbone's input size."""

    KEEP_ASPECT = "keep_aspect"
    STRETCH = "stretch"


class Metric(StrEnum):
    """Distance between patch tokens."""

    COSINE = "cosine"
    CENTRED_COSINE = "centred_cosine"
    EUCLIDEAN = "euclidean"


class Aggregate(StrEnum):
    """How patch distances become one image score."""

    MAX = "max"
    MEAN = "mean"
    TOP_PATCHES = "top_patches"
    TOP_PERCENT = "top_percent"


class Coreset(StrEnum):
    """How the bank is thinned."""

    NONE = "none"
    GREEDY = "greedy"
    RANDOM = "random"


class SearchIndex(StrEnum):
    """How the bank is searched."""

    EXACT = "exact"
    IVF = "ivf"


class DetectorKind(StrEnum):
    """What is learned of the golden parts."""

    BANK = "bank"
    GAUSSIAN = "gaussian"
    SUBSPACE = "subspace"
    AUTOENCODER = "autoencoder"
    ENSEMBLE = "ensemble"


ENSEMBLE_MEMBERS = (DetectorKind.BANK, DetectorKind.GAUSSIAN, DetectorKind.SUBSPACE)
"""Detectors that can leave a golden part out, and so can be ranked by distances of good patches they have not seen."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All knobs, resolved. The defaults are the preset ``default``.

    Attributes:
        backbone: name of the feature extractor.
        layers: backbone layers to concatenate, 1 = first; empty means the backbone's own choice.
        resolution_px: shorter side (keep_aspect) or both sides (stretch) after resizing.
        resize: how that size is reached.
        neighbourhood_patches: tokens are averaged over so many patches along each side; odd, 1 = off.
        metric: distance between tokens.
        neighbours: nearest bank vectors whose distances are averaged.
        aggregate: from patch distances to the image score.
        aggregate_patches: for ``top_patches``.
        aggregate_percent: for ``top_percent``, in (0, 100].
        reweight_neighbours: PatchCore's re-weighting (its equation 7); 0 = off.
        local_scale_neighbours: golden patches around a bank vector whose distances to the other golden parts are the unit of distances
            to that vector; 0 = distances are taken as they are.
        coreset: how the bank is thinned.
        coreset_vectors: budget in vectors; 0 means `coreset_ratio` counts.
        coreset_ratio: budget as a fraction of all vectors.
        coreset_projection_dimensions: of the random projection that greedy selection measures distances in.
        rotations_deg: further angles each golden part is shown at, counter-clockwise.
        search_index: how the bank is searched.
        heatmap_sigma_px: Gaussian blur of the heat map in pixels of the resized image.
        region_min_area_px: smaller regions are not reported.
        seed: of everything random in Fit.
        detector: what is learned.
        gaussian_dimensions: feature dimensions of ``gaussian``, drawn by the seed.
        subspace_variance: share of the variance that the axes of ``subspace`` keep.
        subspace_components: number of those axes; 0 means `subspace_variance` counts.
        autoencoder_steps: of training.
        ensemble_detectors: the two of ``ensemble``.
    """

    backbone: str = "compact"
    layers: tuple[int, ...] = ()
    resolution_px: int = 448
    resize: Resize = Resize.KEEP_ASPECT
    neighbourhood_patches: int = 1
    metric: Metric = Metric.COSINE
    neighbours: int = 1
    aggregate: Aggregate = Aggregate.TOP_PERCENT
    aggregate_patches: int = 10
    aggregate_percent: float = 1.0
    reweight_neighbours: int = 0
    local_scale_neighbours: int = 0
    coreset: Coreset = Coreset.GREEDY
    coreset_vectors: int = 10_000
    coreset_ratio: float = 0.0
    coreset_projection_dimensions: int = 128
    rotations_deg: tuple[float, ...] = ()
    search_index: SearchIndex = SearchIndex.EXACT
    heatmap_sigma_px: float = 4.0
    region_min_area_px: int = 1
    seed: int = 0
    detector: DetectorKind = DetectorKind.BANK
    gaussian_dimensions: int = 100
    subspace_variance: float = 0.99
    subspace_components: int = 0
    autoencoder_steps: int = 800
    ensemble_detectors: tuple[DetectorKind, ...] = (DetectorKind.BANK, DetectorKind.SUBSPACE)

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not low <= value <= high:  # NaN fails too
                raise RecipeError(
                    f"{name} is {value}; it must be {low} to {high}.", field=f"recipe.{name}", value=value, low=low, high=high
                )
        self._check_combinations()

    def _check_combinations(self) -> None:
        if self.neighbourhood_patches % 2 == 0:
            raise RecipeError(
                f"neighbourhood_patches is {self.neighbourhood_patches}; it must be odd, so that it has a centre.",
                field="recipe.neighbourhood_patches",
            )
        if self.reweight_neighbours and (self.aggregate is not Aggregate.MAX or self.reweight_neighbours < 2):
            raise RecipeError(
                "reweight_neighbours works with aggregate max and at least 2 neighbours; set it to 0 to switch it off.",
                field="recipe.reweight_neighbours",
            )
        if self.coreset is not Coreset.NONE and bool(self.coreset_vectors) == bool(self.coreset_ratio):
            raise RecipeError(
                f"coreset {self.coreset} needs either coreset_vectors or coreset_ratio, and not both.", field="recipe.coreset_vectors"
            )
        if len(self.rotations_deg) > 72 or not all(abs(angle) <= 360 for angle in self.rotations_deg):
            raise RecipeError("rotations_deg takes at most 72 angles between -360 and 360.", field="recipe.rotations_deg")
        if any(layer < 1 for layer in self.layers) or len(set(self.layers)) != len(self.layers):
            raise RecipeError(f"layers are {list(self.layers)}; they must differ and start at 1.", field="recipe.layers")
        members = self.ensemble_detectors
        if len(members) != 2 or len(set(members)) != 2 or not set(members) <= set(ENSEMBLE_MEMBERS):
            raise RecipeError(
                f"ensemble_detectors are {', '.join(members) or 'none'}; give two different ones of {', '.join(ENSEMBLE_MEMBERS)}.",
                field="recipe.ensemble_detectors",
            )

    @property
    def angles_deg(self) -> tuple[float, ...]:
        """All angles a golden part is shown at, 0 first, each once."""
        return tuple(dict.fromkeys((0.0, *(angle % 360.0 for angle in self.rotations_deg))))

    def coreset_budget(self, vectors: int) -> int:
        """Number of vectors the bank keeps out of `vectors`, at least 1."""
        if self.coreset is Coreset.NONE:
            return vectors
        return min(vectors, self.coreset_vectors or max(1, round(self.coreset_ratio * vectors)))


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("resolution_px", 32, 2048),
    ("neighbourhood_patches", 1, 9),
    ("neighbours", 1, 50),
    ("aggregate_patches", 1, 1_000_000),
    ("aggregate_percent", 1e-3, 100.0),
    ("reweight_neighbours", 0, 50),
    ("local_scale_neighbours", 0, 256),
    ("coreset_vectors", 0, 100_000_000),
    ("coreset_ratio", 0.0, 1.0),
    ("coreset_projection_dimensions", 8, 4096),
    ("heatmap_sigma_px", 0.0, 64.0),
    ("region_min_area_px", 0, 1_000_000_000),
    ("seed", 0, 2**63 - 1),
    ("gaussian_dimensions", 2, 512),
    ("subspace_variance", 0.5, 0.9999),
    ("subspace_components", 0, 4096),
    ("autoencoder_steps", 10, 5000),
)

SEED = Recipe(
    resolution_px=224,
    resize=Resize.STRETCH,
    metric=Metric.EUCLIDEAN,
    neighbours=5,
    aggregate=Aggregate.MAX,
    coreset=Coreset.RANDOM,
    coreset_vectors=0,
    coreset_ratio=0.1,
)
"""The settings of the notebook this product grew from, for comparison."""


def default_recipe(backbone: str) -> Recipe:
    """Return the preset ``default`` for a backbone.

    `compact` sees 8 pixels a patch where a ViT sees 14, so its 0.3 % of the patches of 512 pixels are about as many as 1 % of 448; its
    tokens are weaker, so the local scale pays (docs/decisions/0006); and it gets fewer vectors, because its forward is so quick
    that the search of 10,000 would take most of the time (artifacts/reports/inspect_ratio.md).
    """
    if backbone == "compact":
        return Recipe(backbone=backbone, resolution_px=512, aggregate_percent=0.3, local_scale_neighbours=32, coreset_vectors=2_000)
    return Recipe(backbone=backbone)
