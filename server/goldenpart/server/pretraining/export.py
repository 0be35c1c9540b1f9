"""Turn what training learned into the file that `CompactBackbone` loads."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import safetensors.torch
import torch

from goldenpart.server.pretraining.augmentation import normalise, unit_range
from goldenpart.server.vision.backbones.compact import SCALES, patch_grid
from goldenpart.server.vision.backbones.compact_network import FEATURE_STAGES, WIDTHS, CompactNetwork, fold_batch_norm

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

NATURAL_IMAGES = 200


def classifier_network(checkpoint: Path) -> dict[str, torch.Tensor]:
    """Read the network of a classification checkpoint, which is loaded without executing pickled code; BatchNorm is folded."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    prefix, state = "network.", saved["model"]
    return fold_batch_norm({key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)})


def write_weights(network: Mapping[str, torch.Tensor], photographs: npt.NDArray[np.uint8], target: Path) -> str:
    """Round a network to float16, measure its stage scales and write both.

    Args:
        network: state of a folded `CompactNetwork`, float32.
        photographs: (N, S, S, 3) uint8 RGB, on which every stage is scaled to a mean token length of 1.
        target: safetensors file to write.

    Returns:
        sha256 of the file, hexadecimal.
    """
    rounded = {key: value.half().contiguous() for key, value in network.items()}
    shipped = CompactNetwork(FEATURE_STAGES, folded=True).eval()
    shipped.load_state_dict({key: value.float() for key, value in rounded.items()})
    content = safetensors.torch.save({**rounded, SCALES: torch.tensor(stage_scales(shipped, photographs))})
    target.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


@torch.inference_mode()
def stage_scales(network: CompactNetwork, photographs: npt.NDArray[np.uint8]) -> list[float]:
    """Measure the factors that bring each stage's tokens to a mean Euclidean length of 1.

    Args:
        network: in evaluation mode.
        photographs: (N, S, S, 3) uint8 RGB, S a multiple of 8; `NATURAL_IMAGES` of them, evenly spread, are read.
    """
    device = next(network.parameters()).device
    chosen = np.linspace(0, len(photographs) - 1, min(NATURAL_IMAGES, len(photographs))).astype(int)
    lengths = torch.zeros(FEATURE_STAGES)
    for index in chosen:
        pixels = torch.from_numpy(np.array(photographs[index : index + 1])).to(device)
        tokens = patch_grid(network, normalise(unit_range(pixels)), [1.0] * FEATURE_STAGES)
        stages = torch.split_with_sizes(tokens, WIDTHS[:FEATURE_STAGES], dim=1)
        lengths += torch.stack([stage.norm(dim=1).mean() for stage in stages]).cpu()
    return [float(scale) for scale in len(chosen) / lengths]
