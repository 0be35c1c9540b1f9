"""Tokens of images, each image embedded once per weights and resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from tests.benchmarks.compact_ablation.inspection_set import read_image

from goldenpart.server.vision.backbones.compact import COMPACT_PATCH_SIZE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.compact_ablation.weights import Weights


class TokenStore:
    """Keeps tokens as float16 in memory, and on disk where a cache folder is given. Belongs to one thread.

    Args:
        weights: what to embed with.
        cache: folder that outlives the run; None keeps nothing.
    """

    def __init__(self, weights: Weights, cache: Path | None) -> None:
        self._weights, self._cache = weights, cache
        self._held: dict[tuple[Path, int], torch.Tensor] = {}

    def read(self, path: Path, resolution: int) -> torch.Tensor:
        """Give the tokens of an image whose shorter side is scaled to `resolution` pixels: (rows, columns, D) float16, all layers."""
        key = (path, resolution)
        if key not in self._held:
            self._held[key] = self._load(path, resolution)
        return self._held[key]

    def _load(self, path: Path, resolution: int) -> torch.Tensor:
        if self._cache is None:
            return self._embed(path, resolution)
        split, kind = path.parts[-3:-1]
        file = self._cache / "tokens" / self._weights.digest / str(resolution) / path.parts[-4] / f"{split}-{kind}-{path.stem}.npy"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            partial = file.with_suffix(".partial")
            with partial.open("wb") as stream:
                np.save(stream, self._embed(path, resolution).numpy())
            partial.replace(file)
        return torch.from_numpy(np.load(file))

    def _embed(self, path: Path, resolution: int) -> torch.Tensor:
        return self._weights.extractor.patch_tokens(read_image(path, resolution, COMPACT_PATCH_SIZE))[0].half()
