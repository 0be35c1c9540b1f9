"""Turned steel: rings cut by a lathe, and the bow-tie streaks that lamps leave on them.

Shading follows the fibre model of Kajiya and Kay (SIGGRAPH 1989): a groove reflects a lamp wherever the groove runs across the direction
of the lamp. All grooves being circles, each lamp draws a double streak through the axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from goldenpart.client.parts.geometry import BORE_RADIUS, FACE_INNER, FACE_OUTER, FloatImage, PolarGrid

if TYPE_CHECKING:
    from goldenpart.client.parts.lighting import Lighting

_REACH = 1.1  # the tables end a little outside the rim
_STEPS = 2200
_TURNS = 512  # angular steps of the chatter table
_BANDS = 256


@dataclass(frozen=True, slots=True, eq=False)
class _Profile:
    """Tables over the radius, (N,) float32: fall of the surface, reflectance, and depth of the turning marks."""

    fall: FloatImage
    reflectance: FloatImage
    roughness: FloatImage


# from, to (outer radii), fall outward, reflectance, roughness
_RINGS = (
    (0.0, BORE_RADIUS + 0.02, -1.0, 0.95, 0.15),
    (BORE_RADIUS + 0.02, 0.375, 0.0, 1.03, 0.75),
    (0.375, 0.386, 1.1, 0.75, 0.3),
    (0.386, 0.414, 0.0, 0.62, 0.5),
    (0.414, 0.425, -1.1, 0.75, 0.3),
    (0.425, 0.494, 0.0, 1.03, 0.75),
    (0.494, 0.512, 1.3, 0.95, 0.2),
    (0.512, FACE_INNER, -0.25, 0.66, 0.3),
    (FACE_INNER, FACE_OUTER, 0.0, 0.95, 0.42),
    (FACE_OUTER, 1.0, 1.0, 0.98, 0.25),
    (1.0, _REACH, 1.2, 0.7, 0.2),
)


@lru_cache(maxsize=8)
def _profile(radius_px: int) -> _Profile:
    """Build the tables of the drawing, softened over about a pixel and a half (edges are broken by deburring)."""
    radii = np.linspace(0, _REACH, _STEPS)
    tables = np.zeros((3, _STEPS))
    for start, end, *values in _RINGS:
        tables[:, (radii >= start) & (radii <= end)] = np.array(values)[:, None]
    tap = max(3, round(1.5 * _STEPS / _REACH / radius_px))
    kernel = np.hanning(2 * tap + 1) / tap
    fall, reflectance, roughness = (np.convolve(np.pad(t, tap, mode="edge"), kernel, mode="valid").astype(np.float32) for t in tables)
    return _Profile(fall, reflectance, roughness)


def _turning_marks(rng: np.random.Generator) -> FloatImage:
    """Draw the marks of one cut: (N,) float32 about 0; feed grooves of the tool, and coarser drift of the cut."""
    radii = np.linspace(0, 1, _STEPS)
    marks = np.zeros(_STEPS)
    for knots, strength in ((1100, 0.30), (330, 0.40), (110, 0.28), (26, 0.16)):
        marks += np.interp(radii, np.linspace(0, 1, knots), rng.normal(0, strength, knots))
    seat = np.linspace(0, _REACH, _STEPS) < 0.5
    pitch = rng.uniform(0.0145, 0.0155)  # the phonographic finish of a sealing face
    serration = np.sin(2 * np.pi * np.linspace(0, _REACH, _STEPS) / pitch + rng.uniform(0, 6.3))
    return np.asarray(marks + 0.75 * seat * serration, dtype=np.float32)


def _chatter(rng: np.random.Generator) -> FloatImage:
    """Draw what varies along a groove too: (radius bands, turns) float32 about 0, periodic in the angle."""
    coarse = rng.normal(0, 1, (_BANDS, 24)).astype(np.float32)
    wrapped = np.concatenate([coarse, coarse[:, :4]], axis=1)
    steps = _TURNS // 24 * 28
    smooth = np.asarray(Image.fromarray(wrapped).resize((steps, _BANDS), Image.Resampling.BICUBIC))
    seam = 2 * _TURNS // 24
    return np.ascontiguousarray(smooth[:, seam : seam + _TURNS // 24 * 24])


def shade_turned_steel(grid: PolarGrid, lighting: Lighting, rng: np.random.Generator, radius_px: float) -> FloatImage:
    """Shade the undrilled flange.

    Args:
        grid: Polar coordinates of the picture about the flange axis, in outer radii.
        lighting: The light of the picture.
        rng: Source of this part's own turning marks.
        radius_px: Outer radius in pixels, for the softness of the edges.

    Returns:
        (H, W) float32 radiance, 0 black to 1 white (streaks may exceed 1); meaningful within the rim only.
    """
    profile = _profile(round(radius_px))
    step = np.minimum(grid.radius * np.float32((_STEPS - 1) / _REACH), _STEPS - 1).astype(np.int32)
    marks = _turning_marks(rng) * profile.roughness
    jitter = np.interp(np.linspace(0, 1, _STEPS), np.linspace(0, 1, 420), rng.normal(0, 0.05, 420)).astype(np.float32)
    radiance = np.float32(lighting.ambient) * (1 + 0.16 * marks)[step] + np.float32(0.03) * _along_grooves(grid, rng)
    wander = jitter[step]
    fall = profile.fall[step]
    gloss = (0.95 + 0.55 * marks)[step]
    for light in lighting.lights:
        offset = (light.across(grid) + wander) * np.float32(1 / light.spread)
        streak = np.exp(-offset * offset) * gloss
        facing = fall * light.toward(grid)
        radiance += np.float32(light.power) * (streak * (1 - np.minimum(np.abs(fall), 1) * np.float32(0.7)) + facing * np.float32(0.85))
    return np.asarray(np.maximum(radiance, np.float32(0.03)) * profile.reflectance[step], dtype=np.float32)


def _along_grooves(grid: PolarGrid, rng: np.random.Generator) -> FloatImage:
    table = _chatter(rng)
    turns = table.shape[1]
    angle = np.arctan2(grid.sin, grid.cos) * np.float32(turns / (2 * np.pi)) + np.float32(turns / 2)
    band = np.minimum(grid.radius * np.float32(_BANDS / _REACH), _BANDS - 1).astype(np.int32)
    return np.asarray(table[band, np.minimum(angle.astype(np.int32), turns - 1)], dtype=np.float32)
