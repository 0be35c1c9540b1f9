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
from goldenpart.server.vision.backbones.compact import SCALES, CompactBackbone
from goldenpart.server.vision.backbones.compact_network import FEATURE_STAGES, WIDTHS, fold_batch_norm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from goldenpart.server.pretraining.packs import LabelledImages

NATURAL_IMAGES = 200
NATURAL_SIDE = 224


def network_state(checkpoint: Path, *, averaged: bool = True) -> dict[str, torch.Tensor]:
    """Read the unfolded `CompactNetwork` state from a training checkpoint.

    Args:
        checkpoint: file written by `Trainer`; loaded without executing pickled code.
        averaged: take the moving average of the weights instead of the last ones.
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
    with TemporaryDirectory() as folder:
        unscaled = Path(folder) / "unscaled.safetensors"
        _write(folded, torch.ones(FEATURE_STAGES), unscaled)
        scales = 1 / mean_token_lengths(CompactBackbone(unscaled), natural)
    return _write(folded, scales, target)


def mean_token_lengths(backbone: CompactBackbone, natural: LabelledImages) -> torch.Tensor:
    """Average the Euclidean length of each stage's tokens: (3,) float32."""
    lengths = torch.zeros(FEATURE_STAGES)
    for image in natural.pixels:
        tokens = backbone.patch_tokens(normalise(unit_range(torch.from_numpy(np.array(image[None])))))
        stages = torch.split_with_sizes(tokens, WIDTHS[:FEATURE_STAGES], dim=3)
        lengths += torch.stack([stage.norm(dim=3).mean() for stage in stages])
    return lengths / len(natural)


def _write(folded: Mapping[str, torch.Tensor], scales: torch.Tensor, target: Path) -> str:
    content = safetensors.torch.save({**folded, SCALES: scales.clone()})
    target.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m goldenpart.server.pretraining.export", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--natural", type=Path, required=True, help=".npz pack of ordinary photographs that set the stage scales")
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--last", action="store_true", help="the last weights instead of their moving average")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as cache:
        natural = read_pack(options.natural, Path(cache), NATURAL_SIDE, Slice(images=NATURAL_IMAGES))
        sha256 = export(network_state(options.checkpoint, averaged=not options.last), natural, options.out)
    print(f"{sha256}  {options.out}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
