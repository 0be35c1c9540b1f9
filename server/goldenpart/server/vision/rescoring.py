"""Scoring a picture by other knobs than the recipe's, where they change nothing that was learned: many scores of one search."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from goldenpart.server.errors import RecipeError
from goldenpart.server.vision.bank import Bank
from goldenpart.server.vision.detectors.base import Detector, PatchDistances, Picture
from goldenpart.server.vision.recipe import DetectorKind, Recipe

Knobs = Mapping[str, Any]
"""Values of knobs of a recipe by name."""

MOST_RECIPES = 256
"""Other recipes for a picture."""
_AGGREGATES = frozenset({"aggregate", "aggregate_patches", "aggregate_percent"})
_OF_BANK = frozenset({"neighbours", "reweight_neighbours", "local_scale_neighbours"})


def scoring_recipe(recipe: Recipe, knobs: Knobs) -> Recipe:
    """Return a recipe whose scores can be told from what was learned by another one.

    Args:
        recipe: what was learned by.
        knobs: what is different.

    Raises:
        RecipeError: a knob changes what is learned, is out of range or does not go with another.
    """
    scoring = _AGGREGATES | _OF_BANK if recipe.detector is DetectorKind.BANK else _AGGREGATES
    if unfit := sorted(knobs.keys() - scoring):
        raise RecipeError(
            f"{unfit[0]} cannot be rescored for the detector {recipe.detector}, because what was learned depends on it; fit a revision "
            f"with it, or give knobs of {', '.join(sorted(scoring))}.",
            field=f"rescore.{unfit[0]}",
        )
    scale = knobs.get("local_scale_neighbours", 0)
    if scale not in {0, recipe.local_scale_neighbours}:
        raise RecipeError(
            f"local_scale_neighbours is {scale}, but the revision was fitted with {recipe.local_scale_neighbours}; give that or 0, or fit "
            "a revision with it.",
            field="rescore.local_scale_neighbours",
        )
    return dataclasses.replace(recipe, **knobs)


def measure_by(detector: Detector, pictures: Sequence[Picture], recipes: Sequence[Recipe]) -> list[list[PatchDistances]]:
    """Measure pictures of one shape as detectors that learned the same and score by other recipes would. Device executor thread only.

    Args:
        detector: what was learned.
        pictures: at least one.
        recipes: the detector's own, or of `scoring_recipe`.

    Returns:
        Per picture an answer per recipe.
    """
    if isinstance(detector, Bank):
        return detector.measure_by(pictures, recipes)
    return [[distances] * len(recipes) for distances in detector.measure(pictures)]
