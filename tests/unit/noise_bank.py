"""Golden parts of noise, so small that a bank is fitted in a moment."""

from __future__ import annotations

import numpy as np

from goldenpart.server.vision.backbones.compact import CompactBackbone
from goldenpart.server.vision.fitting import BankBuilder, Shown
from goldenpart.server.vision.preparation import prepare
from goldenpart.server.vision.recipe import Recipe


def golden_parts(recipe: Recipe, count: int = 4) -> list[Shown]:
    pictures = np.random.default_rng(5).integers(0, 255, (count, 48, 64, 3), np.uint8)
    return [tuple(prepare(picture, recipe, 8, None, angle) for angle in recipe.angles_deg) for picture in pictures]


def build(backbone: CompactBackbone, recipe: Recipe) -> BankBuilder:
    builder = BankBuilder(backbone, recipe, golden_parts(recipe))
    for _ in builder.steps():
        pass
    return builder
