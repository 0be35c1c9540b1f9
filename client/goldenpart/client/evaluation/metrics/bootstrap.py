"""How far a metric would move with other test images: the percentile bootstrap (Efron and Tibshirani 1993, chapter 13)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldenpart.client.evaluation.metrics.ranking import Floats, ScoreCounts

REPLICATES = 1000
_COUNTS_AT_ONCE = 4_000_000  # bounds the memory of a block of replicates to some 100 MB


@dataclass(frozen=True, slots=True)
class ImageIntervals:
    """Intervals as pairs of lower and upper end.

    Attributes:
        auroc: Of the area under the ROC curve.
        average_precision: Of the average precision.
        f1_max: Of the best F1; each replicate chooses its own threshold.
    """

    auroc: tuple[float, float]
    average_precision: tuple[float, float]
    f1_max: tuple[float, float]


def bootstrap_intervals(
    scores: npt.ArrayLike, defective: npt.ArrayLike, *, replicates: int = REPLICATES, confidence: float = 0.95, seed: int = 0
) -> ImageIntervals:
    """Resample test images with replacement, good and defective ones apart, and return the intervals of the metrics.

    Stratified, because the share of defective images is a choice of whoever made the dataset, not chance. Where the classes are
    separated perfectly the interval has no width; that says that resampling cannot make these images overlap, not that no image could.

    Args:
        scores: (N,) finite; the larger, the less normal.
        defective: (N,) bool, the truth.
        replicates: >= 1.
        confidence: In (0, 1).
        seed: The same one gives the same intervals.

    Raises:
        ValueError: A class is missing, a score is not finite, or there are no replicates.
    """
    if replicates < 1:
        raise ValueError(f"{replicates} replicates were asked for; at least 1 is needed")
    counts = ScoreCounts.of(scores, defective)
    values = np.concatenate(
        [[part.auroc(), part.average_precision(), part.f1().max(axis=-1)] for part in _replicates(counts, replicates, seed)], axis=1
    )  # (3, replicates)
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(values, [tail, 100 - tail], axis=1)  # (3,) each
    auroc, precision, f1 = zip(low.tolist(), high.tolist(), strict=True)
    return ImageIntervals(auroc, precision, f1)


def _replicates(counts: ScoreCounts, replicates: int, seed: int) -> Iterator[ScoreCounts]:
    rng = np.random.default_rng(seed)
    block = max(1, _COUNTS_AT_ONCE // len(counts.scores))
    for start in range(0, replicates, block):
        size = min(block, replicates - start)
        yield ScoreCounts(counts.scores, _resampled(rng, counts.normal, size), _resampled(rng, counts.defective, size))


def _resampled(rng: np.random.Generator, counts: Floats, size: int) -> Floats:
    """Return (size, L): drawing n items with replacement gives multinomial counts per distinct score."""
    total = counts.sum()
    return rng.multinomial(int(total), counts / total, size=size).astype(np.float64)
