"""From golden parts to a bank, and to the scores each gets from the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.bank import GOLDEN, Bank, BankContent, Origins
from goldenpart.server.vision.coreset import VectorSampler, open_sampler
from goldenpart.server.vision.detectors.base import Detector
from goldenpart.server.vision.features import Vectors, extract_tokens, to_vectors
from goldenpart.server.vision.inference import Query, ScoredQuery, batches_of_one_shape, score_batch
from goldenpart.server.vision.local_scale import LocalScaleBuilder
from goldenpart.server.vision.preparation import PreparedImage
from goldenpart.server.vision.recipe import Metric, Recipe

Shown = tuple[PreparedImage, ...]
"""A golden part at every angle of the recipe, unrotated first."""


class Stage(StrEnum):
    """Steps of an onboarding."""

    RECEIVING = "receiving"
    EMBEDDING = "embedding"
    CORESET = "coreset"
    TRAINING = "training"
    CALIBRATING = "calibrating"
    SAVING = "saving"
    COMPARING = "comparing"
    GATING = "gating"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step is: `done` of `total` units, total 0 while unknown."""

    stage: Stage
    done: int
    total: int


class LeavesOut(Protocol):
    """Knows what would have been learned without one of the golden parts."""

    def without(self, golden: int) -> Detector:
        """Return the detector less a golden part at all its angles. Device executor thread only.

        Raises:
            InvalidArgumentError: without it nothing is left.
        """


class DetectorBuilder(LeavesOut, Protocol):
    """Fits a detector slice by slice, so that inspections can come between. Device executor thread only, but for construction.

    The same golden parts, recipe and backbone give the same content, byte for byte.
    """

    @property
    def patches(self) -> int:
        """Patches of all golden parts and angles that are inspected."""

    def steps(self) -> Iterator[Progress]:
        """Do the work; every `next` takes well under a second on a CPU with `compact`."""

    @property
    def detector(self) -> Detector:
        """What was fitted, once `steps` is exhausted."""

    @property
    def leaves_out(self) -> bool:
        """Whether `without` is to be had in reasonable time, once `steps` is exhausted."""


class BankBuilder:
    """Builds a bank slice by slice, so that inspections can come between. Device executor thread only.

    Args:
        backbone: the network.
        recipe: all knobs.
        golden_parts: in order; the same parts, recipe and backbone give the same bank, byte for byte.
    """

    def __init__(self, backbone: Backbone, recipe: Recipe, golden_parts: Sequence[Shown]) -> None:
        self._backbone = backbone
        self._recipe = recipe
        self._shown = [picture for shown in golden_parts for picture in shown]
        self._origins = _number_patches(golden_parts)
        self._centre: Vectors | None = None
        self._bank: Bank | None = None
        self._sampler: VectorSampler = open_sampler(recipe, len(self._origins), backbone.device)
        self._scale = LocalScaleBuilder(recipe.local_scale_neighbours, len(self._origins)) if recipe.local_scale_neighbours else None

    @property
    def patches(self) -> int:
        """Patches of all golden parts and angles that are inspected."""
        return len(self._origins)

    def steps(self) -> Iterator[Progress]:
        """Do the work; every `next` takes well under a second on a CPU with `compact`."""
        if self._recipe.metric is Metric.CENTRED_COSINE:
            self._centre = yield from find_centre(self._backbone, self._recipe, self._shown)
        starts = [0, *np.cumsum([int(picture.inspected.sum()) for picture in self._shown]).tolist()]
        offset, done = 0 if self._centre is None else len(self._shown), 0
        for places in batches_of_one_shape(self._shown):
            tokens = extract_tokens(self._backbone, [self._shown[place].pixels for place in places], self._recipe.layers)
            for place, grid in zip(places, tokens, strict=True):
                vectors = to_vectors(grid, self._shown[place], self._recipe, self._centre)
                if self._scale is not None:
                    self._scale.add(vectors, int(self._origins[starts[place], GOLDEN]), starts[place])
                for thinning in self._sampler.add(vectors, np.arange(starts[place], starts[place + 1])):
                    yield Progress(Stage.CORESET, thinning.done, thinning.total)
            done += len(places)
            yield Progress(Stage.EMBEDDING, offset + done, offset + len(self._shown))
        for thinning in self._sampler.finish():
            yield Progress(Stage.CORESET, thinning.done, thinning.total)
        yield from self._measure_scale()
        self._bank = Bank(self.content(), self._recipe, self._backbone.device)

    @property
    def detector(self) -> Bank:
        """See `DetectorBuilder.detector`."""
        assert self._bank is not None, "steps come first"
        return self._bank

    @property
    def leaves_out(self) -> bool:
        """See `DetectorBuilder.leaves_out`."""
        return self.detector.leaves_out

    def without(self, golden: int) -> Bank:
        """See `LeavesOut.without`."""
        return self.detector.without(golden)

    def content(self) -> BankContent:
        """Return the bank once `steps` is exhausted."""
        vectors, rows = self._sampler.kept()
        around = None if self._scale is None else self._scale.built
        return BankContent(vectors, self._origins[rows], self._sampler.radius, self._centre, around)

    def _measure_scale(self) -> Iterator[Progress]:
        if self._scale is None:
            return
        vectors, rows = self._sampler.kept()
        parts = int(self._origins[-1, GOLDEN]) + 1
        for done in self._scale.steps(vectors, self._origins[rows, GOLDEN], self._backbone.device):
            yield Progress(Stage.TRAINING, done, parts)


def find_centre(backbone: Backbone, recipe: Recipe, pictures: Sequence[PreparedImage]) -> Generator[Progress, None, Vectors]:
    """Average all inspected tokens in a pass of its own, so that memory stays at one batch. Device executor thread only.

    Returns:
        (D,) float32.
    """
    plain = dataclasses.replace(recipe, metric=Metric.EUCLIDEAN)
    total = np.zeros(backbone.dimension(recipe.layers), np.float64)
    done = count = 0
    for places in batches_of_one_shape(pictures):
        tokens = extract_tokens(backbone, [pictures[place].pixels for place in places], recipe.layers)
        for place, grid in zip(places, tokens, strict=True):
            vectors = to_vectors(grid, pictures[place], plain)
            total += vectors.sum(axis=0, dtype=np.float64)
            count += len(vectors)
        done += len(places)
        yield Progress(Stage.EMBEDDING, done, 2 * len(pictures))
    return (total / count).astype(np.float32)


def left_out_scores(fitted: LeavesOut, backbone: Backbone, golden_parts: Sequence[Shown]) -> Iterator[ScoredQuery]:
    """Score every golden part, unrotated, by what was learned from the others. Device executor thread only."""
    for index, shown in enumerate(golden_parts):
        yield score_batch(backbone, [Query(fitted.without(index), shown[0])])[0]


def can_leave_one_out(bank: BankContent) -> bool:
    """Tell whether at least two golden parts have vectors in the bank."""
    return len(np.unique(bank.origins[:, GOLDEN])) > 1


def _number_patches(golden_parts: Sequence[Shown]) -> Origins:
    blocks = []
    for golden, shown in enumerate(golden_parts):
        for angle, picture in enumerate(shown):
            places = np.argwhere(picture.inspected)  # (n, 2) row, column in row-major order
            blocks.append(np.column_stack([np.full(len(places), golden), np.full(len(places), angle), places]))
    return np.concatenate(blocks).astype(np.int32)
