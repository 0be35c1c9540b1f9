"""Thresholds and what they promise.

Split-conformal after Vovk et al. and Bates et al. (arXiv 2104.08279): with n exchangeable normal scores and rate a, a new good part
exceeds the ceil((1 - a)(n + 1))-th smallest score with probability at most a. Ranks are compared as integers, rates as exact fractions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

import numpy as np
from scipy import stats

from goldenpart.server.errors import InvalidArgumentError, RateNotAttainableError
from goldenpart.server.vision.separation import auroc, best_f1

Scores = tuple[float, ...]

_CONFIDENCE = 0.95
_RATE_DENOMINATOR = 1_000_000
_MIN_SCATTER = 0.01  # of log scores; nearly equal calibration scores must not claim certainty


class CalibrationMethod(StrEnum):
    """How a threshold is chosen."""

    CONFORMAL = "conformal"
    PERCENTILE = "percentile"
    F1_MAX = "f1_max"
    LEAVE_ONE_OUT = "leave_one_out"
    TOLERANCE_LIMIT = "tolerance_limit"
    MANUAL = "manual"


class Judgement(StrEnum):
    """What a score means."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    REVIEW = "REVIEW"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class ThresholdRequest:
    """Which threshold is wanted.

    Attributes:
        method: how; None means the caller's default.
        false_reject_rate: share of good parts that may be rejected, in (0, 1).
        review_rate: share of good parts that may be reviewed or rejected, in (false_reject_rate, 1); None means no review band.
    """

    method: CalibrationMethod | None = None
    false_reject_rate: float = 0.05
    review_rate: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.false_reject_rate < 1:
            raise InvalidArgumentError(
                f"false_reject_rate is {self.false_reject_rate}; it must lie between 0 and 1, for example 0.05.",
                field="threshold.false_reject_rate",
            )
        if self.review_rate is not None and not self.false_reject_rate < self.review_rate < 1:
            raise InvalidArgumentError(
                f"review_rate is {self.review_rate}; it must be larger than false_reject_rate ({self.false_reject_rate}) and less than 1.",
                field="threshold.review_rate",
            )


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold, its evidence and its promise.

    Attributes:
        method: how it was chosen.
        threshold: FAIL above it.
        review_threshold: REVIEW above it; None without a review band.
        false_reject_rate, review_rate: as requested; a review band may be there without having been.
        normal_scores, defective_scores: in the order the images came.
        guaranteed_rate: P(FAIL | good) is at most this, on average over calibration sets; None = no promise.
        rate_upper_95: 95 % upper bound of the realised rate of this threshold; None = unknown.
        guarantee: both in words, with their limits.
        f1_max, auroc: on the given images, where defective ones were given.
        normal_peaks: largest patch distance of every normal image, in the order they came; empty in calibrations from before it was kept.
    """

    method: CalibrationMethod
    threshold: float
    review_threshold: float | None
    false_reject_rate: float
    review_rate: float | None
    normal_scores: Scores
    defective_scores: Scores
    guaranteed_rate: float | None
    rate_upper_95: float | None
    guarantee: str
    f1_max: float | None = None
    auroc: float | None = None
    normal_peaks: Scores = ()

    def judge(self, score: float) -> Judgement:
        """Compare a score with the threshold, which is the last score that passes."""
        if score > self.threshold:
            return Judgement.FAIL
        if self.review_threshold is not None and score > self.review_threshold:
            return Judgement.REVIEW
        return Judgement.PASS

    def p_value(self, score: float) -> float:
        """Return the conformal p-value of an image score."""
        return conformal_p_value(self.normal_scores, score)

    def confidence(self, score: float) -> float:
        """Return the probability in [0.5, 1] that the verdict would stay if the score scattered as normal parts' scores do.

        Phi(|ln(score / limit)| / s), s = standard deviation of ln(normal scores), limit = the nearer end of the band.
        """
        limits = [limit for limit in (self.threshold, self.review_threshold) if limit is not None and limit > 0]
        if score <= 0 or not limits:
            return 1.0
        margin = min(abs(math.log(score) - math.log(limit)) for limit in limits)
        return float(stats.norm.cdf(margin / self._scatter()))

    def _scatter(self) -> float:
        logs = np.log([score for score in self.normal_scores if score > 0])
        return max(float(np.std(logs, ddof=1)), _MIN_SCATTER) if len(logs) > 1 else 1.0


def conformal_p_value(normal: Scores, value: float) -> float:
    """Return (1 + #{normal >= value}) / (n + 1), in (0, 1]: how often a normal one is at least so large."""
    return (1 + sum(one >= value for one in normal)) / (len(normal) + 1)


def calibrate(normal: Scores, defective: Scores, request: ThresholdRequest, peaks: Scores = ()) -> Calibration:
    """Set the threshold from scores of pictures that are not in the bank.

    Args:
        normal: image scores of good pictures.
        defective: image scores of defective ones.
        request: which threshold.
        peaks: largest patch distances of the normal pictures, which no threshold hangs on.

    Raises:
        RateNotAttainableError: conformal, and there are fewer than 1 / rate - 1 normal scores.
        InvalidArgumentError: no scores, or `f1_max` without defective ones.
    """
    if not normal:
        raise InvalidArgumentError("Calibration needs normal images; none were given.", field="images")
    method = request.method or CalibrationMethod.CONFORMAL
    if method is CalibrationMethod.F1_MAX:
        return _by_f1(normal, defective, request, peaks)
    rates = [rate for rate in (request.false_reject_rate, request.review_rate) if rate is not None]
    limit = {CalibrationMethod.PERCENTILE: _percentile, CalibrationMethod.TOLERANCE_LIMIT: tolerance_limit}.get(method, conformal_threshold)
    limits = [limit(normal, rate) for rate in rates]
    guaranteed, upper, words = _promise(method, len(normal), request.false_reject_rate)
    return Calibration(
        method=method,
        threshold=limits[0],
        review_threshold=limits[1] if len(limits) > 1 else None,
        false_reject_rate=request.false_reject_rate,
        review_rate=request.review_rate,
        normal_scores=normal,
        defective_scores=defective,
        guaranteed_rate=guaranteed,
        rate_upper_95=upper,
        guarantee=words,
        f1_max=best_f1(normal, defective)[1] if defective else None,
        auroc=auroc(normal, defective) if defective else None,
        normal_peaks=peaks,
    )


def calibrate_left_out(normal: Scores, request: ThresholdRequest, peaks: Scores = ()) -> Calibration:
    """Set the threshold from leave-one-golden-part-out scores: conformal where the rate is attainable, else the tolerance limit.

    A tolerance limit of few scores lies so high that defects score below it. So where it stands in, and no review band was asked for, what
    scores above all golden parts is for REVIEW.
    """
    if request.method is not None:
        return calibrate(normal, (), request, peaks)
    rates = [rate for rate in (request.false_reject_rate, request.review_rate) if rate is not None]
    if len(normal) >= max(normals_needed(rate) for rate in rates):
        return calibrate(normal, (), replace(request, method=CalibrationMethod.LEAVE_ONE_OUT), peaks)
    limit = calibrate(normal, (), replace(request, method=CalibrationMethod.TOLERANCE_LIMIT), peaks)
    highest = max(normal)
    return limit if request.review_rate is not None or highest >= limit.threshold else replace(limit, review_threshold=highest)


def conformal_rank(normals: int, rate: float) -> int:
    """Return r = ceil((1 - rate)(n + 1)), computed exactly."""
    return math.ceil((1 - _exact(rate)) * (normals + 1))


def normals_needed(rate: float) -> int:
    """Return the smallest n for which the conformal rank does not exceed n: n >= 1 / rate - 1."""
    return math.ceil(1 / _exact(rate)) - 1


def conformal_threshold(normal: Scores, rate: float) -> float:
    """Return the ceil((1 - rate)(n + 1))-th smallest score.

    Raises:
        RateNotAttainableError: that rank exceeds n.
    """
    rank, count = conformal_rank(len(normal), rate), len(normal)
    if rank > count:
        needed = normals_needed(rate)
        raise RateNotAttainableError(
            f"A false-reject rate of {rate:g} cannot be promised from {count} normal images; {needed} are needed, {needed - count} more. "
            f"With {count} the smallest rate is 1/{count + 1} = {1 / (count + 1):.3g}.",
            field="threshold.false_reject_rate",
            rate=rate,
            normals=count,
            normals_needed=needed,
            normals_missing=needed - count,
        )
    return sorted(normal)[rank - 1]


def tolerance_limit(normal: Scores, rate: float) -> float:
    """Return mean + k * standard deviation: with 95 % confidence at least 1 - rate of a normal population lies below (ISO 16269-6).

    k = t'(0.95; n - 1, z sqrt(n)) / sqrt(n), t' the noncentral t quantile.
    """
    count = len(normal)
    if count < 2:
        raise RateNotAttainableError(
            f"A tolerance limit needs at least 2 normal scores; there is {count}. Give more golden parts, or calibrate with normal images.",
            normals=count,
            normals_needed=2,
        )
    shift = float(stats.norm.isf(rate)) * math.sqrt(count)
    factor = float(stats.nct.ppf(_CONFIDENCE, count - 1, shift)) / math.sqrt(count)
    return float(np.mean(normal) + factor * np.std(normal, ddof=1))


def _by_f1(normal: Scores, defective: Scores, request: ThresholdRequest, peaks: Scores) -> Calibration:
    if not defective:
        raise InvalidArgumentError(
            "f1_max needs defective images; none were given. Add some, or use conformal, which needs normal ones only.", field="images"
        )
    if request.review_rate is not None:
        raise InvalidArgumentError("f1_max has no review band; leave review_rate out, or use conformal.", field="threshold.review_rate")
    threshold, f1 = best_f1(normal, defective)
    return Calibration(
        method=CalibrationMethod.F1_MAX,
        threshold=threshold,
        review_threshold=None,
        false_reject_rate=request.false_reject_rate,
        review_rate=None,
        normal_scores=normal,
        defective_scores=defective,
        guaranteed_rate=None,
        rate_upper_95=None,
        guarantee="No guarantee: the best F1 on these very images, and it depends on how many of them are defective.",
        f1_max=f1,
        auroc=auroc(normal, defective),
        normal_peaks=peaks,
    )


def _percentile(normal: Scores, rate: float) -> float:
    return float(np.quantile(np.array(normal), 1 - rate))


def _promise(method: CalibrationMethod, count: int, rate: float) -> tuple[float | None, float | None, str]:
    if method is CalibrationMethod.PERCENTILE:
        words = f"No guarantee: the plain {100 * (1 - rate):g}th percentile of {count} scores is too low on average for small sets."
        return None, None, words
    if method is CalibrationMethod.TOLERANCE_LIMIT:
        words = (
            f"If scores of good parts are normally distributed, then with 95 % confidence at most {rate:.3g} of good parts are rejected; "
            f"estimated from {count} scores. The method conformal assumes no such thing, but needs {normals_needed(rate)} normal images."
        )
        return None, rate, words
    rank = conformal_rank(count, rate)
    attained = (count + 1 - rank) / (count + 1)
    upper = float(stats.beta.ppf(_CONFIDENCE, count + 1 - rank, rank))
    words = (
        f"At most {attained:.3g} of good parts are rejected on average, and with 95 % confidence at most {upper:.3g} by this threshold, "
        f"from {count} scores, as long as good parts look as they did then."
    )
    if method is CalibrationMethod.LEAVE_ONE_OUT:
        words += " Approximate: each golden part was scored against a bank without it."
    return attained, upper, words


def _exact(rate: float) -> Fraction:
    """Return the fraction that was meant: 0.05 is not 1/20 in binary, and one rank may hang on the difference."""
    meant = Fraction(rate).limit_denominator(_RATE_DENOMINATOR)
    return meant if 0 < meant < 1 else Fraction(rate)
