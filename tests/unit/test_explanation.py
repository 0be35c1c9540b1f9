"""Explanations: shapes and colours of drawn defects are measured right, and the sentence says what was measured."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenpart.server.vision.explanation import Appearance, Shape, Tone, measure_appearance, measure_shape
from goldenpart.server.vision.explanation_picture import PANEL_PX, GoldenView, draw_side_by_side, turn
from goldenpart.server.vision.explanation_text import NearestWords, NormalRange, describe, short_caption
from goldenpart.server.vision.preparation import plan_geometry, prepare
from goldenpart.server.vision.recipe import Recipe, Resize
from goldenpart.server.vision.regions import Region

Rgb8 = npt.NDArray[np.uint8]
GREY = (128, 128, 128)
ROUND = Shape(20, 20, 0, 1, 100, 90, 314)
PLAIN = Tone(0, 0, 0)


def steel(width: int = 400, height: int = 300, seed: int = 0) -> Rgb8:
    noise = np.random.default_rng(seed).normal(0, 3, (height, width, 1))
    return np.clip(np.array(GREY) + noise, 0, 255).astype(np.uint8)


def bar(length: float, width: float, angle_deg: float, side: int = 200) -> npt.NDArray[np.bool_]:
    """Pixels whose centres lie in a rectangle about the middle, turned counter-clockwise."""
    rows, columns = np.mgrid[0:side, 0:side] - (side - 1) / 2
    cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    along, across = columns * cos - rows * sin, columns * sin + rows * cos
    return (np.abs(along) <= length / 2) & (np.abs(across) <= width / 2)


@settings(deadline=None, max_examples=60)
@given(st.floats(20, 120), st.floats(3, 18), st.floats(0, 179))
def test_a_bar_has_its_length_width_and_direction(length: float, width: float, angle: float) -> None:
    shape = measure_shape(bar(length, width, angle))
    assert shape.length_px == pytest.approx(max(length, width), abs=2.5)
    assert shape.width_px == pytest.approx(min(length, width), abs=2.5)
    if length > 2 * width:
        turned = abs(shape.orientation_deg - angle) % 180
        assert min(turned, 180 - turned) < 4.5  # a bar of 20 x 3 px whose edges lie on pixel centres is a staircase of 4.2 degrees
        assert math.tan(math.radians(min(turned, 180 - turned))) * length < 2  # pixels from one end to the other: 1 degree of 120 px
    assert (shape.x_px, shape.y_px) == (pytest.approx(100, abs=1), pytest.approx(100, abs=1))


@settings(deadline=None, max_examples=40)
@given(st.integers(5, 80), st.integers(5, 80))
def test_an_ellipse_has_the_elongation_of_its_axes(a: int, b: int) -> None:
    rows, columns = np.mgrid[0:200, 0:200] - 99.5
    shape = measure_shape((columns / a) ** 2 + (rows / b) ** 2 <= 1)
    assert shape.elongation == pytest.approx(max(a, b) / min(a, b), rel=0.12)
    assert shape.area_px == pytest.approx(math.pi * a * b, rel=0.15)


@pytest.mark.parametrize("pixels", [[[True]], [[True, True]], [[True], [True], [True]], [[True, True], [True, True]]])
def test_specks_have_a_finite_shape(pixels: list[list[bool]]) -> None:
    array = np.array(pixels)
    shape = measure_shape(array, 7, 9)
    assert (shape.length_px, shape.width_px) == (max(array.shape), min(array.shape))
    assert shape.elongation >= 1
    assert math.isfinite(shape.elongation)
    assert (shape.x_px, shape.y_px) == (7 + array.shape[1] / 2, 9 + array.shape[0] / 2)


def test_scale_and_place_are_those_of_the_frame() -> None:
    half = measure_shape(bar(60, 10, 0), 40, 30, scale=0.5)
    whole = measure_shape(bar(60, 10, 0))
    assert half.length_px == pytest.approx(2 * whole.length_px)
    assert half.area_px == pytest.approx(4 * whole.area_px)
    assert (half.x_px, half.y_px) == (pytest.approx(40 + 200), pytest.approx(30 + 200))


def scratched(colour: tuple[int, int, int]) -> tuple[Rgb8, Region]:
    """A bar of 41 x 6 px about (210, 143), and the much coarser region that a heat map makes of it."""
    image = steel()
    image[140:146, 190:231] = colour
    return image, Region(180, 122, 62, 44, 62 * 44, 3.2, excess=3.2)


@pytest.mark.parametrize(
    ("colour", "word", "lightness"),
    [((60, 60, 60), "dark", -28), ((220, 220, 220), "bright", 34), ((190, 100, 100), "reddish", None), ((90, 110, 190), "bluish", None)],
)
def test_a_scratch_is_measured_inside_its_coarse_region(colour: tuple[int, int, int], word: str, lightness: float | None) -> None:
    image, region = scratched(colour)
    found = measure_appearance(image, region)
    assert found.outlined
    assert (found.shape.length_px, found.shape.width_px) == (pytest.approx(41, abs=2), pytest.approx(6, abs=2))
    assert found.shape.orientation_deg in (pytest.approx(0, abs=2), pytest.approx(180, abs=2))
    if lightness is not None:
        assert found.tone.lightness == pytest.approx(lightness, abs=4)
    assert word in describe(region, found, image.shape[0] * image.shape[1], 16, None)


def test_the_sentence_of_a_dark_scratch() -> None:
    image, region = scratched((60, 60, 60))
    text = describe(region, measure_appearance(image, region), 400 * 300, 16, NearestWords(7, 120, 88, 0.0))
    assert text == (
        "dark elongated region 41x6 px at (210, 143), 28 L* darker than around it, 3.2x the limit, unlike any of 16 golden parts; "
        "nearest: golden 7 at (120, 88)"
    )


def test_where_nothing_stands_out_the_region_itself_is_measured() -> None:
    found = measure_appearance(steel(), Region(100, 100, 60, 30, 1800, 1.4, excess=1.4))
    assert not found.outlined
    assert (found.shape.length_px, found.shape.width_px) == (60, 30)
    assert "unusual" in describe(Region(100, 100, 60, 30, 1800, 1.4, excess=1.4), found, 120_000, 4, None)


def test_of_two_spots_the_one_under_the_worst_patch_counts() -> None:
    image = steel()
    image[105:125, 105:125] = 30
    image[112:118, 150:156] = 40
    region = Region(95, 95, 80, 40, 3200, 2.0, excess=2.0)
    assert measure_appearance(image, region, (148, 110, 10, 10)).shape.area_px == pytest.approx(36, abs=4)
    assert measure_appearance(image, region).shape.area_px == pytest.approx(400, abs=10)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3000, 40), (40, 3000), (1200, 900)])
def test_any_region_can_be_measured(width: int, height: int) -> None:
    found = measure_appearance(steel(width, height), Region(0, 0, width, height, width * height, 1.2, excess=1.2))
    assert found.shape.length_px == pytest.approx(max(width, height), rel=0.02)


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (Region(0, 0, 9, 9, 81, 1.25, excess=1.25), "1.25x the limit, unlike any of 12 golden parts"),
        (Region(0, 0, 9, 9, 81, 0.93, excess=0.93), "0.93x the limit"),
        (
            Region(0, 0, 9, 9, 81, 0.9, excess=1.125, zone="thread", limit=0.8, critical_excess=1.125),
            "in zone thread, 1.12x the limit of zone thread (0.8 of the threshold), unlike any of 12 golden parts",
        ),
        (
            Region(0, 0, 9, 9, 81, 3.2, excess=3.2, zone="thread", limit=0.8, critical_excess=1.4),
            "in zone thread, 3.2x the limit, 1.40x that of critical zone thread (0.8 of the threshold), unlike any of 12 golden parts",
        ),
        (
            Region(0, 0, 9, 9, 81, 1.5, excess=1.5, minimum_area_px=100),
            "1.50x the limit, unlike any of 12 golden parts; tolerated: 81 px, less than the 100 px that fail",
        ),
        (
            Region(0, 0, 9, 9, 81, 1.2, excess=0.8, zone="rim", limit=1.5),
            "in zone rim, 0.80x the limit of zone rim (1.5 of the threshold); tolerated: 1.20 of the threshold, less than the limit 1.5 here",  # noqa: E501
        ),
    ],
)
def test_a_sentence_tells_zone_limit_and_tolerance(region: Region, expected: str) -> None:
    text = describe(region, Appearance(ROUND, PLAIN, outlined=False), 100_000, 12, None)
    assert text.replace(" at (100, 90)", "") == f"unusual compact region 20x20 px{'' if expected.startswith('in') else ','} {expected}"


def test_large_one_part_and_turned_words() -> None:
    region = Region(0, 0, 9, 9, 81, 2.0, excess=2.0)
    text = describe(region, Appearance(ROUND, Tone(12, 0, -9), outlined=True), 6000, 1, NearestWords(0, 5, 6, 90.0))
    assert text == (
        "bright bluish large region 20x20 px at (100, 90), 12 L* brighter and 9 a*b* more bluish than around it, 2.0x the limit, "
        "unlike the golden part; nearest: golden 0 turned by 90 degrees at (5, 6)"
    )
    assert short_caption(region, Appearance(ROUND, PLAIN, outlined=False), 6000) == "unusual large 2.0x"


def test_a_distance_is_told_beside_the_normal_ones() -> None:
    region = Region(0, 0, 9, 9, 81, 2.0, excess=2.0)
    normal = NormalRange.of([0.5, 0.25, 0.75, 1.0])
    assert normal == NormalRange(0.25, 0.625, 1.0, 4)
    text = describe(region, Appearance(ROUND, PLAIN, outlined=False), 100_000, 4, None, 3.14159, normal)
    assert "2.0x the limit, distance 3.14 where good parts reach 0.25 to 1, unlike any of 4 golden parts" in text
    assert NormalRange.of(()) is None
    within = describe(region, Appearance(ROUND, PLAIN, outlined=False), 100_000, 4, None, 0.9, normal)
    assert within.endswith("distance 0.9 where good parts reach 0.25 to 1"), "good parts have patches as far away"


@pytest.mark.parametrize("resize", list(Resize))
@pytest.mark.parametrize("angle", [0.0, 37.0, 90.0, 200.0])
def test_a_golden_part_is_turned_as_the_backbone_saw_it(resize: Resize, angle: float) -> None:
    recipe = Recipe(resolution_px=112, resize=resize)
    image = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (168, 224, 3), np.uint8), (0, 0), 8)
    geometry = plan_geometry(224, 168, recipe, 14)
    seen = prepare(np.asarray(image, np.uint8), recipe, 14, None, angle).pixels[: geometry.content_height_px, : geometry.content_width_px]
    shown = turn(np.asarray(image, np.uint8), angle, geometry)
    small = cv2.resize(shown, (geometry.content_width_px, geometry.content_height_px), interpolation=cv2.INTER_AREA)
    inner = np.s_[20:-20, 20:-20]
    assert np.abs(np.asarray(small, int)[inner] - seen[inner]).mean() < 1.5


def test_side_by_side_shows_both_at_one_scale() -> None:
    image = steel(300, 300)
    image[140:160, 140:160] = (250, 20, 20)
    golden = cv2.resize(steel(300, 300, 1), (600, 600))
    golden[280:320, 280:320] = (20, 250, 20)
    region = Region(130, 130, 40, 40, 1600, 2.0, excess=2.0)
    view = GoldenView(np.asarray(golden, np.uint8), (280, 280, 40, 40), (2.0, 2.0), "golden 3: a name that is much too long " * 3)
    data = draw_side_by_side(image, region, (140, 140, 20, 20), view)
    picture = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)
    assert PANEL_PX < picture.shape[0] < 1.3 * PANEL_PX
    half = picture.shape[1] // 2
    red = (picture[:, :half] == (250, 20, 20)).all(axis=2).sum()
    green = (picture[:, half:] == (20, 250, 20)).all(axis=2).sum()
    assert red == pytest.approx(green, rel=0.15)
    assert (picture[:, :half] == (255, 214, 10)).all(axis=2).any(), "the region's box"
    assert not (picture[:, half:] == (255, 214, 10)).all(axis=2).any()
    assert min((part == (76, 201, 240)).all(axis=2).sum() for part in (picture[:, :half], picture[:, half:])) > 100, "patches"


@pytest.mark.parametrize("box", [(0, 0, 8, 8), (292, 292, 8, 8), (0, 150, 300, 4), (299, 0, 1, 1)])
def test_side_by_side_at_borders_and_of_strips(box: tuple[int, int, int, int]) -> None:
    image = steel(300, 300)
    view = GoldenView(image, (292, 0, 8, 8), (1.0, 1.0), "golden 0")
    region = Region(*box, box[2] * box[3], 1.5, excess=1.5)
    assert draw_side_by_side(image, region, (box[0], box[1], 8, 8), view).startswith(b"\x89PNG")


def test_a_crack_at_the_edge_of_the_part_is_dark_though_the_background_is_darker() -> None:
    image = steel()
    image[:, 250:] = 20
    image[:60] = 20
    cv2.line(image, (190, 100), (235, 118), (55, 55, 55), 3)
    region = Region(180, 70, 66, 60, 66 * 60, 2.0, excess=2.0)
    found = measure_appearance(image, region)
    assert found.outlined
    assert found.shape.elongation > 5
    assert found.tone.lightness < -20
    bare = steel()
    bare[:, 250:] = 20
    assert measure_appearance(bare, region).tone == PLAIN, "no word about colour where the surroundings vary"
