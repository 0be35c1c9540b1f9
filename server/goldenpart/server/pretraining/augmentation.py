"""Random crops, flips and colour changes on whole batches at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from goldenpart.server.vision.backbones.compact_network import MEAN, STD

if TYPE_CHECKING:
    from goldenpart.server.pretraining.recipe import Recipe

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Scale (B, 3, H, W) RGB in [0, 1] by the ImageNet mean and standard deviation."""
    return (images - _rgb(MEAN, images)) / _rgb(STD, images)


def unit_range(pixels: torch.Tensor) -> torch.Tensor:
    """Turn (B, H, W, 3) uint8 into (B, 3, H, W) float32 in [0, 1], channels last in memory."""
    return pixels.permute(0, 3, 1, 2).float().div_(255)


def augment(pixels: torch.Tensor, side: int, recipe: Recipe, generator: torch.Generator) -> torch.Tensor:
    """Crop, flip, jitter and normalise a batch.

    Args:
        pixels: (B, H, W, 3) uint8 RGB.
        side: side of the result in pixels.
        recipe: the strength of each change.
        generator: on the CPU; the only source of chance.

    Returns:
        (B, 3, side, side) float32, normalised.
    """
    grid = F.affine_grid(_crops(len(pixels), recipe, generator).to(pixels.device), [len(pixels), 3, side, side], align_corners=False)
    images = F.grid_sample(unit_range(pixels), grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return normalise(_recolour(images, recipe, generator))


def _crops(count: int, recipe: Recipe, generator: torch.Generator) -> torch.Tensor:
    """Draw (count, 2, 3) affine maps: a crop of random area, aspect and place that lies inside the image, half of them mirrored."""
    low, high = recipe.zoom
    area, shape, left, top, mirrored = torch.rand(5, count, generator=generator)
    extent = torch.sqrt(low + (high - low) * area)
    stretch = torch.exp((shape - 0.5) * math.log(recipe.aspect))
    width, height = (extent * stretch).clamp(max=1), (extent / stretch).clamp(max=1)
    maps = torch.zeros(count, 2, 3)
    maps[:, 0, 0] = torch.where(mirrored < 0.5, -width, width)
    maps[:, 1, 1] = height
    maps[:, 0, 2] = (2 * left - 1) * (1 - width)
    maps[:, 1, 2] = (2 * top - 1) * (1 - height)
    return maps


def _recolour(images: torch.Tensor, recipe: Recipe, generator: torch.Generator) -> torch.Tensor:
    """Change contrast, brightness and saturation of each image, some to grey; (B, 3, H, W) in [0, 1]."""
    chance = torch.rand(4, len(images), 1, 1, 1, generator=generator).to(images.device)
    contrast, brightness, saturation = 1 + recipe.jitter * (2 * chance[:3] - 1)
    saturation = torch.where(chance[3] < recipe.grey, 0.0, saturation)
    grey = (images * _rgb(_LUMA, images)).sum(dim=1, keepdim=True)
    images = grey + saturation * (images - grey)
    level = grey.mean(dim=(2, 3), keepdim=True)
    return torch.clamp(brightness * (level + contrast * (images - level)), 0, 1)


def _rgb(values: tuple[float, float, float], like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(values, device=like.device, dtype=like.dtype)[:, None, None]
