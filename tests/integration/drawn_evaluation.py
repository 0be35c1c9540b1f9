"""An evaluation as `results.json` tells it, with frames, masks and heat maps, made without a server."""

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

from goldenpart.client.evaluation.figures import CalibrationFacts, CurvePoint, ImageValue, PixelFigures
from goldenpart.client.evaluation.image_figures import image_figures, latency
from goldenpart.client.evaluation.results import FORMAT_VERSION, Evaluation, ImageOutcome, Leak, Machine, Run, RunKey
from goldenpart.client.evaluation.summary import summarise
from goldenpart.client.recipe import Recipe
from goldenpart.client.results import Timings, Verdict
from goldenpart.client.revisions import CalibrationMethod

WHEN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
THRESHOLD = 1.0
SIDE_PX, GOOD, DEFECTIVE = 96, 40, 12
DEFECTS = ("scratch", "dent", "contamination of the sealing surface")


def draw_evaluation(
    folder: Path,
    *,
    categories: tuple[str, ...] = ("flange", "a cable gland with a rather long name"),
    shots: tuple[int, ...] = (1, 4, 16),
    seeds: tuple[int, ...] = (0, 1),
    leak: bool = False,
) -> Evaluation:
    """Draw frames into `folder/data` and thumbnails into `folder/heat`."""
    runs = [
        _run(folder, name, number, golden, seed, masks=number == 0, leak=leak and number == 0)
        for number, name in enumerate(categories)
        for golden in shots
        for seed in seeds
    ]
    return Evaluation(
        format_version=FORMAT_VERSION,
        command="goldenpart evaluate data --shots 1,4,16 --seeds 0,1 --report report",
        dataset="data",
        machine=Machine("a processor", 2, "Linux x86_64", "cpu", "0.1.0", (("torch", "2.13.0"), ("faiss", "1.12.0"))),
        start_time=WHEN,
        finish_time=WHEN + timedelta(minutes=5),
        leak_allowed=leak,
        runs=tuple(runs),
        summary=summarise(runs),
        skipped=(),
    )


def _run(folder: Path, category: str, number: int, shots: int, seed: int, *, masks: bool, leak: bool) -> Run:
    random = np.random.default_rng([number, shots, seed])
    data = folder / "data" / category
    strength = 1.0 + 0.25 * np.log2(shots)
    good = 0.7 + 0.14 * random.standard_normal(GOOD)
    bad = 0.7 + strength * random.gamma(2.0, 0.4, DEFECTIVE * len(DEFECTS))
    images = [_outcome(folder, data, "good", at, float(score), (shots, seed), masks=False) for at, score in enumerate(good)]
    for at, score in enumerate(bad):
        images.append(_outcome(folder, data, DEFECTS[at % len(DEFECTS)], at, float(score), (shots, seed), masks=masks))
    return Run(
        key=RunKey(category, shots, seed, False, f"{number}d" * 32, "r" * 64, "sha256:" + "b" * 64, "p" * 64),
        layout="mvtec",
        folder=str(data),
        recipe=Recipe(resolution_px=224, layers=(2, 3), rotations_deg=(0.0, 90.0)),
        golden=tuple(f"train/good/{part}.png" for part in range(shots)),
        calibration_images=(),
        calibration=CalibrationFacts(CalibrationMethod.CONFORMAL, False, THRESHOLD, 59, 0.05, 0.05, 0.093, "At most 0.05 on average."),
        bank_vectors=2000,
        image=image_figures(images, bootstrap=100),
        pixel=_pixels(random, images) if masks else None,
        latency=latency([Timings(0.004, 0.003, 0.03, 0.008, 0.005, total) for total in random.gamma(20, 0.0025, GOOD)], 1.5, 2),
        fit_s=0.5 * shots,
        calibrate_s=1.0,
        images=tuple(images),
        leaks=(Leak(images[0].path, "train/good/0.png", "golden"),) if leak else (),
        warnings=("2 training images repeat the pixels of others and were left out",) if number == 0 else (),
        finish_time=WHEN,
    )


def _outcome(folder: Path, data: Path, defect: str, at: int, score: float, what: tuple[int, int], *, masks: bool) -> ImageOutcome:
    name, mask = f"test/{defect}/{at:03}.png", f"ground_truth/{defect}/{at:03}_mask.png"
    thumbnail = f"heat/{data.name}-{what[0]}-{what[1]}/{defect}-{at:03}.png"
    if not (data / name).exists():
        _draw_frame(data / name, data / mask if masks else None, at, defective=defect != "good")
    _save(folder / thumbnail, np.clip(_blot(at, 24) * score * 64, 0, 255).astype(np.uint8))
    return ImageOutcome(
        path=name,
        defective=defect != "good",
        defect_type=defect,
        verdict=Verdict.FAIL if score > THRESHOLD else Verdict.PASS,
        reason=None,
        score=score,
        threshold=THRESHOLD,
        p_value=0.5,
        seconds=0.05,
        masks=(mask,) if masks else (),
        heat_thumbnail=thumbnail,
    )


def _draw_frame(frame: Path, mask: Path | None, at: int, *, defective: bool) -> None:
    rows, columns = np.mgrid[0:SIDE_PX, 0:SIDE_PX]
    pixels = np.stack([90 + 50 * np.sin((columns + rows * channel / 3) / 5) for channel in range(3)], axis=-1)
    where = _blot(at, SIDE_PX) > 0.6
    if defective:
        pixels[where] = (30, 25, 20)
    _save(frame, pixels.astype(np.uint8))
    if mask is not None:
        _save(mask, (where * 255).astype(np.uint8))


def _blot(at: int, side_px: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    rows, columns = np.mgrid[0:side_px, 0:side_px] / side_px
    row, column = np.random.default_rng(at).uniform(0.25, 0.75, 2)
    blot: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 0.02)
    return blot


def _save(path: Path, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _pixels(random: np.random.Generator, images: list[ImageOutcome]) -> PixelFigures:
    rates = np.linspace(0, 0.3, 40)
    curve = tuple(CurvePoint(float(x), float(1 - np.exp(-x * random.uniform(28, 30)))) for x in rates)
    values = tuple(ImageValue(image.path, 0.4) for image in images if image.masks)
    return PixelFigures(len(images), 2, 0.02, 0.0, 0.97, 0.6, 0.62, 1.4, 0.45, float(random.uniform(0.85, 0.9)), 0.6, 0.4, values, curve)


def without_frames(evaluation: Evaluation) -> Evaluation:
    """Return the evaluation on a machine that has not its images."""
    return dataclasses.replace(evaluation, runs=tuple(dataclasses.replace(run, folder="gone") for run in evaluation.runs))
