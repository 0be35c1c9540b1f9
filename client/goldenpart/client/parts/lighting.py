"""The light over the inspection station: a few bar lights at low angle and a diffuse dome."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from goldenpart.client.parts.geometry import FloatImage, PolarGrid


@dataclass(frozen=True, slots=True)
class Light:
    """One bar light.

    Attributes:
        azimuth: Direction from which it shines, radians clockwise from the image's x axis.
        power: Share of the radiance of a surface facing it.
        spread: Half width of its streak on turned metal, as the sine of an angle.
    """

    azimuth: float
    power: float
    spread: float

    def toward(self, grid: PolarGrid) -> FloatImage:
        """Give the cosine between the outward direction of each pixel and the light: 1 on the lit side of a cone, -1 behind it."""
        return grid.cos * np.float32(math.cos(self.azimuth)) + grid.sin * np.float32(math.sin(self.azimuth))

    def across(self, grid: PolarGrid) -> FloatImage:
        """Give the sine between the outward direction of each pixel and the light: 0 on the streak of turned metal."""
        return grid.sin * np.float32(math.cos(self.azimuth)) - grid.cos * np.float32(math.sin(self.azimuth))


@dataclass(frozen=True, slots=True)
class Lighting:
    """All light of one picture.

    Attributes:
        lights: Bar lights, the strongest first.
        ambient: Radiance of a flat matt surface under the dome alone.
        warmth: Relative excess of red over blue.
    """

    lights: tuple[Light, ...]
    ambient: float
    warmth: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Lighting:
        """Draw the light of one picture: lamps age, flicker and get nudged, but stay where they were mounted."""
        mounted = ((-2.2, 0.42, 0.30), (-0.75, 0.22, 0.22), (1.2, 0.16, 0.34))
        lights = tuple(
            Light(azimuth + rng.normal(0, 0.07), power * rng.uniform(0.88, 1.12), spread * rng.uniform(0.9, 1.1))
            for azimuth, power, spread in mounted
        )
        return cls(lights, 0.46 * rng.uniform(0.95, 1.05), rng.normal(0.015, 0.008))

    @property
    def key(self) -> Light:
        """The strongest light, which throws the shadows."""
        return self.lights[0]

    def on_cone(self, grid: PolarGrid) -> FloatImage:
        """Sum the signed light on a cone falling outward: (H, W) float32, positive where it faces the lamps."""
        total = np.zeros_like(grid.radius)
        for light in self.lights:
            total += np.float32(light.power) * light.toward(grid)
        return total
