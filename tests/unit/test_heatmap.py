"""Heat maps: a fixed scale, the right place, a lossless file; and regions that explain a verdict."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenpart.server.vision.heatmap import PNG_SCALE, draw_heat, encode_heat
from goldenpart.server.vision.preparation import plan_geometry
from goldenpart.server.vision.recipe import Recipe
from goldenpart.server.vision.regions import MAX_REGIONS, find_regions, reported

Heat = npt.NDArray[np.float32]
RECIPE = Recipe(resolution_px=112)


def blank(value: float = 0.0) -> Heat:
    return np.full((60, 80), value, np.float32)


@pytest.mark.parametrize(("width", "height"), [(300, 200), (112, 112), (20, 90), (1, 700)])
@pytest.mark.parametrize("sigma", [0.0, 4.0, 64.0])
def test_uniform_distances_stay_what_they_are(width: int, height: int, sigma: float) -> None:
    geometry = plan_geometry(width, height, RECIPE, 14)
    heat = draw_heat(np.full((geometry.rows, geometry.columns), 0.3, np.float32), geometry, sigma, 0.2)
    assert heat.shape == (height, width)
    assert heat.dtype == np.float32
    np.testing.assert_allclose(heat, 1.5, rtol=1e-5)


def test_scale_is_the_threshold_and_never_the_picture() -> None:
    geometry = plan_geometry(300, 200, RECIPE, 14)
    grid = np.random.default_rng(0).random((geometry.rows, geometry.columns), np.float32)
    heat = draw_heat(grid, geometry, 2.0, 0.5)
    np.testing.assert_allclose(draw_heat(3 * grid, geometry, 2.0, 0.5), 3 * heat, rtol=1e-4)
    np.testing.assert_allclose(draw_heat(grid, geometry, 2.0, 0.25), 2 * heat, rtol=1e-4)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 5), (7, 11)])
def test_heat_lies_where_its_patch_lies(row: int, column: int) -> None:
    geometry = plan_geometry(600, 400, RECIPE, 14)
    grid = np.zeros((geometry.rows, geometry.columns), np.float32)
    grid[row, column] = 1.0
    heat = draw_heat(grid, geometry, 2.0, 1.0)
    y, x = np.unravel_index(int(heat.argmax()), heat.shape)
    left, top, width, height = geometry.patch_box(row, column)
    assert left <= x < left + width
    assert top <= y < top + height


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1e-30])
def test_a_threshold_of_nothing_gives_finite_heat(threshold: float) -> None:
    geometry = plan_geometry(50, 50, RECIPE, 14)
    heat = draw_heat(np.full((8, 8), 0.5, np.float32), geometry, 4.0, threshold)
    assert np.isfinite(heat).all()
    assert heat.min() > 1.0


@settings(deadline=None)
@given(st.lists(st.floats(0, 15.75, width=32), min_size=1, max_size=50))
def test_png_keeps_the_heat_to_half_a_step(values: list[float]) -> None:
    heat = np.array([values], np.float32)
    steps = cv2.imdecode(np.frombuffer(encode_heat(heat), np.uint8), cv2.IMREAD_UNCHANGED)
    assert steps is not None
    assert steps.dtype == np.uint16
    assert steps.shape == heat.shape
    np.testing.assert_allclose(np.asarray(steps, np.float64) * PNG_SCALE, heat, atol=PNG_SCALE / 2 + 1e-6)


def test_png_saturates_and_has_no_negative_heat() -> None:
    steps = cv2.imdecode(np.frombuffer(encode_heat(np.array([[-1.0, 16.0, 1e9]], np.float32)), np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.asarray(steps).tolist() == [[0, 65535, 65535]]


def test_regions_are_boxes_areas_and_peaks_hottest_first() -> None:
    heat = blank(0.4)
    heat[10:14, 20:30] = 1.2
    heat[11, 25] = 1.5
    heat[40:42, 70:80] = 3.0
    heat[50, 5] = 0.9999
    first, second = find_regions(heat, failed=True)
    assert (first.x_px, first.y_px, first.width_px, first.height_px, first.area_px) == (70, 40, 10, 2, 20)
    assert first.peak == pytest.approx(3.0)
    assert (second.x_px, second.y_px, second.width_px, second.height_px, second.area_px) == (20, 10, 10, 4, 40)
    assert second.peak == pytest.approx(1.5)


def test_the_limit_itself_and_diagonals_belong_to_a_region() -> None:
    heat = blank()
    heat[3, 3] = heat[4, 4] = 1.0
    (region,) = find_regions(heat, failed=False)
    assert region.area_px == 2


def test_the_peak_of_a_region_is_its_own_not_of_its_box() -> None:
    heat = blank()
    heat[10:30, 10] = heat[29, 10:30] = 1.1  # an L
    heat[12:15, 20:25] = 2.0  # inside its box
    assert [round(region.peak, 3) for region in find_regions(heat, failed=True)] == [2.0, 1.1]


def test_small_regions_are_left_out() -> None:
    heat = blank()
    heat[5:10, 5:10] = 1.1
    heat[30, 30:33] = 5.0
    found = find_regions(heat, failed=True)
    assert [region.area_px for region in reported(found, 4, failed=True)] == [25]
    assert [region.area_px for region in reported(found, 0, failed=True)] == [3, 25]


def test_a_passed_part_without_heat_has_no_region() -> None:
    assert find_regions(blank(0.99), failed=False) == ()


@pytest.mark.parametrize("peak", [0.0, 0.3, 0.95, 1.0, 7.0])
@pytest.mark.parametrize("min_area", [0, 1, 5, 10_000_000])
def test_a_failed_part_always_has_a_region(peak: float, min_area: int) -> None:
    heat = blank(0.1 * peak)
    heat[20, 30:33] = peak
    regions = reported(find_regions(heat, failed=True), min_area, failed=True)
    assert regions
    assert regions[0].peak == pytest.approx(peak)
    box = regions[0]
    assert box.x_px <= 30 < box.x_px + box.width_px
    assert box.y_px <= 20 < box.y_px + box.height_px


def test_there_are_never_too_many_regions() -> None:
    heat = np.zeros((100, 100), np.float32)
    heat[::2, ::2] = np.linspace(1.0, 2.0, 2500).reshape(50, 50)
    regions = reported(find_regions(heat, failed=True), 1, failed=True)
    assert len(regions) == MAX_REGIONS
    assert regions[0].peak == pytest.approx(2.0)
    assert regions[-1].peak > 1.9
