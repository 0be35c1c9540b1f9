"""A plain patch bank: vectors of golden parts, whole or thinned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from tests.benchmarks.compact_ablation.nearest import nearest_squared

from goldenpart.server.vision.coreset import GreedySampler, RandomSampler
from goldenpart.server.vision.local_scale import LocalScaleBuilder
from goldenpart.server.vision.search import MatmulSearch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.compact_ablation.setting import Search

    from goldenpart.server.vision.coreset import VectorSampler

_PROJECTION_DIMENSIONS = 128  # the product's default
_LEFT_OUT_PATCHES = 256  # of each golden part, enough for a median


@dataclass(frozen=True, slots=True, eq=False)
class PatchBank:
    """Golden patches in the space of a metric.

    Attributes:
        vectors: (M, D) float32.
        golden: (M,) int64, which golden part each came from.
        metric: one of `METRICS`.
        centre: (D,) float32, subtracted from every token first.
        search_dtype: see `nearest_squared`.
        units: (M,) float32, what distances to each vector are divided by; None leaves them plain.
    """

    vectors: torch.Tensor
    golden: torch.Tensor
    metric: str
    centre: torch.Tensor
    search_dtype: torch.dtype
    units: torch.Tensor | None = None

    @classmethod
    def fit(cls, tokens: Sequence[torch.Tensor], search: Search, seed: int, search_dtype: torch.dtype) -> PatchBank:
        """Build a bank.

        Args:
            tokens: of each golden part, (patches, D) float32.
            search: metric, how the bank is thinned, local scale.
            seed: of the thinning.
            search_dtype: see `nearest_squared`.
        """
        together = torch.cat(list(tokens))
        centre = together.mean(dim=0) if search.metric == "centred_cosine" else torch.zeros(together.shape[1])
        vectors = _placed(together, search.metric, centre)
        golden = torch.repeat_interleave(torch.arange(len(tokens)), torch.tensor([len(part) for part in tokens]))
        rows = _thinned(vectors, search.bank, seed)
        plain = cls(vectors[rows], golden[rows], search.metric, centre, search_dtype)
        units = plain.measure_units(vectors, golden, search.local_scale) if search.local_scale and len(tokens) > 1 else None
        return replace(plain, units=units)

    def distances(self, tokens: torch.Tensor, k: int) -> torch.Tensor:
        """Measure (N, D) tokens: distances to the k nearest vectors, (N, k) float32 ascending; fewer where the bank holds fewer."""
        placed = _placed(tokens, self.metric, self.centre)
        if self.units is None:
            return self._distances(self.vectors, placed, k)
        hits = MatmulSearch(self.vectors.numpy(), torch.device("cpu")).search(placed.numpy(), min(k, len(self.vectors)))
        return self._to_metric(torch.from_numpy(hits.squared)) / self.units[torch.from_numpy(hits.rows[:, :1])]

    def measure_units(self, patches: torch.Tensor, golden: torch.Tensor, neighbours: int) -> torch.Tensor:
        """Measure the local scale as the product does: (M,) float32."""
        builder = LocalScaleBuilder(neighbours, len(patches))
        first = 0
        for part in golden.unique().tolist():
            own = patches[golden == part].numpy()
            builder.add(own, part, first)
            first += len(own)
        for _ in builder.steps(self.vectors.numpy(), self.golden.numpy().astype(np.int32), torch.device("cpu")):
            pass
        assert builder.built is not None, "there are two parts"
        return torch.from_numpy(builder.built.units(lambda squared: self._to_metric(torch.from_numpy(squared)).numpy()))

    def left_out_median(self, tokens: Sequence[torch.Tensor]) -> float:
        """Take the median distance of golden patches to the other golden parts; 1 for a single golden part, or with a local scale."""
        if len(tokens) < 2 or self.units is not None:
            return 1.0
        distances = []
        for part, own in enumerate(tokens):
            others = self.vectors[self.golden != part]
            sampled = own[:: max(1, len(own) // _LEFT_OUT_PATCHES)]
            if len(others):
                distances.append(self._distances(others, _placed(sampled, self.metric, self.centre), 1))
        return float(torch.cat(distances).median())

    def _distances(self, vectors: torch.Tensor, placed: torch.Tensor, k: int) -> torch.Tensor:
        squared = nearest_squared(vectors, placed, min(k, len(vectors)), self.search_dtype)
        return self._to_metric(squared)

    def _to_metric(self, squared: torch.Tensor) -> torch.Tensor:
        return squared.sqrt() if self.metric == "euclidean" else squared / 2


def _placed(tokens: torch.Tensor, metric: str, centre: torch.Tensor) -> torch.Tensor:
    return tokens if metric == "euclidean" else F.normalize(tokens - centre, dim=1)


def _thinned(vectors: torch.Tensor, kept: str, seed: int) -> torch.Tensor:
    """Choose the rows a bank keeps, ascending: (M,) int64."""
    kind, _, number = kept.partition(":")
    rows = np.arange(len(vectors), dtype=np.int64)
    if kind == "whole" or len(vectors) <= int(number):
        return torch.from_numpy(rows)
    sampler = _sampler(kind, int(number), seed)
    for _ in sampler.add(vectors.numpy(), rows):
        pass
    for _ in sampler.finish():
        pass
    return torch.from_numpy(sampler.kept()[1])


def _sampler(kind: str, number: int, seed: int) -> VectorSampler:
    if kind == "random":
        return RandomSampler(number, seed)
    return GreedySampler(number, _PROJECTION_DIMENSIONS, seed, torch.device("cpu"))
