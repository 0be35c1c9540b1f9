"""Golden parts small enough to fit any detector to them in a blink."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from goldenpart.server.vision.backbones.compact import CompactBackbone
from goldenpart.server.vision.detectors.base import Detector, PatchDistances, Picture
from goldenpart.server.vision.detectors.catalogue import open_builder
from goldenpart.server.vision.features import Vectors, extract_tokens
from goldenpart.server.vision.fitting import DetectorBuilder, Shown
from goldenpart.server.vision.image import Rgb8
from goldenpart.server.vision.mask import InspectionMask
from goldenpart.server.vision.preparation import PreparedImage, prepare
from goldenpart.server.vision.recipe import DetectorKind, Recipe

PARTS = 5
LEFT_HALF = InspectionMask(include=(((0, 0), (0.5, 0), (0.5, 1), (0, 1)),))


@cache
def backbone() -> CompactBackbone:
    return CompactBackbone()


def recipe(detector: DetectorKind, **knobs: Any) -> Recipe:
    return Recipe(**{"resolution_px": 64, "coreset_vectors": 200, "autoencoder_steps": 10, "detector": detector, **knobs})


def picture(number: int, *, blot: bool = False, width_px: int = 80) -> Rgb8:
    """Return (64, width, 3) uint8: waves with the noise of its number, on request with a bright blot."""
    noise = np.random.default_rng(number)
    rows, columns = np.mgrid[0:64, 0:width_px]
    waves = 128 + 60 * np.sin(columns / 3) + 40 * np.cos(rows / 5)
    pixels: Rgb8 = np.clip(waves[..., None] + noise.normal(0, 6, (64, width_px, 3)), 0, 255).astype(np.uint8)
    if blot:
        pixels[16:32, 24:40] = 255
    return pixels


def show(number: int, knobs: Recipe, mask: InspectionMask | None = None) -> Shown:
    return tuple(prepare(picture(number), knobs, 8, mask, angle) for angle in knobs.angles_deg)


def fit(knobs: Recipe, parts: Sequence[Shown] | None = None) -> DetectorBuilder:
    builder = open_builder(backbone(), knobs, parts or [show(number, knobs) for number in range(PARTS)])
    for _ in builder.steps():
        pass
    return builder


def embedded(prepared: PreparedImage) -> Picture:
    return Picture(prepared, extract_tokens(backbone(), [prepared.pixels], ())[0])


def measure(detector: Detector, pixels: Rgb8, mask: InspectionMask | None = None) -> PatchDistances:
    (answer,) = detector.measure([embedded(prepare(pixels, detector.recipe, 8, mask))])
    return answer


def vectors(prepared: PreparedImage, knobs: Recipe) -> Vectors:
    return embedded(prepared).vectors(knobs)


CPU = torch.device("cpu")
