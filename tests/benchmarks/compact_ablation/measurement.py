"""Measures settings on categories: every image embedded once, every search done once, every score derived from it."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from tests.benchmarks.compact_ablation.distances import CategoryDistances, DistanceGrids, Draw
from tests.benchmarks.compact_ablation.heat import heat_map, pixel_areas
from tests.benchmarks.compact_ablation.rows import Place, Row
from tests.benchmarks.compact_ablation.tokens import TokenStore

from goldenpart.client.evaluation.metrics.image_level import image_metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from tests.benchmarks.compact_ablation.inspection_set import InspectionSet
    from tests.benchmarks.compact_ablation.setting import Search, Setting
    from tests.benchmarks.compact_ablation.weights import Weights


@dataclass(frozen=True, slots=True)
class Terms:
    """What all rows of a run share.

    Attributes:
        shots: golden parts per bank.
        seeds: of the draws.
        pixel_side: shorter side in pixels at which maps meet masks; 0 leaves pixel measures out.
        cache: folder of tokens; None keeps them in memory only.
        search_dtype: see `nearest_squared`.
    """

    shots: tuple[int, ...]
    seeds: tuple[int, ...]
    pixel_side: int
    cache: Path | None
    search_dtype: torch.dtype


@dataclass(frozen=True, slots=True)
class Job:
    """Rows to measure that share weights, category, search and draw: one search."""

    weights: Weights
    parts: InspectionSet
    search: Search
    draw: Draw
    settings: tuple[Setting, ...]
    pixel_side: int

    @property
    def place(self) -> Place:
        """Where the rows belong."""
        good, defective = len(self.parts.good), len(self.parts.defective)
        return Place(self.weights.digest, self.parts.category, self.draw.shots, self.draw.seed, good, defective, self.pixel_side)


def plan(
    settings: Sequence[Setting],
    weights: Sequence[Weights],
    categories: Sequence[InspectionSet],
    terms: Terms,
    done: set[tuple[Setting, Place]],
) -> list[Job]:
    """List what is still to be measured, ordered so that tokens and searches are shared."""
    jobs = []
    for source, parts in itertools.product(weights, categories):
        by_search: dict[Search, list[Setting]] = defaultdict(list)
        for setting in dict.fromkeys(settings):
            if setting.weights == source.name:
                by_search[setting.search].append(setting)
        for search, shots, seed in itertools.product(by_search, terms.shots, terms.seeds):
            job = Job(source, parts, search, Draw(shots, seed), tuple(by_search[search]), terms.pixel_side)
            left = tuple(setting for setting in job.settings if (setting, job.place) not in done)
            if left:
                jobs.append(replace(job, settings=left))
    return jobs


def measure(jobs: Sequence[Job], terms: Terms) -> Iterator[list[Row]]:
    """Measure jobs in the order of `plan`; yields the rows of one job at a time."""
    for _, group in itertools.groupby(jobs, lambda job: (job.weights.name, job.parts.category)):
        same = list(group)
        parts, weights = same[0].parts, same[0].weights
        masks = parts.truths(terms.pixel_side) if terms.pixel_side else None
        distances = CategoryDistances(parts, weights, TokenStore(weights, terms.cache), terms.search_dtype)
        for job in same:
            found = distances.grids(job.search, job.draw, max(setting.k for setting in job.settings))
            yield list(_rows(job, found, masks))


def _rows(job: Job, found: DistanceGrids, masks: Sequence[npt.NDArray[np.bool_]] | None) -> Iterator[Row]:
    good = len(job.parts.good)
    defective = np.arange(len(found.grids)) >= good
    for k, settings in itertools.groupby(sorted(job.settings, key=lambda setting: setting.k), lambda setting: setting.k):
        grids = [grid[..., :k].mean(axis=2) for grid in found.grids]
        areas: tuple[float | None, float | None] = (None, None)
        if masks is not None:
            maps = [heat_map(grid, found.resolution, mask.shape) for grid, mask in zip(grids, masks, strict=True)]
            areas = pixel_areas(maps, masks, good)
        for setting in settings:
            scores = [image_score(grid, setting.aggregate) for grid in grids]
            yield Row(setting, job.place, image_metrics(scores, defective).auroc, *areas)


def image_score(distances: npt.NDArray[np.float32], aggregate: str) -> float:
    """Reduce patch distances to one score by `max`, `mean`, or `top1` or `top03`: the mean of the largest 1 or 0.3 %, at least one."""
    share = {"max": 0.0, "top03": 0.003, "top1": 0.01, "mean": 1.0}[aggregate]
    count = max(1, int(share * distances.size))
    return float(np.partition(distances.ravel(), -count)[-count:].mean(dtype=np.float64))
