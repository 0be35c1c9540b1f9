"""The catalogue of backbones: every name a recipe may use, and how it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from goldenpart.server.errors import BackboneUnavailableError, UnknownBackboneError
from goldenpart.server.vision.backbones.checkpoints import load_checkpoint, obtain_checkpoint
from goldenpart.server.vision.backbones.compact import CompactBackbone
from goldenpart.server.vision.backbones.dinov2 import DinoV2Backbone, dinov2_checkpoint, dinov2_names
from goldenpart.server.vision.backbones.precision import Precision, torch_dtype

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from goldenpart.server.vision.backbones.base import Backbone

COMPACT = "compact"


def backbone_names() -> tuple[str, ...]:
    """List every backbone that can be opened: `compact`, whose weights ship inside the package, and the DINOv2 family."""
    return (COMPACT, *dinov2_names())


def open_backbone(name: str, *, weights: Path | None, cache: Path, device: torch.device, precision: Precision) -> Backbone:
    """Load a backbone, downloading its weights when they are in neither `weights` nor `cache`.

    Blocks, minutes when it downloads. Any thread may call it.

    Args:
        name: one of `backbone_names`.
        weights: local weights file to use instead of the published one; safetensors or a torch state dict.
        cache: folder where downloaded weights are kept; made when missing.
        device: where to compute.
        precision: number format to compute in.

    Raises:
        UnknownBackboneError: no such backbone.
        BackboneUnavailableError: its weights cannot be had.
        WeightsDigestError: a weights file is not the one it should be.
        ValueError: no such precision.
    """
    torch_dtype(precision)
    if name == COMPACT:
        try:
            return CompactBackbone(weights, device=device, precision=precision)
        except (FileNotFoundError, ValueError) as error:
            raise BackboneUnavailableError(str(error)) from error
    if name not in dinov2_names():
        raise UnknownBackboneError(f"The backbone {name!r} is unknown; choose one of {', '.join(backbone_names())}.", backbone=name)
    checkpoint = obtain_checkpoint(dinov2_checkpoint(name), cache) if weights is None else load_checkpoint(weights)
    return DinoV2Backbone(name, checkpoint, device=device, precision=precision)
