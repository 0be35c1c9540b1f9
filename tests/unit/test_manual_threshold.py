"""What the normal scores say about a threshold set by hand."""

import math

import pytest
from scipy import stats

from goldenpart.server.errors import InvalidArgumentError
from goldenpart.server.vision.calibration import CalibrationMethod, ThresholdRequest, calibrate, calibrate_left_out, conformal_threshold
from goldenpart.server.vision.manual_threshold import set_by_hand, threshold_warnings

NORMAL = tuple(float(score) for score in range(1, 40))
CALIBRATED = calibrate(NORMAL, (30.5, 80.0), ThresholdRequest(CalibrationMethod.CONFORMAL, 0.05))


@pytest.mark.parametrize("above", [0, 1, 5, 38])
def test_the_promise_is_the_conformal_one_of_the_rank(above: int) -> None:
    made = set_by_hand(CALIBRATED, 39.5 - above, None, 6)
    assert made.guaranteed_rate == (above + 1) / 40
    assert made.false_reject_rate == made.guaranteed_rate
    assert made.rate_upper_95 == pytest.approx(stats.beta.ppf(0.95, above + 1, 39 - above))
    assert f"{above} of 39 normal scores lie above it" in made.guarantee
    assert (made.method, made.auroc) == (CalibrationMethod.MANUAL, CALIBRATED.auroc)
    assert made.normal_scores == NORMAL


def test_the_conformal_threshold_set_by_hand_promises_the_same() -> None:
    made = set_by_hand(CALIBRATED, conformal_threshold(NORMAL, 0.05), None, 6)
    assert made.guaranteed_rate == CALIBRATED.guaranteed_rate
    assert made.rate_upper_95 == pytest.approx(CALIBRATED.rate_upper_95)


def test_a_review_band() -> None:
    made = set_by_hand(CALIBRATED, 38.5, 30.0, 6)
    assert (made.review_threshold, made.review_rate) == (30.0, 10 / 40)


def test_leave_one_out_scores_stay_approximate() -> None:
    left_out = calibrate_left_out(NORMAL, ThresholdRequest())
    once = set_by_hand(left_out, 38.5, None, 39)
    assert "Approximate" in once.guarantee
    assert "Approximate" in set_by_hand(once, 37.5, None, 39).guarantee
    assert "Approximate" not in set_by_hand(CALIBRATED, 38.5, None, 39).guarantee
    tolerance = calibrate_left_out(NORMAL[:6], ThresholdRequest())
    assert "Approximate" in set_by_hand(tolerance, 5.5, None, 6).guarantee
    assert "Approximate" not in set_by_hand(tolerance, 5.5, None, 4).guarantee


def test_warnings_name_escapes_and_thin_evidence() -> None:
    passing, thin = threshold_warnings(set_by_hand(CALIBRATED, 50.0, None, 6))
    assert "1 of the 2 defective parts" in passing
    assert "1/40" in thin
    assert threshold_warnings(set_by_hand(CALIBRATED, 30.0, None, 6)) == ()


@pytest.mark.parametrize(
    ("threshold", "review", "words"),
    [
        (0.0, None, "greater than 0"),
        (-1.0, None, "greater than 0"),
        (math.inf, None, "finite"),
        (math.nan, None, "finite"),
        (0.5, None, "All 39 normal scores lie above 0.5"),
        (5.0, 5.0, "less than the threshold, 5"),
        (5.0, 0.0, "greater than 0"),
    ],
)
def test_what_makes_no_sense_is_refused(threshold: float, review: float | None, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        set_by_hand(CALIBRATED, threshold, review, 6)
