"""Metrics count each thing once under bounded labels; logs are one line per event."""

import json
import sys

import pytest
import structlog
from fitted_category import frame
from prometheus_client import generate_latest

from goldenpart.server.errors import DrainingError, ImageTooLargeError, OverloadedError, UnknownCategoryError
from goldenpart.server.runtime.inspection import Inspection, Nearest, NotInspected, Timings
from goldenpart.server.telemetry import Metrics, configure_logging
from goldenpart.server.vision.calibration import ThresholdRequest, calibrate_left_out
from goldenpart.server.vision.scoring import WorstPatch

CALIBRATION = calibrate_left_out((0.1, 0.2, 0.3), ThresholdRequest())
NEAREST = Nearest(
    WorstPatch(row=0, column=0, distance=0.1, golden=0, golden_row=0, golden_column=0, angle_deg=0.0), (0, 0, 8, 8), "golden", (0, 0, 8, 8)
)


def inspection(category: str, score: float, *, calibrated: bool = True) -> Inspection:
    timings = Timings(0.01, 0.02, 0.03, 0.04, 0.05, 0.15, 1)
    calibration = CALIBRATION if calibrated else None
    return Inspection(frame(1, category=category), "r0001", score, calibration, 64, 64, 64, 0, NEAREST, timings)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_verdicts_are_counted_by_category_up_to_the_cap() -> None:
    metrics = Metrics(2)
    for category in ("a", "b", "c", "d", "a"):
        metrics.count_outcome(inspection(category, 0.0))
    assert value(metrics, "goldenpart_verdicts_total", category="a", verdict="PASS") == 2
    assert value(metrics, "goldenpart_verdicts_total", category="b", verdict="PASS") == 1
    assert value(metrics, "goldenpart_verdicts_total", category="_other", verdict="PASS") == 2
    assert value(metrics, "goldenpart_verdicts_total", category="c", verdict="PASS") is None


def test_no_category_gets_a_label_if_none_may() -> None:
    metrics = Metrics(0)
    metrics.count_outcome(inspection("a", 1e9))
    assert value(metrics, "goldenpart_verdicts_total", category="_other", verdict="FAIL") == 1


def test_an_invented_category_gets_no_label() -> None:
    metrics = Metrics(10)
    for category in ("x", "y"):
        metrics.count_outcome(NotInspected("1", category, UnknownCategoryError("none"), 0.1))
    assert value(metrics, "goldenpart_verdicts_total", category="_other", verdict="NOT_INSPECTED") == 2
    assert value(metrics, "goldenpart_rejected_total", reason="UNKNOWN_CATEGORY") == 2
    assert b'"x"' not in generate_latest(metrics.registry)


def test_a_frame_without_threshold_is_counted_as_not_inspected() -> None:
    metrics = Metrics(10)
    metrics.count_outcome(inspection("a", 0.5, calibrated=False))
    assert value(metrics, "goldenpart_verdicts_total", category="a", verdict="NOT_INSPECTED") == 1
    assert value(metrics, "goldenpart_rejected_total", reason="NOT_CALIBRATED") == 1


def test_refusals_and_outcomes_by_reason() -> None:
    metrics = Metrics(10)
    metrics.count_refusal(OverloadedError("full"), 5)
    metrics.count_refusal(DrainingError("closing"), 2)
    metrics.count_outcome(NotInspected("1", "a", ImageTooLargeError("big"), 0.1))
    assert value(metrics, "goldenpart_rejected_total", reason="OVERLOADED") == 5
    assert value(metrics, "goldenpart_rejected_total", reason="DRAINING") == 2
    assert value(metrics, "goldenpart_rejected_total", reason="IMAGE_TOO_LARGE") == 1


def test_stages_calls_batches_and_gauges() -> None:
    metrics, depth = Metrics(10), [3.0]
    metrics.watch("goldenpart_depth", "For the test.", lambda: depth[0])
    metrics.count_outcome(inspection("a", 0.0))
    metrics.count_call("Inspect", "OK", 0.2)
    metrics.count_batch(4)
    for stage, seconds in (("queue", 0.01), ("decode", 0.02), ("backbone", 0.03), ("search", 0.04), ("post", 0.05), ("total", 0.15)):
        assert value(metrics, "goldenpart_stage_seconds_sum", stage=stage) == pytest.approx(seconds)
    assert value(metrics, "goldenpart_requests_total", method="Inspect", code="OK") == 1
    assert value(metrics, "goldenpart_request_seconds_sum", method="Inspect") == pytest.approx(0.2)
    assert value(metrics, "goldenpart_batch_frames_sum") == 4
    assert value(metrics, "goldenpart_depth") == 3
    depth[0] = 4
    assert value(metrics, "goldenpart_depth") == 4


@pytest.fixture
def default_logging() -> object:
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("default_logging")
@pytest.mark.parametrize("log_format", ["json", "auto", "console"])
def test_a_traceback_shows_no_local_variables(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(log_format, "warning")
    picture = "pixels of a secret part"
    try:
        _ = picture.index("not in it")
    except ValueError:
        structlog.get_logger("test").error("frame_broke", category="part", exc_info=sys.exc_info())
    structlog.get_logger("test").info("not_at_this_level")
    log = capsys.readouterr().err
    assert "frame_broke" in log
    assert "ValueError" in log
    assert picture not in log
    assert "not_at_this_level" not in log
    if log_format != "console":  # stderr is no terminal here
        [line] = map(json.loads, log.splitlines())
        assert (line["event"], line["category"], line["level"]) == ("frame_broke", "part", "error")
        assert line["exception"][0]["exc_type"] == "ValueError"
