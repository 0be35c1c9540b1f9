"""Golden parts judged by one another: which may show a defect, and which show nothing that others do not show.

A defective golden part finds its own defect in the bank, and a second one with a like defect would hide it even if the part itself is left
out. So a patch counts as normal only if several *different* golden parts have something like it: it is measured by its mean distance to the
three nearest parts. Statistic and limit were chosen by measurement (artifacts/reports/golden_audit.md). Distances are
plain: dividing them by what is usual around a patch, as inspection does, helped one category and harmed another in a trial,
and so did comparing how often kinds of patches occur.
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

FIRST_PART, LAST_PART = 1, 3
"""A patch is measured by its mean distance to the parts of these ranks, 1 = nearest."""
WORST_SHARE = 0.0005
"""A part is as suspicious as this share of its patches, the most suspicious ones, is on average."""
CONTAMINATED_FROM = 2.5
"""Robust z-score from which on a part is named contaminated."""
LEAST_PARTS = 5
"""Fewer parts cannot tell which of them is the odd one."""

_NORMAL_IQR = 1.349  # interquartile range of the standard normal distribution
_LEAST_SPREAD = 0.02  # of the median; equal parts must not make a trifle stand out


class AuditVerdict(StrEnum):
    """What a golden part looks like to the others."""

    OK = "ok"
    CONTAMINATED = "contaminated"
    REDUNDANT = "redundant"


@dataclass(frozen=True, slots=True, eq=False)
class PartEvidence:
    """One golden part compared with all others.

    Attributes:
        suspicion: mean of its most suspicious patches' distances to the three nearest other parts.
        left_out_score: image score by the recipe against all patches of the others, distances not scaled locally.
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
        upright: (N, D) float32, its inspected patches unrotated.
        parts: (M, D) float32 of every part in order, all angles; its own are not looked at. At least two.
        recipe: metric, neighbours and aggregate.
        reach: distance up to which a patch counts as covered.
        device: where distances are computed.
    """

    def __init__(self, part: int, upright: Vectors, parts: Sequence[Vectors], recipe: Recipe, reach: float, device: torch.device) -> None:
        self._part = part
        self._upright = upright
        self._parts = parts
        self._recipe = recipe
        self._reach = reach
        self._device = device
        self._others = [other for other in range(len(parts)) if other != part]
        self._nearest: list[Distances] = []
        self._best: torch.Tensor | None = None

    def steps(self) -> Iterator[int]:
        """Compare; yields the number of other parts done after each."""
        for done, other in enumerate(self._others, 1):
            distances = distances_between(self._upright, self._parts[other], self._recipe.metric, self._device)  # (N, M)
            count = min(self._recipe.neighbours, distances.shape[1])
            best = distances.topk(count, dim=1, largest=False).values if count > 1 else distances.min(dim=1, keepdim=True).values  # (N, k)
            self._nearest.append(best[:, 0].cpu().numpy())
            joined = best if self._best is None else torch.cat([self._best, best], dim=1)
            self._best = joined.topk(min(self._recipe.neighbours, joined.shape[1]), dim=1, largest=False).values
            yield done

    def evidence(self) -> PartEvidence:
        """Return what was found once `steps` is exhausted."""
        assert self._best is not None, "steps come before evidence"
        nearest = np.stack(self._nearest)  # (P - 1, N)
        suspicions = patch_suspicions(nearest)
        worst = int(suspicions.argmax())
        covered = np.zeros((len(self._parts), len(self._upright)), np.bool_)
        covered[self._others] = nearest <= self._reach
        return PartEvidence(
            suspicion=mean_of_largest(suspicions, WORST_SHARE),
            left_out_score=aggregate(self._best.mean(dim=1).cpu().numpy(), self._recipe),
            covered_by=covered,
            farthest=float(nearest.min(axis=0).max()),
            worst=worst,
            nearest=self._others[int(nearest[:, worst].argmin())],
        )


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
