"""Recipes: ranges, combinations, presets."""

from __future__ import annotations

import dataclasses
import math

import pytest

from goldenpart.server.errors import RecipeError
from goldenpart.server.vision.recipe import SEED, Aggregate, Coreset, DetectorKind, Metric, Recipe, Resize, default_recipe

RANGES: list[tuple[str, float, float]] = [
    ("gaussian_dimensions", 2, 512),
    ("subspace_variance", 0.5, 0.9999),
    ("subspace_components", 0, 4096),
    ("autoencoder_steps", 10, 5000),
    ("resolution_px", 32, 2048),
    ("neighbourhood_patches", 1, 9),
    ("neighbours", 1, 50),
    ("aggregate_patches", 1, 1_000_000),
    ("aggregate_percent", 1e-3, 100.0),
    ("coreset_vectors", 1, 100_000_000),
    ("coreset_projection_dimensions", 8, 4096),
    ("heatmap_sigma_px", 0.0, 64.0),
    ("region_min_area_px", 0, 1_000_000_000),
    ("seed", 0, 2**63 - 1),
]


def changed(**knobs: object) -> Recipe:
    return dataclasses.replace(Recipe(), **knobs)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "low", "high"), RANGES)
def test_knobs_reach_both_ends_of_their_range(name: str, low: float, high: float) -> None:
    assert getattr(changed(**{name: low}), name) == low
    assert getattr(changed(**{name: high}), name) == high


@pytest.mark.parametrize(("name", "low", "high"), RANGES)
@pytest.mark.parametrize("beyond", ["below", "above", "nan"])
def test_knobs_beyond_their_range_are_refused_by_name(name: str, low: float, high: float, beyond: str) -> None:
    step = 1 if isinstance(low, int) else 1e-4
    value = {"below": low - step if name != "coreset_vectors" else -1, "above": high + step, "nan": math.nan}[beyond]
    with pytest.raises(RecipeError, match=f"^{name} is ") as caught:
        changed(**{name: value})
    assert caught.value.field == f"recipe.{name}"
    assert set(caught.value.metadata) == {"value", "low", "high"}


@pytest.mark.parametrize(
    ("knobs", "field"),
    [
        ({"neighbourhood_patches": 2}, "recipe.neighbourhood_patches"),
        ({"reweight_neighbours": 3}, "recipe.reweight_neighbours"),
        ({"reweight_neighbours": 1, "aggregate": Aggregate.MAX}, "recipe.reweight_neighbours"),
        ({"reweight_neighbours": 51, "aggregate": Aggregate.MAX}, "recipe.reweight_neighbours"),
        ({"coreset_vectors": 0}, "recipe.coreset_vectors"),
        ({"coreset_ratio": 0.1}, "recipe.coreset_vectors"),
        ({"coreset_vectors": 0, "coreset_ratio": 1.01}, "recipe.coreset_ratio"),
        ({"rotations_deg": (90.0, 361.0)}, "recipe.rotations_deg"),
        ({"rotations_deg": (math.nan,)}, "recipe.rotations_deg"),
        ({"rotations_deg": tuple(float(angle) for angle in range(73))}, "recipe.rotations_deg"),
        ({"layers": (0,)}, "recipe.layers"),
        ({"layers": (3, 3)}, "recipe.layers"),
        ({"ensemble_detectors": ()}, "recipe.ensemble_detectors"),
        ({"ensemble_detectors": (DetectorKind.BANK, DetectorKind.BANK)}, "recipe.ensemble_detectors"),
        ({"ensemble_detectors": (DetectorKind.BANK, DetectorKind.AUTOENCODER)}, "recipe.ensemble_detectors"),
    ],
)
def test_contradictions_are_refused(knobs: dict[str, object], field: str) -> None:
    with pytest.raises(RecipeError) as caught:
        changed(**knobs)
    assert caught.value.field == field


def test_angles_begin_with_zero_and_differ() -> None:
    assert Recipe().angles_deg == (0.0,)
    assert changed(rotations_deg=(90.0, -90.0, 0.0, 360.0, -360.0, 270.0)).angles_deg == (0.0, 90.0, 270.0)


@pytest.mark.parametrize(
    ("recipe", "vectors", "budget"),
    [
        (Recipe(), 50_000, 10_000),
        (Recipe(), 700, 700),
        (changed(coreset=Coreset.NONE), 50_000, 50_000),
        (SEED, 5_000, 500),
        (SEED, 3, 1),
        (changed(coreset_vectors=0, coreset_ratio=1.0), 77, 77),
    ],
)
def test_budget_of_the_coreset(recipe: Recipe, vectors: int, budget: int) -> None:
    assert recipe.coreset_budget(vectors) == budget


def test_presets_are_those_of_the_design() -> None:
    default = default_recipe("dinov2_vitb14")
    assert (default.resolution_px, default.resize, default.metric, default.neighbours) == (448, Resize.KEEP_ASPECT, Metric.COSINE, 1)
    assert (default.aggregate, default.aggregate_percent) == (Aggregate.TOP_PERCENT, 1.0)
    assert (default.coreset, default.coreset_vectors, default.rotations_deg) == (Coreset.GREEDY, 10_000, ())
    assert (SEED.resolution_px, SEED.resize, SEED.metric, SEED.neighbours) == (224, Resize.STRETCH, Metric.EUCLIDEAN, 5)
    assert (SEED.aggregate, SEED.coreset, SEED.coreset_ratio, SEED.rotations_deg) == (Aggregate.MAX, Coreset.RANDOM, 0.1, ())
