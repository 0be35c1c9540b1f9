"""Damage drawn as areas: stains, burrs, and holes that were never drilled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from goldenpart.client.parts.drilling import hole_box, hole_grid
from goldenpart.client.parts.geometry import BOLT_HOLES, BORE_RADIUS, RIM_HOLES, Box, FloatImage, PolarGrid, inside
from goldenpart.client.parts.patch import Patch

if TYPE_CHECKING:
    from goldenpart.client.parts.scene import Scene

_STAINS = (  # red, green, blue that a full coat lets through: coolant, oil, rust, scale
    (0.72, 0.76, 0.80),
    (0.62, 0.55, 0.42),
    (0.66, 0.43, 0.27),
    (0.45, 0.46, 0.50),
)


def paint_missing_hole(scene: Scene, rng: np.random.Generator) -> Patch:
    """Leave a bolt hole or the dowel hole undrilled; every second time the centre drill has already marked the place."""
    hole = RIM_HOLES[rng.integers(len(RIM_HOLES))]
    pose = scene.pose
    box = hole_box(pose, hole)
    grid = hole_grid(pose, hole, box)
    pixel = 1 / pose.radius_px
    cover = inside(grid.radius, hole.radius + hole.chamfer + pixel, 1.4 * pixel)
    plain = scene.undrilled[box.window]
    depth = rng.uniform(0.2, 0.42) * BOLT_HOLES[0].radius * (rng.random() < 0.5)
    if depth > 0:
        cone = np.maximum(np.float32(scene.lighting.ambient) - scene.lighting.on_cone(grid), np.float32(0.07))
        plain = plain + (cone - plain) * inside(grid.radius, depth, 1.4 * pixel)
    return Patch(box, cover, plain * scene.steel_tint[:, None, None])


def paint_stain(scene: Scene, rng: np.random.Generator) -> Patch:
    """Paint a dried drop or smear on the upper face: 0.08 to 0.24 of the diameter, with the dark seam that drying leaves at its edge."""
    pose = scene.pose
    reach = math.exp(rng.uniform(math.log(0.08), math.log(0.24)))
    x, y = pose.point_px(rng.uniform(BORE_RADIUS + 0.05, 0.93), rng.uniform(0, 2 * math.pi))
    box = Box.around(x, y, 1.7 * reach * pose.radius_px, pose.size_px)
    grid = PolarGrid.about(x, y, reach * pose.radius_px, box)
    lean = rng.uniform(0, math.pi)
    stretch = rng.uniform(0, 0.35)
    slant = grid.cos * np.float32(math.cos(lean)) + grid.sin * np.float32(math.sin(lean))
    ragged = _lobes(grid, rng) + np.float32(0.045) * _cloud(rng, box, 12)
    depth = 1 - grid.radius * (1 - np.float32(stretch) * slant * slant) * np.float32(1.2) + ragged  # > 0 within the stain
    edge = np.float32(2.2 / (reach * pose.radius_px))
    coat = np.clip(depth / edge, 0, 1) * np.clip(1.6 - grid.radius, 0, 1)
    seam = np.exp(-((depth / (3.5 * edge) - 0.6) ** 2))
    density = np.clip(np.float32(0.62) + np.float32(0.17) * _cloud(rng, box, 7) + np.float32(0.38) * seam, 0.25, 1.1)
    strength = np.float32(rng.uniform(0.55, 1.0))
    passes = 1 - strength * density * (1 - np.array(_STAINS[rng.integers(len(_STAINS))], dtype=np.float32)[:, None, None])
    return Patch(box, coat * scene.solid[box.window], scene.radiance[:, *box.window] * passes)


def paint_burr(scene: Scene, rng: np.random.Generator) -> Patch:
    """Paint torn metal along an edge: over a bolt hole (two times in three) or outward from the rim.

    The ragged lip stands out 4 to 9 px at 448 px along 60 to 160 degrees of a hole or 12 to 30 degrees of the rim.
    """
    pose = scene.pose
    lip_px = math.exp(rng.uniform(math.log(4.0), math.log(9.0))) * pose.radius_px / 190
    if rng.random() < 2 / 3:
        hole = BOLT_HOLES[rng.integers(len(BOLT_HOLES))]
        x, y = pose.point_px(hole.distance, hole.angle)
        edge_px, half, sign = hole.radius * pose.radius_px, math.radians(rng.uniform(60, 160) / 2), -1.0
        lip_px = min(lip_px, 0.6 * edge_px)
    else:
        x, y, edge_px = pose.x_px, pose.y_px, pose.radius_px
        half, sign = math.radians(rng.uniform(12, 30) / 2), 1.0
    around = rng.uniform(0, 2 * math.pi)
    box = _arc_box(x, y, edge_px, around, half, lip_px + 4, pose.size_px)
    return _torn_lip(scene, box, PolarGrid.about(x, y, 1.0, box), (edge_px, around, half, lip_px, sign), rng)


def _arc_box(x: float, y: float, edge_px: float, around: float, half: float, margin_px: float, size_px: int) -> Box:
    """Give the box of an arc of an edge, with a margin."""
    turns = around + np.linspace(-half, half, 33)
    columns, rows = x + edge_px * np.cos(turns), y + edge_px * np.sin(turns)
    top, bottom = rows.min() - margin_px, rows.max() + margin_px + 2
    left, right = columns.min() - margin_px, columns.max() + margin_px + 2
    return Box(max(0, int(top)), max(0, int(left)), min(size_px, int(bottom)), min(size_px, int(right)))


def _torn_lip(scene: Scene, box: Box, grid: PolarGrid, arc: tuple[float, float, float, float, float], rng: np.random.Generator) -> Patch:
    """Shade a lip along an arc (edge radius in px, middle angle, half angle, height in px, +1 outward or -1 inward)."""
    edge_px, around, half, lip_px, sign = arc
    along = np.arctan2(
        grid.sin * np.float32(math.cos(around)) - grid.cos * np.float32(math.sin(around)),
        grid.cos * np.float32(math.cos(around)) + grid.sin * np.float32(math.sin(around)),
    )
    teeth = max(8, round(2 * half * edge_px / 2.2))
    swell = np.interp(np.arange(teeth), np.linspace(0, teeth, 5), rng.uniform(0.45, 0.9, 5))
    height = (swell + rng.normal(0, 0.16, teeth)) * np.hanning(teeth + 2)[1:-1] ** 0.4
    crest = lip_px * np.interp(along, np.linspace(-half, half, teeth), height, left=0, right=0).astype(np.float32)
    out = (grid.radius - np.float32(edge_px)) * np.float32(sign)  # px beyond the edge
    root = np.minimum(crest * np.float32(0.45), 2)
    cover = np.clip(crest - out + 0.5, 0, 1) * np.clip(out + root + 0.5, 0, 1) * np.clip(crest - 0.3, 0, 1)
    relief = np.interp(along, np.linspace(-half, half, 2 * teeth), rng.normal(0, 0.11, 2 * teeth)).astype(np.float32)
    slope = np.clip(out / np.maximum(crest, 1), -1, 1)
    shine = np.float32(scene.lighting.ambient * 1.15) + relief + slope * np.float32(0.25 * sign) * scene.lighting.on_cone(grid) * 2
    shine -= np.float32(0.3) * np.clip(-out / 2, 0, 1)  # the fold at its root lies in shadow
    return Patch(box, cover, np.maximum(shine, np.float32(0.08)) * scene.steel_tint[:, None, None])


def _lobes(grid: PolarGrid, rng: np.random.Generator) -> FloatImage:
    """Draw the outline of a drop: how far it reaches beyond a circle, relative to its radius, by direction."""
    angle = np.arctan2(grid.sin, grid.cos)
    waves = np.arange(2, 9)
    size = rng.normal(0, 0.38, len(waves)) / waves**1.6
    turns = np.linspace(-math.pi, math.pi, 257)
    outline = (size[:, None] * np.cos(waves[:, None] * turns + rng.uniform(0, 6.3, (len(waves), 1)))).sum(axis=0)
    return np.asarray(np.interp(angle, turns, outline), dtype=np.float32)


def _cloud(rng: np.random.Generator, box: Box, cells: int) -> FloatImage:
    height, width = box.shape
    coarse = rng.standard_normal((cells, cells), dtype=np.float32)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
