"""Nearest-neighbour search over bank vectors: one interface, three engines that find the same neighbours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import faiss
import numpy as np
import numpy.typing as npt
import torch

from goldenpart.server.vision.recipe import SearchIndex

Vectors = npt.NDArray[np.float32]
_MEASURED_AT_ONCE = 1 << 22  # numbers, so that they stay in a cache


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Neighbours of Q queries, nearest first.

    Attributes:
        squared: (Q, k) float32, squared Euclidean distances, >= 0.
        rows: (Q, k) int64, places in the bank.
    """

    squared: Vectors
    rows: npt.NDArray[np.int64]


class VectorSearch(Protocol):
    """Finds neighbours. Belongs to the device executor thread: FAISS's GPU indexes are not thread-safe, even for reading."""

    def search(self, queries: Vectors, neighbours: int) -> Hits:
        """Find the nearest bank vectors.

        Args:
            queries: (Q, D) float32, C-contiguous.
            neighbours: k, at most the number of searchable vectors.
        """


class FaissSearch:
    """FAISS on the CPU: exact (IndexFlatL2), or an inverted file for huge banks (IndexIVFFlat)."""

    def __init__(self, vectors: Vectors, kind: SearchIndex = SearchIndex.EXACT) -> None:
        size, dimension = vectors.shape
        self._vectors = vectors
        self._index = faiss.IndexFlatL2(dimension)
        self._lists = self._probes = 0
        if kind is SearchIndex.IVF:
            self._lists = max(1, min(round(4 * math.sqrt(size)), size // 39))  # FAISS wants 39 training vectors per list
            self._probes = max(1, self._lists // 8)
            self._index = faiss.IndexIVFFlat(self._index, dimension, self._lists)
            self._index.train(vectors)  # k-means with a fixed seed
        self._index.add(vectors)

    def search(self, queries: Vectors, neighbours: int) -> Hits:
        """See `VectorSearch.search`."""
        rows = self._index.search(queries, neighbours, params=self._parameters(self._probes))[1]
        short = rows[:, -1] < 0  # the probed lists held fewer than k
        if short.any():
            rows[short] = self._index.search(queries[short], neighbours, params=self._parameters(self._lists))[1]
        return _measured_again(queries, self._vectors, rows)

    def _parameters(self, probes: int) -> object:
        return faiss.SearchParametersIVF(nprobe=probes) if self._lists else None


class FaissGpuSearch:
    """FAISS on CUDA, exact. Needs faiss-gpu; one instance of resources per thread (faiss #1777)."""

    def __init__(self, vectors: Vectors, device: torch.device) -> None:
        self._vectors = vectors
        self._resources = faiss.StandardGpuResources()
        self._index = faiss.index_cpu_to_gpu(self._resources, device.index or 0, faiss.IndexFlatL2(vectors.shape[1]))
        self._index.add(vectors)

    def search(self, queries: Vectors, neighbours: int) -> Hits:
        """See `VectorSearch.search`."""
        return _measured_again(queries, self._vectors, self._index.search(queries, neighbours)[1])


class MatmulSearch:
    """Exact search as a blocked matrix product on any torch device; stands in where faiss-gpu is not installed."""

    BLOCK_QUERIES = 4096

    def __init__(self, vectors: Vectors, device: torch.device) -> None:
        self._vectors = torch.from_numpy(vectors).to(device)  # (M, D)
        self._norms = self._vectors.square().sum(dim=1)  # (M,)

    def search(self, queries: Vectors, neighbours: int) -> Hits:
        """See `VectorSearch.search`."""
        blocks = [self._search_block(block, neighbours) for block in torch.split(torch.from_numpy(queries), self.BLOCK_QUERIES)]
        return Hits(np.concatenate([block.squared for block in blocks]), np.concatenate([block.rows for block in blocks]))

    def _search_block(self, block: torch.Tensor, neighbours: int) -> Hits:
        queries = block.to(self._vectors.device)
        rough = torch.addmm(self._norms, queries, self._vectors.T, alpha=-2.0)  # (Q, M), squared distance less |q|^2
        rows = rough.topk(neighbours, dim=1, largest=False).indices
        # The expansion |q|^2 - 2 q.v + |v|^2 cancels where it matters most, near zero; the few winners are measured again directly.
        squared = (queries[:, None, :] - self._vectors[rows]).square().sum(dim=2)  # (Q, k)
        order = squared.argsort(dim=1, stable=True)
        return Hits(squared.gather(1, order).cpu().numpy(), rows.gather(1, order).cpu().numpy())


class SearchWithout:
    """Search of all but a run of rows, which are not found. Belongs to the device executor thread.

    The others get an engine of their own, with a copy of them: FAISS's way to leave rows out (`IDSelector`) takes five times as long.

    Args:
        vectors: (M, D) float32.
        left_out: rows that must not be found; not all of them.
        device: where to search.
    """

    def __init__(self, vectors: Vectors, left_out: range, device: torch.device) -> None:
        self._left_out = left_out
        rest = np.concatenate([vectors[: left_out.start], vectors[left_out.stop :]])
        self._search = open_search(rest, SearchIndex.EXACT, device)

    def search(self, queries: Vectors, neighbours: int) -> Hits:
        """See `VectorSearch.search`; rows are those of the whole."""
        hits = self._search.search(queries, neighbours)
        return Hits(hits.squared, np.where(hits.rows < self._left_out.start, hits.rows, hits.rows + len(self._left_out)))


def _measured_again(queries: Vectors, vectors: Vectors, rows: npt.NDArray[np.int64]) -> Hits:
    """Measure the winners directly.

    FAISS computes |q|^2 - 2 q.v + |v|^2, which cancels where it matters most, near zero, and rounds otherwise in batches of other sizes.
    """
    squared = np.empty(rows.shape, np.float32)
    step = max(1, _MEASURED_AT_ONCE // (rows.shape[1] * vectors.shape[1]))
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        difference = queries[block, None, :] - vectors[rows[block]]  # (q, k, D)
        squared[block] = np.einsum("qkd,qkd->qk", difference, difference)
    order = squared.argsort(axis=1, kind="stable")
    return Hits(np.take_along_axis(squared, order, axis=1), np.take_along_axis(rows, order, axis=1))


def open_search(vectors: Vectors, kind: SearchIndex, device: torch.device) -> VectorSearch:
    """Choose the engine: FAISS on the CPU; on CUDA faiss-gpu, or the matrix product where it is not installed."""
    if device.type == "cpu" or kind is SearchIndex.IVF:
        return FaissSearch(vectors, kind)
    if hasattr(faiss, "StandardGpuResources"):
        return FaissGpuSearch(vectors, device)
    return MatmulSearch(vectors, device)
