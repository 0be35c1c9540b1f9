"""Damage drawn as lines: scratches left by handling, and cracks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from goldenpart.client.parts.geometry import BORE, BORE_RADIUS, RIM_HOLES, Box, FloatImage, Hole, Pose
from goldenpart.client.parts.patch import Patch

if TYPE_CHECKING:
    from goldenpart.client.parts.scene import Scene

Path = npt.NDArray[np.float64]
"""(N, 3): column and row in pixels, width in pixels."""

_FINE = 4  # lines are drawn this much finer than the picture


def paint_scratch(scene: Scene, rng: np.random.Generator) -> Patch:
    """Paint one scratch, or two or three side by side, across the upper face.

    From a scratch to a gouge: 0.12 to 0.5 of the diameter long, 1.8 to 4.5 px wide at 448 px. A ploughed groove shows a bright flank
    and a dark one; which is which depends on the light, the contrast on the angle between them.
    """
    pose = scene.pose
    unit = pose.radius_px / 190
    start = pose.point_px(rng.uniform(BORE_RADIUS + 0.06, 0.9), rng.uniform(0, 2 * math.pi))
    heading = rng.uniform(0, 2 * math.pi)
    length = math.exp(rng.uniform(math.log(0.25), math.log(1.0))) * pose.radius_px
    width = math.exp(rng.uniform(math.log(1.8), math.log(4.5))) * unit
    first = _stroke(start, heading, length, width, rng)
    paths = [first]
    for _ in range(rng.choice(3, p=(0.7, 0.2, 0.1))):
        aside = rng.uniform(2.5, 7) * unit * np.array([-math.sin(heading), math.cos(heading)])
        ends = np.sort(rng.uniform(0, 1, 2)) * (len(first) - 4)
        twin = first[int(ends[0]) : int(ends[1]) + 4].copy()
        twin[:, :2] += aside
        paths.append(twin)
    box = _box_of(paths, pose.size_px)
    groove = _coverage(paths, box, rng, flicker=0.35) * scene.solid[box.window]
    lean = math.cos(heading + math.pi / 2 - scene.lighting.key.azimuth)
    strength = rng.uniform(0.45, 0.95)
    return _ploughed(scene, box, groove, heading, 0.4 + 0.6 * lean if lean >= 0 else lean - 0.3, strength)


def _ploughed(scene: Scene, box: Box, groove: FloatImage, heading: float, lean: float, strength: float) -> Patch:
    """Light the two flanks of a groove: one brighter than the face, the other darker."""
    side_x, side_y = round(-math.sin(heading)), round(math.cos(heading))
    flank = np.roll(groove, (side_y, side_x), axis=(0, 1)) * scene.solid[box.window]
    under = scene.radiance[:, *box.window]
    change = np.float32(strength * lean) * groove - np.float32(0.75 * strength * lean) * flank * (1 - groove)
    cover = np.minimum(np.maximum(groove, flank * np.float32(0.7)), 1)
    relative = change / np.maximum(cover, np.float32(0.05))
    return Patch(box, cover, np.maximum(under * (1 + relative), np.float32(0.05)))


def paint_crack(scene: Scene, rng: np.random.Generator) -> Patch:
    """Paint a crack that starts at a bolt hole, the bore or the rim and forks as it dies out.

    0.12 to 0.4 of the diameter long, widest at its root (2 to 5 px at 448 px); dark, since no light comes back out of it.
    """
    pose = scene.pose
    unit = pose.radius_px / 190
    root, heading = _root(pose, rng)
    length = math.exp(rng.uniform(math.log(0.25), math.log(0.8))) * pose.radius_px
    width = math.exp(rng.uniform(math.log(2.0), math.log(5.0))) * unit
    trunk = _crack_path(root, heading, length, width, rng)
    paths = [trunk]
    for _ in range(rng.integers(0, 4)):
        fork = trunk[rng.integers(len(trunk) // 4, len(trunk) - 1)]
        turn = heading + rng.choice((-1, 1)) * rng.uniform(0.4, 1.0)
        paths.append(_crack_path((fork[0], fork[1]), turn, length * rng.uniform(0.12, 0.4), fork[2] * 0.8, rng))
    box = _box_of(paths, pose.size_px)
    gap = _coverage(paths, box, rng, flicker=0.12) * scene.solid[box.window]
    under = scene.radiance[:, *box.window]
    return Patch(box, np.minimum(gap * np.float32(1.15), 1), under * np.float32(rng.uniform(0.1, 0.5)))


def _root(pose: Pose, rng: np.random.Generator) -> tuple[tuple[float, float], float]:
    """Choose where a crack starts and where it heads: away from a hole, or from the rim inward."""
    places: tuple[Hole | None, ...] = (BORE, None, None, *RIM_HOLES)
    hole = places[rng.integers(len(places))]
    around = rng.uniform(0, 2 * math.pi)
    if hole is None:
        return pose.point_px(0.997, around), around + pose.rotation + math.pi + rng.normal(0, 0.35)
    x, y = pose.point_px(hole.distance, hole.angle)
    edge = hole.radius * pose.radius_px
    return (x + edge * math.cos(around), y + edge * math.sin(around)), around + rng.normal(0, 0.3)


def _stroke(start: tuple[float, float], heading: float, length: float, width: float, rng: np.random.Generator) -> Path:
    """Draw a slightly curved path through ``start`` that thins out at both ends."""
    along = np.linspace(-0.5, 0.5, 48)
    bend = rng.normal(0, 0.25) * along + rng.normal(0, 0.12) * np.sin(along * 9 + rng.uniform(0, 6.3))
    step = length / 48
    taper = np.minimum(1, (0.5 - np.abs(along)) * rng.uniform(4, 12) + 0.25)
    x = np.cumsum(np.cos(heading + bend)) * step
    y = np.cumsum(np.sin(heading + bend)) * step
    return np.column_stack([start[0] + x - x[24], start[1] + y - y[24], width * taper])


def _crack_path(start: tuple[float, float], heading: float, length: float, width: float, rng: np.random.Generator) -> Path:
    """Draw a jagged path from ``start`` that follows grain boundaries and thins out at its end."""
    steps = max(6, round(length / 2.2))
    wander = np.cumsum(rng.normal(0, 0.12, steps))
    jag = rng.normal(0, 0.55, steps) * (rng.random(steps) < 0.6)
    turn = heading + wander - np.linspace(0, 0.6, steps) * wander[-1] + jag
    stride = length / steps
    x = start[0] + np.concatenate([[0], np.cumsum(np.cos(turn))]) * stride
    y = start[1] + np.concatenate([[0], np.cumsum(np.sin(turn))]) * stride
    thin = width * (1 - 0.75 * np.linspace(0, 1, steps + 1)) * rng.uniform(0.75, 1.25, steps + 1)
    return np.column_stack([x, y, thin])


def _box_of(paths: list[Path], size_px: int) -> Box:
    points = np.concatenate(paths)
    low, high = points[:, :2].min(axis=0) - 4, points[:, :2].max(axis=0) + 5
    left, top = (int(v) for v in np.clip(low, 0, size_px - 2))
    right, bottom = (int(v) for v in np.clip(high, [left + 1, top + 1], size_px))
    return Box(top, left, bottom, right)


def _coverage(paths: list[Path], box: Box, rng: np.random.Generator, flicker: float) -> FloatImage:
    """Rasterise paths: (h, w) float32 share of each pixel covered, weakened at random along the way by up to ``flicker``."""
    height, width = box.shape
    canvas = Image.new("L", (width * _FINE, height * _FINE))
    pen = ImageDraw.Draw(canvas)
    for path in paths:
        level = (255 * (1 - flicker * rng.random(len(path)))).astype(int).tolist()
        points = ((path[:, :2] - (box.left, box.top) + 0.5) * _FINE).tolist()
        widths = np.maximum(1, np.round(path[:, 2] * _FINE)).astype(int).tolist()
        for begin, end, shade, thick in zip(points, points[1:], level, widths, strict=False):
            pen.line((*begin, *end), fill=shade, width=thick)
    small = canvas.resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32) * np.float32(1 / 255)
