"""Where a patch lies counts beside what it looks like, if that is wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from detector_parts import PARTS, backbone, embedded, fit, measure, picture, recipe

from goldenpart.server.errors import RevisionDamagedError
from goldenpart.server.vision.bank import Bank, BankContent
from goldenpart.server.vision.detectors.base import Picture
from goldenpart.server.vision.position import places_of
from goldenpart.server.vision.preparation import PreparedImage, prepare
from goldenpart.server.vision.recipe import Coreset, DetectorKind, Metric

WEIGHT = 0.8
Rgb8 = npt.NDArray[np.uint8]


def bank(knobs: Any, parts: Any = None) -> Bank:
    detector = fit(knobs, parts).detector
    assert isinstance(detector, Bank)
    return detector


def halves(number: int, *, swapped: bool = False) -> Rgb8:
    """A part with another pattern at the left than at the right."""
    pixels = picture(number)
    pixels[:, 40:] = 255 - pixels[:, 40:] // 2
    return np.ascontiguousarray(pixels[:, ::-1]) if swapped else pixels


def shown(pixels: Rgb8, knobs: Any) -> tuple[PreparedImage, ...]:
    return tuple(prepare(pixels, knobs, 8, None, angle) for angle in knobs.angles_deg)


def test_distances_are_those_of_vectors_with_weighted_places() -> None:
    knobs = recipe(DetectorKind.BANK, coreset=Coreset.NONE, coreset_vectors=0, position_weight=WEIGHT)
    detector = bank(knobs)
    prepared = prepare(picture(50, blot=True), knobs, 8)
    asked = embedded(prepared).vectors(knobs).astype(np.float64)
    places = np.argwhere(prepared.inspected) / 8 * WEIGHT  # 8 x 10 patches
    assert places_of(prepared, WEIGHT) == pytest.approx(places)
    golden = detector.content.vectors.astype(np.float64)
    assert detector.content.places == pytest.approx(np.tile(places, (PARTS, 1)))
    between = 1 - asked @ golden.T + 0.5 * np.square(places[:, None] - np.tile(places, (PARTS, 1))[None]).sum(axis=2)
    assert measure(detector, picture(50, blot=True)).distances == pytest.approx(between.min(axis=1), abs=1e-5)


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("scale", [0, 4])
def test_what_lies_at_the_wrong_place_is_seen_with_a_weight_only(metric: Metric, scale: int) -> None:
    found = {}
    for weight in (0.0, 2.0):
        knobs = recipe(DetectorKind.BANK, metric=metric, local_scale_neighbours=scale, position_weight=weight, resolution_px=64)
        detector = bank(knobs, [shown(halves(number), knobs) for number in range(PARTS)])
        right, wrong = (measure(detector, halves(60, swapped=swapped)).distances.mean() for swapped in (False, True))
        found[weight] = wrong / right
    assert found[2.0] > 1.3 * found[0.0]


def test_a_part_left_out_and_angles_and_bytes_know_the_places() -> None:
    knobs = recipe(DetectorKind.BANK, position_weight=WEIGHT, rotations_deg=(180.0,), local_scale_neighbours=4, reweight_neighbours=0)
    detector = bank(knobs)
    again = Bank(BankContent.from_bytes(detector.content.to_bytes()), knobs, detector.device)
    first, second = measure(detector, picture(50)), measure(again, picture(50))
    assert first.distances.tolist() == second.distances.tolist()
    assert measure(detector.without(0), picture(0)).distances.mean() > 2 * measure(detector, picture(0)).distances.mean()
    assert detector.content.digest() == bank(knobs).content.digest(), "the same parts give the same bytes"
    tensors = {name: array.copy() for name, array in detector.content.tensors().items()}
    tensors["places"] = tensors["places"][1:]
    with pytest.raises(RevisionDamagedError):
        BankContent.from_tensors(tensors)


def test_without_a_weight_nothing_is_kept_of_places() -> None:
    knobs = recipe(DetectorKind.BANK)
    detector = bank(knobs)
    assert detector.content.places is None
    assert "places" not in detector.content.tensors()
    prepared = prepare(picture(50), knobs, 8)
    assert detector.vectors_of(Picture(prepared, embedded(prepared).tokens)).shape[1] == backbone().dimension()


def test_an_ensemble_has_a_bank_with_places() -> None:
    answers = []
    for weight in (0.0, WEIGHT):
        knobs = recipe(DetectorKind.ENSEMBLE, position_weight=weight)
        answers.append(measure(fit(knobs).detector, picture(50, blot=True)).distances)
    assert not np.allclose(answers[0], answers[1])
