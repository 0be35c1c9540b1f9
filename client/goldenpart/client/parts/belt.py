"""The conveyor belt under the part: woven PVC, worn and dusty, never twice at the same place."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from goldenpart.client.parts.geometry import FloatImage

BELT_TINT = np.array([0.86, 1.04, 1.0], dtype=np.float32)
"""(3,) RGB of the belt relative to its radiance: a green-grey PVC."""


@lru_cache(maxsize=4)
def _weave(size_px: int) -> FloatImage:
    """Weave a piece of belt twice as wide as the picture: (2 * size, 2 * size) float32 radiance about 0.13."""
    rng = np.random.default_rng(1851)
    side = 2 * size_px
    unit = size_px / 448
    along = np.arange(side, dtype=np.float32)[None, :] / np.float32(unit)
    down = np.arange(side, dtype=np.float32)[:, None] / np.float32(unit)
    wobble = _cloud(rng, side, 40) * 0.9
    warp = np.sin((along + down + wobble) * np.float32(2 * np.pi / 9.0))
    weft = np.sin((along - down + wobble) * np.float32(2 * np.pi / 9.0))
    relief = np.maximum(warp, weft) + np.float32(0.35) * warp * weft
    grain = _cloud(rng, side, side) + _cloud(rng, side, side // 3)
    return np.asarray(0.13 + 0.020 * relief + 0.010 * grain + 0.012 * _cloud(rng, side, 12), dtype=np.float32)


def _cloud(rng: np.random.Generator, side: int, cells: int) -> FloatImage:
    coarse = rng.standard_normal((cells, cells), dtype=np.float32)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def draw_belt(rng: np.random.Generator, size_px: int) -> FloatImage:
    """Draw the belt of one picture: (H, W) float32 radiance, 0 black to 1 white."""
    top, left = rng.integers(0, size_px, 2)
    piece = _weave(size_px)[top : top + size_px, left : left + size_px]
    coarse = rng.normal(1, 0.06, (18, 4)).astype(np.float32)  # wear runs along the belt
    wear = np.asarray(Image.fromarray(coarse).resize((size_px, size_px), Image.Resampling.BICUBIC))
    belt = piece * wear
    flecks = rng.integers(0, size_px, (rng.integers(10, 40), 2))
    belt[flecks[:, 0], flecks[:, 1]] += rng.uniform(0.03, 0.16, len(flecks)).astype(np.float32)
    return np.asarray(belt, dtype=np.float32)
