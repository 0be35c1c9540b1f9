"""Realised false-reject rates beside what calibration promises, or its refusal."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from goldenpart.client import Frame, GoldenpartError, InspectOptions, NamedImage, Recipe, Resize, ThresholdRequest
from goldenpart.client.bulk import inspect_all
from goldenpart.client.evaluation.datasets import open_dataset
from goldenpart.client.evaluation.throwaway import throwaway_category

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from goldenpart.client import Client
    from goldenpart.client.evaluation.datasets import LabelledImage

RATES = (0.01, 0.05, 0.10)
NORMALS = (9, 19, 50, 99, 250)
SEEDS = (0, 1, 2)
GOLDEN_PARTS = 16
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
        rejected: good test images at or above the threshold.
        good: good test images.
    """

    seed: int
    normals: int
    rate: float
    refused: str = ""
    upper_95: float = 0.0
    rejected: int = 0
    good: int = 0


def measure_rates(client: Client, folder: Path, target: Path) -> None:
    """Calibrate with several numbers of normals at several rates, and count what is rejected; write JSON.

    Raises:
        GoldenpartError: A call failed for another reason than that the rate cannot be attained.
    """
    [category] = open_dataset(folder)
    good = [image for image in category.test if not image.defective]
    found = [realised for seed in SEEDS for realised in _of_draw(client, category.train, good, seed)]
    target.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n", "utf-8")


def _of_draw(client: Client, train: Sequence[LabelledImage], good: Sequence[LabelledImage], seed: int) -> list[Realised]:
    order = [train[index] for index in np.random.default_rng(seed).permutation(len(train))]
    golden, normals = order[:GOLDEN_PARTS], order[GOLDEN_PARTS:]
    with throwaway_category(client) as name:
        fitted = client.fit(name, _named(golden), recipe=RECIPE, stage_only=True, reuse_features=True).revision.revision
        options = InspectOptions(reuse_features=True)
        frames = [Frame(str(index), name, image.path, options, revision=fitted) for index, image in enumerate(good)]
        scores = [inspection.score for inspection in inspect_all(client, frames)]
        return [_calibrated(client, (name, fitted), normals[:count], rate, np.array(scores), seed) for count in NORMALS for rate in RATES]


def _calibrated(
    client: Client, revision: tuple[str, str], normals: Sequence[LabelledImage], rate: float, scores: np.ndarray, seed: int
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
