"""How soon the drift watch sees a dark lamp and a lens out of focus, and how often it sees what is not there.

Every picture is inspected once per condition over a real socket; the streams are drawn from these results with replacement. Drawn
parts are also watched without repetition, a thousand different ones.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from goldenpart.client import Client, Coreset, Frame, Inspection, NamedImage, Recipe, Resize
from goldenpart.client.bulk import inspect_all
from goldenpart.client.demo.process import ServerProcess
from goldenpart.client.drift import DriftAlarm, DriftWatch
from goldenpart.client.evaluation.machine import cpu_model
from goldenpart.client.parts import PartCamera
from goldenpart.server.vision.image import EncodedImage, decode

Rgb8 = npt.NDArray[np.uint8]
ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "artifacts" / "reports" / "drift.md"
SEED, LATE_AFTER, UNDISTURBED, LONGEST = 0, 200, 1000, 1000
NORMAL, DARK, BLURRED, DEFECTIVE = "normal", "20 % darker", "blurred, sigma 1.5 px", "defective"


@dataclass(frozen=True)
class Station:
    """A category: its good parts, damaged ones, how many of the good ones fit, calibrate and are streamed, and the recipe in words."""

    name: str
    recipe: Recipe
    words: str
    golden: int
    calibration: int
    stream: int
    good: Callable[[int], list[Rgb8]]
    defective: Callable[[], list[Rgb8]]

    @property
    def category(self) -> str:
        return self.name.replace(" ", "_")

    @property
    def pictures(self) -> int:
        return self.golden + self.calibration + self.stream


@dataclass(frozen=True)
class Trial:
    """Frames from the change to the alarm, None where there was none; and the alarm."""

    delay: int | None
    alarm: DriftAlarm | None


def darken(image: Rgb8) -> Rgb8:
    return (image * 0.8).astype(np.uint8)


def blur(image: Rgb8) -> Rgb8:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.5), np.uint8)


def drawn(count: int) -> list[Rgb8]:
    camera = PartCamera(seed=5, defect_rate=0.0, size_px=256)
    return [next(camera).image for _ in range(count)]


def damaged() -> list[Rgb8]:
    camera = PartCamera(seed=6, defect_rate=1.0, size_px=256)
    return [next(camera).image for _ in range(20)]


def tiles(folder: Path) -> Callable[[int], list[Rgb8]]:
    def read(count: int) -> list[Rgb8]:
        paths = sorted((folder / "magnetic_tile").glob("*/good/*"))
        return [decode(EncodedImage(path.read_bytes())) for path in random.Random(SEED).sample(paths, count)]

    return read


def stations(data: Path) -> Iterator[Station]:
    yield Station("drawn flanges", Recipe(), "the preset, pictures of 256 px", 16, 40, 80, drawn, damaged)
    if (data / "magnetic_tile").is_dir():
        recipe = Recipe(resolution_px=160, resize=Resize.STRETCH, coreset=Coreset.RANDOM, coreset_vectors=5000)
        yield Station("magnetic_tile", recipe, "160 px, stretched, a random coreset of 5,000", 32, 80, 80, tiles(data), list)


def inspect_station(client: Client, station: Station) -> dict[str, list[Inspection]]:
    """Fit, calibrate, and inspect the streamed parts in each condition."""
    name = station.category
    parts = station.good(station.pictures)
    golden, normal = parts[: station.golden], parts[station.golden : station.golden + station.calibration]
    client.fit(name, [NamedImage(f"g{n}", part) for n, part in enumerate(golden)], recipe=station.recipe)
    client.calibrate(name, normal=[NamedImage(f"n{n}", part) for n, part in enumerate(normal)])
    streamed = parts[station.golden + station.calibration :]
    conditions = {NORMAL: streamed, DARK: [*map(darken, streamed)], BLURRED: [*map(blur, streamed)], DEFECTIVE: station.defective()}
    return {
        condition: list(inspect_all(client, (Frame(f"{condition} {n}", name, part) for n, part in enumerate(pictures))))
        for condition, pictures in conditions.items()
        if pictures
    }


def run(before: Iterator[Inspection], undisturbed: int, after: Iterator[Inspection], longest: int, seed: int) -> Trial:
    """Watch `undisturbed` frames and then at most `longest` changed ones."""
    watch = DriftWatch(name=str(seed))
    for number in range(undisturbed + longest):
        alarm = watch.observe(next(before) if number < undisturbed else next(after))
        if alarm is not None:
            return Trial(number + 1 - undisturbed, alarm)
    return Trial(None, None)


def draw(results: Sequence[Inspection], rng: random.Random, others: Sequence[Inspection] = (), share: float = 0.0) -> Iterator[Inspection]:
    """Yield results without end, drawn with replacement; a share of them from others."""
    while True:
        yield rng.choice(others if others and rng.random() < share else results)


def watch_different(client: Client, station: Station) -> Trial:
    """Watch good parts that are drawn for this alone."""
    seen = station.good(station.pictures + UNDISTURBED)[station.pictures :]
    results = inspect_all(client, (Frame(f"different {n}", station.category, part) for n, part in enumerate(seen)))
    return run(iter(results), UNDISTURBED, iter(()), 0, SEED)


def trials(cached: dict[str, list[Inspection]], condition: str, undisturbed: int, longest: int, count: int) -> list[Trial]:
    found = []
    for seed in range(count):
        rng = random.Random(f"{seed} {condition} {undisturbed}")
        after = draw(cached[condition], rng) if condition != DEFECTIVE else draw(cached[NORMAL], rng, cached[DEFECTIVE], 0.05)
        found.append(run(draw(cached[NORMAL], rng), undisturbed, after, longest, seed))
    return found


def row(name: str, what: str, found: Sequence[Trial]) -> str:
    delays = sorted(trial.delay for trial in found if trial.delay is not None)
    signals = sorted({trial.alarm.signal for trial in found if trial.alarm is not None})
    spread = f"{delays[len(delays) // 2]} | {delays[-1]}" if delays else "- | -"
    return f"| {name} | {what} | {len(found)} | {len(delays)} | {spread} | {', '.join(signals) or '-'} |"


def _described(station: Station) -> str:
    return f"- {station.name}: {station.words}; {station.golden} golden parts, calibrated on {station.calibration} others."


def report(data: Path, count: int) -> str:
    """Measure and return the page."""
    lines = [
        "# Delay of the drift watch", "",
        f"`python -m tests.benchmarks.drift_delay` on {cpu_model()}, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}. "
        "Default limits (false alarm in a period of 10,000 frames with probability 0.01 at most), backbone `compact`. n = runs per row, "
        "each a stream drawn with replacement from the results of 80 held-out good parts per condition, but where it says `all different`. "
        "Delays in frames from the change.",
        "", *map(_described, stations(data)), "",
        "| category | stream | n | alarms | median delay | longest delay | signals that raised |", "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    advice = []
    with ServerProcess({"GOLDENPART_THREADS": "1"}) as server, Client(server.address) as client:
        client.wait_until_ready()
        for station in stations(data):
            cached = inspect_station(client, station)
            lines.append(row(station.name, f"{UNDISTURBED} undisturbed", trials(cached, NORMAL, 0, UNDISTURBED, count)))
            if DEFECTIVE in cached:
                lines.append(row(station.name, f"{UNDISTURBED} undisturbed, all different", [watch_different(client, station)]))
                lines.append(row(station.name, f"{UNDISTURBED} with 5 % defective", trials(cached, DEFECTIVE, 0, UNDISTURBED, count)))
            for condition in (DARK, BLURRED):
                for undisturbed in (LATE_AFTER, 0):
                    found = trials(cached, condition, undisturbed, LONGEST, count)
                    lines.append(row(station.name, f"{condition} after {undisturbed} frames", found))
                    if undisturbed and found[0].alarm is not None:
                        advice.append(f"- {station.name}, {condition} after {undisturbed} frames: {found[0].alarm.advice}")
    return "\n".join([*lines, "", "What the first alarm of a row says:", "", *advice, ""])


def main() -> None:
    """Parse flags, measure, write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.drift_delay", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GOLDENPART_DATA", ROOT.parent / "shared" / "data")))
    parser.add_argument("--runs", type=int, default=40, help="streams per row")
    parser.add_argument("--report", type=Path, default=REPORT)
    arguments = parser.parse_args()
    page = report(arguments.data, arguments.runs)
    arguments.report.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
