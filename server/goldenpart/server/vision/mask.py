"""Where a part is inspected: a mask in relative coordinates, so that it fits every image size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from goldenpart.server.errors import ImageError, MaskError
from goldenpart.server.vision.image import EncodedImage, ImageSource, decode, read_size

BoolGrid = npt.NDArray[np.bool_]
Polygon = tuple[tuple[float, float], ...]
"""Vertices (x, y) as fractions of width and height."""


@dataclass(frozen=True, slots=True, eq=False)
class InspectionMask:
    """Areas that are inspected.

    Attributes:
        image: (H, W) bool, True = inspected; None if the mask is drawn as polygons.
        include: polygons inside which is inspected; none means everywhere.
        ignore: polygons inside which nothing is inspected; wins over `include`.

    Raises:
        MaskError: a vertex is not finite or outside [0, 1], a polygon has fewer than 3 vertices, or nothing is left to inspect.
    """

    image: BoolGrid | None = None
    include: tuple[Polygon, ...] = ()
    ignore: tuple[Polygon, ...] = ()

    def __post_init__(self) -> None:
        for kind, polygons in (("include", self.include), ("ignore", self.ignore)):
            for number, polygon in enumerate(polygons):
                _check_polygon(polygon, f"mask.polygons.{kind}[{number}]")
        if self.image is not None and not self.image.any():
            raise MaskError("The mask image is 0 everywhere; nothing would be inspected. Anything but 0 is inspected.", field="mask.image")

    def render(self, width_px: int, height_px: int) -> BoolGrid:
        """Draw the mask at a size.

        Returns:
            (height_px, width_px) bool, True = inspected.
        """
        if self.image is not None:
            grey = self.image.astype(np.uint8)
            return np.asarray(cv2.resize(grey, (width_px, height_px), interpolation=cv2.INTER_NEAREST), np.bool_)
        canvas = np.full((height_px, width_px), 0 if self.include else 1, np.uint8)
        scale = np.array([width_px, height_px], np.float64)
        for polygons, value in ((self.include, 1), (self.ignore, 0)):
            for polygon in polygons:
                vertices = np.rint(np.array(polygon) * scale - 0.5).astype(np.int32)
                cv2.fillPoly(canvas, [vertices], value)
        return canvas.astype(np.bool_)


def read_mask_image(source: ImageSource, max_pixels: int) -> BoolGrid:
    """Decode a mask that came as a picture; anything but 0 in any channel, at any depth, is inspected. Blocks; any thread.

    Returns:
        (H, W) bool, upright.

    Raises:
        MaskError: it cannot be decoded, or has more than `max_pixels`.
    """
    try:
        read_size(source, max_pixels)
        pixels = decode(source)
    except ImageError as error:
        raise MaskError(f"The mask image cannot be used. {error.message}", field="mask.image") from error
    if isinstance(source, EncodedImage):  # `decode` keeps the upper 8 bits of 16, where a mask that numbers its areas is 0
        deep = cv2.imdecode(np.frombuffer(source.data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        return np.asarray(np.asarray(deep, np.uint16).any(axis=2), np.bool_)
    return np.asarray(pixels.any(axis=2), np.bool_)


def _check_polygon(polygon: Polygon, field: str) -> None:
    if len(polygon) < 3:
        raise MaskError(f"{field} has {len(polygon)} vertices; a polygon needs at least 3.", field=field)
    for x, y in polygon:
        if not (math.isfinite(x) and math.isfinite(y) and 0 <= x <= 1 and 0 <= y <= 1):
            raise MaskError(
                f"{field} has the vertex ({x}, {y}); coordinates are fractions of the image's width and height, from 0 to 1.", field=field
            )
