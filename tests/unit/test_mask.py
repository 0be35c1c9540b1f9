"""Masks: polygons and images drawn at any size, and what cannot be drawn."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from goldenpart.server.errors import MaskError
from goldenpart.server.vision.image import EncodedImage, PixelFormat, RawImage
from goldenpart.server.vision.mask import InspectionMask, Polygon, read_mask_image

LEFT_HALF: Polygon = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))
CENTRE: Polygon = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))


def test_no_polygon_inspects_everything() -> None:
    assert InspectionMask().render(7, 5).all()
    assert InspectionMask().render(7, 5).shape == (5, 7)


@pytest.mark.parametrize(("width", "height"), [(100, 60), (64, 64), (31, 257)])
def test_include_and_ignore_cover_their_share(width: int, height: int) -> None:
    edge = 2 * (width + height)  # polygon edges are drawn on whole pixels
    assert abs(InspectionMask(include=(LEFT_HALF,)).render(width, height).sum() - width * height / 2) <= edge
    ignored = InspectionMask(ignore=(CENTRE,)).render(width, height)
    assert abs((~ignored).sum() - width * height / 4) <= edge
    assert not ignored[height // 2, width // 2]
    assert ignored[0, 0]


def test_ignore_wins_over_include() -> None:
    drawn = InspectionMask(include=(LEFT_HALF,), ignore=(CENTRE,)).render(80, 80)
    assert drawn[40, 4]
    assert not drawn[40, 30]
    assert not drawn[40, 70]


def test_a_polygon_over_everything_leaves_no_edge() -> None:
    everything: Polygon = ((0, 0), (1, 0), (1, 1), (0, 1))
    assert InspectionMask(include=(everything,)).render(33, 21).all()
    assert not InspectionMask(ignore=(everything,)).render(33, 21).any()


def test_mask_image_is_scaled_without_blur() -> None:
    image = np.zeros((4, 8), np.bool_)
    image[:, 4:] = True
    drawn = InspectionMask(image=image).render(80, 20)
    assert drawn.shape == (20, 80)
    assert not drawn[:, :40].any()
    assert drawn[:, 40:].all()


@pytest.mark.parametrize(
    ("polygon", "message"),
    [
        (((0.0, 0.0), (1.0, 1.0)), "has 2 vertices"),
        (((0.1, 0.2), (0.5, 0.2), (0.9, 0.2), (0.3, 0.2)), "encloses nothing: all its 4 vertices lie on one line"),
        (((0.1, 0.1), (0.5, 0.3), (0.9, 0.5)), "encloses nothing"),
        (((0.0, 0.0), (1.0, 0.0), (math.nan, 1.0)), r"vertex \(nan, 1.0\)"),
        (((0.0, 0.0), (1.0, 0.0), (0.5, math.inf)), "inf"),
        (((0.0, 0.0), (1.0, 0.0), (0.5, 1.01)), "1.01"),
        (((0.0, 0.0), (1.0, 0.0), (-0.01, 1.0)), "-0.01"),
    ],
)
def test_impossible_polygons_are_refused_by_name(polygon: Polygon, message: str) -> None:
    with pytest.raises(MaskError, match=message) as caught:
        InspectionMask(ignore=(LEFT_HALF, polygon))
    assert caught.value.field == "mask.polygons.ignore[1]"


def test_an_empty_mask_image_is_refused() -> None:
    with pytest.raises(MaskError, match="0 everywhere"):
        InspectionMask(image=np.zeros((3, 3), np.bool_))


def png(picture: npt.NDArray[np.generic]) -> EncodedImage:
    return EncodedImage(bytes(cv2.imencode(".png", np.asarray(picture))[1]))


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_anything_but_0_is_inspected_at_any_depth(depth: type[np.uint8 | np.uint16]) -> None:
    areas = np.arange(6).reshape(2, 3)  # numbered from 1 on; 0 is background
    assert (read_mask_image(png(areas.astype(depth)), 100) == (areas > 0)).all()


def test_one_channel_is_enough() -> None:
    picture = np.zeros((2, 3, 3), np.uint8)
    picture[0, 1, 2] = 1
    assert read_mask_image(png(picture), 100).tolist() == [[False, True, False], [False, False, False]]
    raw = RawImage(bytes([0, 7, 0, 255]), 2, 2, 0, PixelFormat.MONO8)
    assert read_mask_image(raw, 100).tolist() == [[False, True], [False, True]]


@pytest.mark.parametrize("source", [EncodedImage(b""), EncodedImage(b"GIF89a"), RawImage(bytes(3), 2, 2, 0, PixelFormat.MONO8)])
def test_a_broken_mask_image_is_an_error_of_the_mask(source: EncodedImage | RawImage) -> None:
    with pytest.raises(MaskError, match="mask image cannot be used") as caught:
        read_mask_image(source, 100)
    assert caught.value.field == "mask.image"


def test_a_large_mask_image_is_refused() -> None:
    with pytest.raises(MaskError, match="the limit is 100"):
        read_mask_image(png(np.ones((11, 10), np.uint8)), 100)
