"""Drilled holes: a chamfer that catches the light, a wall seen at a slight angle, and the belt in its shadow far below."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from goldenpart.client.parts.geometry import Box, FloatImage, Hole, PolarGrid, Pose, inside

if TYPE_CHECKING:
    from goldenpart.client.parts.lighting import Lighting

_PARALLAX = 0.045  # how far the bottom edge of a hole moves outward per outer radius, by perspective
_DEPTH = 0.05  # how far the shadow of the upper edge falls inside, outer radii


def hole_box(pose: Pose, hole: Hole, margin_px: float = 3.0) -> Box:
    """Give the box of pixels that a hole and its chamfer can touch."""
    x, y = pose.point_px(hole.distance, hole.angle)
    return Box.around(x, y, (hole.radius + hole.chamfer) * pose.radius_px + margin_px, pose.size_px)


def hole_grid(pose: Pose, hole: Hole, box: Box) -> PolarGrid:
    """Give polar coordinates about the hole's axis over ``box``, in outer radii of the flange."""
    x, y = pose.point_px(hole.distance, hole.angle)
    return PolarGrid.about(x, y, pose.radius_px, box)


def drill(metal: FloatImage, solid: FloatImage, belt: FloatImage, hole: Hole, pose: Pose, lighting: Lighting) -> None:
    """Drill a hole into a shaded flange, in place.

    Args:
        metal: (H, W) float32 radiance of the part; written.
        solid: (H, W) float32 share of each pixel covered by steel at the upper face; written.
        belt: (H, W) float32 radiance of the belt.
        hole: Which hole.
        pose: Where the flange lies.
        lighting: The light of the picture.
    """
    box = hole_box(pose, hole)
    grid = hole_grid(pose, hole, box)
    pixel = 1 / pose.radius_px
    chamfered = inside(grid.radius, hole.radius + hole.chamfer, 1.4 * pixel)
    opened = inside(grid.radius, hole.radius, 1.2 * pixel)
    window = box.window
    chamfer = np.maximum(np.float32(lighting.ambient + 0.12) - np.float32(0.95) * lighting.on_cone(grid), np.float32(0.06))
    metal[window] += (chamfer - metal[window]) * chamfered
    metal[window] += (_depth(belt[window], grid, hole, pose, lighting) - metal[window]) * opened
    solid[window] *= 1 - opened


def _depth(belt: FloatImage, grid: PolarGrid, hole: Hole, pose: Pose, lighting: Lighting) -> FloatImage:
    """Shade what is seen through the opening: the wall on the outer side, the belt elsewhere."""
    pixel = 1 / pose.radius_px
    dx, dy = grid.radius * grid.cos, grid.radius * grid.sin
    turned = hole.angle + pose.rotation
    drift = _PARALLAX * hole.distance
    bottom = np.hypot(dx - np.float32(drift * math.cos(turned)), dy - np.float32(drift * math.sin(turned)))
    floor = inside(bottom, hole.radius, 2.0 * pixel)
    away = lighting.key.azimuth + math.pi
    lit = np.hypot(dx - np.float32(_DEPTH * math.cos(away)), dy - np.float32(_DEPTH * math.sin(away)))
    shadow = np.float32(0.22) + np.float32(0.5) * inside(lit, hole.radius, 0.45 * hole.radius)
    wall = np.maximum(np.float32(0.17) - np.float32(0.45) * lighting.on_cone(grid), np.float32(0.03))
    seen: FloatImage = wall + (belt * shadow - wall) * floor
    return seen
