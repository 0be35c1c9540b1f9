"""A Gaussian at each place: the formula with the whole covariance matrix, and grids that do not fit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from detector_parts import LEFT_HALF, PARTS, backbone, fit, measure, picture, recipe, show, vectors

from goldenpart.server.errors import InvalidArgumentError, RecipeError
from goldenpart.server.vision.detectors import gaussian_builder
from goldenpart.server.vision.detectors.gaussian import SHRINKAGE, Gaussian
from goldenpart.server.vision.detectors.gaussian_builder import GaussianBuilder
from goldenpart.server.vision.mask import InspectionMask
from goldenpart.server.vision.preparation import prepare
from goldenpart.server.vision.recipe import DetectorKind, Recipe, Resize

Array = npt.NDArray[np.float64]


def by_matrix(samples: Array, query: Array) -> Array:
    """Mahalanobis distance at each place, (P,): samples (n, P, d), query (P, d)."""
    distances = []
    for place in range(samples.shape[1]):
        covariance = np.cov(samples[:, place], rowvar=False) + SHRINKAGE * np.eye(samples.shape[2])
        offset = query[place] - samples[:, place].mean(axis=0)
        distances.append(np.sqrt(offset @ np.linalg.solve(covariance, offset)))
    return np.array(distances)


def chosen(detector: Gaussian, pixels: npt.NDArray[np.uint8], mask: InspectionMask | None = None) -> Array:
    prepared = prepare(pixels, detector.recipe, 8, mask)
    scaled = vectors(prepared, detector.recipe)[:, detector.content.dimensions] * detector.content.scale
    return scaled.astype(np.float64)


@pytest.mark.parametrize("mask", [None, LEFT_HALF], ids=["everywhere", "masked"])
@pytest.mark.parametrize("dimensions", [3, 40], ids=["more parts than dimensions", "fewer"])
def test_distance_is_that_of_the_whole_covariance(dimensions: int, mask: InspectionMask | None) -> None:
    knobs = recipe(DetectorKind.GAUSSIAN, gaussian_dimensions=dimensions)
    builder = fit(knobs, [show(number, knobs, mask) for number in range(PARTS)])
    assert isinstance(builder.detector, Gaussian)
    samples = np.stack([chosen(builder.detector, picture(number), mask) for number in range(PARTS)])
    query = picture(50, blot=True)
    expected = by_matrix(samples, chosen(builder.detector, query, mask))
    np.testing.assert_allclose(measure(builder.detector, query, mask).distances, expected, rtol=2e-3)
    without = builder.without(2)
    assert isinstance(without, Gaussian)
    rest = np.delete(samples, 2, axis=0)
    np.testing.assert_allclose(measure(without, picture(2), mask).distances, by_matrix(rest, samples[2]), rtol=2e-3)


def test_the_shrinkage_has_the_unit_of_the_variance() -> None:
    detector = fit(recipe(DetectorKind.GAUSSIAN)).detector
    assert isinstance(detector, Gaussian)
    every = np.concatenate([chosen(detector, picture(number)) for number in range(PARTS)])
    assert every.var(axis=0).mean() == pytest.approx(1.0, rel=1e-4)
    assert detector.content.dimensions.shape == (100,)


def test_one_golden_part_has_a_distance_and_leaves_none_out() -> None:
    knobs = recipe(DetectorKind.GAUSSIAN)
    builder = fit(knobs, [show(0, knobs)])
    assert not builder.leaves_out
    assert measure(builder.detector, picture(0)).distances.max() < 1e-2
    assert measure(builder.detector, picture(1)).distances.min() > 0
    with pytest.raises(InvalidArgumentError, match="at least 2"):
        builder.without(0)


def test_golden_parts_of_several_shapes_are_named_with_the_way_out() -> None:
    knobs = recipe(DetectorKind.GAUSSIAN)
    wide = (prepare(picture(9, width_px=96), knobs, 8),)
    with pytest.raises(InvalidArgumentError, match=r"8 x 10 patches: golden part 0, 1; 8 x 12 patches: golden part 2") as caught:
        fit(knobs, [show(0, knobs), show(1, knobs), wide])
    assert "set resize to stretch" in caught.value.message
    stretched = recipe(DetectorKind.GAUSSIAN, resize=Resize.STRETCH)
    fit(stretched, [show(0, stretched), (prepare(picture(9, width_px=96), stretched, 8),)])


def test_a_frame_of_another_shape_is_refused() -> None:
    detector = fit(recipe(DetectorKind.GAUSSIAN)).detector
    with pytest.raises(InvalidArgumentError, match=r"8 x 12 patches, the golden parts gave 8 x 10"):
        measure(detector, picture(9, width_px=96))


def test_what_would_not_fit_into_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    knobs: Recipe = recipe(DetectorKind.GAUSSIAN)
    monkeypatch.setattr(gaussian_builder, "MAX_SAMPLE_BYTES", 4 * 80 * PARTS * 100 - 1)
    with pytest.raises(RecipeError, match="Lower resolution_px or gaussian_dimensions") as caught:
        GaussianBuilder(backbone(), knobs, [show(number, knobs) for number in range(PARTS)])
    assert caught.value.field == "recipe.gaussian_dimensions"
