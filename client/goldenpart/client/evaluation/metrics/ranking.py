"""Counts per distinct score, and how well the score tells two classes apart in many bootstrap replicates at once.

One form for everything: images, pixels (65,536 steps of heat) and replicates (integer weights). Arrays of counts are (..., L) over L
scores in ascending order; leading axes are replicates. The figures of a single set are scikit-learn's (`separation`).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCounts:
    """How many items of each class have which score.

    Attributes:
        scores: (L,) distinct scores, ascending.
        normal: (..., L) float64 counts or weights of normal items, >= 0.
        defective: (..., L) float64, likewise.
    """

    scores: Floats
    normal: Floats
    defective: Floats

    @classmethod
    def of(cls, scores: npt.ArrayLike, defective: npt.ArrayLike) -> Self:
        """Count single items.

        Args:
            scores: (N,) finite; the larger, the less normal.
            defective: (N,) bool, the truth.

        Raises:
            ValueError: The shapes differ, a score is not finite, or a class is missing.
        """
        values, truth = np.asarray(scores, np.float64), np.asarray(defective, np.bool_)
        if values.ndim != 1 or values.shape != truth.shape:
            raise ValueError(f"scores have shape {values.shape} and labels {truth.shape}; both must be (N,)")
        if not np.isfinite(values).all():
            raise ValueError("scores must be finite; leave out what was not inspected")
        if truth.all() or not truth.any():
            raise ValueError(
                f"both classes are needed, not {np.count_nonzero(~truth)} normal and {np.count_nonzero(truth)} defective items"
            )
        distinct, places = np.unique(values, return_inverse=True)
        normal = np.bincount(places[~truth], minlength=len(distinct)).astype(np.float64)
        return cls(distinct, normal, np.bincount(places[truth], minlength=len(distinct)).astype(np.float64))

    def auroc(self) -> Floats:
        """Return the area under the ROC curve, (...): how often a defective item scores above a normal one, ties counted half.

        Mann and Whitney 1947; Hanley and McNeil, Radiology 1982.
        """
        below = np.cumsum(self.normal, axis=-1) - self.normal / 2
        pairs = self.normal.sum(axis=-1) * self.defective.sum(axis=-1)
        area: Floats = (self.defective * below).sum(axis=-1) / pairs
        return area

    def average_precision(self) -> Floats:
        """Return the average precision, (...): the sum over thresholds of precision times gain in recall, without interpolation."""
        hits, alarms = _from_above(self.defective), _from_above(self.normal + self.defective)
        precision = hits / np.maximum(alarms, np.finfo(np.float64).tiny)
        area: Floats = (self.defective * precision).sum(axis=-1) / self.defective.sum(axis=-1)
        return area

    def f1(self) -> Floats:
        """Return F1 of calling everything at or above each score defective, (..., L)."""
        hits, alarms = _from_above(self.defective), _from_above(self.normal + self.defective)
        f1: Floats = 2 * hits / (alarms + self.defective.sum(axis=-1, keepdims=True))
        return f1


def _from_above(counts: Floats) -> Floats:
    """Return how many items score at or above each score, (..., L)."""
    return np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1]
