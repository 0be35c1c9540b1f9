"""From patch neighbours to the score of an image and the reason for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldenpart.server.vision.bank import ANGLE, COLUMN, GOLDEN, ROW, Bank, PatchNeighbours
from goldenpart.server.vision.features import Vectors
from goldenpart.server.vision.preparation import PreparedImage
from goldenpart.server.vision.recipe import Aggregate, Recipe


@dataclass(frozen=True, slots=True)
class WorstPatch:
    """The most anomalous patch and what comes closest to it.

    Attributes:
        row, column: of the patch in the frame's grid.
        golden: index of the golden part with the nearest bank vector.
        angle_deg: at which that golden part was shown.
        golden_row, golden_column: of the patch there.
        distance: between the two, in the recipe's metric.
    """

    row: int
    column: int
    golden: int
    angle_deg: float
    golden_row: int
    golden_column: int
    distance: float


@dataclass(frozen=True, slots=True, eq=False)
class ScoredImage:
    """What a bank says about one picture.

    Attributes:
        score: image score; the larger, the less normal.
        grid: (rows, columns) float32 patch distances, 0 where a patch was left out.
        worst: the most anomalous patch.
    """

    score: float
    grid: npt.NDArray[np.float32]
    worst: WorstPatch


def score_image(bank: Bank, vectors: Vectors, prepared: PreparedImage, without_golden: int | None = None) -> ScoredImage:
    """Search and score one picture. Device executor thread only.

    Args:
        bank: of the picture's category.
        vectors: (Q, D) float32, the inspected patches in row-major order.
        prepared: the picture.
        without_golden: a golden part to leave out of the search.
    """
    return score_neighbours(bank, bank.neighbours(vectors, without_golden), vectors, prepared, without_golden)


def score_neighbours(
    bank: Bank, found: PatchNeighbours, vectors: Vectors, prepared: PreparedImage, without_golden: int | None = None
) -> ScoredImage:
    """Score one picture whose patches were searched already, perhaps together with others'."""
    distances = found.distances.mean(axis=1)
    worst = int(distances.argmax())
    score = aggregate(distances, bank.recipe)
    if bank.recipe.reweight_neighbours:
        score *= bank.reweighting(vectors[worst], int(found.rows[worst, 0]), float(found.distances[worst, 0]), without_golden)
    grid = np.zeros(prepared.inspected.shape, np.float32)
    grid[prepared.inspected] = distances
    return ScoredImage(score, grid, _describe_worst(bank, found, prepared, worst))


def aggregate(distances: npt.NDArray[np.float32], recipe: Recipe) -> float:
    """Reduce patch distances (Q,) to the image score.

    The mean of the top 1 % follows AnomalyDINO (Damm et al., WACV 2025, 3.3), the maximum PatchCore.
    """
    values = distances.astype(np.float64)
    if recipe.aggregate is Aggregate.MAX:
        return float(values.max())
    if recipe.aggregate is Aggregate.MEAN:
        return float(values.mean())
    share = int(recipe.aggregate_percent * len(values) / 100.0)  # in this order 29 % of 100 are 29
    count = recipe.aggregate_patches if recipe.aggregate is Aggregate.TOP_PATCHES else share
    count = min(max(1, count), len(values))
    return float(np.partition(values, -count)[-count:].mean())


def _describe_worst(bank: Bank, found: PatchNeighbours, prepared: PreparedImage, worst: int) -> WorstPatch:
    place = np.flatnonzero(prepared.inspected)[worst]
    row, column = divmod(int(place), prepared.inspected.shape[1])
    origin = bank.content.origins[found.rows[worst, 0]]
    return WorstPatch(
        row=row,
        column=column,
        golden=int(origin[GOLDEN]),
        angle_deg=bank.recipe.angles_deg[int(origin[ANGLE])],
        golden_row=int(origin[ROW]),
        golden_column=int(origin[COLUMN]),
        distance=float(found.distances[worst, 0]),
    )
