"""Golden parts judged by one another: which may show a defect, and which show nothing that others do not show.

A defective golden part finds its own defect in the bank, and a second one with a like defect would hide it even if the part itself is left
out. So a patch counts as normal only if several *different* golden parts have something like it: it is measured by its mean distance to the
three nearest parts.

Where parts can be laid over each other, a patch is compared with what the others show *at the same place*, as RegAD does (Huang et al.,
ECCV 2022): only so does a missing hole stand out, since plain metal is nothing new. That distance is divided by what is usual there, the
median of what the others have at their places, but no less than the median of all places: a worn edge may differ, a flat face may not.
Where parts cannot be laid over each other, plain distances count. Statistic and limits were chosen by measurement
(artifacts/reports/golden_audit.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from goldenpart.server.vision.audit_comparison import PartEvidence
from goldenpart.server.vision.coverage import Distances

WORST_SHARE = 0.0005
"""A part is as suspicious as this share of its patches, the most suspicious ones, is on average."""
LIE_ALIKE_FROM, LIE_ALIKE_SHARE = 0.65, 0.9
"""Parts lie alike when this share of their pairs agree on this share of their matches or more."""
CONTAMINATED_FROM = 2.5
"""Robust z-score from which on a part is named contaminated."""
LEAST_PARTS = 5
"""Fewer parts cannot tell which of them is the odd one."""

_LEAST_DISTANCE = float(np.finfo(np.float32).tiny)
_NORMAL_IQR = 1.349  # interquartile range of the standard normal distribution
_LEAST_SPREAD = 0.02  # of the median; equal parts must not make a trifle stand out


class AuditVerdict(StrEnum):
    """What a golden part looks like to the others."""

    OK = "ok"
    CONTAMINATED = "contaminated"
    REDUNDANT = "redundant"


@dataclass(frozen=True, slots=True)
class PartAudit:
    """The verdict on a golden part.

    Attributes:
        verdict: what it looks like.
        suspicion: mean of its most suspicious patches, distances or, where parts lie alike, multiples of what is usual at their place.
        z_score: robust z-score of its suspicion among all parts.
        p_value: (number of parts with at least its suspicion) / (number of parts).
        worst: place of the most suspicious patch among the inspected ones, in row-major order.
        nearest: the part that is nearest there.
    """

    verdict: AuditVerdict
    suspicion: float
    z_score: float
    p_value: float
    worst: int
    nearest: int


@dataclass(frozen=True, slots=True)
class SetAudit:
    """The verdict on all golden parts.

    Attributes:
        lie_alike: parts were laid over each other and compared place by place.
        parts: in order.
    """

    lie_alike: bool
    parts: tuple[PartAudit, ...]


def mean_of_largest(values: Distances, share: float) -> float:
    """Return the mean of a share of the values, the largest ones, at least of one."""
    count = max(1, int(share * len(values)))
    return float(np.partition(values, -count)[-count:].mean(dtype=np.float64))


def robust_z_scores(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (value - median) / (interquartile range / 1.349), (P,): a quarter of the values may be anything."""
    low, median, high = np.percentile(values, [25, 50, 75])
    spread = max((high - low) / _NORMAL_IQR, _LEAST_SPREAD * abs(median), np.finfo(np.float64).tiny)
    return np.asarray((values - median) / spread, np.float64)


def lie_alike(agreements: Sequence[float]) -> bool:
    """Return whether parts can be laid over each other, given the agreement of every pair."""
    return float(np.quantile(agreements, 1 - LIE_ALIKE_SHARE)) >= LIE_ALIKE_FROM


def multiples_of_usual(unlike: Distances, elsewhere: Sequence[Distances], least: float) -> Distances:
    """Return how much more unlike the others a part's patches are than is usual at their place, (N,) float32.

    Args:
        unlike: (N,) float32, see `PatchEvidence`.
        elsewhere: (N,) float32 each, the same of each other part's patches at the same places.
        least: what is usual is no less.
    """
    usual: Distances = np.maximum(np.median(np.stack(elsewhere), axis=0), np.float32(max(least, _LEAST_DISTANCE)))
    return unlike / usual


def judge_parts(evidence: Sequence[PartEvidence]) -> SetAudit:
    """Name the parts that stand out, and those of the others that could go, all together, without leaving anything uncovered."""
    alike = lie_alike([one.agreement for found in evidence for one in found.registrations.values()])
    compared = [found.in_place if alike else found.anywhere for found in evidence]
    patches = _in_place(evidence) if alike else [found.unlike for found in compared]
    suspicions = np.array([mean_of_largest(each, WORST_SHARE) for each in patches])
    z_scores = robust_z_scores(suspicions)
    p_values = (suspicions[None, :] >= suspicions[:, None]).mean(axis=1)
    enough = len(evidence) >= LEAST_PARTS
    contaminated = {part for part in range(len(evidence)) if enough and z_scores[part] >= CONTAMINATED_FROM}
    redundant = removable_parts(evidence, contaminated)
    worst = [int(each.argmax()) for each in patches]
    return SetAudit(
        alike,
        tuple(
            PartAudit(
                verdict=_verdict(part, contaminated, redundant),
                suspicion=float(suspicions[part]),
                z_score=float(z_scores[part]),
                p_value=float(p_values[part]),
                worst=worst[part],
                nearest=int(compared[part].likest[worst[part]]),
            )
            for part in range(len(evidence))
        ),
    )


def _in_place(evidence: Sequence[PartEvidence]) -> list[Distances]:
    """Compare the parts place by place."""
    unlike = [found.in_place.unlike for found in evidence]
    least = float(np.median(np.concatenate(unlike)))
    trees = [KDTree(found.places) for found in evidence]
    multiples = []
    for found, own in zip(evidence, unlike, strict=True):
        twins = ((other, trees[other].query(lies.carry(found.places))[1]) for other, lies in found.registrations.items())
        multiples.append(multiples_of_usual(own, [unlike[other][places] for other, places in twins], least))
    return multiples


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
