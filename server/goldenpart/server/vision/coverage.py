"""What a set of patches covers: distances between whole pictures' patches, and the greedy choice of what covers most.

Greedy choice is facility location (Nemhauser, Wolsey & Fisher 1978: at least 63 % of the best possible gain), the objective of core-set
active learning (Sener & Savarese, ICLR 2018) with the sum in place of the maximum, so that one odd frame does not lead the ranking.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from goldenpart.server.vision.bank import GOLDEN, BankContent
from goldenpart.server.vision.features import Vectors
from goldenpart.server.vision.recipe import Metric

Distances = npt.NDArray[np.float32]

REPEAT_SHARE, REPEAT_REACH = 0.1, 0.5
"""A near duplicate keeps at most this share of its uncovered distance, and no patch farther beyond the reach than this many reaches."""

_BLOCK_ROWS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Novelty:
    """What one picture has that the bank does not cover.

    Attributes:
        vectors: (n, D) float32, its patches beyond the reach, the farthest first.
        beyond: (n,) float32, by how much each lies beyond the reach, > 0.
        uncovered: patches beyond the reach, n or more where only the farthest were kept.
        patches: inspected patches.
    """

    vectors: Vectors
    beyond: Distances
    uncovered: int
    patches: int


@dataclass(frozen=True, slots=True)
class Pick:
    """A picture that was chosen.

    Attributes:
        place: in the pool.
        gain: share of the pool's uncovered distance that it covers in addition to earlier picks, 0 to 1.
        total: share that it and all earlier picks cover.
        shared: share of its gain that lies in other pictures.
        repeats: places of its near duplicates that were not claimed by an earlier pick.
    """

    place: int
    gain: float
    total: float
    shared: float
    repeats: tuple[int, ...]


def distances_between(queries: Vectors, vectors: Vectors, metric: Metric, device: torch.device) -> torch.Tensor:
    """Return all distances in the recipe's metric, (Q, M) float32 on the device, >= 0."""
    left, right = torch.from_numpy(queries).to(device), torch.from_numpy(vectors).to(device)
    if metric is Metric.EUCLIDEAN:
        return torch.cdist(left, right)
    return (1.0 - left @ right.T).clamp_min_(0.0)


def reach_of(content: BankContent, metric: Metric, device: torch.device) -> float:
    """Return the median distance from a bank vector to the nearest one of another golden part: what lies nearer is nothing new.

    A thinned bank keeps what differs, so this errs on the wide, calm side. 0 if all vectors are of one golden part.
    """
    golden = torch.from_numpy(content.origins[:, GOLDEN].astype(np.int64)).to(device)
    nearest = []
    for start in range(0, len(golden), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        distances = distances_between(content.vectors[rows], content.vectors, metric, device)
        distances[golden[rows, None] == golden[None]] = torch.inf
        nearest.append(distances.min(dim=1).values)
    found = torch.cat(nearest)
    found = found[torch.isfinite(found)]
    return float(found.median()) if len(found) else 0.0


def coreset_reach(content: BankContent, metric: Metric) -> float:
    """Return the coreset's radius in the recipe's metric: what thinning left out lies within it. 0 if nothing was left out.

    The radius is a Euclidean distance measured after a random projection, which keeps distances up to a few per cent.
    """
    return content.radius if metric is Metric.EUCLIDEAN else content.radius**2 / 2.0


def novelty_of(vectors: Vectors, distances: Distances, reach: float, most: int) -> Novelty:
    """Keep what lies beyond the reach.

    Args:
        vectors: (Q, D) float32, the inspected patches.
        distances: (Q,) float32, each to its nearest bank vector.
        reach: see `reach_of`.
        most: keep at most so many, the farthest.
    """
    order = np.argsort(-distances, kind="stable")
    beyond = distances[order] - np.float32(reach)
    uncovered = int(np.count_nonzero(beyond > 0))
    kept = order[: min(most, uncovered)]
    return Novelty(np.ascontiguousarray(vectors[kept]), beyond[: len(kept)], uncovered, len(vectors))


class Coverage:
    """How well each picture of a pool would cover the uncovered patches of all. Device executor thread only.

    Args:
        pool: at least one picture.
        reach: see `reach_of`.
        metric: of the recipe.
        device: where distances are computed.
    """

    def __init__(self, pool: Sequence[Novelty], reach: float, metric: Metric, device: torch.device) -> None:
        self._pool = pool
        self._reach = reach
        self._metric = metric
        self._device = device
        self._owner = np.repeat(np.arange(len(pool)), [len(novelty.beyond) for novelty in pool])  # (G,)
        self._whole = np.concatenate([novelty.beyond for novelty in pool]).astype(np.float64)  # (G,) how far beyond the reach
        self._left = self._whole  # (G,) still uncovered
        self._beyond = np.zeros((len(pool), len(self._left)), np.float32)  # (M, G) what of each patch each picture would leave

    def steps(self) -> Iterator[int]:
        """Measure; yields the number of pictures done after each."""
        everything = np.concatenate([novelty.vectors for novelty in self._pool])
        for place, novelty in enumerate(self._pool):
            if len(novelty.vectors) and len(everything):
                nearest = distances_between(novelty.vectors, everything, self._metric, self._device).min(dim=0).values
                self._beyond[place] = (nearest - self._reach).clamp_min_(0.0).cpu().numpy()
            else:
                self._beyond[place] = np.inf
            yield place + 1

    def picks(self, most: int, least_gain: float) -> Iterator[Pick]:
        """Choose pictures greedily, once `steps` is exhausted; ends when no gain is left or it falls below `least_gain`.

        Args:
            most: how many.
            least_gain: smallest share of the pool's uncovered distance that is worth a pick.
        """
        whole = float(self._left.sum())
        free = np.array([len(novelty.beyond) > 0 for novelty in self._pool])
        for _ in range(most):
            gains = np.where(free, np.maximum(self._left - self._beyond, 0.0).sum(axis=1), 0.0)
            best = int(gains.argmax())
            if gains[best] <= 0 or gains[best] < least_gain * whole * (1 - 1e-9):
                return
            yield self._pick(best, float(gains[best]), whole, free)

    def repeats_of(self, place: int, among: npt.NDArray[np.bool_]) -> tuple[int, ...]:
        """Return the near duplicates of a picture among those marked: as a golden part it would leave next to nothing of them uncovered."""
        pictures = len(self._pool)
        worst = np.zeros(pictures)
        np.maximum.at(worst, self._owner, self._beyond[place])
        left = np.bincount(self._owner, self._beyond[place], pictures)
        whole = np.bincount(self._owner, self._whole, pictures)
        found = among & (whole > 0) & (left <= REPEAT_SHARE * whole) & (worst <= REPEAT_REACH * self._reach)
        found[place] = False
        return tuple(np.flatnonzero(found).tolist())

    def _pick(self, place: int, gain: float, whole: float, free: npt.NDArray[np.bool_]) -> Pick:
        gained = np.maximum(self._left - self._beyond[place], 0.0)
        shared = float(gained[self._owner != place].sum()) / gain
        self._left = self._left - gained
        repeats = self.repeats_of(place, free)
        free[[place, *repeats]] = False
        return Pick(place, gain / whole, 1.0 - float(self._left.sum()) / whole, shared, repeats)
