"""Calibration: published values, exact ranks, and promises kept in simulation."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score, roc_auc_score

from goldenpart.server.errors import InvalidArgumentError, RateNotAttainableError
from goldenpart.server.vision.calibration import (
    Calibration,
    CalibrationMethod,
    Judgement,
    Scores,
    ThresholdRequest,
    auroc,
    best_f1,
    calibrate,
    calibrate_left_out,
    conformal_rank,
    conformal_threshold,
    normals_needed,
    tolerance_limit,
)

SCORES = st.floats(0, 100, allow_subnormal=False)
RATES = st.integers(1, 999).map(lambda thousandths: thousandths / 1000)


def ladder(count: int) -> Scores:
    return tuple(float(score) for score in range(1, count + 1))


def request(rate: float = 0.05, review: float | None = None, method: CalibrationMethod | None = None) -> ThresholdRequest:
    return ThresholdRequest(method, rate, review)


@pytest.mark.parametrize(
    ("normals", "rate", "rank"),
    [(19, 0.05, 19), (20, 0.05, 20), (38, 0.05, 38), (39, 0.05, 38), (99, 0.01, 99), (100, 0.05, 96), (199, 0.05, 190),
     (4, 0.2, 4), (9, 0.2, 8), (14, 0.2, 12), (9, 0.1, 9), (2, 1 / 3, 2), (29, 0.3, 21), (999, 0.001, 999), (4, 0.999, 1)],
)  # fmt: skip
def test_conformal_rank_is_exact(normals: int, rate: float, rank: int) -> None:
    assert conformal_rank(normals, rate) == rank
    assert conformal_threshold(tuple(reversed(ladder(normals))), rate) == float(rank)


@pytest.mark.parametrize(
    ("rate", "needed"), [(0.05, 19), (0.2, 4), (0.1, 9), (0.01, 99), (0.001, 999), (0.03, 33), (0.5, 1), (1e-9, 999_999_999)]
)
def test_normals_needed(rate: float, needed: int) -> None:
    assert normals_needed(rate) == needed
    assert conformal_rank(needed, rate) <= needed
    assert conformal_rank(needed - 1, rate) > needed - 1


@pytest.mark.parametrize("rate", [1e-12, 1e-7, 1 - 1e-7])
def test_extreme_rates_are_answered(rate: float) -> None:
    if rate < 0.5:
        with pytest.raises(RateNotAttainableError):
            conformal_threshold(ladder(50), rate)
    else:
        assert conformal_threshold(ladder(50), rate) == 1.0


def test_refusal_says_how_many_more_are_needed() -> None:
    with pytest.raises(RateNotAttainableError, match=r"0\.05 .* 12 normal images; 19 are needed, 7 more\. .* 1/13 = 0\.0769") as caught:
        calibrate(ladder(12), (), request())
    assert caught.value.field == "threshold.false_reject_rate"
    assert caught.value.metadata == {"rate": "0.05", "normals": "12", "normals_needed": "19", "normals_missing": "7"}


@pytest.mark.parametrize(
    ("normals", "guaranteed", "upper"), [(19, 0.05, 0.146), (100, 5 / 101, 0.089), (39, 0.05, None), (199, 0.05, None)]
)
def test_promise_of_the_published_table(normals: int, guaranteed: float, upper: float | None) -> None:
    result = calibrate(ladder(normals), (), request())
    assert result.method is CalibrationMethod.CONFORMAL
    assert result.guaranteed_rate == pytest.approx(guaranteed)
    assert result.rate_upper_95 is not None
    assert upper is None or result.rate_upper_95 == pytest.approx(upper, abs=0.0006)
    rejected = normals + 1 - conformal_rank(normals, 0.05)  # a threshold this good would let so few of n exceed it in 5 % of cases
    assert stats.binom.cdf(rejected - 1, normals, result.rate_upper_95) == pytest.approx(0.05)
    assert f"{guaranteed:.3g}" in result.guarantee
    assert f"from {normals} scores" in result.guarantee
    if normals == 19:
        assert result.rate_upper_95 == pytest.approx(1 - 0.05 ** (1 / 19)), "Beta(1, 19) in closed form"


@pytest.mark.parametrize(
    ("rate", "factors"),
    [(0.05, {4: 5.14, 8: 3.19, 16: 2.52, 32: 2.20, 100: 1.93}), (0.01, {4: 7.04, 8: 4.35, 16: 3.46, 32: 3.03, 100: 2.68})],
)
def test_tolerance_factors_are_those_of_the_published_table(rate: float, factors: dict[int, float]) -> None:
    for count, factor in factors.items():
        scores = np.array(ladder(count))
        limit = tolerance_limit(ladder(count), rate)
        assert (limit - scores.mean()) / scores.std(ddof=1) == pytest.approx(factor, abs=0.006)


def test_tolerance_limit_keeps_its_confidence() -> None:
    random = np.random.default_rng(0)
    kept = [
        stats.norm.sf(tolerance_limit(tuple(random.normal(size=8).tolist()), 0.05)) <= 0.05 for _ in range(400)
    ]  # true rate of each limit
    assert 0.915 <= np.mean(kept) <= 0.98, "95 % by theory"


def test_tolerance_limit_says_what_it_cannot_do() -> None:
    with pytest.raises(RateNotAttainableError, match="at least 2"):
        tolerance_limit((1.0,), 0.05)
    result = calibrate(ladder(4), (), request(method=CalibrationMethod.TOLERANCE_LIMIT))
    assert result.guaranteed_rate is None
    assert result.rate_upper_95 == 0.05
    assert "normally distributed" in result.guarantee
    assert "needs 19 normal images" in result.guarantee


@settings(deadline=None)
@given(st.lists(SCORES, min_size=1, max_size=60), RATES, st.one_of(SCORES, st.integers(0, 59)))
@example([1.0, 2.0, 3.0, 4.0], 0.2, 4.5)
@example([1.0] * 14, 0.2, 1.5)
@example([float(score) for score in range(14)], 0.2, 11.5)
@example([float(score) for score in range(14)], 0.2, 10.5)
@example([0.0] * 19, 0.05, 0.0)
def test_a_part_fails_if_and_only_if_its_p_value_is_at_most_the_rate(scores: list[float], rate: float, probe: float) -> None:
    assume(len(scores) >= normals_needed(rate))
    result = calibrate(tuple(scores), (), request(rate))
    score = scores[probe % len(scores)] if isinstance(probe, int) else probe  # a tie, or anything
    assert (result.p_value(score) <= rate) == (result.judge(score) is Judgement.FAIL)
    above = sum(normal >= score for normal in scores)
    assert result.p_value(score) == float(Fraction(1 + above, len(scores) + 1))


@settings(deadline=None)
@given(st.lists(SCORES, min_size=9, max_size=40), SCORES, SCORES)
def test_p_value_never_rises_with_the_score(scores: list[float], one: float, other: float) -> None:
    result = calibrate(tuple(scores), (), request(0.1))
    low, high = sorted((one, other))
    assert result.p_value(low) >= result.p_value(high)
    assert 1 / (len(scores) + 1) <= result.p_value(high) <= 1


def test_realised_rate_stays_inside_the_guarantee() -> None:
    """Calibrate on 60 of 4,060 scores and reject among the other 4,000; 1,000 times."""
    random = np.random.default_rng(1)
    pool = random.gamma(3.0, 0.02, 4060)  # skewed, as distances are
    realised, upper = [], 0.0
    for _ in range(1000):
        shuffled = random.permutation(pool)
        result = calibrate(tuple(shuffled[:60].tolist()), (), request())
        realised.append(float((shuffled[60:] > result.threshold).mean()))
        assert result.rate_upper_95 is not None
        upper = result.rate_upper_95
    standard_error = float(np.std(realised)) / math.sqrt(len(realised))
    assert np.mean(realised) <= 0.05 + 3 * standard_error
    assert np.mean(realised) == pytest.approx(3 / 61, abs=4 * standard_error), "and it is no looser than it says"
    assert np.mean(np.array(realised) <= upper) >= 0.93
    assert stats.kstest(realised, stats.beta(3, 58).cdf).statistic < 0.08, "the realised rate follows Beta(n + 1 - r, r)"


def test_percentile_promises_nothing() -> None:
    result = calibrate(ladder(41), (), request(method=CalibrationMethod.PERCENTILE))
    assert result.threshold == pytest.approx(np.percentile(ladder(41), 95)) == 39.0
    assert result.guaranteed_rate is None
    assert result.rate_upper_95 is None
    assert result.guarantee.startswith("No guarantee: the plain 95th percentile of 41 scores")


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 20).map(float), min_size=1, max_size=25), st.lists(st.integers(0, 30).map(float), min_size=1, max_size=25))
def test_f1_and_auroc_agree_with_scikit_learn(normal: list[float], defective: list[float]) -> None:
    truth = [0] * len(normal) + [1] * len(defective)
    scores = np.array(normal + defective)
    assert auroc(tuple(normal), tuple(defective)) == pytest.approx(roc_auc_score(truth, scores))
    threshold, f1 = best_f1(tuple(normal), tuple(defective))
    assert f1 == pytest.approx(f1_score(truth, scores > threshold, zero_division=0.0))
    brute = max(f1_score(truth, scores > cut, zero_division=0.0) for cut in [-1.0, *np.unique(scores)])
    assert f1 == pytest.approx(brute)


def test_f1_threshold_lies_in_the_middle_of_the_gap() -> None:
    assert best_f1((1.0, 2.0, 3.0), (7.0, 8.0)) == (5.0, 1.0)
    result = calibrate((1.0, 2.0), (8.0,), request(method=CalibrationMethod.F1_MAX))
    assert (result.threshold, result.f1_max, result.auroc) == (5.0, 1.0, 1.0)
    assert result.guaranteed_rate is None
    assert result.guarantee.startswith("No guarantee")


def test_defective_scores_are_measured_and_never_calibrate() -> None:
    without, given_defects = (calibrate(ladder(19), defective, request()) for defective in ((), (25.0, 3.5)))
    assert without.threshold == given_defects.threshold == 19.0
    assert (without.f1_max, without.auroc) == (None, None)
    assert given_defects.auroc == pytest.approx((19 + 3) / 38)
    assert given_defects.f1_max == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("normal", "defective", "wanted", "message"),
    [
        ((), (1.0,), request(), "none were given"),
        (ladder(9), (), request(method=CalibrationMethod.F1_MAX), "needs defective images"),
        (ladder(9), (1.0,), request(0.05, 0.1, CalibrationMethod.F1_MAX), "no review band"),
    ],
)
def test_impossible_calibrations_are_refused(normal: Scores, defective: Scores, wanted: ThresholdRequest, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        calibrate(normal, defective, wanted)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 5.0, math.nan, math.inf])
def test_rates_outside_their_range_are_refused(rate: float) -> None:
    with pytest.raises(InvalidArgumentError, match="between 0 and 1") as caught:
        request(rate)
    assert caught.value.field == "threshold.false_reject_rate"
    with pytest.raises(InvalidArgumentError, match="review_rate is"):
        request(0.05, rate if rate != 5.0 else 0.05)


def test_review_band_lies_between_two_ranks() -> None:
    result = calibrate(ladder(39), (), request(0.05, 0.25))
    assert (result.review_threshold, result.threshold) == (30.0, 38.0)
    verdicts = [result.judge(score) for score in (29.0, 30.0, 30.5, 38.0, 38.5)]
    assert verdicts == [Judgement.PASS, Judgement.PASS, Judgement.REVIEW, Judgement.REVIEW, Judgement.FAIL]


@settings(deadline=None)
@given(st.lists(SCORES, min_size=19, max_size=60), st.sampled_from([CalibrationMethod.CONFORMAL, CalibrationMethod.PERCENTILE]))
def test_review_threshold_never_exceeds_the_threshold(scores: list[float], method: CalibrationMethod) -> None:
    result = calibrate(tuple(scores), (), request(0.05, 0.3, method))
    assert result.review_threshold is not None
    assert result.review_threshold <= result.threshold


def banded() -> Calibration:
    return calibrate(tuple(0.1 + 0.001 * score for score in ladder(39)), (), request(0.05, 0.25))


def test_confidence_grows_with_the_distance_to_the_nearest_limit() -> None:
    result = banded()
    assert result.review_threshold is not None
    assert result.confidence(result.threshold) == result.confidence(result.review_threshold) == 0.5
    above = [result.confidence(score) for score in np.linspace(result.threshold, 0.3, 50)]
    below = [result.confidence(score) for score in np.linspace(result.review_threshold, 0.0, 50)]
    for chain in (above, below):
        assert all(later >= earlier for earlier, later in itertools.pairwise(chain))
        assert chain[0] == 0.5
        assert 0.99 < chain[-1] <= 1.0


@settings(deadline=None)
@example([2.0], 5e-324, CalibrationMethod.PERCENTILE)
@given(st.lists(SCORES, min_size=1, max_size=30), st.floats(0, 1e6), st.sampled_from([CalibrationMethod.PERCENTILE, None]))
def test_confidence_is_a_probability(scores: list[float], score: float, method: CalibrationMethod | None) -> None:
    confidence = calibrate(tuple(scores), (), request(0.5, method=method)).confidence(score)
    assert 0.5 <= confidence <= 1.0


def test_equal_scores_do_not_divide_by_zero() -> None:
    result = calibrate((0.2,) * 19, (), request())
    assert result.judge(0.2) is Judgement.PASS
    assert 0.5 < result.confidence(0.21) <= 1.0
    assert calibrate((0.0,) * 19, (), request()).confidence(0.1) == 1.0


def test_few_golden_parts_fall_back_to_the_tolerance_limit() -> None:
    few, enough = calibrate_left_out(ladder(18), request()), calibrate_left_out(ladder(19), request())
    assert few.method is CalibrationMethod.TOLERANCE_LIMIT
    assert enough.method is CalibrationMethod.LEAVE_ONE_OUT
    assert (few.review_threshold, few.review_rate, enough.review_threshold) == (18.0, None, None)
    assert [few.judge(score) for score in (18.0, 18.1, few.threshold)] == [Judgement.PASS, Judgement.REVIEW, Judgement.REVIEW]
    asked = calibrate_left_out(ladder(18), request(review=0.2))
    assert (asked.review_threshold, asked.review_rate) == (tolerance_limit(ladder(18), 0.2), 0.2)
    explicit = calibrate_left_out(ladder(18), request(method=CalibrationMethod.TOLERANCE_LIMIT))
    assert explicit.review_threshold is None
    assert calibrate_left_out((2.0, 2.0), request()).review_threshold is None, "golden parts that score alike leave no room for a band"
    assert enough.threshold == 19.0
    assert enough.guaranteed_rate == pytest.approx(0.05)
    assert "Approximate" in enough.guarantee
    with pytest.raises(RateNotAttainableError, match="1 more"):
        calibrate_left_out(ladder(18), request(method=CalibrationMethod.LEAVE_ONE_OUT))
