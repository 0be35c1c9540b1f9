"""Golden parts judged by one another: which may show a defect, and which show nothing that others do not show.

A defective golden part finds its own defect in the bank, and a second one with a like defect would hide it even if the part itself is left
out. So a patch counts as normal only if several *different* golden parts have something like it: it is measured by its mean distance to the
second- to fourth-nearest part, in what is usual for the patches it is like (`vision.local_scale` says why; here the part that is judged and
the part that is asked are both left out). Statistic and limit were chosen by measurement (artifacts/reports/golden_audit.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import torch

from goldenpart.server.vision.coverage import Distances, distances_between
from goldenpart.server.vision.features import Vectors
from goldenpart.server.vision.recipe import Recipe
from goldenpart.server.vision.scoring import aggregate

FIRST_PART, LAST_PART = 2, 4
"""A patch is measured by its mean distance to the parts of these ranks, 1 = nearest."""
WORST_SHARE = 0.003
"""A part is as suspicious as this share of its patches, the most suspicious ones, is on average."""
CONTAMINATED_FROM = 2.5
"""Robust z-score from which on a part is named contaminated."""
LEAST_PARTS = 5
"""Fewer parts cannot tell which of them is the odd one."""

_NORMAL_IQR = 1.349  # interquartile range of the standard normal distribution
_LEAST_DISTANCE = 1e-3  # distances below this are sensor noise
_LEAST_SPREAD = 0.02  # of the median; equal parts must not make a trifle stand out


class AuditVerdict(StrEnum):
    """What a golden part looks like to the others."""

    OK = "ok"
    CONTAMINATED = "contaminated"
    REDUNDANT = "redundant"


@dataclass(frozen=True, slots=True, eq=False)
class PartDistances:
    """One golden part compared with all others.

    Attributes:
        nearest: (P, N) float32, distance of each of its N upright patches to each part; infinite to itself.
        matches: (P, N) int32, the upright patch of each part that is nearest; 0 of itself.
        left_out_score: image score by the recipe against all patches of the others, distances not scaled locally.
    """

    nearest: Distances
    matches: npt.NDArray[np.int32]
    left_out_score: float


@dataclass(frozen=True, slots=True, eq=False)
class PartEvidence:
    """What speaks for and against one golden part.

    Attributes:
        suspicion: mean of its most suspicious patches' distances to the second- to fourth-nearest other part, in what is usual there.
        left_out_score: see `PartDistances`.
        covered_by: (P, N) bool, which of its N patches lie within reach of which part; its own row is false.
        farthest: largest distance of its patches to the nearest other part.
        worst: place of the most suspicious patch among the inspected ones, in row-major order.
        nearest: the part that is nearest there.
    """

    suspicion: float
    left_out_score: float
    covered_by: npt.NDArray[np.bool_]
    farthest: float
    worst: int
    nearest: int

    @property
    def covered_share(self) -> float:
        """Share of its patches that another part covers."""
        return float(self.covered_by.any(axis=0).mean())


@dataclass(frozen=True, slots=True)
class PartAudit:
    """The verdict on a golden part.

    Attributes:
        verdict: what it looks like.
        z_score: robust z-score of its suspicion among all parts.
        p_value: (number of parts with at least its suspicion) / (number of parts).
    """

    verdict: AuditVerdict
    z_score: float
    p_value: float


class PartComparison:
    """Compares one golden part with the others, part by part. Device executor thread only.

    Args:
        part: its place.
        parts: for every part in order its (N, D) float32 inspected patches at each angle, the unrotated ones first. At least two parts.
        recipe: metric, neighbours and aggregate.
        device: where distances are computed.
    """

    def __init__(self, part: int, parts: Sequence[Sequence[Vectors]], recipe: Recipe, device: torch.device) -> None:
        self._parts = parts
        self._recipe = recipe
        self._device = device
        self._upright = parts[part][0]
        self._others = [other for other in range(len(parts)) if other != part]
        self._nearest = np.full((len(parts), len(self._upright)), np.inf, np.float32)
        self._matches = np.zeros(self._nearest.shape, np.int32)
        self._best: torch.Tensor | None = None

    def steps(self) -> Iterator[int]:
        """Compare; yields the number of other parts done after each."""
        for done, other in enumerate(self._others, 1):
            views = self._parts[other]
            distances = distances_between(self._upright, np.concatenate(views), self._recipe.metric, self._device)  # (N, M)
            count = min(self._recipe.neighbours, distances.shape[1])
            best = distances.topk(count, dim=1, largest=False).values if count > 1 else distances.min(dim=1, keepdim=True).values  # (N, k)
            self._nearest[other] = best[:, 0].cpu().numpy()
            self._matches[other] = distances[:, : len(views[0])].argmin(dim=1).cpu().numpy()
            joined = best if self._best is None else torch.cat([self._best, best], dim=1)
            self._best = joined.topk(min(self._recipe.neighbours, joined.shape[1]), dim=1, largest=False).values
            yield done

    def distances(self) -> PartDistances:
        """Return what was found once `steps` is exhausted."""
        assert self._best is not None, "steps come before distances"
        return PartDistances(self._nearest, self._matches, aggregate(self._best.mean(dim=1).cpu().numpy(), self._recipe))


def weigh(found: Sequence[PartDistances], reach: float) -> Iterator[PartEvidence]:
    """Yield the evidence of each part.

    Args:
        found: the comparison of every part, in order.
        reach: distance up to which a patch counts as covered.
    """
    suspicions = relative_suspicions([one.nearest for one in found], [one.matches for one in found])
    for one, suspicion in zip(found, suspicions, strict=True):
        worst = int(suspicion.argmax())
        yield PartEvidence(
            suspicion=mean_of_largest(suspicion, WORST_SHARE),
            left_out_score=one.left_out_score,
            covered_by=one.nearest <= reach,
            farthest=float(one.nearest.min(axis=0).max()),
            worst=worst,
            nearest=int(one.nearest[:, worst].argmin()),
        )


def relative_suspicions(nearest: Sequence[Distances], matches: Sequence[npt.NDArray[np.int32]]) -> Iterator[Distances]:
    """Yield for each of P parts how suspicious its patches are in what is usual around them, (N,) float32.

    A patch's own suspicion is divided by the mean of half the suspicion of the patches it is like, one of each other part, and half the
    typical suspicion of all parts.

    Args:
        nearest: (P, N) float32 of each part, see `PartDistances`.
        matches: (P, N) int32 of each part, likewise.
    """
    closest = [_Closest.of(distances) for distances in nearest]
    plain = [ranks.suspicions() for ranks in closest]
    typical = float(np.median(np.concatenate(plain)))
    for part, own in enumerate(plain):
        around = [closest[other].suspicions(without=part)[matches[part][other]] for other in range(len(plain)) if other != part]
        usual = np.mean(around, axis=0) if len(plain) > FIRST_PART else typical
        yield np.asarray(own / ((usual + typical) / 2.0 + _LEAST_DISTANCE), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Closest:
    """The nearest other parts of every patch of one part, one more than count: (K, N) distances, ascending, and parts."""

    distances: Distances
    parts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, nearest: Distances) -> _Closest:
        order = np.argsort(nearest, axis=0)[: min(LAST_PART + 1, len(nearest) - 1)]
        return cls(np.take_along_axis(nearest, order, axis=0), order)

    def suspicions(self, without: int | None = None) -> Distances:
        """Return `patch_suspicions`, or what they would be if one of the other parts were not there."""
        if without is None or len(self.distances) == 1:
            return patch_suspicions(self.distances)
        distances = np.where(self.parts == without, np.inf, self.distances)
        return patch_suspicions(np.sort(distances, axis=0)[:-1])


def patch_suspicions(nearest: Distances, first: int = FIRST_PART, last: int = LAST_PART) -> Distances:
    """Return how unlike several parts each patch is, (N,) float32.

    Args:
        nearest: (P, N) float32, distance of each patch to each of P other parts.
        first: rank of the first part that counts, 1 = nearest.
        last: rank of the last one; with fewer parts, of the last there is.
    """
    ranked = np.sort(nearest, axis=0)
    stop = min(last, len(ranked))
    return np.asarray(ranked[min(first - 1, stop - 1) : stop].mean(axis=0), np.float32)


def mean_of_largest(values: Distances, share: float) -> float:
    """Return the mean of a share of the values, the largest ones, at least of one."""
    count = max(1, int(share * len(values)))
    return float(np.partition(values, -count)[-count:].mean(dtype=np.float64))


def robust_z_scores(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (value - median) / (interquartile range / 1.349), (P,): a quarter of the values may be anything."""
    low, median, high = np.percentile(values, [25, 50, 75])
    spread = max((high - low) / _NORMAL_IQR, _LEAST_SPREAD * abs(median), np.finfo(np.float64).tiny)
    return np.asarray((values - median) / spread, np.float64)


