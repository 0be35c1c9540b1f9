"""The loss of the second phase: patches with a defect must lie farther from the bank than any patch of a good part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from goldenpart.server.pretraining.episodes import DEFECT, GOLDEN_VIEWS, NORMAL
from goldenpart.server.vision.backbones.compact import patch_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goldenpart.server.vision.backbones.compact_network import CompactNetwork

_HARDEST = 0.03  # share of normal patches that decide about a threshold
_MARGIN = 0.4  # wanted logarithm of defect distance over the hardest normal distance: half as far again
_TEMPERATURE = 0.25
_LEAST = 1e-3  # distances below this are sensor noise


def episode_loss(network: CompactNetwork, views: torch.Tensor, labels: torch.Tensor, scales: Sequence[float]) -> torch.Tensor:
    """Compare defects with the hardest normal patches of the same product.

    Args:
        network: the network in training.
        views: (E * V, 3, S, S) float32, normalised; V views per episode, golden ones first.
        labels: (E, T, S / 8, S / 8) int8, see `Episode`.
        scales: one per stage, as shipped with the weights.

    Returns:
        Scalar: mean over episodes of softplus((ln d_normal - ln d_defect + margin) / temperature), where d is the cosine distance to the
        nearest patch of the golden views and d_normal the mean over the hardest normal patches. Only ratios count, so that a network
        that merely scales its distances gains nothing.
    """
    tokens = F.normalize(patch_grid(network, views, scales).flatten(2).transpose(1, 2), dim=2)
    tokens = tokens.reshape(len(labels), -1, *tokens.shape[1:])
    losses = []
    for product, marks in zip(tokens, labels.flatten(1), strict=True):
        bank, trials = product[:GOLDEN_VIEWS].flatten(0, 1), product[GOLDEN_VIEWS:].flatten(0, 1)
        distances = torch.log(1 - (trials @ bank.T).amax(dim=1).clamp(max=1) + _LEAST)
        normal, defect = distances[marks == NORMAL], distances[marks == DEFECT]
        if len(normal) and len(defect):
            limit = normal.topk(max(1, int(_HARDEST * len(normal)))).values.mean()
            losses.append(F.softplus((limit - defect + _MARGIN) / _TEMPERATURE).mean())
    return torch.stack(losses).mean() if losses else tokens.sum() * 0
