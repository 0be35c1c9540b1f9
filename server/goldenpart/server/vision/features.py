"""From prepared pictures to the vectors that banks are made of and searched with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.preparation import PreparedImage
from goldenpart.server.vision.recipe import Metric, Recipe

Vectors = npt.NDArray[np.float32]
"""(N, D) float32; of unit length for the cosine metrics."""


def extract_tokens(backbone: Backbone, pixels: Sequence[npt.NDArray[np.uint8]], layers: tuple[int, ...]) -> torch.Tensor:
    """Run the backbone on pictures of one size. Device executor thread only; blocks until the device is done.

    Args:
        backbone: the network.
        pixels: B pictures (H, W, 3) uint8 RGB of equal size, sides multiples of the patch.
        layers: which layers to read; empty means the backbone's choice.

    Returns:
        (B, H / patch, W / patch, D) float32 on the backbone's device.
    """
    batch = torch.from_numpy(np.stack(pixels)).to(backbone.device)  # (B, H, W, 3)
    images = batch.permute(0, 3, 1, 2).to(torch.float32)  # (B, 3, H, W), channels last in memory
    scale = torch.tensor(backbone.std, device=backbone.device) * 255.0
    shift = torch.tensor(backbone.mean, device=backbone.device) * 255.0
    tokens = backbone.patch_tokens((images - shift[:, None, None]) / scale[:, None, None], layers)
    if tokens.is_cuda:
        torch.cuda.synchronize(tokens.device)  # whoever comes next would wait anyway, and the pass is timed by itself
    return tokens


def mean_token(tokens: torch.Tensor, prepared: PreparedImage) -> Vectors:
    """Average a picture's tokens over its inspected patches: what a drift of the whole picture moves. Device executor thread only.

    Args:
        tokens: (h, w, D) float32.
        prepared: the picture they came from.

    Returns:
        (D,) float32.
    """
    kept = torch.from_numpy(prepared.inspected).to(tokens.device, tokens.dtype)  # (h, w)
    return np.asarray((torch.einsum("hwd,hw->d", tokens, kept) / kept.sum()).cpu().numpy(), np.float32)


def to_vectors(tokens: torch.Tensor, prepared: PreparedImage, recipe: Recipe, centre: Vectors | None = None) -> Vectors:
    """Turn one picture's tokens into search vectors, inspected patches only, in row-major order.

    Args:
        tokens: (h, w, D) float32.
        prepared: the picture they came from.
        recipe: neighbourhood and metric.
        centre: (D,) float32, subtracted first; None where the metric has none.

    Returns:
        (N, D) float32, N = number of inspected patches.
    """
    if recipe.neighbourhood_patches > 1:
        side = recipe.neighbourhood_patches
        planes = tokens.permute(2, 0, 1)[None]  # (1, D, h, w)
        tokens = F.avg_pool2d(planes, side, stride=1, padding=side // 2, count_include_pad=False)[0].permute(1, 2, 0)
    vectors = tokens.reshape(-1, tokens.shape[-1])
    if not prepared.inspected.all():
        vectors = vectors[torch.from_numpy(prepared.inspected.reshape(-1)).to(vectors.device)]
    if centre is not None:
        vectors = vectors - torch.from_numpy(centre).to(vectors.device)
    if recipe.metric is not Metric.EUCLIDEAN:
        vectors = F.normalize(vectors, dim=1)
    return vectors.contiguous().cpu().numpy()
