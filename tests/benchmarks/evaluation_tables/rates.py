"""Realised false-reject rates beside what calibration promises, or its refusal."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import stats

from goldenpart.client import Frame, GoldenpartError, InspectOptions, NamedImage, Recipe, Resize, ThresholdRequest
from goldenpart.client.bulk import inspect_all
from goldenpart.client.evaluation.datasets import open_dataset
from goldenpart.client.evaluation.machine import cpu_model
from goldenpart.client.evaluation.throwaway import throwaway_category
from goldenpart.server.vision.calibration import ThresholdRequest as ServerRequest
from goldenpart.server.vision.calibration import calibrate, conformal_rank, normals_needed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from goldenpart.client import Client
    from goldenpart.client.evaluation.datasets import LabelledImage

RATES = (0.01, 0.05, 0.10)
NORMALS = (9, 19, 50, 99, 250)
SEEDS = (0, 1, 2)
GOLDEN_PARTS = 16
SETS = 1000
Scores = npt.NDArray[np.float64]
RECIPE = Recipe(resolution_px=256, resize=Resize.STRETCH)  # promises do not depend on it, time does


@dataclass(frozen=True, slots=True)
class Realised:
    """One calibration.

    Attributes:
        seed: of the draw of golden parts and normals.
        normals: images calibrated with.
        rate: asked for.
        refused: reason, if the server refused it.
        upper_95: stated 95 % upper bound of the realised rate.
        rejected: good images above the threshold among those that were neither learned from nor calibrated with.
        good: all of those, in the training folder and among the test images.
    """

    seed: int
    normals: int
    rate: float
    refused: str = ""
    upper_95: float = 0.0
    rejected: int = 0
    good: int = 0


@dataclass(frozen=True, slots=True)
class Redrawn:
    """Many calibration sets drawn at random from the scores of one seed's normals.

    Attributes:
        seed: of the draw of golden parts.
        normals: images in each set.
        rate: asked for.
        sets: that were drawn.
        within: those whose realised rate on all images outside of the set is at most the stated bound.
        expected: share of sets that should be, for so many images outside, by the beta-binomial law.
        rejected: mean realised rate.
        guaranteed: stated mean.
    """

    seed: int
    normals: int
    rate: float
    sets: int
    within: int
    expected: float
    rejected: float
    guaranteed: float


def measure_rates(client: Client, folder: Path, target: Path) -> None:
    """Calibrate with several numbers of normals at several rates, and count what is rejected; write JSON.

    Raises:
        GoldenpartError: A call failed for another reason than that the rate cannot be attained.
    """
    [category] = open_dataset(folder)
    good = [image for image in category.test if not image.defective]
    calibrations: list[Realised] = []
    redrawn: list[Redrawn] = []
    for seed in SEEDS:
        found, scores = _of_draw(client, category.train, good, seed)
        calibrations += found
        redrawn += [_redraw(scores, count, rate, seed) for rate in RATES for count in NORMALS if count >= normals_needed(rate)]
    measured = f"{cpu_model()}, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}"
    kept = {"measured": measured, "calibrations": [asdict(one) for one in calibrations], "redrawn": [asdict(one) for one in redrawn]}
    target.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


def _redraw(scores: Scores, normals: int, rate: float, seed: int) -> Redrawn:
    """Calibrate on random sets by the server's own function; the images outside of a set are what it has not seen."""
    rng = np.random.default_rng([seed, normals])
    outside, realised, bound, guaranteed = len(scores) - normals, np.empty(SETS), 0.0, 0.0
    for place in range(SETS):
        order = rng.permutation(len(scores))
        found = calibrate(tuple(scores[order[:normals]].tolist()), (), ServerRequest(false_reject_rate=rate))
        realised[place] = (scores[order[normals:]] > found.threshold).mean()
        bound, guaranteed = found.rate_upper_95 or 0.0, found.guaranteed_rate or 0.0
    above = normals + 1 - conformal_rank(normals, rate)
    expected = float(stats.betabinom.cdf(np.floor(bound * outside), outside, above, normals + 1 - above))
    return Redrawn(seed, normals, rate, SETS, int((realised <= bound).sum()), expected, float(realised.mean()), guaranteed)


def _of_draw(client: Client, train: Sequence[LabelledImage], good: Sequence[LabelledImage], seed: int) -> tuple[list[Realised], Scores]:
    order = [train[index] for index in np.random.default_rng(seed).permutation(len(train))]
    golden, normals = order[:GOLDEN_PARTS], order[GOLDEN_PARTS:]
    with throwaway_category(client) as name:
        fitted = client.fit(name, _named(golden), recipe=RECIPE, stage_only=True, reuse_features=True).revision.revision
        options = InspectOptions(reuse_features=True)
        frames = [Frame(str(index), name, image.path, options, revision=fitted) for index, image in enumerate([*normals, *good])]
        scores = np.array([inspection.score for inspection in inspect_all(client, frames)])
        revision = name, fitted
        found = [_calibrated(client, revision, normals[:count], rate, scores[count:], seed) for count in NORMALS for rate in RATES]
        return found, scores


def _calibrated(
    client: Client, revision: tuple[str, str], normals: Sequence[LabelledImage], rate: float, scores: Scores, seed: int
) -> Realised:
    try:
        report = client.calibrate(
            revision[0],
            _named(normals),
            revision=revision[1],
            threshold=ThresholdRequest(false_reject_rate=rate),
            stage_only=True,
            reuse_features=True,
        )
    except GoldenpartError as error:
        if error.reason != "RATE_NOT_ATTAINABLE":
            raise
        return Realised(seed, len(normals), rate, refused=str(error.reason))
    calibration = report.revision.calibration
    assert calibration is not None
    rejected = int((scores > calibration.threshold).sum())
    return Realised(seed, len(normals), rate, "", calibration.false_reject_rate_upper_95 or 0.0, rejected, len(scores))


def _named(images: Sequence[LabelledImage]) -> list[NamedImage]:
    return [NamedImage(image.name, image.path) for image in images]
