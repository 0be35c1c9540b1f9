"""The main job on real parts over a real socket: fit golden parts, calibrate, inspect what was never seen."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from goldenpart.client import Client, Coreset, Frame, Inspection, NamedImage, Recipe, Resize, Verdict
from goldenpart.client.demo.process import ServerProcess
from goldenpart.server.vision.calibration import conformal_threshold

SEED, BATCH = 0, 8
RATE, SPLITS = 0.05, 1000
MOST_NORMAL, MOST_DEFECTIVE = 40, 60


@dataclass(frozen=True)
class Trial:
    """A category, how many normals calibrate it, and the AUROC below which the science is broken.

    The bounds lie well above chance and a margin below what was measured with the shipped weights (printed by the test); the hand-crafted
    filter bank and random weights fall below them.
    """

    category: str
    shots: int
    recipe: Recipe
    calibration: int
    least_auroc: float


TRIALS = (
    Trial("dobot_cubes", 16, Recipe(), 40, 0.95),
    # Normal tiles vary much in size and texture: more of them, seen whole rather than in detail, no preference for outliers, and plain
    # distances, because with so many parts the local scale makes room for every oddity.
    Trial("magnetic_tile", 64, Recipe(resolution_px=160, resize=Resize.STRETCH, coreset=Coreset.NONE, local_scale_neighbours=0), 60, 0.70),
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    settings = {"GOLDENPART_ARTIFACTS": str(tmp_path_factory.mktemp("store")), "GOLDENPART_METRICS_LISTEN": ""}
    with ServerProcess(settings) as server, Client(server.address) as connected:
        connected.wait_until_ready()
        yield connected


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.category)
def test_separates_defects_of_real_parts(
    client: Client, real_images: Path, trial: Trial, record_property: Callable[[str, object], None]
) -> None:
    folder = real_images / trial.category
    chooser = random.Random(SEED)
    training = chooser.sample(sorted((folder / "train" / "good").iterdir()), trial.shots + trial.calibration)
    client.fit(trial.category, [NamedImage(path.name, path) for path in training[: trial.shots]], recipe=trial.recipe)
    report = client.calibrate(trial.category, normal=[NamedImage(path.name, path) for path in training[trial.shots :]])
    calibration = report.revision.calibration
    assert calibration is not None
    good = inspect(client, trial.category, some(sorted((folder / "test" / "good").iterdir()), MOST_NORMAL))
    bad_paths = sorted(path for path in (folder / "test").glob("*/*") if path.parent.name != "good")
    bad = inspect(client, trial.category, some(bad_paths, MOST_DEFECTIVE))
    scores = [result.score for result in (*good, *bad)]
    auroc = roc_auc_score([0] * len(good) + [1] * len(bad), scores)
    false_rejects = np.mean([result.verdict is Verdict.FAIL for result in good])
    escapes = np.mean([result.verdict is Verdict.PASS for result in bad])
    realised = realised_rates([*calibration.normal_scores, *(result.score for result in good)])
    measured = (
        f"{trial.category}: {trial.shots} shots, image AUROC {auroc:.3f}, false rejects {false_rejects:.3f} "
        f"(95 % bound {calibration.false_reject_rate_upper_95:.3f}), escapes {escapes:.3f}, n = {len(good)} + {len(bad)}; "
        f"false rejects over {SPLITS} random splits of all normal scores {np.mean(realised):.3f}"
    )
    record_property("measured", measured)
    assert auroc >= trial.least_auroc
    assert all(result.revision == report.revision.revision for result in (*good, *bad))
    assert 0.02 < np.mean(realised) <= RATE, "the guarantee is P(FAIL | good) <= rate, and a threshold far below it would be no use either"
    assert all((result.score > result.threshold) == (result.verdict is Verdict.FAIL) for result in (*good, *bad))


def realised_rates(scores: Sequence[float]) -> list[float]:
    """Calibrate on a random half of the scores, count the rejects in the other half, `SPLITS` times."""
    shuffler = np.random.default_rng(SEED)
    rates = []
    for _ in range(SPLITS):
        mixed = shuffler.permutation(np.array(scores))
        half = len(mixed) // 2
        threshold = conformal_threshold(tuple(mixed[:half].tolist()), RATE)
        rates.append(float((mixed[half:] > threshold).mean()))
    return rates


def inspect(client: Client, category: str, paths: Sequence[Path]) -> list[Inspection]:
    results: list[Inspection] = []
    for start in range(0, len(paths), BATCH):
        results += client.inspect([Frame(str(path), category, path) for path in paths[start : start + BATCH]])
    return results


def some(paths: Sequence[Path], most: int) -> list[Path]:
    return random.Random(SEED).sample(list(paths), min(most, len(paths)))
