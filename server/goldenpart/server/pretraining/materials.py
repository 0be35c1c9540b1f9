"""Procedural surfaces: one material can be drawn any number of times and never looks the same twice, as a real surface does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

Picture = npt.NDArray[np.float32]
"""(H, W, 3) float32 RGB, about [0, 1]."""
Field = npt.NDArray[np.float32]
"""(H, W) float32, mean about 0, standard deviation about 1."""


@dataclass(frozen=True, slots=True)
class Material:
    """One surface: a pattern between two colours.

    Attributes:
        pattern: draws a field of a given side in pixels; every call another sample of the same statistics.
        dark: RGB where the field is low.
        bright: RGB where it is high.
        sharpness: 0 gives soft transitions, large values nearly two-coloured ones.
    """

    pattern: Callable[[np.random.Generator, int], Field]
    dark: Picture
    bright: Picture
    sharpness: float

    def draw(self, generator: np.random.Generator, side: int) -> Picture:
        """Draw one sample: (side, side, 3) float32 RGB."""
        share = 0.5 + 0.5 * np.tanh(self.sharpness * self.pattern(generator, side))
        picture: Picture = self.dark + share[:, :, None] * (self.bright - self.dark)
        return picture


def random_material(generator: np.random.Generator) -> Material:
    """Draw a kind of surface, its scale and its colours."""
    kind = _KINDS[int(generator.integers(len(_KINDS)))]
    dark = generator.uniform(0.05, 0.9, 3).astype(np.float32)
    bright = generator.uniform(0.1, 0.95, 3).astype(np.float32)
    if generator.random() < 0.5:  # most industrial surfaces have one hue
        dark, bright = np.full(3, dark[0], np.float32), np.full(3, bright[0], np.float32)
    contrast = np.float32(generator.uniform(0.05, 1.0))
    return Material(kind(generator), dark, dark + contrast * (bright - dark), float(generator.uniform(0.4, 3.0)))


def _grain(generator: np.random.Generator) -> Callable[[np.random.Generator, int], Field]:
    """Isotropic noise between two scales: cast metal, leather, paper."""
    fine = float(generator.uniform(0.5, 3.0))
    coarse = fine * float(generator.uniform(1.3, 4.0))

    def pattern(sample: np.random.Generator, side: int) -> Field:
        noise = _noise(sample, side)
        return _unit(cv2.GaussianBlur(noise, (0, 0), fine) - cv2.GaussianBlur(noise, (0, 0), coarse))

    return pattern


def _brushed(generator: np.random.Generator) -> Callable[[np.random.Generator, int], Field]:
    """Noise drawn out along one direction: brushed or ground metal, wood."""
    length, angle = int(generator.integers(9, 41)), float(generator.uniform(0, np.pi))
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    (left, top), (right, bottom) = (length / 2 - reach).astype(int).tolist(), (length / 2 + reach).astype(int).tolist()
    kernel = np.zeros((length, length), np.float32)
    cv2.line(kernel, (left, top), (right, bottom), 1.0, 1)
    kernel /= kernel.sum()

    def pattern(sample: np.random.Generator, side: int) -> Field:
        return _unit(cv2.filter2D(_noise(sample, side), -1, kernel))

    return pattern


def _weave(generator: np.random.Generator) -> Callable[[np.random.Generator, int], Field]:
    """Two crossing waves with wandering phase: cloth, grids, mesh."""
    periods = generator.uniform(4, 24, 2)
    angle = generator.uniform(0, np.pi)
    wander = float(generator.uniform(0, 0.6))

    def pattern(sample: np.random.Generator, side: int) -> Field:
        rows, columns = np.mgrid[:side, :side].astype(np.float32)
        along = np.cos(angle) * columns + np.sin(angle) * rows
        across = np.cos(angle) * rows - np.sin(angle) * columns
        drift = wander * _unit(cv2.GaussianBlur(_noise(sample, side), (0, 0), 8.0))
        phases = sample.uniform(0, 2 * np.pi, 2)
        waves = np.sin(2 * np.pi * along / periods[0] + phases[0] + drift), np.sin(2 * np.pi * across / periods[1] + phases[1] + drift)
        return np.asarray(waves[0] * waves[1] if periods[0] > 8 else waves[0] + waves[1], np.float32)

    return pattern


def _dots(generator: np.random.Generator) -> Callable[[np.random.Generator, int], Field]:
    """Blobs at random places: speckled plastics, granules, pores."""
    density = float(np.exp(generator.uniform(np.log(0.001), np.log(0.05))))
    size = float(generator.uniform(0.7, 3.0))

    def pattern(sample: np.random.Generator, side: int) -> Field:
        seeds = (sample.random((side, side), np.float32) < density).astype(np.float32)
        return _unit(cv2.GaussianBlur(seeds, (0, 0), size))

    return pattern


def _plain(_: np.random.Generator) -> Callable[[np.random.Generator, int], Field]:
    """Slow unevenness only: paint, glass, moulded plastic."""

    def pattern(sample: np.random.Generator, side: int) -> Field:
        return _unit(cv2.resize(_noise(sample, 5), (side, side), interpolation=cv2.INTER_CUBIC)) * np.float32(0.2)

    return pattern


_KINDS = (_grain, _grain, _brushed, _weave, _dots, _plain)


def _noise(generator: np.random.Generator, side: int) -> Field:
    return generator.standard_normal((side, side), np.float32)


def _unit(values: npt.ArrayLike) -> Field:
    """Bring a field to mean 0 and standard deviation 1."""
    field = np.asarray(values, np.float32)
    scaled: Field = (field - field.mean()) / (field.std() + np.float32(1e-6))
    return scaled
