"""Coresets against a brute-force reference, their radius, their repeatability, and their appetite for memory."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenpart.server.vision.coreset import CoresetProgress, GreedySampler, RandomSampler, VectorSampler, open_sampler
from goldenpart.server.vision.k_center import FRONT, KCenter
from goldenpart.server.vision.recipe import Coreset, Recipe

CPU = torch.device("cpu")
Vectors = npt.NDArray[np.float32]


def cloud(count: int, dimension: int = 6, seed: int = 0) -> Vectors:
    return np.random.default_rng(seed).standard_normal((count, dimension), np.float32)


def run(sampler: VectorSampler, vectors: Vectors, piece: int = 1_000_000) -> tuple[Vectors, npt.NDArray[np.int64], list[CoresetProgress]]:
    progress: list[CoresetProgress] = []
    for start in range(0, len(vectors), piece):
        progress += sampler.add(vectors[start : start + piece], np.arange(start, min(start + piece, len(vectors)), dtype=np.int64))
    progress += sampler.finish()
    return *sampler.kept(), progress


def distances(left: Vectors, right: Vectors) -> npt.NDArray[np.float64]:
    return np.asarray(np.linalg.norm(left[:, None].astype(np.float64) - right[None].astype(np.float64), axis=2))


def farthest_first(vectors: Vectors, budget: int, first: int) -> set[int]:
    """Gonzalez 1985, written down naively."""
    chosen = [first]
    while len(chosen) < budget:
        chosen.append(int(distances(vectors, vectors[chosen]).min(axis=1).argmax()))
    return set(chosen)


@pytest.mark.parametrize(("count", "budget", "seed"), [(60, 7, 0), (200, 40, 1), (50, 49, 2), (30, 1, 3), (900, 500, 4)])
def test_greedy_equals_the_naive_algorithm(count: int, budget: int, seed: int) -> None:
    vectors = cloud(count, seed=seed)
    kept, rows, _ = run(GreedySampler(budget, 128, seed, CPU), vectors)
    first = int(np.random.default_rng(seed).integers(count))  # the only random choice without a projection
    assert set(rows.tolist()) == farthest_first(vectors, budget, first)
    assert (kept == vectors[rows]).all()
    assert (np.diff(rows) > 0).all()


def test_centres_come_in_the_order_of_one_by_one_choice_and_many_to_a_round() -> None:
    vectors = cloud(20_000, 8)
    chooser, rounds = KCenter(torch.from_numpy(vectors), 17), 0
    while chooser.count < 1000:
        chooser.grow(1000)
        rounds += 1
    exact = vectors.astype(np.float64)
    nearest = np.square(exact - exact[17]).sum(axis=1)
    for centre in chooser.centres[1:]:
        assert nearest[centre] == pytest.approx(nearest.max(), abs=1e-4), "farthest from all that were chosen before"
        nearest = np.minimum(nearest, np.square(exact - exact[centre]).sum(axis=1))
    assert chooser.radius == pytest.approx(np.sqrt(nearest.max()), abs=1e-4)
    assert rounds < 100, "or it would be no faster"


@settings(max_examples=25, deadline=None)
@given(st.integers(6, 11), st.integers(1, 4), st.integers(0, 1000))
def test_radius_is_at_most_twice_the_optimum(count: int, budget: int, seed: int) -> None:
    vectors = cloud(count, 2, seed)
    sampler = GreedySampler(budget, 128, seed, CPU)
    kept, _, _ = run(sampler, vectors)
    radius = distances(vectors, kept).min(axis=1).max()
    matrix = distances(vectors, vectors)
    optimum = min(matrix[:, list(centres)].min(axis=1).max() for centres in itertools.combinations(range(count), budget))
    assert radius <= 2 * optimum + 1e-5
    assert sampler.radius == pytest.approx(radius, abs=1e-3)


def test_projected_distances_still_spread_the_centres() -> None:
    vectors = np.concatenate([cloud(300, 400, seed) * 0.05 + 10 * cloud(1, 400, 100 + seed) for seed in range(8)])
    _, rows, _ = run(GreedySampler(8, 64, 0, CPU), vectors)
    assert sorted(rows // 300) == list(range(8)), "one centre in every cluster"


def test_same_seed_same_bytes_other_seed_other_rows() -> None:
    vectors = cloud(3000, 200)
    same = [run(GreedySampler(100, 32, 5, CPU, chunk_vectors=500), vectors, 170) for _ in range(2)]
    assert same[0][0].tobytes() == same[1][0].tobytes()
    assert same[0][1].tobytes() == same[1][1].tobytes()
    assert set(run(GreedySampler(100, 32, 6, CPU, chunk_vectors=500), vectors, 170)[1].tolist()) != set(same[0][1].tolist())


@pytest.mark.parametrize("piece", [1, 13, 64, 1000])
def test_merging_keeps_the_budget_and_bounds_the_radius(piece: int) -> None:
    vectors = cloud(1000, 4)
    sampler = GreedySampler(50, 128, 0, CPU, chunk_vectors=64)
    kept, rows, _ = run(sampler, vectors, piece)
    assert len(kept) == len(set(rows.tolist())) == 50
    assert (kept == vectors[rows]).all()
    assert (np.diff(rows) > 0).all()
    true_radius = distances(vectors, kept).min(axis=1).max()
    assert true_radius <= sampler.radius + 1e-4
    at_once = GreedySampler(50, 128, 0, CPU)
    run(at_once, vectors)
    assert true_radius <= 3 * at_once.radius, "merge-and-reduce must stay near the coreset of everything"


def test_memory_never_exceeds_budget_plus_chunk() -> None:
    sampler = GreedySampler(50, 128, 0, CPU, chunk_vectors=64)
    vectors = cloud(777, 4)
    held = []
    for start in range(0, 777, 29):
        list(sampler.add(vectors[start : start + 29], np.arange(start, min(start + 29, 777), dtype=np.int64)))
        held.append(len(sampler.kept()[0]))
    assert max(held) <= 50 + 64
    assert max(held) > 50, "the chunk is used"


def test_nothing_is_dropped_within_the_budget() -> None:
    vectors = cloud(40)
    sampler = GreedySampler(40, 128, 0, CPU)
    kept, rows, progress = run(sampler, vectors, 7)
    assert (kept == vectors).all()
    assert rows.tolist() == list(range(40))
    assert sampler.radius == 0.0
    assert progress == []


def test_duplicates_are_chosen_after_everything_else() -> None:
    vectors = np.repeat(cloud(5), 20, axis=0)
    _, rows, _ = run(GreedySampler(30, 128, 0, CPU), vectors)
    assert len(set(rows.tolist())) == 30
    assert set((rows // 20).tolist()) == set(range(5))


@pytest.mark.parametrize("offset", [1e3, 1e4, 1e5])
def test_no_rounding_error_chooses_a_vector_twice(offset: float) -> None:
    vectors = cloud(300) + np.float32(offset)  # squared lengths so large that their last digit outweighs every distance
    _, rows, _ = run(GreedySampler(200, 128, 0, CPU), vectors)
    assert len(set(rows.tolist())) == 200


def test_progress_counts_up_to_the_budget() -> None:
    _, _, progress = run(GreedySampler(600, 128, 0, CPU), cloud(900))
    done = [step.done for step in progress]
    assert {step.total for step in progress} == {600}
    assert done[-1] == 600
    assert all(0 < later - earlier <= FRONT for earlier, later in itertools.pairwise([1, *done])), "inspections come between"


def test_random_is_uniform() -> None:
    picked = np.zeros(40)
    vectors = cloud(40, 2)
    for seed in range(2000):
        picked[run(RandomSampler(10, seed), vectors, 7)[1]] += 1
    expected = 2000 * 10 / 40
    statistic = float(((picked - expected) ** 2 / expected).sum()) / (1 - 10 / 40)  # without replacement the counts scatter less
    assert statistic < 81.0, "0.9999 quantile of chi-squared with 39 degrees of freedom"
    assert statistic > 12.0, "nor suspiciously even: 0.0001 quantile"


@pytest.mark.parametrize("piece", [1, 9, 500])
def test_random_depends_on_the_seed_only(piece: int) -> None:
    vectors = cloud(500)
    kept, rows, _ = run(RandomSampler(60, 3), vectors, piece)
    assert rows.tolist() == run(RandomSampler(60, 3), vectors)[1].tolist()
    assert rows.tolist() != run(RandomSampler(60, 4), vectors)[1].tolist()
    assert (kept == vectors[rows]).all()
    assert (np.diff(rows) > 0).all()


@pytest.mark.parametrize(
    ("recipe", "kind", "kept"),
    [
        (Recipe(coreset=Coreset.NONE), GreedySampler, 90),
        (Recipe(coreset_vectors=20), GreedySampler, 20),
        (Recipe(coreset_vectors=0, coreset_ratio=0.1), GreedySampler, 9),
        (Recipe(coreset=Coreset.RANDOM, coreset_vectors=0, coreset_ratio=0.5), RandomSampler, 45),
    ],
)
def test_recipe_chooses_the_sampler(recipe: Recipe, kind: type, kept: int) -> None:
    sampler = open_sampler(recipe, 90, CPU)
    assert isinstance(sampler, kind)
    assert len(run(sampler, cloud(90))[0]) == kept
