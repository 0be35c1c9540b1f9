"""Recipes between protobuf and domain: what is unset comes from the preset, and nothing gets lost on the way."""

from __future__ import annotations

import dataclasses
import itertools
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldenpart.server.api.recipes import recipe_from_pb, recipe_to_pb
from goldenpart.server.errors import RecipeError
from goldenpart.server.vision.recipe import (
    ENSEMBLE_MEMBERS,
    SEED,
    Aggregate,
    Coreset,
    DetectorKind,
    Metric,
    Recipe,
    Resize,
    SearchIndex,
    default_recipe,
)
from goldenpart.v1 import recipe_pb2 as pb

KNOBS = [field.name for field in dataclasses.fields(Recipe)]


def test_an_empty_recipe_is_the_default_preset_of_the_default_backbone() -> None:
    assert recipe_from_pb(pb.Recipe(), "dinov2_vitb14") == default_recipe("dinov2_vitb14")
    assert recipe_from_pb(pb.Recipe(preset=pb.PRESET_DEFAULT), "compact") == default_recipe("compact")
    assert recipe_from_pb(pb.Recipe(backbone="dinov2_vits14"), "compact").backbone == "dinov2_vits14"


def test_the_seed_preset_is_the_notebook() -> None:
    recipe = recipe_from_pb(pb.Recipe(preset=pb.PRESET_SEED), "dinov2_vitb14")
    assert recipe == dataclasses.replace(SEED, backbone="dinov2_vitb14")
    assert (recipe.resolution_px, recipe.resize, recipe.metric, recipe.neighbours) == (224, Resize.STRETCH, Metric.EUCLIDEAN, 5)
    assert (recipe.aggregate, recipe.coreset, recipe.coreset_ratio, recipe.rotations_deg) == (Aggregate.MAX, Coreset.RANDOM, 0.1, ())


def test_the_default_preset_is_what_the_design_says() -> None:
    recipe = default_recipe("dinov2_vitb14")
    assert (recipe.resolution_px, recipe.resize, recipe.metric, recipe.neighbours) == (448, Resize.KEEP_ASPECT, Metric.COSINE, 1)
    assert (recipe.aggregate, recipe.aggregate_percent) == (Aggregate.TOP_PERCENT, 1.0)
    assert (recipe.coreset, recipe.coreset_vectors, recipe.rotations_deg) == (Coreset.GREEDY, 10_000, ())


def test_zero_is_a_value_and_not_an_unset_knob() -> None:
    recipe = recipe_from_pb(pb.Recipe(region_min_area_px=0, heatmap_sigma_px=0.0, seed=0), "compact")
    assert (recipe.region_min_area_px, recipe.heatmap_sigma_px, recipe.seed) == (0, 0.0, 0)
    with pytest.raises(RecipeError, match="neighbours is 0; it must be 1 to 50"):
        recipe_from_pb(pb.Recipe(neighbours=0), "compact")


def test_one_budget_replaces_the_preset_s_other_one() -> None:
    ratio = recipe_from_pb(pb.Recipe(coreset_ratio=0.25), "compact")
    assert (ratio.coreset_vectors, ratio.coreset_ratio, ratio.coreset_budget(1000)) == (0, 0.25, 250)
    vectors = recipe_from_pb(pb.Recipe(preset=pb.PRESET_SEED, coreset_vectors=7), "compact")
    assert (vectors.coreset_vectors, vectors.coreset_ratio, vectors.coreset_budget(1000)) == (7, 0.0, 7)
    assert recipe_from_pb(pb.Recipe(coreset=pb.CORESET_NONE), "compact").coreset_budget(1000) == 1000


@pytest.mark.parametrize(
    ("enum", "domain", "knob"),
    [
        (pb.Resize, Resize, "resize"),
        (pb.Metric, Metric, "metric"),
        (pb.Aggregate, Aggregate, "aggregate"),
        (pb.Coreset, Coreset, "coreset"),
        (pb.SearchIndex, SearchIndex, "search_index"),
        (pb.Detector, DetectorKind, "detector"),
    ],
)
def test_contract_and_domain_know_the_same_words(enum: Any, domain: type[StrEnum], knob: str) -> None:
    def read(number: int) -> object:
        knobs: dict[str, Any] = {knob: number}
        return getattr(recipe_from_pb(pb.Recipe(**knobs), "compact"), knob)

    assert {read(number) for number in enum.values() if number} == set(domain)
    with pytest.raises(RecipeError, match=f"{knob} 99 is unknown") as caught:
        read(99)
    assert caught.value.field == f"recipe.{knob}"


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    coreset = draw(st.sampled_from(Coreset))
    by_ratio = draw(st.booleans())
    aggregate = draw(st.sampled_from(Aggregate))
    return Recipe(
        backbone=draw(st.sampled_from(["compact", "dinov2_vitl14_reg"])),
        layers=tuple(draw(st.lists(st.integers(1, 40), unique=True, max_size=4))),
        resolution_px=draw(st.integers(32, 2048)),
        resize=draw(st.sampled_from(Resize)),
        neighbourhood_patches=draw(st.sampled_from([1, 3, 5, 7, 9])),
        metric=draw(st.sampled_from(Metric)),
        neighbours=draw(st.integers(1, 50)),
        aggregate=aggregate,
        aggregate_patches=draw(st.integers(1, 1000)),
        aggregate_percent=draw(st.floats(0.001, 100)),
        reweight_neighbours=draw(st.integers(2, 50)) if aggregate is Aggregate.MAX else 0,
        coreset=coreset,
        coreset_vectors=0 if by_ratio else draw(st.integers(1, 10**8)),
        coreset_ratio=draw(st.floats(0.001, 1)) if by_ratio else 0.0,
        coreset_projection_dimensions=draw(st.integers(8, 4096)),
        rotations_deg=tuple(draw(st.lists(st.floats(-360, 360), max_size=5))),
        search_index=draw(st.sampled_from(SearchIndex)),
        heatmap_sigma_px=draw(st.floats(0, 64)),
        region_min_area_px=draw(st.integers(0, 10**9)),
        seed=draw(st.integers(0, 2**63 - 1)),
        detector=draw(st.sampled_from(DetectorKind)),
        gaussian_dimensions=draw(st.integers(2, 512)),
        subspace_variance=draw(st.floats(0.5, 0.9999)),
        subspace_components=draw(st.integers(0, 4096)),
        autoencoder_steps=draw(st.integers(10, 5000)),
        ensemble_detectors=draw(st.sampled_from(list(itertools.permutations(ENSEMBLE_MEMBERS, 2)))),
    )


@given(recipes())
def test_a_recipe_survives_the_way_through_the_contract(recipe: Recipe) -> None:
    message = recipe_to_pb(recipe)
    back = recipe_from_pb(pb.Recipe.FromString(message.SerializeToString()), "another")
    budgets = {"coreset_vectors", "coreset_ratio"} if recipe.coreset is Coreset.NONE else set()
    for knob in [knob for knob in KNOBS if knob not in budgets]:
        assert getattr(back, knob) == getattr(recipe, knob), knob
    assert back.coreset_budget(12_345) == recipe.coreset_budget(12_345)
    assert back.angles_deg == recipe.angles_deg


def test_0_is_always_among_the_angles_and_none_comes_twice() -> None:
    assert Recipe(rotations_deg=(90.0, 0.0, -270.0, 450.0 - 360.0, 180.0)).angles_deg == (0.0, 90.0, 180.0)
