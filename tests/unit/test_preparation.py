"""Geometry: nothing is cropped, patches cover the picture, rotations turn the right way, masks decide by majority."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenpart.server.errors import NothingToInspectError
from goldenpart.server.vision.mask import InspectionMask
from goldenpart.server.vision.preparation import MAX_ASPECT, plan_geometry, prepare
from goldenpart.server.vision.recipe import Recipe, Resize

KEEP, STRETCH = Recipe(resolution_px=112), Recipe(resolution_px=112, resize=Resize.STRETCH)
EACH_RESIZE = pytest.mark.parametrize("recipe", [KEEP, STRETCH], ids=["keep_aspect", "stretch"])


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([KEEP, STRETCH]), st.sampled_from([8, 14]))
def test_patch_boxes_cover_the_picture_and_nothing_else(width: int, height: int, recipe: Recipe, patch: int) -> None:
    geometry = plan_geometry(width, height, recipe, patch)
    for limit, count, along in ((width, geometry.columns, 0), (height, geometry.rows, 1)):
        place = 0
        for index in range(count):
            row, column = (0, index) if along == 0 else (index, 0)
            box = geometry.patch_box(row, column)
            assert 0 <= box[along] <= place, "no gap before it"
            assert box[along + 2] >= 1
            place = max(place, box[along] + box[along + 2])
        assert place == limit


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([8, 14]))
def test_keeping_the_aspect_distorts_by_less_than_a_pixel(width: int, height: int, patch: int) -> None:
    geometry = plan_geometry(width, height, KEEP, patch)
    scale = min(112 / min(width, height), MAX_ASPECT * 112 / max(width, height))
    assert abs(geometry.content_width_px - width * scale) <= max(0.5, 1 - width * scale) + 1e-9
    assert abs(geometry.content_height_px - height * scale) <= max(0.5, 1 - height * scale) + 1e-9
    assert max(geometry.content_width_px, geometry.content_height_px) <= MAX_ASPECT * 112
    assert 0 <= geometry.columns * patch - geometry.content_width_px < patch
    assert 0 <= geometry.rows * patch - geometry.content_height_px < patch


@EACH_RESIZE
@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (1, 1), (1, 6000), (6000, 1), (3000, 40), (97, 101)])
def test_prepared_pixels_are_whole_patches(width: int, height: int, recipe: Recipe) -> None:
    prepared = prepare(np.full((height, width, 3), 90, np.uint8), recipe, 14)
    geometry = prepared.geometry
    assert prepared.pixels.shape == (geometry.rows * 14, geometry.columns * 14, 3)
    assert (prepared.pixels == 90).all(), "padding repeats the border"
    assert prepared.inspected.shape == (geometry.rows, geometry.columns)
    assert prepared.inspected.all()
    assert prepared.excluded == 0


@EACH_RESIZE
@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (700, 90), (4000, 100), (100, 4000), (130, 125), (10, 4000)])
@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_every_corner_arrives(width: int, height: int, recipe: Recipe, corner: tuple[int, int]) -> None:
    picture = np.zeros((height, width, 3), np.uint8)
    side_x, side_y = max(1, width // 20), max(1, height // 20)
    rows = slice(0, side_y) if corner[0] == 0 else slice(height - side_y, height)
    columns = slice(0, side_x) if corner[1] == 0 else slice(width - side_x, width)
    picture[rows, columns] = 255
    prepared = prepare(picture, recipe, 14)
    row = 0 if corner[0] == 0 else prepared.geometry.content_height_px - 1
    column = 0 if corner[1] == 0 else prepared.geometry.content_width_px - 1
    assert prepared.pixels[row, column].min() > 20


@EACH_RESIZE
@pytest.mark.parametrize("size", [(4000, 100), (100, 4000), (10, 4000), (4000, 10), (2000, 2000)])
def test_no_line_falls_through_the_resizing(size: tuple[int, int], recipe: Recipe) -> None:
    width, height = size
    for line in range(1990, 2010) if max(size) == 4000 else range(990, 1010):
        picture = np.zeros((height, width, 3), np.uint8)
        if width > height:
            picture[:, min(line, width - 1)] = 255
        else:
            picture[min(line, height - 1)] = 255
        assert prepare(picture, recipe, 14).pixels.max() > 0, line


def test_rotation_is_counter_clockwise_about_the_centre() -> None:
    picture = np.zeros((112, 112, 3), np.uint8)
    picture[50:62, 90:102] = 255  # at the right
    turned = prepare(picture, KEEP, 14, angle_deg=90).pixels
    assert turned[10:22, 50:62].min() == 255, "at the top"
    assert (turned == np.rot90(picture)).all()
    assert (prepare(picture, KEEP, 14, angle_deg=360).pixels == picture).all()


def test_mask_turns_with_the_picture() -> None:
    right = InspectionMask(ignore=(((0.5, 0), (1, 0), (1, 1), (0.5, 1)),))
    upright = prepare(np.zeros((112, 112, 3), np.uint8), KEEP, 14, right)
    turned = prepare(np.zeros((112, 112, 3), np.uint8), KEEP, 14, right, angle_deg=90)
    assert upright.inspected[:, :4].all()
    assert not upright.inspected[:, 4:].any()
    assert (turned.inspected == np.rot90(upright.inspected)).all()
    assert upright.excluded == turned.excluded == 32


@pytest.mark.parametrize(("kept_columns", "counts"), [(6, False), (7, True), (8, True)])
def test_a_patch_counts_if_half_of_it_is_kept(kept_columns: int, *, counts: bool) -> None:
    image = np.ones((112, 112), np.bool_)
    image[:14, kept_columns:14] = False  # 14 x 14 px patch at the corner
    prepared = prepare(np.zeros((112, 112, 3), np.uint8), KEEP, 14, InspectionMask(image=image))
    assert bool(prepared.inspected[0, 0]) is counts
    assert prepared.excluded == (0 if counts else 1)


def test_padding_has_no_vote() -> None:
    image = np.ones((112, 115), np.bool_)  # the last column of patches holds 3 real columns
    image[:, 112:114] = False
    prepared = prepare(np.zeros((112, 115, 3), np.uint8), KEEP, 14, InspectionMask(image=image))
    assert prepared.inspected.shape == (8, 9)
    assert not prepared.inspected[:, 8].any(), "2 of its 3 real columns are ignored"
    assert prepared.inspected[:, :8].all()
    image[:, 113] = True
    assert prepare(np.zeros((112, 115, 3), np.uint8), KEEP, 14, InspectionMask(image=image)).inspected.all()


def test_nothing_to_inspect_is_refused() -> None:
    speck = InspectionMask(include=(((0.5, 0.5), (0.51, 0.5), (0.51, 0.51)),))
    with pytest.raises(NothingToInspectError, match="no patch"):
        prepare(np.zeros((112, 112, 3), np.uint8), KEEP, 14, speck)


def test_enlarging_is_bilinear() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    prepared = prepare(picture, KEEP, 14)
    expected = cv2.resize(picture, (149, 112), interpolation=cv2.INTER_LINEAR)
    assert (prepared.pixels[:112, :149] == expected).all()
