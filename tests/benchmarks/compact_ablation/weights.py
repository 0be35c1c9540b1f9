"""Where tokens come from: hand-crafted filters, random weights, or files in the layout of the shipped one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

import numpy as np
import safetensors.torch
import torch
from tests.benchmarks.compact_ablation import filter_bank

from goldenpart.client.parts import draw_flange
from goldenpart.server.pretraining.augmentation import normalise, unit_range
from goldenpart.server.vision.backbones import compact, compact_network
from goldenpart.server.vision.backbones.compact import SCALES, CompactBackbone
from goldenpart.server.vision.backbones.compact_network import FEATURE_STAGES, CompactNetwork, fold_batch_norm

if TYPE_CHECKING:
    from types import ModuleType

    from goldenpart.server.vision.backbones.precision import Precision

FILTERS, RANDOM, SHIPPED = "filters", "random", "shipped"


class Extractor(Protocol):
    """What turns an image into tokens."""

    def patch_tokens(self, images: torch.Tensor) -> torch.Tensor:
        """Map (1, 3, H, W) normalised RGB to (1, H / 8, W / 8, D) float32."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Named weights, ready to use.

    Attributes:
        name: in the table; what follows an "@" tells trainings of one recipe apart.
        extractor: the network or the filters.
        digest: of the weights and of the code that runs them; equal digests give equal tokens.
        widths: columns of each layer; one number where there are no layers to choose from.
    """

    name: str
    extractor: Extractor
    digest: str
    widths: tuple[int, ...]

    def columns(self, layers: str) -> list[slice]:
        """Give the token columns of some layers ("23"); everything where there are none to choose from."""
        if len(self.widths) == 1:
            return [slice(None)]
        ends = np.cumsum((0, *self.widths)).tolist()
        return [slice(ends[int(layer) - 1], ends[int(layer)]) for layer in layers]


def open_weights(named: str, precision: Precision) -> Weights:
    """Open what a `--weights` value names: filters, random, shipped or NAME=FILE.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the value has no "=", or the file does not hold the compact network.
    """
    name, _, file = named.partition("=")
    if name == FILTERS:
        extractor = filter_bank.FilterBank()
        return Weights(name, extractor, _digest("", filter_bank), (filter_bank.WIDTH,))
    if not file and name not in (RANDOM, SHIPPED):
        raise ValueError(f"--weights {named}: neither {FILTERS}, {RANDOM}, {SHIPPED} nor NAME=FILE.safetensors")
    backbone = _random(precision) if name == RANDOM else CompactBackbone(Path(file) if file else None, precision=precision)
    widths = tuple(backbone.dimension((layer,)) for layer in range(1, FEATURE_STAGES + 1))
    return Weights(name, backbone, _digest(f"{backbone.digest} {precision}", compact, compact_network), widths)


def _random(precision: Precision) -> CompactBackbone:
    """Draw weights, and scale the stages to the same mean token length on a drawn part, as export does on photographs."""
    torch.manual_seed(0)
    state = fold_batch_norm(CompactNetwork().state_dict())
    picture = normalise(unit_range(torch.from_numpy(draw_flange(np.random.default_rng(0)).image[None])))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "random.safetensors"
        safetensors.torch.save_file({**state, SCALES: torch.ones(FEATURE_STAGES)}, path)
        unscaled = CompactBackbone(path)
        lengths = [unscaled.patch_tokens(picture, (layer,)).norm(dim=3).mean() for layer in range(1, FEATURE_STAGES + 1)]
        safetensors.torch.save_file({**state, SCALES: 1 / torch.stack(lengths)}, path)
        return CompactBackbone(path, precision=precision)


def _digest(weights: str, *modules: ModuleType) -> str:
    """Hash weights and source: tokens cached by an earlier version of the code must not be taken for this one's."""
    digest = hashlib.sha256(weights.encode())
    for module in modules:
        assert module.__file__ is not None
        digest.update(Path(module.__file__).read_bytes())
    return digest.hexdigest()[:16]
