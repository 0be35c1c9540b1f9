"""A region beside the golden patch it is nearest to: two crops at one scale, boxes drawn."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from goldenpart.server.vision.image import Rgb8
from goldenpart.server.vision.preparation import Geometry
from goldenpart.server.vision.regions import Region

Box = tuple[int, int, int, int]

PANEL_PX = 320
"""Side of each crop in the picture."""

_LEAST_WINDOW_PX = 48
_CONTEXT = 1.8
_BEYOND = (96, 96, 96)
_GAP_PX, _TITLE_PX = 12, 26
_MARK, _PATCH = "#ffd60a", "#4cc9f0"


@dataclass(frozen=True, slots=True, eq=False)
class GoldenView:
    """A golden part as it was shown.

    Attributes:
        image: (H, W, 3) uint8, turned by its angle; see `turn`.
        patch: box of the nearest patch in it.
        scale: its pixels per pixel of the frame, along the width and the height, where both show the same part.
        title: what is written above.
    """

    image: Rgb8
    patch: Box
    scale: tuple[float, float]
    title: str


def turn(image: Rgb8, angle_deg: float, geometry: Geometry) -> Rgb8:
    """Turn a picture as a golden part is turned when it is shown to the backbone: about its centre, borders mirrored.

    Args:
        image: (H, W, 3) uint8, as it came.
        angle_deg: counter-clockwise in the resized picture.
        geometry: of the picture; a picture that is stretched is turned as it looks stretched.
    """
    if not angle_deg:
        return image
    width, height = geometry.content_width_px, geometry.content_height_px
    turned = np.vstack([cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle_deg, 1.0), [0.0, 0.0, 1.0]])
    across, down = width / image.shape[1], height / image.shape[0]
    shrink = np.array([[across, 0.0, (across - 1) / 2], [0.0, down, (down - 1) / 2], [0.0, 0.0, 1.0]])  # pixel centres lie at +1/2
    matrix = (np.linalg.inv(shrink) @ turned @ shrink)[:2]
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def draw_side_by_side(image: Rgb8, region: Region, patch: Box, golden: GoldenView) -> bytes:
    """Draw the comparison. Any thread.

    Both crops show as much of the part, and the two nearest patches lie at the same place of both.

    Args:
        image: (H, W, 3) uint8, the frame.
        region: of the frame, boxed yellow.
        patch: its worst patch in pixels of the frame, boxed blue.
        golden: what it is compared with; its patch is boxed blue.

    Returns:
        A PNG file.
    """
    side = max(_LEAST_WINDOW_PX, 3 * max(patch[2:]), round(_CONTEXT * max(region.width_px, region.height_px)))
    left, top = region.x_px + region.width_px / 2 - side / 2, region.y_px + region.height_px / 2 - side / 2
    scale_x, scale_y = golden.scale
    golden_left = golden.patch[0] - (patch[0] - left) * scale_x
    golden_top = golden.patch[1] - (patch[1] - top) * scale_y
    frame_crop = _crop(image, left, top, side, side)
    golden_crop = _crop(golden.image, golden_left, golden_top, side * scale_x, side * scale_y)
    canvas = Image.new("RGB", (2 * PANEL_PX + 3 * _GAP_PX, PANEL_PX + _TITLE_PX + _GAP_PX), "#ffffff")
    draw = ImageDraw.Draw(canvas)
    zoom = PANEL_PX / side
    boxes = ((region.box, _MARK), (patch, _PATCH))
    _place(canvas, draw, _GAP_PX, frame_crop, "frame", [(_shift(box, left, top, zoom, zoom), colour) for box, colour in boxes])
    shifted = _shift(golden.patch, golden_left, golden_top, zoom / scale_x, zoom / scale_y)
    _place(canvas, draw, 2 * _GAP_PX + PANEL_PX, golden_crop, golden.title, [(shifted, _PATCH)])
    return bytes(cv2.imencode(".png", np.asarray(canvas)[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 3])[1])


def _crop(image: Rgb8, left: float, top: float, width: float, height: float) -> Rgb8:
    """Cut out a window and scale it to the panel; grey beyond the border."""
    zoom = (PANEL_PX / width, PANEL_PX / height)
    if min(zoom) < 0.5:  # reduced much: average first, or thin scratches vanish between the samples
        factor = 2 * max(zoom)
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        ratio_x, ratio_y = small.shape[1] / image.shape[1], small.shape[0] / image.shape[0]
        return _crop(np.asarray(small, np.uint8), left * ratio_x, top * ratio_y, width * ratio_x, height * ratio_y)
    matrix = np.array([[zoom[0], 0.0, (0.5 - left) * zoom[0] - 0.5], [0.0, zoom[1], (0.5 - top) * zoom[1] - 0.5]])
    flags = cv2.INTER_LINEAR if min(zoom) < 4 else cv2.INTER_NEAREST
    size = (PANEL_PX, PANEL_PX)
    warped = cv2.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=_BEYOND)
    return np.asarray(warped, np.uint8)


def _shift(box: Box, left: float, top: float, zoom_x: float, zoom_y: float) -> npt.NDArray[np.float64]:
    corners = [(box[0] - left) * zoom_x, (box[1] - top) * zoom_y, (box[0] + box[2] - left) * zoom_x, (box[1] + box[3] - top) * zoom_y]
    return np.array(corners)


def _place(
    canvas: Image.Image, draw: ImageDraw.ImageDraw, x: int, crop: Rgb8, title: str, boxes: list[tuple[npt.NDArray[np.float64], str]]
) -> None:
    font = ImageFont.load_default(size=14)
    text = title
    while font.getlength(text) > PANEL_PX:
        text = text[:-2].rstrip("…") + "…"
    draw.text((x, _TITLE_PX - 7), text, "#1a2129", font, anchor="ls")
    panel = Image.fromarray(crop)
    inner = ImageDraw.Draw(panel)
    for box, colour in boxes:
        x0, y0, x1, y1 = (float(value) for value in box)
        inner.rectangle((x0 - 3, y0 - 3, x1 + 2, y1 + 2), outline="#000000", width=4)
        inner.rectangle((x0 - 2, y0 - 2, x1 + 1, y1 + 1), outline=colour, width=2)
    canvas.paste(panel, (x, _TITLE_PX))
