"""From distances to a score: every aggregate by hand, the worst patch, and patches that do not count."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from goldenpart.server.vision.bank import Bank, BankContent
from goldenpart.server.vision.detectors.base import Picture
from goldenpart.server.vision.mask import InspectionMask
from goldenpart.server.vision.preparation import PreparedImage, prepare
from goldenpart.server.vision.recipe import Aggregate, Metric, Recipe
from goldenpart.server.vision.scoring import ScoredImage, aggregate, score_patches

TENS = np.arange(1, 11, dtype=np.float32)
HUNDREDS = np.arange(1, 1001, dtype=np.float32)


@pytest.mark.parametrize(
    ("recipe", "distances", "score"),
    [
        (Recipe(aggregate=Aggregate.MAX), TENS, 10.0),
        (Recipe(aggregate=Aggregate.MEAN), TENS, 5.5),
        (Recipe(aggregate=Aggregate.TOP_PATCHES, aggregate_patches=1), TENS, 10.0),
        (Recipe(aggregate=Aggregate.TOP_PATCHES, aggregate_patches=4), TENS, 8.5),
        (Recipe(aggregate=Aggregate.TOP_PATCHES, aggregate_patches=99), TENS, 5.5),
        (Recipe(aggregate=Aggregate.TOP_PERCENT, aggregate_percent=1), HUNDREDS, 995.5),
        (Recipe(aggregate=Aggregate.TOP_PERCENT, aggregate_percent=0.05), HUNDREDS, 1000.0),
        (Recipe(aggregate=Aggregate.TOP_PERCENT, aggregate_percent=100), TENS, 5.5),
        (Recipe(aggregate=Aggregate.TOP_PERCENT, aggregate_percent=39), TENS, 9.0),
        (Recipe(aggregate=Aggregate.TOP_PERCENT, aggregate_percent=29), np.arange(1, 101, dtype=np.float32), 86.0),
        (Recipe(aggregate=Aggregate.TOP_PERCENT), np.array([3.0], np.float32), 3.0),
    ],
)
def test_aggregates(recipe: Recipe, distances: np.ndarray[tuple[int], np.dtype[np.float32]], score: float) -> None:
    shuffled = np.random.default_rng(0).permutation(distances)
    assert aggregate(shuffled, recipe) == pytest.approx(score)


def ladder(**knobs: object) -> Bank:
    """A bank on a line: 0 from golden part 0, 10 from golden part 1 at its second angle."""
    vectors = np.array([[0.0], [10.0]], np.float32)
    origins = np.array([[0, 0, 1, 2], [1, 1, 3, 4]], np.int32)
    recipe = Recipe(metric=Metric.EUCLIDEAN, resolution_px=32, rotations_deg=(180.0,), **knobs)  # type: ignore[arg-type]
    return Bank(BankContent(vectors, origins, 0.0), recipe, torch.device("cpu"))


def score_image(bank: Bank, vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]], prepared: PreparedImage) -> ScoredImage:
    """Score a picture whose inspected patches have these vectors."""
    tokens = np.zeros((*prepared.inspected.shape, vectors.shape[1]), np.float32)
    tokens[prepared.inspected] = vectors
    (measured,) = bank.measure([Picture(prepared, torch.from_numpy(tokens))])
    return score_patches(measured, prepared, bank.recipe)


def test_worst_patch_names_its_nearest_golden_part() -> None:
    bank = ladder(aggregate=Aggregate.MAX)
    prepared = prepare(np.zeros((32, 48, 3), np.uint8), bank.recipe, 8)  # 4 x 6 patches
    vectors = np.zeros((24, 1), np.float32)
    vectors[15] = 13.0
    scored = score_image(bank, vectors, prepared)
    assert scored.score == pytest.approx(3.0)
    assert scored.grid.shape == (4, 6)
    assert scored.grid[2, 3] == pytest.approx(3.0)
    assert np.count_nonzero(scored.grid) == 1
    worst = scored.worst
    assert worst is not None
    assert (worst.row, worst.column, worst.golden, worst.angle_deg, worst.golden_row, worst.golden_column) == (2, 3, 1, 180.0, 3, 4)
    assert worst.distance == pytest.approx(3.0)


def test_patches_left_out_have_no_heat_and_no_vote() -> None:
    bank = ladder(aggregate=Aggregate.MEAN)
    left = InspectionMask(include=(((0, 0), (0.5, 0), (0.5, 1), (0, 1)),))
    prepared = prepare(np.zeros((32, 48, 3), np.uint8), bank.recipe, 8, left)
    vectors = np.full((12, 1), 2.0, np.float32)
    vectors[7] = 4.0  # the second patch of the third row, of three inspected ones each
    scored = score_image(bank, vectors, prepared)
    assert scored.score == pytest.approx(26 / 12)
    assert (scored.grid[:, 3:] == 0).all()
    assert scored.grid[2, 1] == pytest.approx(4.0)
    assert scored.worst is not None
    assert (scored.worst.row, scored.worst.column) == (2, 1)


def test_distance_of_a_patch_is_the_mean_of_its_neighbours() -> None:
    bank = ladder(aggregate=Aggregate.MAX, neighbours=2)
    prepared = prepare(np.zeros((32, 32, 3), np.uint8), bank.recipe, 8)
    scored = score_image(bank, np.full((16, 1), 4.0, np.float32), prepared)
    assert scored.score == pytest.approx(5.0)
    assert scored.worst is not None
    assert scored.worst.distance == pytest.approx(4.0), "to the nearest one"


def test_leaving_a_part_out_raises_the_score() -> None:
    bank = ladder(aggregate=Aggregate.MAX)
    prepared = prepare(np.zeros((32, 32, 3), np.uint8), bank.recipe, 8)
    vectors = np.ones((16, 1), np.float32)
    assert score_image(bank, vectors, prepared).score == pytest.approx(1.0)
    assert score_image(bank.without(0), vectors, prepared).score == pytest.approx(9.0)
    assert score_image(bank.without(1), vectors, prepared).score == pytest.approx(1.0)


def test_reweighting_lowers_the_score_of_a_lone_patch() -> None:
    bank = ladder(aggregate=Aggregate.MAX, reweight_neighbours=2)
    prepared = prepare(np.zeros((32, 32, 3), np.uint8), bank.recipe, 8)
    vectors = np.zeros((16, 1), np.float32)
    vectors[3] = 4.0
    expected = 4.0 * (1 - np.exp(4.0) / (np.exp(4.0) + np.exp(6.0)))
    assert score_image(bank, vectors, prepared).score == pytest.approx(expected)
