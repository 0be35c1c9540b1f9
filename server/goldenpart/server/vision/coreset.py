"""Which vectors a bank keeps: greedy k-center or random, streamed, so that memory stays at the budget plus one chunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from goldenpart.server.vision.k_center import KCenter
from goldenpart.server.vision.recipe import Coreset, Recipe

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

CHUNK_VECTORS = 32_768
"""Vectors that may wait beside the budget before they are thinned."""


@dataclass(frozen=True, slots=True)
class CoresetProgress:
    """Centres chosen so far, of how many."""

    done: int
    total: int


class VectorSampler(Protocol):
    """Takes vectors bit by bit and keeps at most its budget."""

    @property
    def radius(self) -> float:
        """Upper bound of the distance of a dropped vector to its nearest kept one, in the space the sampler measures in.

        0 if none was dropped. It is attained as long as everything fitted into budget plus chunk; every merge adds its own radius.
        """

    def add(self, vectors: Vectors, rows: Rows) -> Iterator[CoresetProgress]:
        """Take (N, D) vectors and their global row numbers; yields while it works."""

    def finish(self) -> Iterator[CoresetProgress]:
        """Thin to the budget; yields while it works."""

    def kept(self) -> tuple[Vectors, Rows]:
        """Return the kept vectors (M, D) and their row numbers (M,), ascending."""


class GreedySampler:
    """Greedy k-center selection (Gonzalez 1985), the minimax facility location of PatchCore (Roth et al., CVPR 2022, algorithm 1).

    Distances are measured on a Gaussian random projection (Johnson-Lindenstrauss), as there. Vectors beyond budget plus chunk are merged by
    thinning what is held and what is new together, which keeps the coreset a coreset of everything seen (merge-and-reduce,
    Har-Peled & Mazumdar 2004). Nothing random but the projection and the first centre, both from the seed.

    Args:
        budget: vectors to keep.
        projection_dimensions: of the projection; no projection is done if the vectors have no more.
        seed: of the projection and the first centre.
        device: where distances are computed.
        chunk_vectors: how many vectors may wait beside the budget.
    """

    def __init__(
        self, budget: int, projection_dimensions: int, seed: int, device: torch.device, chunk_vectors: int = CHUNK_VECTORS
    ) -> None:
        self._budget = budget
        self._chunk = chunk_vectors
        self._projection_dimensions = projection_dimensions
        self._random = np.random.default_rng(seed)
        self._device = device
        self._projection: torch.Tensor | None = None
        self._vectors: list[Vectors] = []
        self._rows: list[Rows] = []
        self._held = 0
        self._radius = 0.0

    @property
    def radius(self) -> float:
        """See `VectorSampler.radius`."""
        return self._radius

    def add(self, vectors: Vectors, rows: Rows) -> Iterator[CoresetProgress]:
        """See `VectorSampler.add`."""
        for start in range(0, len(vectors), self._chunk):
            piece = slice(start, start + self._chunk)
            if self._held + len(vectors[piece]) > self._budget + self._chunk:
                yield from self._reduce()
            self._vectors.append(vectors[piece])
            self._rows.append(rows[piece])
            self._held += len(vectors[piece])

    def finish(self) -> Iterator[CoresetProgress]:
        """See `VectorSampler.finish`."""
        yield from self._reduce()

    def kept(self) -> tuple[Vectors, Rows]:
        """See `VectorSampler.kept`."""
        vectors, rows = np.concatenate(self._vectors), np.concatenate(self._rows)
        order = np.argsort(rows, kind="stable")
        return vectors[order], rows[order]

    def _reduce(self) -> Iterator[CoresetProgress]:
        if self._held <= self._budget:
            return
        vectors, rows = np.concatenate(self._vectors), np.concatenate(self._rows)
        self._vectors, self._rows = [], []  # they are in the arrays now; twice is too much
        points = self._project(vectors)
        chooser = KCenter(points, int(self._random.integers(len(points))))
        while chooser.count < self._budget:
            chooser.grow(self._budget)
            yield CoresetProgress(chooser.count, self._budget)
        self._radius += chooser.radius  # triangle inequality: what was dropped before was near to what is dropped now
        self._vectors, self._rows, self._held = [vectors[chooser.centres]], [rows[chooser.centres]], self._budget

    def _project(self, vectors: Vectors) -> torch.Tensor:
        dimension = vectors.shape[1]
        points = torch.from_numpy(vectors).to(self._device)
        if dimension <= self._projection_dimensions:
            return points
        if self._projection is None:
            matrix = self._random.standard_normal((dimension, self._projection_dimensions), np.float32)
            self._projection = torch.from_numpy(matrix / np.sqrt(np.float32(self._projection_dimensions))).to(self._device)
        return points @ self._projection  # (N, P)


class RandomSampler:
    """Uniform sampling without replacement in one pass: every vector draws a number, the lowest `budget` stay."""

    def __init__(self, budget: int, seed: int) -> None:
        self._budget = budget
        self._random = np.random.default_rng(seed)
        self._vectors: Vectors | None = None
        self._rows: Rows = np.empty(0, np.int64)
        self._keys = np.empty(0, np.float64)

    @property
    def radius(self) -> float:
        """0: random sampling measures no distance."""
        return 0.0

    def add(self, vectors: Vectors, rows: Rows) -> Iterator[CoresetProgress]:
        """See `VectorSampler.add`."""
        held = vectors if self._vectors is None else np.concatenate([self._vectors, vectors])
        keys = np.concatenate([self._keys, self._random.random(len(vectors))])
        order = np.argsort(keys, kind="stable")[: self._budget]
        self._vectors, self._rows, self._keys = held[order], np.concatenate([self._rows, rows])[order], keys[order]
        yield CoresetProgress(len(order), self._budget)

    def finish(self) -> Iterator[CoresetProgress]:
        """Nothing is left to do."""
        yield CoresetProgress(self._budget, self._budget)

    def kept(self) -> tuple[Vectors, Rows]:
        """See `VectorSampler.kept`."""
        assert self._vectors is not None, "add comes before kept"
        order = np.argsort(self._rows, kind="stable")
        return self._vectors[order], self._rows[order]


def open_sampler(recipe: Recipe, vectors: int, device: torch.device) -> VectorSampler:
    """Choose the sampler for a recipe that will see `vectors` vectors in all."""
    budget = recipe.coreset_budget(vectors)
    if recipe.coreset is Coreset.RANDOM:
        return RandomSampler(budget, recipe.seed)
    return GreedySampler(budget, recipe.coreset_projection_dimensions, recipe.seed, device)
