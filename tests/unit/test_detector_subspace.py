"""What principal axes leave over: against the singular value decomposition of all vectors."""

from __future__ import annotations

import numpy as np
import pytest
from detector_parts import PARTS, fit, measure, picture, recipe, show, vectors

from goldenpart.server.errors import InvalidArgumentError, RecipeError
from goldenpart.server.vision.detectors.subspace import Subspace
from goldenpart.server.vision.preparation import prepare
from goldenpart.server.vision.recipe import DetectorKind


def subspace(**knobs: object) -> Subspace:
    detector = fit(recipe(DetectorKind.SUBSPACE, **knobs)).detector
    assert isinstance(detector, Subspace)
    return detector


@pytest.mark.parametrize("components", [1, 7, 60])
def test_distance_is_what_the_first_axes_leave_over(components: int) -> None:
    detector = subspace(subspace_components=components)
    every = np.concatenate([vectors(prepare(picture(number), detector.recipe, 8), detector.recipe) for number in range(PARTS)])
    mean = every.mean(axis=0, dtype=np.float64)
    axes = np.linalg.svd(every - mean, full_matrices=False)[2][:components]
    query = vectors(prepare(picture(50, blot=True), detector.recipe, 8), detector.recipe) - mean
    expected = np.linalg.norm(query - query @ axes.T @ axes, axis=1)
    np.testing.assert_allclose(measure(detector, picture(50, blot=True)).distances, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_the_axes_keep_the_wanted_variance_and_no_axis_too_many(share: float) -> None:
    detector = subspace(subspace_variance=share)
    every = np.concatenate([vectors(prepare(picture(number), detector.recipe, 8), detector.recipe) for number in range(PARTS)])
    variances = np.linalg.svd(every - every.mean(axis=0), compute_uv=False) ** 2
    kept = len(detector.content.axes)
    assert variances[:kept].sum() >= share * variances.sum() * (1 - 1e-5)
    assert variances[: kept - 1].sum() < share * variances.sum() * (1 + 1e-5)


def test_without_a_part_is_as_if_it_had_never_been_shown() -> None:
    knobs = recipe(DetectorKind.SUBSPACE, rotations_deg=(90.0,), subspace_components=20)
    parts = [show(number, knobs) for number in range(PARTS)]
    never = fit(knobs, parts[:2] + parts[3:]).detector
    np.testing.assert_allclose(
        measure(fit(knobs, parts).without(2), picture(2)).distances, measure(never, picture(2)).distances, rtol=1e-3, atol=1e-6
    )


def test_something_must_be_left_over() -> None:
    with pytest.raises(RecipeError, match="subspace_components is 336, but the tokens have 336 dimensions") as caught:
        subspace(subspace_components=336)
    assert caught.value.field == "recipe.subspace_components"
    assert len(subspace(subspace_components=335).content.axes) == 335


def test_one_flat_picture_makes_a_subspace() -> None:
    knobs = recipe(DetectorKind.SUBSPACE)
    flat = (prepare(np.full((64, 80, 3), 90, np.uint8), knobs, 8),)
    builder = fit(knobs, [flat])
    own, other = (measure(builder.detector, pixels).distances for pixels in (np.full((64, 80, 3), 90, np.uint8), picture(1)))
    assert own.max() < other.min()
    assert not builder.leaves_out
    with pytest.raises(InvalidArgumentError, match="at least 2"):
        builder.without(0)
