"""From an upright picture to the backbone's input: resize, pad, rotate, and which patches count."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from goldenpart.server.errors import NothingToInspectError
from goldenpart.server.vision.image import Rgb8
from goldenpart.server.vision.mask import BoolGrid, InspectionMask
from goldenpart.server.vision.recipe import Recipe, Resize

MAX_ASPECT = 4.0
"""The longer side is at most so many times the resolution: a line-scan strip costs time in proportion, a 1 x 60,000 image does not."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a picture and its patch grid lie on each other.

    Attributes:
        width_px, height_px: of the original upright picture.
        content_width_px, content_height_px: of the resized picture.
        patch_px: side of a patch in the resized picture.
    """

    width_px: int
    height_px: int
    content_width_px: int
    content_height_px: int
    patch_px: int

    @property
    def columns(self) -> int:
        """Patches along the width, padding included."""
        return -(-self.content_width_px // self.patch_px)

    @property
    def rows(self) -> int:
        """Patches along the height, padding included."""
        return -(-self.content_height_px // self.patch_px)

    def patch_box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """Return (x, y, width, height) of a patch in pixels of the original picture, clipped to it, at least 1 x 1."""
        scale_x, scale_y = self.width_px / self.content_width_px, self.height_px / self.content_height_px
        left, right = _span(column * self.patch_px * scale_x, (column + 1) * self.patch_px * scale_x, self.width_px)
        top, bottom = _span(row * self.patch_px * scale_y, (row + 1) * self.patch_px * scale_y, self.height_px)
        return left, top, right - left, bottom - top


@dataclass(frozen=True, slots=True, eq=False)
class PreparedImage:
    """A picture ready for the backbone.

    Attributes:
        pixels: (rows * patch_px, columns * patch_px, 3) uint8 RGB, the resized picture padded at the right and the bottom.
        inspected: (rows, columns) bool, patches that count.
        excluded: number of patches that the mask left out.
        geometry: how pixels and patches lie on each other.
    """

    pixels: Rgb8
    inspected: BoolGrid
    excluded: int
    geometry: Geometry


def plan_geometry(width_px: int, height_px: int, recipe: Recipe, patch_px: int) -> Geometry:
    """Work out the input size of a picture.

    Nothing is ever cropped. With ``keep_aspect`` the shorter side becomes the resolution, unless the longer one would exceed
    `MAX_ASPECT` times it.
    """
    if recipe.resize is Resize.STRETCH:
        return Geometry(width_px, height_px, recipe.resolution_px, recipe.resolution_px, patch_px)
    short, long = sorted((width_px, height_px))
    scale = min(recipe.resolution_px / short, MAX_ASPECT * recipe.resolution_px / long)
    return Geometry(width_px, height_px, max(1, round(width_px * scale)), max(1, round(height_px * scale)), patch_px)


def prepare(image: Rgb8, recipe: Recipe, patch_px: int, mask: InspectionMask | None = None, angle_deg: float = 0.0) -> PreparedImage:
    """Resize, rotate and pad a picture. May run on any thread; OpenCV releases the GIL.

    Args:
        image: (H, W, 3) uint8 RGB.
        recipe: resolution and resize.
        patch_px: the backbone's patch size.
        mask: where to inspect; a patch is left out when more than half of it is ignored.
        angle_deg: counter-clockwise rotation about the centre, borders mirrored.

    Raises:
        NothingToInspectError: the mask leaves no patch.
    """
    geometry = plan_geometry(image.shape[1], image.shape[0], recipe, patch_px)
    content = _resize(image, geometry)
    kept = None if mask is None else mask.render(geometry.content_width_px, geometry.content_height_px)
    if angle_deg:
        content = _rotate(content, angle_deg, cv2.INTER_LINEAR)
        kept = None if kept is None else _rotate(kept.astype(np.uint8), angle_deg, cv2.INTER_NEAREST).astype(np.bool_)
    inspected = np.ones((geometry.rows, geometry.columns), np.bool_) if kept is None else _majority(kept, geometry)
    if not inspected.any():
        raise NothingToInspectError("The mask leaves no patch of the image to inspect; make the inspected area larger.", field="mask")
    return PreparedImage(_pad(content, geometry), inspected, int(inspected.size - inspected.sum()), geometry)


def _resize(image: Rgb8, geometry: Geometry) -> Rgb8:
    target = (geometry.content_width_px, geometry.content_height_px)
    if target == (image.shape[1], image.shape[0]):
        return image
    # Area averaging keeps a thin scratch visible at any reduction; bilinear enlarging adds no ringing. Asked for both at once, when
    # stretching shrinks one side and enlarges the other, OpenCV would interpolate and skip pixels.
    smaller = (min(target[0], image.shape[1]), min(target[1], image.shape[0]))
    shrunk = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk if smaller == target else cv2.resize(shrunk, target, interpolation=cv2.INTER_LINEAR), np.uint8)


def _rotate(image: Rgb8, angle_deg: float, interpolation: int) -> Rgb8:
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle_deg, 1.0)
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), flags=interpolation, borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def _pad(content: Rgb8, geometry: Geometry) -> Rgb8:
    bottom = geometry.rows * geometry.patch_px - content.shape[0]
    right = geometry.columns * geometry.patch_px - content.shape[1]
    if not (bottom or right):
        return content
    return np.asarray(cv2.copyMakeBorder(content, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8)


def _majority(kept: BoolGrid, geometry: Geometry) -> BoolGrid:
    """Reduce a pixel mask to patches: (rows, columns) bool, True where at least half of the patch's real pixels are kept."""
    patch = geometry.patch_px
    padding = ((0, geometry.rows * patch - kept.shape[0]), (0, geometry.columns * patch - kept.shape[1]))
    blocks = (geometry.rows, patch, geometry.columns, patch)
    kept_pixels = np.pad(kept, padding).reshape(blocks).sum(axis=(1, 3))
    real_pixels = np.pad(np.ones_like(kept), padding).reshape(blocks).sum(axis=(1, 3))
    return np.asarray(kept_pixels * 2 >= real_pixels, np.bool_)


def _span(low: float, high: float, limit: int) -> tuple[int, int]:
    start = min(int(low), limit - 1)
    return start, max(start + 1, min(round(high), limit))
