"""Overlays: any picture and any text gives a PNG of sensible size, and what it shows can be read back from its pixels."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from goldenpart.server.vision.overlay import OverlayCaption, render_overlay
from goldenpart.server.vision.overlay_regions import CaptionedRegion
from goldenpart.server.vision.regions import Region, find_regions

Rgb8 = npt.NDArray[np.uint8]
Heat = npt.NDArray[np.float32]
FAILED = OverlayCaption("FAIL", "flange", "r-7", "frame-1", 0.2, 0.15, 0.12, 0.02)
GREEN, AMBER, RED, GREY = (26, 127, 55), (168, 91, 0), (200, 32, 47), (87, 96, 106)
MARK = (255, 214, 10)


def grey_picture(width: int, height: int) -> Rgb8:
    return np.full((height, width, 3), 128, np.uint8)


def cold(width: int, height: int) -> Heat:
    return np.full((height, width), 0.2, np.float32)


def draw(image: Rgb8, heat: Heat, regions: tuple[Region, ...] = (), caption: OverlayCaption = FAILED) -> Rgb8:
    data = render_overlay(image, heat, [CaptionedRegion(region) for region in regions], caption)
    assert data.startswith(b"\x89PNG")
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.asarray(picture, np.uint8)


def count(picture: Rgb8, colour: tuple[int, int, int]) -> int:
    return int((picture == np.array(colour)).all(axis=2).sum())


@pytest.mark.parametrize(
    ("width", "height"),
    [(640, 480), (4000, 3000), (100, 200), (20, 12), (1, 1), (100, 1600), (1600, 100), (5000, 40), (40, 5000), (3, 900)],
)
def test_every_shape_gives_a_picture_of_sensible_size(width: int, height: int) -> None:
    picture = draw(grey_picture(width, height), cold(width, height))
    assert 400 <= picture.shape[1] <= 2800
    assert 250 <= picture.shape[0] <= 1800


@pytest.mark.parametrize(("verdict", "colour"), [("PASS", GREEN), ("REVIEW", AMBER), ("FAIL", RED), ("NOT_INSPECTED", GREY), ("", GREY)])
def test_badge_has_the_colour_of_its_verdict_and_a_sign(verdict: str, colour: tuple[int, int, int]) -> None:
    picture = draw(grey_picture(640, 480), cold(640, 480), caption=dataclasses.replace(FAILED, verdict=verdict, score=0.0))
    assert count(picture, colour) > 3000
    for other in {GREEN, AMBER, RED, GREY} - {colour}:
        assert count(picture, other) == 0
    badge = picture[: picture.shape[0] // 6, : picture.shape[1] // 6]
    assert (count(badge, (255, 255, 255)) > 100) is (verdict != ""), "white sign and letters"


def test_verdicts_differ_without_their_colours() -> None:
    grey = [
        cv2.cvtColor(draw(grey_picture(640, 480), cold(640, 480), caption=dataclasses.replace(FAILED, verdict=verdict)), cv2.COLOR_RGB2GRAY)
        for verdict in ("PASS", "REVIEW", "FAIL")
    ]
    strokes = [np.asarray(picture[:100, :220]) > 240 for picture in grey]
    assert (strokes[0] != strokes[1]).sum() > 100
    assert (strokes[1] != strokes[2]).sum() > 100


def bar_length(picture: Rgb8) -> int:
    """Longest run of red in the right part of the header."""
    header = picture[: picture.shape[0] // 6, picture.shape[1] // 2 :]
    return int((header == np.array(RED)).all(axis=2).sum(axis=1).max())


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.5])
def test_score_bar_is_in_proportion_to_the_threshold(factor: float) -> None:
    lengths = [
        bar_length(draw(grey_picture(640, 480), cold(640, 480), caption=dataclasses.replace(FAILED, score=score, review_threshold=None)))
        for score in (2 * 0.15, factor * 0.15)
    ]
    assert lengths[1] / lengths[0] == pytest.approx(factor / 2, abs=0.03)


@pytest.mark.parametrize(("threshold", "review", "p_value"), [(None, None, None), (0.15, None, None), (0.15, 0.1, 1e-9), (0.0, None, 1.0)])
def test_unknown_limits_are_left_out(threshold: float | None, review: float | None, p_value: float | None) -> None:
    caption = dataclasses.replace(FAILED, threshold=threshold, review_threshold=review, p_value=p_value)
    assert (bar_length(draw(grey_picture(640, 480), cold(640, 480), caption=caption)) > 0) is bool(threshold)


@pytest.mark.parametrize("score", [0.0, 1e-12, 123456789.0, -1.0])
@pytest.mark.parametrize("width", [100, 640])
def test_no_text_reaches_the_margin(score: float, width: int) -> None:
    caption = OverlayCaption("A_VERY_LONG_VERDICT_INDEED", "c" * 63, "r" * 500, "W" * 5000, score, 1e-9, 1e-10, 1e-12)
    picture = draw(grey_picture(width, 2 * width), cold(width, 2 * width), caption=caption)
    assert np.ptp(picture[:, -8:].reshape(-1, 3).astype(int), axis=0).max() <= 12, "only the band and the paper"
    assert np.ptp(picture[:, :8].reshape(-1, 3).astype(int), axis=0).max() <= 12


def test_heat_has_a_fixed_scale() -> None:
    """A hot spot elsewhere must not change the colour of a place: nothing is scaled per picture."""
    warm = cold(640, 480)
    warm[100:140, 100:140] = 0.8
    hot = warm.copy()
    hot[300:340, 400:440] = 9.0
    left, right = (draw(grey_picture(640, 480), heat) for heat in (warm, hot))
    assert left.shape == right.shape
    differing = np.argwhere((left != right).any(axis=2))
    assert np.ptp(differing[:, 0]) < 60
    assert np.ptp(differing[:, 1]) < 60


def test_cold_areas_show_the_frame_untouched() -> None:
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    picture = draw(image, np.full((480, 640), 0.5, np.float32))
    found = np.asarray(cv2.matchTemplate(picture, image, cv2.TM_SQDIFF_NORMED))
    places = np.argwhere(found < 1e-3)
    assert len(places) == 2, "the frame, and the frame under its heat"
    assert all((picture[y : y + 480, x : x + 640] == image).all() for y, x in places)


def test_regions_are_boxed_and_the_hottest_labelled() -> None:
    heat = cold(640, 480)
    heat[50:100, 200:300] = 1.4
    heat[300:320, 20:40] = 1.9
    regions = find_regions(heat, failed=True)
    marked = count(draw(grey_picture(640, 480), heat, regions), MARK) - count(draw(grey_picture(640, 480), heat), MARK)
    outline = 2 * 3 * (100 + 50 + 20 + 20)
    assert outline < marked < 3 * outline


def test_a_region_at_the_border_and_many_regions_are_drawn() -> None:
    many = tuple(Region(10 * (place % 64), 10 * (place // 64), 9, 9, 81, 2.0 - place / 100) for place in range(64))
    corners = (Region(0, 0, 640, 480, 307200, 3.0), Region(639, 479, 1, 1, 1, 1.1), Region(0, 479, 1, 1, 1, 1.1))
    assert count(draw(grey_picture(640, 480), cold(640, 480), corners + many), MARK) > 64 * 4 * 9


def test_comparisons_stand_in_a_row_as_wide_as_the_overlay() -> None:
    comparison = bytes(cv2.imencode(".png", np.full((358, 676, 3), (200, 100, 10), np.uint8))[1])
    regions = [CaptionedRegion(Region(10 * place, 10, 5, 5, 25, 2.0), comparison_png=comparison) for place in range(4)]
    without = draw(grey_picture(640, 480), cold(640, 480))

    def row(shown: list[CaptionedRegion], width: int, height: int) -> Rgb8:
        data = render_overlay(grey_picture(width, height), cold(width, height), shown, FAILED)
        return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)

    one, four = row(regions[:1], 640, 480), row(regions, 640, 480)
    ground = (10, 100, 200)
    assert (one.shape[1], four.shape[1]) == (without.shape[1], without.shape[1])
    assert one.shape == four.shape
    assert without.shape[0] + 200 < one.shape[0] < without.shape[0] + 500
    assert 1.9 < count(four, ground) / count(one, ground) < 2.1, "two are readable side by side, four are not"
    assert count(row(regions, 3000, 2000), ground) > count(four, ground), "a large overlay has larger letters and larger pictures"
    assert count(row(regions, 40, 900), ground) > 100_000, "one is always shown"


def test_same_input_same_bytes() -> None:
    image, heat = grey_picture(90, 70), cold(90, 70)
    assert render_overlay(image, heat, (), FAILED) == render_overlay(image, heat, (), FAILED)
