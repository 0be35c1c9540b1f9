"""Turn a checkpoint into the file `CompactBackbone` loads: ``python -m goldenpart.server.pretraining.export``."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import safetensors.torch
import torch

from goldenpart.server.pretraining.augmentation import normalise, unit_range
from goldenpart.server.pretraining.packs import Slice, read_pack
from goldenpart.server.vision.backbones.compact import SCALES, patch_grid
from goldenpart.server.vision.backbones.compact_network import FEATURE_STAGES, WIDTHS, CompactNetwork, fold_batch_norm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from goldenpart.server.pretraining.packs import LabelledImages

NATURAL_IMAGES = 200
NATURAL_SIDE = 224


def network_state(checkpoint: Path, *, averaged: bool = False) -> dict[str, torch.Tensor]:
    """Read the unfolded `CompactNetwork` state from a training checkpoint.

    Args:
        checkpoint: file written by either phase; loaded without executing pickled code.
        averaged: take the first phase's moving average of the weights instead of the last ones.
    """
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    prefix, state = ("module.network.", saved["averaged"]) if averaged else ("network.", saved["model"])
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def export(state: Mapping[str, torch.Tensor], natural: LabelledImages, target: Path) -> str:
    """Fold BatchNorm, measure the stage scales and write the weights as float16.

    Args:
        state: of an unfolded `CompactNetwork`.
        natural: ordinary photographs, on which every stage is scaled to a mean token length of 1.
        target: safetensors file to write.

    Returns:
        sha256 of the file, hexadecimal.
    """
    folded = {key: value.half() for key, value in fold_batch_norm(state).items()}
    network = CompactNetwork(FEATURE_STAGES, folded=True).eval()
    network.load_state_dict({key: value.float() for key, value in folded.items()})
    content = safetensors.torch.save({**folded, SCALES: torch.tensor(stage_scales(network, natural.pixels))})
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m goldenpart.server.pretraining.export", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--natural", type=Path, required=True, help=".npz pack of ordinary photographs that set the stage scales")
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--averaged", action="store_true", help="the first phase's moving average instead of the last weights")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as cache:
        natural = read_pack(options.natural, Path(cache), NATURAL_SIDE, Slice(images=NATURAL_IMAGES))
        sha256 = export(network_state(options.checkpoint, averaged=options.averaged), natural, options.out)
    print(f"{sha256}  {options.out}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
