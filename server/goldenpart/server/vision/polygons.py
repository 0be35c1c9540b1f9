"""Polygons in relative coordinates, so that they fit every image size."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from goldenpart.server.errors import InvalidArgumentError, MaskError

Polygon = tuple[tuple[float, float], ...]
"""Vertices (x, y) as fractions of width and height."""

_LEAST_AREA = 1e-7  # of the image; a tenth of a pixel of a megapixel


def check_polygon(polygon: Polygon, field: str, error: type[InvalidArgumentError] = MaskError) -> None:
    """Refuse what is no polygon.

    Args:
        polygon: its vertices.
        field: path of the request field, for the message.
        error: what is raised.

    Raises:
        InvalidArgumentError: `error`, if there are fewer than 3 vertices, one is not finite or outside [0, 1], or all lie on one line.
    """
    if len(polygon) < 3:
        raise error(f"{field} has {len(polygon)} vertices; a polygon needs at least 3.", field=field)
    for x, y in polygon:
        if not (math.isfinite(x) and math.isfinite(y) and 0 <= x <= 1 and 0 <= y <= 1):
            raise error(
                f"{field} has the vertex ({x}, {y}); coordinates are fractions of the image's width and height, from 0 to 1.", field=field
            )
    if _is_flat(polygon):
        raise error(f"{field} encloses nothing: all its {len(polygon)} vertices lie on one line.", field=field)


def _is_flat(polygon: Polygon) -> bool:
    """Tell whether all vertices lie on one line, as far as the corner farthest from the first tells."""
    sides = np.array(polygon, np.float64) - np.array(polygon[0], np.float64)
    far_x, far_y = sides[np.square(sides).sum(axis=1).argmax()]
    return bool(np.abs(sides[:, 0] * far_y - sides[:, 1] * far_x).max() < _LEAST_AREA)


def to_pixels(polygon: Polygon, width_px: int, height_px: int) -> npt.NDArray[np.int32]:
    """Return the vertices (n, 2) int32 as the nearest pixels of an image of that size; the edge itself belongs to the polygon."""
    return np.rint(np.array(polygon) * np.array([width_px, height_px], np.float64) - 0.5).astype(np.int32)


def fill(canvas: npt.NDArray[np.uint8], polygon: Polygon, value: int, width_px: int, height_px: int, x_px: int = 0, y_px: int = 0) -> None:
    """Draw a polygon in place.

    Args:
        canvas: (h, w) uint8, a window of the image.
        polygon: its vertices.
        value: that is drawn.
        width_px: columns of the whole image.
        height_px: rows of the whole image.
        x_px: left edge of the window.
        y_px: upper edge of the window.
    """
    vertices = to_pixels(polygon, width_px, height_px) - np.array([x_px, y_px], np.int32)
    cv2.fillPoly(canvas, [np.ascontiguousarray(vertices, np.int32)], value)
