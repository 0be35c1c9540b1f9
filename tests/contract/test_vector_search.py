"""One suite for every search engine: they find the same neighbours."""

from __future__ import annotations

from collections.abc import Callable

import faiss
import numpy as np
import numpy.typing as npt
import pytest
import torch

from goldenpart.server.vision.recipe import SearchIndex
from goldenpart.server.vision.search import FaissGpuSearch, FaissSearch, MatmulSearch, SearchWithout, VectorSearch, open_search

Vectors = npt.NDArray[np.float32]
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
NEEDS_FAISS_GPU = pytest.mark.skipif(
    not (torch.cuda.is_available() and hasattr(faiss, "StandardGpuResources")), reason="no CUDA device with faiss-gpu"
)

Engine = Callable[[Vectors], VectorSearch]
ENGINES = [
    pytest.param(FaissSearch, id="faiss"),
    pytest.param(lambda vectors: MatmulSearch(vectors, CPU), id="matmul_cpu"),
    pytest.param(lambda vectors: MatmulSearch(vectors, CUDA), id="matmul_cuda", marks=NEEDS_CUDA),
    pytest.param(lambda vectors: FaissGpuSearch(vectors, CUDA), id="faiss_gpu", marks=NEEDS_FAISS_GPU),
]
EACH_ENGINE = pytest.mark.parametrize("engine", ENGINES)


def cloud(count: int, dimension: int = 24, seed: int = 0) -> Vectors:
    return np.random.default_rng(seed).standard_normal((count, dimension), np.float32)


def brute_force(
    bank: Vectors, queries: Vectors, k: int, skip: range | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    squared = np.square(queries[:, None].astype(np.float64) - bank[None].astype(np.float64)).sum(axis=2)
    if skip is not None:
        squared[:, skip.start : skip.stop] = np.inf
    rows = np.argsort(squared, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(squared, rows, 1), rows


@EACH_ENGINE
@pytest.mark.parametrize("k", [1, 5, 300])
@pytest.mark.parametrize("count", [1, 19, 257])
def test_neighbours_are_those_of_brute_force(engine: Engine, k: int, count: int) -> None:
    bank, queries = cloud(300), cloud(count, seed=1)
    hits = engine(bank).search(queries, k)
    squared, rows = brute_force(bank, queries, k)
    assert hits.squared.dtype == np.float32
    assert hits.rows.dtype == np.int64
    np.testing.assert_allclose(hits.squared, squared, rtol=1e-4, atol=1e-4)
    assert (hits.rows == rows).mean() > 0.999, "only float32 near-ties may swap"


@pytest.mark.parametrize("device", [CPU, pytest.param(CUDA, marks=NEEDS_CUDA)], ids=str)
@pytest.mark.parametrize("skip", [range(40), range(100, 160), range(299, 300), range(7, 7), range(1, 300)])
def test_rows_left_out_are_never_found(device: torch.device, skip: range) -> None:
    bank = cloud(300)
    k = min(3, 300 - len(skip))
    hits = SearchWithout(bank, skip, device).search(bank, k)
    squared, rows = brute_force(bank, bank, k, skip)
    assert not np.isin(hits.rows, np.array(skip)).any()
    np.testing.assert_allclose(hits.squared, squared, rtol=1e-4, atol=1e-4)
    assert (hits.rows == rows).all()


@EACH_ENGINE
def test_a_bank_vector_is_its_own_neighbour(engine: Engine) -> None:
    bank = 40 * cloud(500)  # long vectors: |q|^2 - 2 q.v + |v|^2 loses digits
    hits = engine(bank).search(bank, 1)
    assert (hits.rows[:, 0] == np.arange(500)).all()
    assert hits.squared.min() >= 0, "never negative, a root is taken"
    assert hits.squared.max() <= 1e-6 * np.square(bank).sum(axis=1).max()


@EACH_ENGINE
def test_ties_are_found_once_each(engine: Engine) -> None:
    bank = np.concatenate([np.repeat(cloud(1), 4, axis=0), 50 + cloud(60)])
    hits = engine(bank).search(cloud(30, seed=2), 4)
    assert (np.sort(hits.rows, axis=1) == np.arange(4)).all()
    np.testing.assert_allclose(hits.squared, hits.squared[:, :1].repeat(4, axis=1), rtol=1e-5)


@EACH_ENGINE
def test_distances_ascend_and_repeat(engine: Engine) -> None:
    search, queries = engine(cloud(400)), cloud(50, seed=3)
    first, second = search.search(queries, 9), search.search(queries, 9)
    assert (np.diff(first.squared, axis=1) >= 0).all()
    assert (first.rows == second.rows).all()
    assert (first.squared == second.squared).all()


def test_blocks_of_the_matrix_product_join_in_order() -> None:
    bank, queries = cloud(50), cloud(MatmulSearch.BLOCK_QUERIES + 30, seed=4)
    hits = MatmulSearch(bank, CPU).search(queries, 2)
    assert (hits.rows == FaissSearch(bank).search(queries, 2).rows).mean() > 0.999


def clusters(count: int, seed: int) -> Vectors:
    centres = 6 * cloud(60, 16, 10)
    return np.ascontiguousarray(centres[np.random.default_rng(seed).integers(0, 60, count)] + cloud(count, 16, seed), np.float32)


def test_inverted_file_finds_nearly_all() -> None:
    bank, queries = clusters(6000, 0), clusters(200, 1)
    found, exact = FaissSearch(bank, SearchIndex.IVF).search(queries, 5), FaissSearch(bank).search(queries, 5)
    recall = np.mean([len(set(left) & set(right)) / 5 for left, right in zip(found.rows, exact.rows, strict=True)])
    assert recall >= 0.9
    assert (found.squared >= exact.squared - 1e-2).all(), "an approximate neighbour is never nearer than the true one"


def test_inverted_file_never_returns_a_missing_neighbour() -> None:
    bank = clusters(6000, 0)
    search = FaissSearch(bank, SearchIndex.IVF)
    hits = search.search(bank[:40], 5000)  # the probed lists hold fewer
    assert hits.rows.min() >= 0
    assert np.isfinite(hits.squared).all()
    assert (np.sort(hits.rows, axis=1)[:, 1:] != np.sort(hits.rows, axis=1)[:, :-1]).all()


def test_inverted_file_of_a_tiny_bank_is_exact() -> None:
    bank, queries = cloud(20), cloud(7, seed=1)
    assert (FaissSearch(bank, SearchIndex.IVF).search(queries, 20).rows == brute_force(bank, queries, 20)[1]).all()


@pytest.mark.parametrize(("kind", "device", "engine"), [(SearchIndex.EXACT, CPU, FaissSearch), (SearchIndex.IVF, CUDA, FaissSearch)])
def test_engine_is_chosen_by_device(kind: SearchIndex, device: torch.device, engine: type) -> None:
    assert isinstance(open_search(cloud(50), kind, device), engine)


@NEEDS_CUDA
def test_engine_on_cuda_is_chosen_by_what_is_installed() -> None:
    engine = FaissGpuSearch if hasattr(faiss, "StandardGpuResources") else MatmulSearch
    assert isinstance(open_search(cloud(50), SearchIndex.EXACT, CUDA), engine)
