"""One flange on the belt, as radiance, before the camera sees it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from goldenpart.client.parts.belt import BELT_TINT, draw_belt
from goldenpart.client.parts.drilling import drill
from goldenpart.client.parts.geometry import BORE, RIM_HOLES, Box, FloatImage, PolarGrid, Pose, inside
from goldenpart.client.parts.lighting import Lighting
from goldenpart.client.parts.marking import peen_marking
from goldenpart.client.parts.surface import shade_turned_steel


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A good flange on the belt; damage is painted over it as patches.

    Attributes:
        pose: Where the flange lies.
        lighting: The light of the picture.
        steel_tint: (3,) float32, RGB of bare steel relative to its radiance.
        undrilled: (H, W) float32, radiance of the flange before drilling and marking.
        solid: (H, W) float32, share of each pixel covered by steel at the upper face.
        radiance: (3, H, W) float32, RGB, 0 black to 1 white.
    """

    pose: Pose
    lighting: Lighting
    steel_tint: FloatImage
    undrilled: FloatImage
    solid: FloatImage
    radiance: FloatImage

    @classmethod
    def draw(cls, rng: np.random.Generator, size_px: int) -> Scene:
        """Draw a good part on a fresh piece of belt, square picture of ``size_px``."""
        pose = Pose.draw(rng, size_px)
        lighting = Lighting.draw(rng)
        grid = PolarGrid.about(pose.x_px, pose.y_px, pose.radius_px, Box(0, 0, size_px, size_px))
        belt = draw_belt(rng, size_px)
        undrilled = shade_turned_steel(grid, lighting, rng, pose.radius_px) * _film(rng, size_px)
        metal = undrilled.copy()
        peen_marking(metal, pose, lighting, rng)
        outline = inside(grid.radius, 1.0, 1.3 / pose.radius_px)
        solid = outline.copy()
        for hole in (BORE, *RIM_HOLES):
            drill(metal, solid, belt, hole, pose, lighting)
        steel_tint = np.array([1 + lighting.warmth, 1.0, 1.02 - lighting.warmth], dtype=np.float32)
        ground = belt * _shadow(pose, lighting)
        radiance = ground * BELT_TINT[:, None, None]
        radiance += (metal * _through(steel_tint, solid) - radiance) * outline
        return cls(pose, lighting, steel_tint, undrilled, solid, radiance)


def _through(steel_tint: FloatImage, solid: FloatImage) -> FloatImage:
    """Tint each pixel by what is seen there, steel or the belt under an opening: (3, H, W)."""
    belt_tint = BELT_TINT[:, None, None]
    return belt_tint + (steel_tint[:, None, None] - belt_tint) * solid


def _film(rng: np.random.Generator, size_px: int) -> FloatImage:
    """Draw the uneven film of coolant and the slope of the light over the part: (H, W) float32 about 1."""
    coarse = rng.normal(1, 0.028, (9, 9)) + rng.normal(0, 0.012, (9, 1)) * np.linspace(-1, 1, 9)
    return np.asarray(Image.fromarray(coarse.astype(np.float32)).resize((size_px, size_px), Image.Resampling.BICUBIC))


def _shadow(pose: Pose, lighting: Lighting) -> FloatImage:
    """Darken the belt beside the part: (H, W) float32; a cast shadow away from the key light and a contact shadow all round."""
    away = lighting.key.azimuth + math.pi
    reach = 0.05 * pose.radius_px
    box = Box(0, 0, pose.size_px, pose.size_px)
    cast = PolarGrid.about(pose.x_px + reach * math.cos(away), pose.y_px + reach * math.sin(away), pose.radius_px, box)
    dark = np.exp(-np.maximum(cast.radius - np.float32(1.0), 0) * np.float32(16))
    return np.asarray(1 - np.float32(0.72) * dark, dtype=np.float32)
