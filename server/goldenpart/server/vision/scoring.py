"""From patch distances to the score of an image and the reason for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldenpart.server.vision.detectors.base import PatchDistances
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
class NearestPatches:
    """What every patch of a picture is nearest to.

    Attributes:
        origins: (rows, columns, 4) int32, see `bank.Origins`; -1 where a patch was left out.
        distances: (rows, columns) float32 to the nearest golden patch, in the recipe's metric; 0 where a patch was left out.
    """

    origins: npt.NDArray[np.int32]
    distances: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredImage:
    """What a detector says about one picture.

    Attributes:
        score: image score; the larger, the less normal.
        grid: (rows, columns) float32 patch distances, 0 where a patch was left out.
        worst: the most anomalous patch; None if the detector compares with no single golden part.
        nearest: of every patch; None likewise.
    """

    score: float
    grid: npt.NDArray[np.float32]
    worst: WorstPatch | None
    nearest: NearestPatches | None = None

    @property
    def peak(self) -> float:
        """The largest patch distance."""
        return float(self.grid.max())


def score_patches(measured: PatchDistances, prepared: PreparedImage, recipe: Recipe) -> ScoredImage:
    """Score one picture whose patches were measured."""
    distances = measured.distances
    grid = np.zeros(prepared.inspected.shape, np.float32)
    grid[prepared.inspected] = distances
    return ScoredImage(image_score(measured, recipe), grid, _locate_worst(measured, prepared), _place_nearest(measured, prepared))


def image_score(measured: PatchDistances, recipe: Recipe) -> float:
    """Return the score of a picture whose patches were measured."""
    return aggregate(measured.distances, recipe) * measured.factor


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


def _place_nearest(measured: PatchDistances, prepared: PreparedImage) -> NearestPatches | None:
    if measured.origins is None or measured.origin_distances is None:
        return None
    origins = np.full((*prepared.inspected.shape, 4), -1, np.int32)
    origins[prepared.inspected] = measured.origins
    distances = np.zeros(prepared.inspected.shape, np.float32)
    distances[prepared.inspected] = measured.origin_distances
    return NearestPatches(origins, distances)


def _locate_worst(measured: PatchDistances, prepared: PreparedImage) -> WorstPatch | None:
    nearest = measured.nearest
    if nearest is None:
        return None
    place = np.flatnonzero(prepared.inspected)[int(measured.distances.argmax())]
    row, column = divmod(int(place), prepared.inspected.shape[1])
    return WorstPatch(row, column, nearest.golden, nearest.angle_deg, nearest.row, nearest.column, nearest.distance)
