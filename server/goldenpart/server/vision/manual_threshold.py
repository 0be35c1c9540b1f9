"""A threshold set by hand, and what the normal scores say about it."""

from __future__ import annotations

import dataclasses
import math

from scipy import stats

from goldenpart.server.errors import InvalidArgumentError
from goldenpart.server.vision.calibration import Calibration, CalibrationMethod

_CONFIDENCE = 0.95
_APPROXIMATE = "Approximate: each golden part was scored against a bank without it."


def set_by_hand(calibration: Calibration, threshold: float, review_threshold: float | None, golden_parts: int) -> Calibration:
    """Return the calibration with another threshold.

    With k of n exchangeable normal scores above it, the threshold is at least the (n - k)-th smallest score, which a new good part exceeds
    with probability at most (k + 1) / (n + 1); the realised rate stays below the 95 % quantile of Beta(k + 1, n - k), the one-sided
    bound of Clopper & Pearson (1934). Both hold for a threshold that was not chosen by these scores; the words say so.

    Args:
        calibration: whose scores count.
        threshold: FAIL above it.
        review_threshold: REVIEW above it; None means no review band.
        golden_parts: of the revision; as many scores as parts are taken for leave-one-out scores.

    Raises:
        InvalidArgumentError: a threshold is not finite, not above 0, not in order, or would reject all normal scores.
    """
    _check(threshold, review_threshold)
    count, above = len(calibration.normal_scores), _above(calibration, threshold)
    if above == count:
        raise InvalidArgumentError(
            f"All {count} normal scores lie above {threshold:g}, so every good part would be rejected; the smallest is "
            f"{min(calibration.normal_scores):.6g}. Choose a threshold above that.",
            field="threshold",
            threshold=threshold,
        )
    rate = (above + 1) / (count + 1)
    upper = float(stats.beta.ppf(_CONFIDENCE, above + 1, count - above))
    return dataclasses.replace(
        calibration,
        method=CalibrationMethod.MANUAL,
        threshold=threshold,
        review_threshold=review_threshold,
        false_reject_rate=rate,
        review_rate=None if review_threshold is None else (_above(calibration, review_threshold) + 1) / (count + 1),
        guaranteed_rate=rate,
        rate_upper_95=upper,
        guarantee=_promise(count, above, upper, left_out=_is_left_out(calibration, golden_parts)),
    )


def threshold_warnings(calibration: Calibration) -> tuple[str, ...]:
    """Return what a careful engineer should know about a threshold and its scores."""
    found, defective = [], calibration.defective_scores
    passing = sum(score <= calibration.threshold for score in defective)
    if passing:
        found.append(f"{passing} of the {len(defective)} defective parts that were given score at or below it and would not fail.")
    if not _above(calibration, calibration.threshold):
        count = len(calibration.normal_scores)
        found.append(f"No normal score lies above it: {count} scores cannot show a false-reject rate below 1/{count + 1}.")
    return tuple(found)


def _check(threshold: float, review_threshold: float | None) -> None:
    if not (math.isfinite(threshold) and threshold > 0):
        raise InvalidArgumentError(f"threshold is {threshold}; it must be a finite score greater than 0.", field="threshold")
    if review_threshold is not None and not 0 < review_threshold < threshold:
        raise InvalidArgumentError(
            f"review_threshold is {review_threshold}; it must be greater than 0 and less than the threshold, {threshold:g}.",
            field="review_threshold",
        )


def _above(calibration: Calibration, limit: float) -> int:
    return sum(score > limit for score in calibration.normal_scores)


def _is_left_out(calibration: Calibration, golden_parts: int) -> bool:
    if calibration.method is CalibrationMethod.TOLERANCE_LIMIT:
        return len(calibration.normal_scores) == golden_parts
    return calibration.method is CalibrationMethod.LEAVE_ONE_OUT or _APPROXIMATE in calibration.guarantee


def _promise(count: int, above: int, upper: float, *, left_out: bool) -> str:
    words = (
        f"Set by hand: {above} of {count} normal scores lie above it. A threshold of that rank rejects at most "
        f"{(above + 1) / (count + 1):.3g} of good parts on average, and with 95 % confidence at most {upper:.3g}, as long as good parts "
        "look as they did then; less surely if it was chosen by looking at these scores."
    )
    return f"{words} {_APPROXIMATE}" if left_out else words
