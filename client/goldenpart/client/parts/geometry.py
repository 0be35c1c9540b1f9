"""The flange as the drawing office sees it, and where it lies under the camera.

Lengths are in outer radii of the flange, angles in radians clockwise from the image's x axis (y points down).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float32]

BORE_RADIUS = 0.235
FACE_INNER, FACE_OUTER = 0.53, 0.965
"""The flat flange face, between the raised seat and the rim chamfer."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A round through hole with a chamfered edge.

    Attributes:
        distance: From the flange axis to the hole axis, outer radii.
        angle: Of the hole axis on the unrotated flange, radians.
        radius: Of the hole itself, outer radii.
        chamfer: Width of the chamfer ring around it, outer radii.
    """

    distance: float
    angle: float
    radius: float
    chamfer: float


BORE = Hole(0.0, 0.0, BORE_RADIUS, 0.02)
BOLT_HOLES = tuple(Hole(0.745, math.radians(60 * k), 0.083, 0.017) for k in range(6))
DOWEL_HOLE = Hole(0.745, math.radians(-90), 0.034, 0.009)
RIM_HOLES = (*BOLT_HOLES, DOWEL_HOLE)
"""Every hole but the bore: those a machining centre can forget."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the flange lies in the picture.

    Attributes:
        size_px: Height and width of the picture.
        x_px: Column of the flange axis.
        y_px: Row of the flange axis.
        radius_px: Outer radius.
        rotation: Turn of the flange, radians clockwise.
    """

    size_px: int
    x_px: float
    y_px: float
    radius_px: float
    rotation: float

    @classmethod
    def draw(cls, rng: np.random.Generator, size_px: int) -> Pose:
        """Draw the placement of a part stopped by a mechanical guide: about +-1.3 % shift, 1 % scale, 3.5 degrees."""
        shift_x, shift_y = rng.uniform(-0.013, 0.013, 2) * size_px
        radius_px = size_px * 0.425 * rng.uniform(0.99, 1.01)
        middle = (size_px - 1) / 2
        return cls(size_px, middle + shift_x, middle + shift_y, radius_px, math.radians(rng.uniform(-3.5, 3.5)))

    def point_px(self, distance: float, angle: float) -> tuple[float, float]:
        """Give column and row of a point on the flange, by its polar coordinates on the unrotated flange."""
        turned = angle + self.rotation
        return self.x_px + self.radius_px * distance * math.cos(turned), self.y_px + self.radius_px * distance * math.sin(turned)


@dataclass(frozen=True, slots=True, eq=False)
class PolarGrid:
    """Polar coordinates of every pixel about an axis.

    Attributes:
        radius: (H, W) float32, distance from the axis, in the unit of the caller.
        cos: (H, W) float32, cosine of the angle.
        sin: (H, W) float32, sine of the angle.
    """

    radius: FloatImage
    cos: FloatImage
    sin: FloatImage

    @classmethod
    def about(cls, x: float, y: float, unit_px: float, box: Box) -> PolarGrid:
        """Compute the grid of the pixels in ``box`` about column ``x`` and row ``y``, with lengths in ``unit_px``."""
        dx = ((np.arange(box.left, box.right, dtype=np.float32) - np.float32(x)) / np.float32(unit_px))[None, :]
        dy = ((np.arange(box.top, box.bottom, dtype=np.float32) - np.float32(y)) / np.float32(unit_px))[:, None]
        radius = np.sqrt(dx * dx + dy * dy)
        inverse = 1 / np.maximum(radius, np.float32(1e-6))
        return cls(radius, dx * inverse, dy * inverse)


@dataclass(frozen=True, slots=True)
class Box:
    """A half-open rectangle of pixels: rows ``top..bottom-1``, columns ``left..right-1``."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def around(cls, x: float, y: float, reach_px: float, size_px: int) -> Box:
        """Give the box within ``reach_px`` of a point, cut at the border of a picture of ``size_px``."""
        return cls(
            max(0, math.floor(y - reach_px)),
            max(0, math.floor(x - reach_px)),
            min(size_px, math.ceil(y + reach_px) + 1),
            min(size_px, math.ceil(x + reach_px) + 1),
        )

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns as slices, to index the last two axes of an array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.bottom - self.top, self.right - self.left


def inside(radius: FloatImage, edge: float, pixel: float) -> FloatImage:
    """Give the share of each pixel that lies within ``edge`` of the axis, antialiased over one ``pixel`` (same unit as ``radius``)."""
    share: FloatImage = np.clip((np.float32(edge) - radius) * np.float32(1 / pixel) + np.float32(0.5), 0, 1)
    return share
