"""Patch distances of every inspected image for one way of searching and one draw of golden parts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from tests.benchmarks.compact_ablation.bank import PatchBank
from tests.benchmarks.compact_ablation.setting import AVERAGED, SINGLE, Search

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    from tests.benchmarks.compact_ablation.inspection_set import InspectionSet
    from tests.benchmarks.compact_ablation.tokens import TokenStore
    from tests.benchmarks.compact_ablation.weights import Weights


@dataclass(frozen=True, slots=True)
class Draw:
    """Which golden parts a bank is made of: the first `shots` of a permutation by `seed`."""

    shots: int
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class DistanceGrids:
    """Distances of the inspected images.

    Attributes:
        grids: for each image (rows, columns, k) float32, ascending along the last axis.
        typical: median distance of golden patches to the golden parts they are not of; 1 with a single golden part.
        resolution: pixels of the shorter side of the images they belong to.
    """

    grids: list[npt.NDArray[np.float32]]
    typical: float
    resolution: int


class CategoryDistances:
    """Computes and remembers the distance grids of one category under one set of weights. Belongs to one thread.

    Args:
        parts: the category.
        weights: whose tokens to compare.
        store: of the tokens of these weights.
        search_dtype: see `nearest_squared`.
    """

    def __init__(self, parts: InspectionSet, weights: Weights, store: TokenStore, search_dtype: torch.dtype) -> None:
        self._parts, self._weights, self._store, self._search_dtype = parts, weights, store, search_dtype
        self._known: dict[tuple[Search, Draw], tuple[int, DistanceGrids]] = {}
        self._lengths: dict[tuple[str, int], float] = {}

    def grids(self, search: Search, draw: Draw, k: int) -> DistanceGrids:
        """Give the distances of every image of `parts.tested` to at least the `k` nearest; blocks while they are computed."""
        known, found = self._known.get((search, draw), (0, None))
        if found is None or known < k:
            found = self._averaged(search, draw, k) if search.fusion == AVERAGED else self._searched(search, draw, k)
            self._known[search, draw] = (k, found)
        return found

    def _searched(self, search: Search, draw: Draw, k: int) -> DistanceGrids:
        golden = [self._tokens(self._parts.golden[index], search) for index in self._parts.shots(draw.shots, draw.seed)]
        flat = [tokens.flatten(0, 1) for tokens in golden]
        bank = PatchBank.fit(flat, search, draw.seed, self._search_dtype)
        grids = []
        for path in self._parts.tested:
            tokens = self._tokens(path, search)
            rows, columns = tokens.shape[:2]
            grids.append(bank.distances(tokens.flatten(0, 1), k).reshape(rows, columns, -1).numpy())
        return DistanceGrids(grids, bank.left_out_median(flat), search.resolutions[0])

    def _averaged(self, search: Search, draw: Draw, k: int) -> DistanceGrids:
        scales = [self.grids(replace(search, fusion=SINGLE, resolutions=(resolution,)), draw, k) for resolution in search.resolutions]
        fine = scales[0]
        averaged = []
        for index, grid in enumerate(fine.grids):
            shape = grid.shape[:2]
            same = [on_grid(scale.grids[index][..., :k], shape, fine.resolution / scale.resolution) / scale.typical for scale in scales]
            averaged.append(np.asarray(np.mean(same, axis=0), np.float32))
        return DistanceGrids(averaged, 1.0, fine.resolution)

    def _tokens(self, path: Path, search: Search) -> torch.Tensor:
        """Give the tokens a search compares: (rows, columns, D) float32."""
        fine, *coarser = search.resolutions
        tokens = self._layers(path, fine, search.layers)
        if not coarser:
            return tokens
        rows, columns = tokens.shape[:2]
        scaled = [tokens / self._mean_length(fine, search.layers)]
        for resolution in coarser:
            further = self._layers(path, resolution, search.layers) / self._mean_length(resolution, search.layers)
            scaled.append(_resampled(further, fine / resolution, rows, columns))
        return torch.cat(scaled, dim=2)

    def _layers(self, path: Path, resolution: int, layers: str) -> torch.Tensor:
        tokens = self._store.read(path, resolution)
        return torch.cat([tokens[..., columns] for columns in self._weights.columns(layers)], dim=2).float()

    def _mean_length(self, resolution: int, layers: str) -> float:
        key = (layers, resolution)
        if key not in self._lengths:
            path = self._parts.golden[self._parts.shots(1, 0)[0]]
            self._lengths[key] = float(self._layers(path, resolution, layers).norm(dim=2).mean())
        return self._lengths[key]


def on_grid(grid: npt.NDArray[np.float32], shape: tuple[int, int], factor: float) -> npt.NDArray[np.float32]:
    """Resample a grid of cells to `shape` (rows, columns) with `factor` cells for each of its own, corners of both in one place."""
    centre = 0.5 / factor - 0.5  # of the first new cell, in old ones
    matrix = np.array([[1 / factor, 0, centre], [0, 1 / factor, centre]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    planes = [
        cv2.warpAffine(np.ascontiguousarray(grid[..., k]), matrix, shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
        for k in range(grid.shape[2])
    ]
    return np.stack(planes, axis=2)


def _resampled(tokens: torch.Tensor, factor: float, rows: int, columns: int) -> torch.Tensor:
    """Resample (r, c, D) tokens to (rows, columns, D), `factor` tokens for each one; the border repeated where padding fell short."""
    planes = F.interpolate(tokens.permute(2, 0, 1)[None], scale_factor=factor, mode="bilinear", align_corners=False)[:, :, :rows, :columns]
    planes = F.pad(planes, (0, columns - planes.shape[3], 0, rows - planes.shape[2]), mode="replicate")
    return planes[0].permute(1, 2, 0)
