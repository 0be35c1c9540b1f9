"""Rarity brings units to one scale, and an ensemble is the mean of its members'."""

from __future__ import annotations

import math

import numpy as np
import pytest
from detector_parts import fit, measure, picture, recipe, show
from hypothesis import given
from hypothesis import strategies as st

from goldenpart.server.errors import InvalidArgumentError
from goldenpart.server.vision.detectors.ensemble import Ensemble
from goldenpart.server.vision.detectors.rarity import estimate_rarity
from goldenpart.server.vision.recipe import DetectorKind

SEEN = np.random.default_rng(0).exponential(2.0, 20_000).astype(np.float32)


def test_rarity_is_the_negative_logarithm_of_the_share_that_lies_beyond() -> None:
    rarity = estimate_rarity(SEEN)
    for share in (0.5, 0.1, 0.02):
        assert rarity.of(np.float32([np.quantile(SEEN, 1 - share)]))[0] == pytest.approx(-math.log(share), rel=1e-2)


def test_beyond_everything_seen_it_goes_on_with_the_slope_of_the_tail() -> None:
    rarity = estimate_rarity(SEEN)
    twice, thrice = rarity.of(np.float32([2 * SEEN.max(), 3 * SEEN.max()]))
    assert twice == pytest.approx(2 * SEEN.max() / 2.0, rel=0.15), "of an exponential distribution of mean 2, rarity is d / 2"
    assert thrice - twice == pytest.approx(SEEN.max() / rarity.tail, rel=1e-3)


@given(st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=300), st.lists(st.floats(0, 1e7, width=32), min_size=2, max_size=50))
def test_rarity_never_falls_and_is_never_negative(seen: list[float], asked: list[float]) -> None:
    rarities = estimate_rarity(np.float32(seen)).of(np.sort(np.float32(asked)))
    assert np.isfinite(rarities).all()
    assert (rarities >= 0).all()
    assert (np.diff(rarities) >= -1e-5 * np.abs(rarities[1:])).all()


@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_units_do_not_matter(unit: float) -> None:
    asked = np.float32([0.1, 1.0, 5.0, 30.0, 100.0])
    np.testing.assert_allclose(
        estimate_rarity(SEEN * np.float32(unit)).of(asked * np.float32(unit)), estimate_rarity(SEEN).of(asked), rtol=1e-3
    )


@pytest.mark.parametrize(
    "members",
    [
        (DetectorKind.BANK, DetectorKind.SUBSPACE),
        (DetectorKind.GAUSSIAN, DetectorKind.BANK),
        (DetectorKind.SUBSPACE, DetectorKind.GAUSSIAN),
    ],
)
def test_an_ensemble_is_the_mean_rarity_of_its_members(members: tuple[DetectorKind, DetectorKind]) -> None:
    detector = fit(recipe(DetectorKind.ENSEMBLE, ensemble_detectors=members)).detector
    assert isinstance(detector, Ensemble)
    asked = picture(50, blot=True)
    alone = [fit(recipe(kind)).detector for kind in members]
    rarities = [rarity.of(measure(member, asked).distances) for rarity, member in zip(detector.rarities, alone, strict=True)]
    np.testing.assert_allclose(measure(detector, asked).distances, np.mean(rarities, axis=0), rtol=1e-3, atol=1e-3)
    assert measure(detector, asked).nearest is None


def test_an_ensemble_takes_two_golden_parts() -> None:
    knobs = recipe(DetectorKind.ENSEMBLE)
    with pytest.raises(InvalidArgumentError, match="at least 2; there is 1"):
        fit(knobs, [show(0, knobs)])
