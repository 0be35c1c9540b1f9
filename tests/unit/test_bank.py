"""Banks: bytes, distances, PatchCore's re-weighting, and golden parts left out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.numpy import save

from goldenpart.server.errors import InvalidArgumentError, RevisionDamagedError
from goldenpart.server.vision.bank import GOLDEN, Bank, BankContent
from goldenpart.server.vision.recipe import Aggregate, Metric, Recipe

Vectors = npt.NDArray[np.float32]
CPU = torch.device("cpu")
PER_PART = 30


def unit_vectors(count: int, seed: int = 0, dimension: int = 12) -> Vectors:
    vectors = np.random.default_rng(seed).standard_normal((count, dimension), np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def content(parts: int = 4, *, scale: float = 1.0) -> BankContent:
    count = parts * PER_PART
    origins = np.zeros((count, 4), np.int32)
    origins[:, GOLDEN] = np.arange(count) // PER_PART
    origins[:, 2:] = np.stack(np.divmod(np.arange(count) % PER_PART, 6), axis=1)
    return BankContent(unit_vectors(count) * np.float32(scale), origins, 0.25)


def bank(recipe: Recipe, *, scale: float = 1.0) -> Bank:
    return Bank(content(scale=scale), recipe, CPU)


def test_bytes_survive_a_round_trip() -> None:
    data = content().to_bytes()
    again = BankContent.from_bytes(data)
    assert again.to_bytes() == data == content().to_bytes()
    assert again.vectors.tobytes() == content().vectors.tobytes()
    assert again.origins.tobytes() == content().origins.tobytes()
    assert again.radius == 0.25
    assert again.digest() == content().digest() != content(3).digest()


def tensors(**changed: npt.NDArray[np.generic]) -> bytes:
    whole = {"vectors": content().vectors, "origins": content().origins, "radius": np.array([0.25])}
    return save({**whole, **changed})


def not_finite() -> Vectors:
    vectors = content().vectors.copy()
    vectors[3, 3] = np.nan
    return vectors


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 64,
        content().to_bytes()[:-1],
        content().to_bytes()[:40],
        save({"vectors": content().vectors}),
        tensors(vectors=content().vectors.astype(np.float64)),
        tensors(vectors=content().vectors[:-1]),
        tensors(vectors=content().vectors[:, :, None]),
        tensors(vectors=content().vectors[:0], origins=content().origins[:0]),
        tensors(vectors=not_finite()),
        tensors(origins=content().origins.astype(np.int64)),
        tensors(origins=content().origins[:, :3].copy()),
        tensors(origins=content().origins[::-1].copy()),
        tensors(origins=content().origins - 1),
        tensors(radius=np.array([])),
    ],
    ids=["empty", "garbage", "cut", "cut_in_header", "missing", "float64", "fewer_vectors", "three_axes", "no_vectors", "nan",
         "int64", "three_columns", "unsorted", "negative", "no_radius"],
)  # fmt: skip
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(RevisionDamagedError, match="bank") as caught:
        BankContent.from_bytes(data)
    assert caught.value.metadata["file"] == "bank.safetensors"


def test_cosine_distance_is_one_minus_the_cosine() -> None:
    queries = unit_vectors(50, seed=1)
    found = bank(Recipe(neighbours=4)).neighbours(queries)
    expected = np.sort(1.0 - queries.astype(np.float64) @ content().vectors.T.astype(np.float64), axis=1)[:, :4]
    np.testing.assert_allclose(found.distances, expected, atol=1e-6)
    np.testing.assert_allclose(1.0 - (content().vectors[found.rows] * queries[:, None]).sum(axis=2), found.distances, atol=1e-6)


def test_euclidean_distance_is_not_squared() -> None:
    queries = 7 * unit_vectors(50, seed=1)
    found = bank(Recipe(metric=Metric.EUCLIDEAN, neighbours=3), scale=5.0).neighbours(queries)
    expected = np.sort(np.linalg.norm(queries[:, None] - content(scale=5.0).vectors[None], axis=2), axis=1)[:, :3]
    np.testing.assert_allclose(found.distances, expected, rtol=1e-4)


def test_a_small_bank_has_fewer_neighbours() -> None:
    small = Bank(BankContent(unit_vectors(3), np.zeros((3, 4), np.int32), 0.0), Recipe(neighbours=9), CPU)
    assert small.neighbours(unit_vectors(5, seed=1)).distances.shape == (5, 3)


@pytest.mark.parametrize("golden", range(4))
def test_a_golden_part_left_out_is_not_found(golden: int) -> None:
    whole = bank(Recipe(neighbours=2))
    own = content().vectors[golden * PER_PART : (golden + 1) * PER_PART]
    assert (whole.neighbours(own).distances[:, 0] < 1e-6).all()
    found = whole.without(golden).neighbours(own)
    assert not (content().origins[found.rows, GOLDEN] == golden).any()
    rest = np.delete(content().vectors, np.s_[golden * PER_PART : (golden + 1) * PER_PART], axis=0)
    np.testing.assert_allclose(found.distances[:, 0], (1 - own @ rest.T).min(axis=1), atol=1e-6)


def test_a_part_without_vectors_changes_nothing_when_left_out() -> None:
    queries = unit_vectors(10, seed=2)
    assert (bank(Recipe()).without(9).neighbours(queries).rows == bank(Recipe()).neighbours(queries).rows).all()


def test_the_only_part_cannot_be_left_out() -> None:
    single = Bank(BankContent(unit_vectors(5), np.zeros((5, 4), np.int32), 0.0), Recipe(), CPU)
    with pytest.raises(InvalidArgumentError, match="at least 2 golden parts"):
        single.without(0).neighbours(unit_vectors(2))


def equation_7(vectors: Vectors, query: Vectors, count: int, *, cosine: bool) -> tuple[int, float, float]:
    """PatchCore's formula, term by term: m*, its distance, and the factor."""

    def measure(left: Vectors, right: Vectors) -> npt.NDArray[np.float64]:
        difference = np.linalg.norm(left.astype(np.float64) - right.astype(np.float64), axis=-1)
        return np.asarray(difference**2 / 2 if cosine else difference)

    distances = measure(vectors, query)
    nearest = int(distances.argmin())
    around = measure(vectors, vectors[nearest]).argsort(kind="stable")[:count]
    return nearest, float(distances[nearest]), float(1 - np.exp(distances[nearest]) / np.exp(distances[around]).sum())


