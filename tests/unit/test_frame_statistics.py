"""Figures of a frame: each tells its own cause, padding and masked patches have no say."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from goldenpart.server.registry.dataclass_json import dump_json, from_plain, load_json, to_plain
from goldenpart.server.vision.calibration import ThresholdRequest, calibrate
from goldenpart.server.vision.drift import (
    DriftReference,
    DriftScale,
    MeasuredFrame,
    Signal,
    SignalReference,
    TokenReference,
    golden_reference,
    normal_reference,
)
from goldenpart.server.vision.frame_statistics import FrameStatistics, measure_frame
from goldenpart.server.vision.image import Rgb8
from goldenpart.server.vision.preparation import PreparedImage, prepare
from goldenpart.server.vision.recipe import Recipe, Resize

RECIPE = Recipe(backbone="compact", resolution_px=64, resize=Resize.STRETCH)


def part(left: int = 20, top: int = 24) -> Rgb8:
    """Return (64, 64, 3) uint8: a bright square with texture on a dark ground."""
    pixels = np.full((64, 64, 3), 40, np.uint8)
    texture = np.random.default_rng(1).integers(120, 200, (20, 20, 1))
    pixels[top : top + 20, left : left + 20] = texture
    return pixels


def prepared(image: Rgb8) -> PreparedImage:
    return prepare(image, RECIPE, 8)


def test_units() -> None:
    flat = measure_frame(prepared(np.full((64, 64, 3), 51, np.uint8)))
    assert flat == FrameStatistics(pytest.approx(0.2), pytest.approx(0.2), 0.0, 0.0, 0.5, 0.5)  # type: ignore[arg-type]
    assert measure_frame(prepared(np.zeros((64, 64, 3), np.uint8))).contrast == 0.0
    halves = np.zeros((64, 64, 3), np.uint8)
    halves[:, 32:] = 200
    figures = measure_frame(prepared(halves))
    assert (figures.brightness, figures.highlight, figures.contrast) == pytest.approx((100 / 255, 200 / 255, 1.0))
    assert (figures.framing_x, figures.framing_y) == pytest.approx((0.5, 0.5), abs=0.01)


def test_a_darker_lamp_changes_the_light_alone() -> None:
    before, after = measure_frame(prepared(part())), measure_frame(prepared((part() * 0.8).astype(np.uint8)))
    assert after.brightness == pytest.approx(0.8 * before.brightness, rel=0.02)
    assert after.highlight == pytest.approx(0.8 * before.highlight, rel=0.02)
    for name in ("contrast", "sharpness", "framing_x", "framing_y"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), rel=0.02)


def test_a_lens_out_of_focus_changes_the_sharpness_most() -> None:
    blurred = np.asarray(cv2.GaussianBlur(part(), (0, 0), 1.5), np.uint8)
    before, after = measure_frame(prepared(part())), measure_frame(prepared(blurred))
    assert after.sharpness < 0.3 * before.sharpness
    assert after.brightness == pytest.approx(before.brightness, rel=0.01)


def test_a_part_that_moves_moves_the_framing() -> None:
    before, after = measure_frame(prepared(part(20, 24))), measure_frame(prepared(part(28, 20)))
    assert after.framing_x - before.framing_x == pytest.approx(8 / 64, abs=0.005)
    assert after.framing_y - before.framing_y == pytest.approx(-4 / 64, abs=0.005)


def test_what_is_not_inspected_has_no_say() -> None:
    seen = prepared(part())
    inspected = np.ones((8, 8), np.bool_)
    inspected[:, 7] = False
    masked = replace(seen, inspected=inspected, excluded=8)
    disturbed = seen.pixels.copy()
    disturbed[:, 56:] = 255
    left, right = measure_frame(masked), measure_frame(replace(masked, pixels=disturbed))
    assert (right.brightness, right.highlight, right.contrast) == (left.brightness, left.highlight, left.contrast)


def test_padding_has_no_say() -> None:
    recipe = replace(RECIPE, resize=Resize.KEEP_ASPECT)
    image = np.asarray(np.random.default_rng(2).integers(0, 255, (64, 70, 3)), np.uint8)
    seen = prepare(image, recipe, 8)
    assert seen.pixels.shape[1] > seen.geometry.content_width_px
    disturbed = seen.pixels.copy()
    disturbed[:, seen.geometry.content_width_px :] = 255
    assert measure_frame(replace(seen, pixels=disturbed)) == measure_frame(seen)


def frames(count: int, seed: int = 0) -> list[MeasuredFrame]:
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        figures = FrameStatistics(*rng.normal(0.5, 0.1, 6).tolist())
        made.append(MeasuredFrame(figures, rng.normal(1, 2, 4).astype(np.float32), float(number + 1)))
    return made


def test_golden_parts_are_no_reference_for_what_is_measured_against_them() -> None:
    golden = golden_reference(frames(5))
    assert set(golden.signals) == set(Signal) - {Signal.SCORE, Signal.FEATURE_SHIFT}
    assert golden.tokens is not None
    placed = DriftScale(golden, None).place(frames(1, seed=1)[0])
    assert placed[Signal.FEATURE_SHIFT].references == 0 < placed[Signal.FEATURE_SHIFT].value
    assert placed[Signal.BRIGHTNESS].references == 5
    assert set(DriftScale(None, None).place(frames(1)[0])) == set(Signal) - {Signal.SCORE, Signal.FEATURE_SHIFT}


def test_the_shift_is_in_standard_deviations() -> None:
    tokens = np.random.default_rng(0).normal(3, 2, (2000, 16)).astype(np.float32)
    reference = TokenReference.of(list(tokens))
    assert reference is not None
    assert reference.shift(np.full(16, 3 + 5 * 2, np.float32)) == pytest.approx(5, rel=0.05)
    assert TokenReference.of(list(tokens[:1])) is None
    assert TokenReference.of([tokens[0], tokens[0]]) is None


def test_a_score_is_compared_with_passing_scores_alone() -> None:
    """Of 39 scores 1 to 39 the 38th is the limit at 5 %: 37 lie below it."""
    measured = frames(39)
    calibration = calibrate(tuple(frame.score or 0.0 for frame in measured), (), ThresholdRequest())
    scale = DriftScale(normal_reference(None, measured), calibration)
    passed = scale.place(replace(measured[0], score=30.0))[Signal.SCORE]
    assert calibration.threshold == 38
    assert (passed.references, passed.above, passed.equal) == (37, 7, 1)
    assert passed.p_value == (1 + 8) / 38
    assert Signal.SCORE not in scale.place(replace(measured[0], score=38.5))


def test_passing_scores_are_exchangeable_with_the_reference_below_the_limit() -> None:
    """Ranks of new passing scores among the kept ones are uniform over all calibrations."""
    rng, ranks = np.random.default_rng(5), []
    for _ in range(2000):
        scores = rng.lognormal(size=40)
        calibration = calibrate(tuple(scores[:39].tolist()), (), ThresholdRequest())
        if scores[39] <= calibration.threshold:
            reference = DriftReference(None, {"score": SignalReference.of(scores[:39].tolist())})
            frame = replace(frames(1)[0], score=float(scores[39]))
            ranks.append(DriftScale(reference, calibration).place(frame)[Signal.SCORE].above / 37)
    assert np.mean(ranks) == pytest.approx(0.5, abs=0.03)
    assert np.mean(np.array(ranks) < 0.1) == pytest.approx(4 / 38, abs=0.03)


def test_a_reference_reads_back_the_same() -> None:
    reference = normal_reference(golden_reference(frames(4)), frames(7, seed=3))
    assert from_plain(DriftReference, load_json(dump_json(to_plain(reference))), "drift") == reference
    brightness = reference.signals["brightness"]
    assert brightness.median == pytest.approx(np.median(brightness.values))
