"""What other false-reject rates would do: the one knob that is a decision about cost, not about accuracy."""

import math
from collections.abc import Sequence

import numpy as np

from goldenpart.client.tuning.results import ThresholdChoice

RATES = (0.01, 0.02, 0.05, 0.1)


def threshold_choices(normal: Sequence[float], good: Sequence[float], defective: Sequence[float]) -> tuple[ThresholdChoice, ...]:
    """Return what each rate and method does to held-out images, by the rules of Calibrate; nothing without calibration scores.

    Args:
        normal: Calibration scores of good images.
        good: Scores of good held-out images, at least one.
        defective: Scores of defective held-out images, at least one.
    """
    if not normal:
        return ()
    choices = []
    for rate in RATES:
        choices.append(_choice("conformal", rate, conformal_threshold(normal, rate), good, defective))
        choices.append(_choice("percentile", rate, float(np.quantile(normal, 1 - rate)), good, defective))
    return tuple(choices)


def conformal_threshold(normal: Sequence[float], rate: float) -> float | None:
    """Return the ceil((1 - a)(n + 1))-th smallest of n scores, as split-conformal calibration does; None if they are too few."""
    rank = math.ceil((1 - rate) * (len(normal) + 1) - 1e-9)
    return sorted(normal)[rank - 1] if rank <= len(normal) else None


def _choice(method: str, rate: float, threshold: float | None, good: Sequence[float], defective: Sequence[float]) -> ThresholdChoice:
    if threshold is None:
        return ThresholdChoice(method, rate, None, None, None)
    false_rejects = sum(score > threshold for score in good) / len(good)
    escapes = sum(score <= threshold for score in defective) / len(defective)
    return ThresholdChoice(method, rate, threshold, false_rejects, escapes)
