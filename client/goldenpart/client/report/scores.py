"""Figures about scores and verdicts whose truth is known."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from goldenpart.client.results import Inspection, Verdict


class Label(StrEnum):
    """What a part really is."""

    NORMAL = "normal"
    DEFECTIVE = "defective"


@dataclass(frozen=True, slots=True, eq=False)
class InspectedPart:
    """An inspection with what is known about the part.

    Attributes:
        name: Name of the part for people.
        inspection: The outcome.
        label: What the part really is; None = unknown.
        overlay: Picture of the outcome, any format that Pillow reads; None = none.
        kind: Kind of defect for people, for example "scratch"; empty = unknown or none.
    """

    name: str
    inspection: Inspection
    label: Label | None = None
    overlay: bytes | None = None
    kind: str = ""


def image_auroc(normal: Sequence[float], defective: Sequence[float]) -> float:
    """Return the area under the ROC curve: how often a defective part scores higher than a normal one, ties counted half.

    Computed from ranks (Mann and Whitney 1947; tied scores share their mean rank).

    Args:
        normal: Scores of normal parts, at least one, finite.
        defective: Scores of defective parts, at least one, finite.

    Returns:
        A number in [0, 1]; 0.5 is chance.

    Raises:
        ValueError: A class is missing or a score is not finite.
    """
    if not normal or not defective:
        raise ValueError(f"AUROC needs scores of both classes, not {len(normal)} normal and {len(defective)} defective ones")
    scores = np.concatenate([np.asarray(normal, np.float64), np.asarray(defective, np.float64)])  # (N,)
    if not np.isfinite(scores).all():
        raise ValueError("AUROC needs finite scores; leave out parts that were not inspected")
    rank_sum = float(_mean_ranks(scores)[len(normal) :].sum())
    pairs = len(normal) * len(defective)
    return (rank_sum - len(defective) * (len(defective) + 1) / 2) / pairs


def _mean_ranks(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last_rank = np.cumsum(counts).astype(np.float64)
    return (last_rank - (counts - 1) / 2)[places]


def auroc_of(parts: Iterable[InspectedPart]) -> float | None:
    """Return the AUROC of the parts that were inspected; None unless there are some of both classes."""
    scores: dict[Label, list[float]] = {label: [] for label in Label}
    for part in parts:
        if part.label is not None and part.inspection.verdict is not Verdict.NOT_INSPECTED:
            scores[part.label].append(part.inspection.score)
    return image_auroc(scores[Label.NORMAL], scores[Label.DEFECTIVE]) if all(scores.values()) else None


def confusion(parts: Iterable[InspectedPart]) -> dict[Label, Counter[Verdict]]:
    """Count the verdicts per true label; parts of unknown label are left out."""
    counts: dict[Label, Counter[Verdict]] = {label: Counter() for label in Label}
    for part in parts:
        if part.label is not None:
            counts[part.label][part.inspection.verdict] += 1
    return counts


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and 95th percentile of times, in seconds."""

    p50_s: float
    p95_s: float

    @classmethod
    def of(cls, times_s: Sequence[float]) -> "Spread":
        """Summarise at least one time."""
        p50, p95 = np.percentile(np.asarray(times_s, np.float64), [50, 95])
        return cls(float(p50), float(p95))
