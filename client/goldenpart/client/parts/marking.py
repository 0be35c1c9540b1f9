"""The part number on the flange face, dot-peened: each dot a small cone struck into the steel."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from goldenpart.client.parts.geometry import FloatImage, Pose
    from goldenpart.client.parts.lighting import Lighting

_TEXT = "GP80-6"
_GLYPHS = {  # 5 x 7 dots, one number per row, most significant bit left
    "G": (14, 17, 16, 23, 17, 17, 14),
    "P": (30, 17, 17, 30, 16, 16, 16),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "0": (14, 17, 19, 21, 25, 17, 14),
    "-": (0, 0, 0, 14, 0, 0, 0),
    "6": (6, 8, 16, 30, 17, 17, 14),
}
_PITCH = 0.0128  # between dots, outer radii
_MIDDLE_RADIUS = 0.76
_MIDDLE_ANGLE = np.pi / 2


@lru_cache(maxsize=1)
def _dots() -> npt.NDArray[np.float64]:
    """Lay out the dots: (N, 2) of distance from the axis and angle, reading from outside the rim (at the bottom of the picture)."""
    columns = len(_TEXT) * 6 - 1
    dots = [
        (_MIDDLE_RADIUS + (row - 3) * _PITCH, _MIDDLE_ANGLE - (6 * place + 4 - bit - (columns - 1) / 2) * _PITCH / _MIDDLE_RADIUS)
        for place, letter in enumerate(_TEXT)
        for row, bits in enumerate(_GLYPHS[letter])
        for bit in range(5)
        if bits >> bit & 1
    ]
    return np.array(dots)


def peen_marking(metal: FloatImage, pose: Pose, lighting: Lighting, rng: np.random.Generator) -> None:
    """Strike the part number into a shaded flange, in place; ``metal`` is (H, W) float32 radiance."""
    distance, angle = _dots().T
    turned = angle + pose.rotation + rng.normal(0, 0.003)
    radius_px = (distance + rng.normal(0, 0.0012)) * pose.radius_px
    x = pose.x_px + radius_px * np.cos(turned) + rng.normal(0, 0.12, len(distance))
    y = pose.y_px + radius_px * np.sin(turned) + rng.normal(0, 0.12, len(distance))
    reach = max(2, round(3 * pose.radius_px / 190))
    steps = np.arange(-reach, reach + 1)
    rows = np.round(y).astype(np.int64)[:, None, None] + steps[None, :, None]
    columns = np.round(x).astype(np.int64)[:, None, None] + steps[None, None, :]
    dy = (rows - y[:, None, None]) / (0.0048 * pose.radius_px)
    dx = (columns - x[:, None, None]) / (0.0048 * pose.radius_px)
    cone = np.exp(-(dx * dx + dy * dy)) * rng.uniform(0.7, 1.0, (len(distance), 1, 1))
    tilt = dx * np.cos(lighting.key.azimuth) + dy * np.sin(lighting.key.azimuth)
    struck = metal[rows, columns] * -cone * (0.6 + 0.55 * tilt)
    np.add.at(metal, (np.broadcast_to(rows, struck.shape), np.broadcast_to(columns, struck.shape)), struck.astype(np.float32))
