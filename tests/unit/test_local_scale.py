"""The unit of a patch's distance: how far good patches lie there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from noise_bank import build, golden_parts

from goldenpart.server.errors import RevisionDamagedError
from goldenpart.server.vision.backbones.compact import CompactBackbone
from goldenpart.server.vision.bank import GOLDEN, Bank, BankContent
from goldenpart.server.vision.inference import Query, score_batch
from goldenpart.server.vision.local_scale import SAMPLES, LocalScale, LocalScaleBuilder
from goldenpart.server.vision.preparation import prepare
from goldenpart.server.vision.recipe import Coreset, Recipe, default_recipe

Vectors = npt.NDArray[np.float32]
CPU = torch.device("cpu")
PARTS, CALM, ROUGH = 4, 0.01, 0.2
NOISE = 1e-3  # added to every unit


def two_surfaces(parts: int = PARTS, each: int = 40) -> tuple[Vectors, npt.NDArray[np.int32]]:
    """Golden parts of a calm surface around (0, 0) and a rough one around (10, 0)."""
    chance = np.random.default_rng(0)
    vectors = np.zeros((parts * 2 * each, 2), np.float32)
    surface = np.tile(np.repeat([0, 1], each), parts)
    vectors[:, 0] = 10 * surface
    vectors += chance.standard_normal(vectors.shape, np.float32) * np.where(surface, ROUGH, CALM)[:, None].astype(np.float32)
    return vectors, np.repeat(np.arange(parts, dtype=np.int32), 2 * each)


def measure(vectors: Vectors, owners: npt.NDArray[np.int32], neighbours: int = 8) -> LocalScale | None:
    builder = LocalScaleBuilder(neighbours, len(vectors))
    for part in np.unique(owners):
        rows = np.flatnonzero(owners == part)
        builder.add(vectors[rows], int(part), int(rows[0]))
    for _ in builder.steps(vectors, owners, CPU):
        pass
    return builder.built


def test_distances_are_those_to_other_golden_parts() -> None:
    vectors, owners = two_surfaces()
    found = measure(vectors, owners, neighbours=1)
    assert found is not None
    squared = np.square(vectors[:, None].astype(np.float64) - vectors[None]).sum(axis=2)
    squared[owners[:, None] == owners[None]] = np.inf
    np.testing.assert_allclose(found.distances[:, 0], squared.min(axis=1), rtol=1e-3, atol=1e-6)  # a vector is its own nearest patch
    assert (found.parts[:, 0] == owners).all()


def test_units_follow_the_surface_and_lean_to_the_typical_distance() -> None:
    vectors, owners = two_surfaces()
    found = measure(vectors, owners)
    assert found is not None
    distances = np.sqrt(found.distances.astype(np.float64))
    expected = 0.25 * distances.mean(axis=1) + 0.75 * np.median(distances) + NOISE  # 3 other parts weigh 3 / 12
    np.testing.assert_allclose(found.units(np.sqrt), expected, rtol=1e-3)
    calm = vectors[:, 0] < 5
    assert found.units(np.sqrt)[calm].max() < found.units(np.sqrt)[~calm].min()


def test_a_part_left_out_does_not_set_its_own_unit() -> None:
    distances = np.array([[1.0, 9.0], [4.0, 4.0], [9.0, 9.0]], np.float32)
    parts = np.array([[0, 1], [0, 0], [1, 1]], np.int32)
    scale = LocalScale(distances, parts)
    typical = 3.0  # of what is left without part 0: 3, 3 and 3
    np.testing.assert_allclose(scale.units(np.sqrt, without=0), np.full(3, typical) + NOISE)


@pytest.mark.parametrize(("parts", "weight"), [(2, 0.1), (4, 0.25), (10, 0.5), (64, 0.5)])
def test_more_golden_parts_make_units_more_local_up_to_a_half(parts: int, weight: float) -> None:
    distances = np.full((parts, 1), 1.0, np.float32)
    distances[0] = 4.0
    units = LocalScale(distances, np.arange(parts, dtype=np.int32)[:, None]).units(np.sqrt)
    typical = float(np.median(np.sqrt(distances)))
    np.testing.assert_allclose(
        units[[0, -1]], np.array([weight * 2 + (1 - weight) * typical, weight + (1 - weight) * typical]) + NOISE, rtol=1e-5
    )


def test_nothing_left_to_go_by_leaves_distances_as_they_are() -> None:
    scale = LocalScale(np.ones((2, 1), np.float32), np.zeros((2, 1), np.int32))
    assert scale.units(np.sqrt, without=0).tolist() == [1.0, 1.0]


def test_equal_golden_patches_keep_distances_finite() -> None:
    scale = LocalScale(np.zeros((2, 3), np.float32), np.zeros((2, 3), np.int32))
    assert (scale.units(np.sqrt) > 0).all()


def test_a_bank_of_one_part_has_no_scale() -> None:
    vectors, owners = two_surfaces(parts=1)
    assert measure(vectors, owners) is None


def test_samples_are_bounded_and_evenly_spread() -> None:
    count = 2 * SAMPLES + 10
    builder = LocalScaleBuilder(1, count)
    numbers = np.arange(count, dtype=np.float32)[:, None]
    for start in range(0, count, 1000):
        builder.add(numbers[start : start + 1000], start // 1000, start)
    kept = np.concatenate(builder._vectors)[:, 0]  # what is looked at decides the memory
    assert len(kept) <= SAMPLES
    assert (np.diff(kept) == 3).all()


@pytest.mark.parametrize(
    ("distances", "parts"),
    [
        (np.ones((2, 0), np.float32), np.ones((2, 0), np.int32)),
        (np.ones((2, 3), np.float32), np.ones((3, 2), np.int32)),
        (np.ones((2, 3), np.float64), np.ones((2, 3), np.int32)),
        (np.full((2, 3), np.nan, np.float32), np.ones((2, 3), np.int32)),
    ],
    ids=["empty", "shapes", "float64", "nan"],
)
def test_damaged_scales_are_refused(distances: npt.NDArray[np.generic], parts: npt.NDArray[np.int32]) -> None:
    whole = BankContent(np.eye(2, dtype=np.float32), np.zeros((2, 4), np.int32), 0.0)
    with pytest.raises(RevisionDamagedError, match="bank"):
        BankContent.from_tensors({**whole.tensors(), "local_distances": distances, "local_parts": parts})


def test_a_scale_of_another_bank_is_refused() -> None:
    whole = BankContent(np.eye(2, dtype=np.float32), np.zeros((2, 4), np.int32), 0.0)
    other = {"local_distances": np.ones((3, 1), np.float32), "local_parts": np.zeros((3, 1), np.int32)}
    with pytest.raises(RevisionDamagedError, match="bank"):
        BankContent.from_tensors({**whole.tensors(), **other})


@pytest.fixture(scope="module")
def backbone() -> CompactBackbone:
    return CompactBackbone()


def test_the_bank_divides_by_the_unit_of_the_nearest_vector(backbone: CompactBackbone) -> None:
    recipe = Recipe(resolution_px=64, local_scale_neighbours=8, coreset=Coreset.GREEDY, coreset_vectors=100, rotations_deg=(90.0,))
    bank = build(backbone, recipe).detector
    plain = Bank(BankContent(bank.content.vectors, bank.content.origins, bank.content.radius), recipe, CPU)
    picture = prepare(np.random.default_rng(9).integers(0, 255, (48, 64, 3), np.uint8), recipe, 8)
    scaled, raw = (score_batch(backbone, [Query(detector, picture)])[0].scored for detector in (bank, plain))
    assert bank.content.local_scale is not None
    assert scaled.nearest is not None
    places = {tuple(origin): row for row, origin in enumerate(bank.content.origins.tolist())}
    rows = [places[tuple(origin)] for origin in scaled.nearest.origins.reshape(-1, 4).tolist()]
    units = bank.content.local_scale.units(lambda squared: squared / np.float32(2))
    np.testing.assert_allclose(scaled.grid.ravel(), raw.grid.ravel() / units[rows], rtol=1e-4)
    np.testing.assert_allclose(scaled.nearest.distances, raw.grid, rtol=1e-5)  # what is reported to a person keeps its metric


def test_a_scaled_bank_survives_a_round_trip_byte_for_byte(backbone: CompactBackbone) -> None:
    recipe = Recipe(resolution_px=64, local_scale_neighbours=8, coreset_vectors=100)
    data = build(backbone, recipe).detector.content.to_bytes()
    assert BankContent.from_bytes(data).to_bytes() == data == build(backbone, recipe).detector.content.to_bytes()


def test_good_patches_left_out_lie_around_one_unit(backbone: CompactBackbone) -> None:
    recipe = Recipe(resolution_px=64, local_scale_neighbours=8, coreset=Coreset.NONE)
    bank, shown = build(backbone, recipe).detector, golden_parts(recipe)
    left_out = [score_batch(backbone, [Query(bank.without(part), shown[part][0])])[0].scored.grid for part in range(len(shown))]
    assert 0.7 < float(np.median(left_out)) < 1.4
    assert (bank.content.origins[:, GOLDEN] >= 0).all()


def test_the_preset_of_compact_scales_and_the_preset_of_a_vit_does_not() -> None:
    assert default_recipe("compact").local_scale_neighbours == 32
    assert default_recipe("dinov2_vitb14").local_scale_neighbours == 0
