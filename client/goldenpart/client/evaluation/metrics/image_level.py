"""Metrics of images: one score and one truth each."""

from dataclasses import dataclass

import numpy.typing as npt
from scipy.stats import beta

from goldenpart.client.evaluation.metrics.ranking import ScoreCounts
from goldenpart.client.evaluation.metrics.separation import separation


@dataclass(frozen=True, slots=True)
class ImageMetrics:
    """How well images are told apart over all thresholds.

    Attributes:
        auroc: Area under the ROC curve.
        average_precision: Area under the precision-recall curve as a sum of steps.
        f1_max: Best F1 over all thresholds.
        f1_max_threshold: The lowest score of an image that counts as defective there; the highest such score where several are best.
    """

    auroc: float
    average_precision: float
    f1_max: float
    f1_max_threshold: float


def image_metrics(scores: npt.ArrayLike, defective: npt.ArrayLike) -> ImageMetrics:
    """Measure how well scores tell defective images from good ones.

    Args:
        scores: (N,) finite; the larger, the less normal.
        defective: (N,) bool, the truth.

    Raises:
        ValueError: A class is missing, a score is not finite, or the shapes differ.
    """
    return ImageMetrics(*separation(ScoreCounts.of(scores, defective)))


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a proportion (Clopper and Pearson, Biometrika 1934).

    Args:
        successes: 0 to ``trials``.
        trials: >= 1.
        confidence: In (0, 1).

    Raises:
        ValueError: The counts do not fit.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"{successes} of {trials} is no proportion; trials must be at least 1 and successes between 0 and trials")
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, successes, trials - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, trials - successes)) if successes < trials else 1.0
    return low, high
