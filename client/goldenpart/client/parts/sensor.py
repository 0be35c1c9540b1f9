"""Lens and sensor: fall-off towards the corners, a trace of blur, tone curve, and shot and read noise."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from goldenpart.client.parts.geometry import FloatImage


@lru_cache(maxsize=4)
def _fall_off(size_px: int) -> FloatImage:
    across = np.linspace(-1, 1, size_px, dtype=np.float32)
    return np.asarray(across[None, :] ** 2 + across[:, None] ** 2, dtype=np.float32)


def _blur(planes: FloatImage, strength: float) -> FloatImage:
    """Blur (3, H, W) by a three-tap kernel each way; ``strength`` is the weight of each neighbour, 0 to 1/3."""
    side = np.float32(strength)
    middle = np.float32(1 - 2 * strength)
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = padded[:, 1:-1] * middle + (padded[:, :-2] + padded[:, 2:]) * side
    return np.asarray(rows[..., 1:-1] * middle + (rows[..., :-2] + rows[..., 2:]) * side, dtype=np.float32)


def expose(radiance: FloatImage, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Take the picture.

    Args:
        radiance: (3, H, W) float32, RGB, 0 black to 1 white; above 1 is compressed by the shoulder of the tone curve.
        rng: Source of gain, focus and noise; what it draws does not depend on ``radiance``.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    size_px = radiance.shape[-1]
    vignette, gain, softness, read_noise = rng.uniform((0.03, 0.95, 0.10, 0.003), (0.08, 1.05, 0.19, 0.006))
    light = _blur(radiance, softness) * (np.float32(gain) * (1 - np.float32(vignette) * _fall_off(size_px)))
    shoulder = np.float32(0.72)
    excess = np.maximum(light - shoulder, 0)
    light = np.minimum(light, shoulder) + excess / (1 + excess * np.float32(2.6))
    grain = rng.standard_normal((1, size_px, size_px), dtype=np.float32)
    speckle = rng.standard_normal(radiance.shape, dtype=np.float32)
    sigma = np.float32(read_noise) + np.float32(0.008) * np.sqrt(np.maximum(light, 0))
    light += (grain + np.float32(0.45) * speckle) * sigma
    levels = np.clip(light * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(1, 2, 0))
