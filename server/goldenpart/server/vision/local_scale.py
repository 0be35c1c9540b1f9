"""How far good patches usually lie from the bank, place by place in feature space: the unit in which a patch's distance is measured.

A distance that is nothing special on a rough casting is a defect on a polished face. So every bank vector knows how far the golden patches
around it lie from the *other* golden parts, and a distance is divided by that. The idea is local scaling (Zelnik-Manor & Perona,
Self-tuning spectral clustering, NIPS 2004) and the local outlier factor (Breunig et al., SIGMOD 2000), with the part as what is left out:
patches of one part are too alike to tell how much parts differ. What it is worth, and on what little
evidence, is in docs/decisions/0006.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from goldenpart.server.vision.recipe import SearchIndex
from goldenpart.server.vision.search import open_search

Vectors = npt.NDArray[np.float32]
Parts = npt.NDArray[np.int32]
Metre = Callable[[Vectors], Vectors]

SAMPLES = 16_384
"""Most golden patches whose distances are looked at, evenly spread over all golden parts."""
_LEAST = 1e-3  # distances below this are sensor noise: golden patches that are all but equal must not make everything else far
_HALF_KNOWN, _MOST_WEIGHT = 9, 0.5  # chosen on 2, 3, 4, 8 and 16 golden parts (docs/decisions/0006)
_BLOCK = 512  # bank vectors of one step


@dataclass(frozen=True, slots=True, eq=False)
class LocalScale:
    """Distances of golden patches to the other golden parts, around every bank vector. Immutable; any thread.

    Attributes:
        distances: (M, K) float32 squared Euclidean, of the K golden patches nearest to each of M bank vectors.
        parts: (M, K) int32, the golden part each of those patches is of.
    """

    distances: Vectors
    parts: Parts

    def __post_init__(self) -> None:
        if self.distances.ndim != 2 or self.distances.shape != self.parts.shape or not self.distances.size:
            raise ValueError(f"distances have shape {self.distances.shape}, parts {self.parts.shape}; both must be (M, K), K >= 1")
        if self.distances.dtype != np.float32 or self.parts.dtype != np.int32 or not np.isfinite(self.distances).all():
            raise ValueError("distances must be finite float32, parts int32")

    def units(self, to_metric: Metre, without: int | None = None) -> Vectors:
        """Return the unit of every bank vector, (M,) float32 > 0: a weighted mean of the mean distance around it and the typical distance.

        Few golden parts tell little about one place, so with n other parts the first weighs n / (n + 9), and never more than a half, so
        that noise does not look like a defect where golden patches hardly differ.

        Args:
            to_metric: turns squared Euclidean distances into the recipe's metric.
            without: a golden part whose own patches must not count, because it is measured as if it were not golden.
        """
        distances = to_metric(self.distances).astype(np.float64)
        counts = np.ones(distances.shape, np.bool_) if without is None else self.parts != without
        if not counts.any():
            return np.ones(len(distances), np.float32)
        typical = float(np.median(distances[counts]))
        number = counts.sum(axis=1)
        local = np.where(number > 0, np.where(counts, distances, 0.0).sum(axis=1) / np.maximum(number, 1), typical)
        others = len(np.unique(self.parts)) - 1
        weight = min(_MOST_WEIGHT, others / (others + _HALF_KNOWN))
        return (weight * local + (1.0 - weight) * typical + _LEAST).astype(np.float32)


class LocalScaleBuilder:
    """Measures a finished bank with patches of its own golden parts. Device executor thread only.

    Args:
        neighbours: K, golden patches that count around a bank vector.
        patches: all inspected patches of all golden parts and angles; every so many of them, evenly spread, is looked at.
    """

    def __init__(self, neighbours: int, patches: int) -> None:
        self._neighbours = neighbours
        self._stride = -(-patches // SAMPLES)
        self._vectors: list[Vectors] = []
        self._parts: list[Parts] = []
        self._built: LocalScale | None = None

    def add(self, vectors: Vectors, part: int, first: int) -> None:
        """Take the patches of one picture.

        Args:
            vectors: (N, D) float32, placed as the bank's are.
            part: golden part they are of.
            first: number of the first of them among all patches.
        """
        chosen = vectors[-first % self._stride :: self._stride]
        self._vectors.append(chosen.copy())
        self._parts.append(np.full(len(chosen), part, np.int32))

    def steps(self, bank: Vectors, owners: npt.NDArray[np.int32], device: torch.device) -> Iterator[int]:
        """Measure; yields how many golden parts are done. Nothing comes of a bank of one part.

        Args:
            bank: (M, D) float32, ordered by golden part.
            owners: (M,) int32, ascending, the golden part of each.
            device: where to search.
        """
        patches, parts = np.concatenate(self._vectors), np.concatenate(self._parts)
        self._vectors.clear()
        order = np.argsort(parts, kind="stable")
        patches, parts = patches[order], parts[order]
        if len(np.unique(owners)) < 2:
            return
        distances = np.empty(len(patches), np.float32)
        for done, part in enumerate(np.unique(parts), 1):
            others = np.ascontiguousarray(bank[owners != part])
            own = parts == part
            distances[own] = open_search(others, SearchIndex.EXACT, device).search(patches[own], 1).squared[:, 0]
            yield done
        search = open_search(patches, SearchIndex.EXACT, device)
        near: list[npt.NDArray[np.int64]] = []
        for start in range(0, len(bank), _BLOCK):
            near.append(search.search(bank[start : start + _BLOCK], min(self._neighbours, len(patches))).rows)
            yield len(np.unique(parts))
        rows = np.concatenate(near)
        self._built = LocalScale(distances[rows], parts[rows])

    @property
    def built(self) -> LocalScale | None:
        """What came of it once `steps` is exhausted; None for a bank of one golden part."""
        return self._built