@pytest.mark.parametrize("metric", [*Metric])
@pytest.mark.parametrize("count", [2, 3, 9])
def test_reweighting_is_equation_7(metric: Metric, count: int) -> None:
    recipe = Recipe(metric=metric, aggregate=Aggregate.MAX, reweight_neighbours=count)
    for query in unit_vectors(20, seed=3):
        row, distance, factor = equation_7(content().vectors, query, count, cosine=metric is not Metric.EUCLIDEAN)
        assert bank(recipe).reweighting(query, row, distance, recipe.reweight_neighbours) == pytest.approx(factor, abs=1e-5)


def test_reweighting_of_far_vectors_does_not_overflow() -> None:
    vectors = np.array([[0.0, 0.0], [0.0, 3000.0], [3000.0, 0.0]], np.float32)
    far = Bank(
        BankContent(vectors, np.zeros((3, 4), np.int32), 0.0),
        Recipe(metric=Metric.EUCLIDEAN, aggregate=Aggregate.MAX, reweight_neighbours=3),
        CPU,
    )
    assert far.reweighting(np.array([-1.0, -1.0], np.float32), 0, 2**0.5, 3) == 1.0


def test_reweighting_leaves_a_golden_part_out_too() -> None:
    recipe = Recipe(aggregate=Aggregate.MAX, reweight_neighbours=5)
    query = unit_vectors(1, seed=4)[0]
    rest = content().vectors[PER_PART:]
    row, distance, factor = equation_7(rest, query, 5, cosine=True)
    assert bank(recipe).without(0).reweighting(query, row + PER_PART, distance, 5) == pytest.approx(factor, abs=1e-5)


def test_size_counts_vectors_origins_and_radius() -> None:
    assert bank(Recipe()).size_bytes == 4 * PER_PART * (12 * 4 + 4 * 4) + 8
