"""Recipes between protobuf and domain."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import Any, TypeVar

from goldenpart.server.errors import RecipeError
from goldenpart.server.vision.recipe import SEED, Aggregate, Coreset, DetectorKind, Metric, Recipe, Resize, SearchIndex, default_recipe
from goldenpart.v1 import recipe_pb2 as pb

Choice = TypeVar("Choice", bound=StrEnum)

_NUMBERS = (
    "resolution_px",
    "neighbourhood_patches",
    "neighbours",
    "aggregate_patches",
    "aggregate_percent",
    "reweight_neighbours",
    "local_scale_neighbours",
    "coreset_projection_dimensions",
    "heatmap_sigma_px",
    "region_min_area_px",
    "seed",
    "gaussian_dimensions",
    "subspace_variance",
    "subspace_components",
    "autoencoder_steps",
)
_CHOICES: dict[str, tuple[type[StrEnum], Any]] = {
    "resize": (Resize, pb.Resize),
    "metric": (Metric, pb.Metric),
    "aggregate": (Aggregate, pb.Aggregate),
    "coreset": (Coreset, pb.Coreset),
    "search_index": (SearchIndex, pb.SearchIndex),
    "detector": (DetectorKind, pb.Detector),
}


def recipe_from_pb(message: pb.Recipe, default_backbone: str) -> Recipe:
    """Resolve a recipe: what is unset comes from its preset.

    Raises:
        RecipeError: a knob is out of range or does not go with another.
    """
    backbone = message.backbone or default_backbone
    if message.preset not in pb.Preset.values():
        raise RecipeError(f"preset {message.preset} is unknown to this server.", field="recipe.preset")
    base = dataclasses.replace(SEED, backbone=backbone) if message.preset == pb.PRESET_SEED else default_recipe(backbone)
    return dataclasses.replace(base, **_changes_from_pb(message))


def knobs_from_pb(message: pb.Recipe) -> dict[str, Any]:
    """Read the knobs that are set, by name, for a recipe that others are taken from.

    Raises:
        RecipeError: a value is unknown, or a preset or backbone is named.
    """
    if message.preset or message.backbone:
        raise RecipeError("Knobs that go with a revision's recipe name no preset and no backbone; leave them unset.", field="recipe.preset")
    return _changes_from_pb(message)


def _changes_from_pb(message: pb.Recipe) -> dict[str, Any]:
    changes: dict[str, Any] = {name: getattr(message, name) for name in _NUMBERS if message.HasField(name)}
    changes |= {name: value for name in _CHOICES if (value := _choice_from_pb(message, name)) is not None}
    if message.layers:
        changes["layers"] = tuple(message.layers)
    if message.rotations_deg:
        changes["rotations_deg"] = tuple(message.rotations_deg)
    if message.ensemble_detectors:
        changes["ensemble_detectors"] = tuple(_word(DetectorKind, pb.Detector, "ensemble_detectors", n) for n in message.ensemble_detectors)
    return changes | _budget_from_pb(message)


def recipe_to_pb(recipe: Recipe) -> pb.Recipe:
    """Write a recipe with every knob set."""
    message = pb.Recipe(backbone=recipe.backbone, layers=recipe.layers, rotations_deg=recipe.rotations_deg)
    for name in _NUMBERS:
        setattr(message, name, getattr(recipe, name))
    for name, (_, enum) in _CHOICES.items():
        setattr(message, name, enum.Value(f"{_prefix(enum)}_{getattr(recipe, name).name}"))
    members = [f"DETECTOR_{member.name}" for member in recipe.ensemble_detectors]
    message.MergeFrom(pb.Recipe(ensemble_detectors=members))
    if recipe.coreset is not Coreset.NONE:
        if recipe.coreset_vectors:
            message.coreset_vectors = recipe.coreset_vectors
        else:
            message.coreset_ratio = recipe.coreset_ratio
    return message


def _choice_from_pb(message: pb.Recipe, name: str) -> StrEnum | None:
    domain, enum = _CHOICES[name]
    number = getattr(message, name)
    return None if number == 0 else _word(domain, enum, name, number)


def _word(domain: type[Choice], enum: Any, name: str, number: int) -> Choice:
    if number not in enum.values() or number == 0:
        raise RecipeError(f"{name} {number} is unknown to this server.", field=f"recipe.{name}")
    return domain[enum.Name(number).removeprefix(f"{_prefix(enum)}_")]


def _budget_from_pb(message: pb.Recipe) -> dict[str, Any]:
    budget = message.WhichOneof("coreset_budget")
    if budget is None:
        return {}
    value = getattr(message, budget)
    if not value > 0:
        raise RecipeError(
            f"{budget} is {value}; it must be greater than 0. Use coreset none to keep every vector.", field=f"recipe.{budget}"
        )
    return {"coreset_vectors": 0, "coreset_ratio": 0.0} | {budget: value}


def _prefix(enum: Any) -> str:
    """Return the prefix of an enum's value names: SEARCH_INDEX for SearchIndex."""
    return str(enum.Name(0).removesuffix("_UNSPECIFIED"))