def judge_parts(evidence: Sequence[PartEvidence]) -> tuple[PartAudit, ...]:
    """Name the parts that stand out, and those of the others that could go, all together, without leaving anything uncovered."""
    suspicions = np.array([found.suspicion for found in evidence], np.float64)
    z_scores = robust_z_scores(suspicions)
    p_values = (suspicions[None, :] >= suspicions[:, None]).mean(axis=1)
    enough = len(evidence) >= LEAST_PARTS
    contaminated = {part for part in range(len(evidence)) if enough and z_scores[part] >= CONTAMINATED_FROM}
    redundant = removable_parts(evidence, contaminated)
    verdicts = [_verdict(part, contaminated, redundant) for part in range(len(evidence))]
    return tuple(PartAudit(verdict, float(z), float(p)) for verdict, z, p in zip(verdicts, z_scores, p_values, strict=True))


def removable_parts(evidence: Sequence[PartEvidence], without: set[int]) -> set[int]:
    """Return parts that can go together: every patch of each is covered by a part that stays. The best covered go first.

    Args:
        evidence: of all parts.
        without: parts that cover nothing, because they should go anyway.
    """
    kept = set(range(len(evidence))) - without
    gone: set[int] = set()
    for part in sorted(kept, key=lambda part: evidence[part].farthest):
        stay = sorted(kept - {part})
        if stay and all(evidence[each].covered_by[stay].any(axis=0).all() for each in (*gone, part)):
            kept.discard(part)
            gone.add(part)
    return gone


def _verdict(part: int, contaminated: set[int], redundant: set[int]) -> AuditVerdict:
    if part in contaminated:
        return AuditVerdict.CONTAMINATED
    return AuditVerdict.REDUNDANT if part in redundant else AuditVerdict.OK
