"""What the threshold that Fit sets from few golden parts does to parts that were never shown, and what its review band is worth."""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from tqdm import tqdm

from goldenpart.client import Client, Frame, InspectOptions, NamedImage, Verdict
from goldenpart.client.bulk import inspect_all
from goldenpart.client.demo.process import ServerProcess
from goldenpart.client.evaluation.machine import cpu_model
from goldenpart.client.frames import ImageSource
from goldenpart.client.parts import Defect, draw_flange

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "artifacts" / "reports" / "few_golden_parts.md"
CATEGORIES = ("dobot_cubes", "deeppcb_50600", "magnetic_tile")
GOLDEN, TESTED, FLANGE_PX = (4, 8, 16), 40, 256
_CACHE_BYTES = 8 << 30


@dataclass(frozen=True)
class Parts:
    """Pictures to learn from, and good and defective ones to test on."""

    name: str
    train: Sequence[ImageSource]
    good: Sequence[ImageSource]
    defective: Sequence[ImageSource]


@dataclass(frozen=True)
class Shares:
    """Of the good and of the defective parts: those that FAIL, and those that do not PASS."""

    failed_good: float
    stopped_good: float
    failed_defective: float
    stopped_defective: float


def real(folder: Path) -> Parts:
    """Choose pictures of a category in MVTec layout."""
    chance = random.Random(0)
    good = sorted((folder / "test" / "good").iterdir())
    defective = sorted(path for path in (folder / "test").glob("*/*") if path.parent.name != "good")
    chosen = (chance.sample(paths, min(TESTED, len(paths))) for paths in (good, defective))
    return Parts(folder.name, sorted((folder / "train" / "good").iterdir()), *chosen)


def drawn() -> Parts:
    """Draw flanges, the kinds of damage taking turns."""
    rng, kinds = np.random.default_rng(0), tuple(Defect)
    good = [draw_flange(rng, None, FLANGE_PX).image for _ in range(60 + TESTED)]
    return Parts("drawn flange", good[:60], good[60:], [draw_flange(rng, kinds[n % len(kinds)], FLANGE_PX).image for n in range(TESTED)])


def measure(client: Client, parts: Parts, golden: int, seed: int) -> Shares:
    """Fit on a draw of golden parts, without Calibrate, and inspect."""
    shown = random.Random(seed).sample(range(len(parts.train)), golden)
    client.fit("few", [NamedImage(f"golden-{index}", parts.train[index]) for index in shown], reuse_features=True)
    verdicts = [_verdicts(client, pictures) for pictures in (parts.good, parts.defective)]
    good, defective = (([one.count(Verdict.FAIL) / len(one), 1 - one.count(Verdict.PASS) / len(one)]) for one in verdicts)
    return Shares(*good, *defective)


def _verdicts(client: Client, pictures: Sequence[ImageSource]) -> list[Verdict]:
    options = InspectOptions(reuse_features=True)
    return [found.verdict for found in inspect_all(client, (Frame(str(n), "few", one, options) for n, one in enumerate(pictures)))]


def rows(client: Client, parts: Parts, seeds: int) -> Iterator[str]:
    """Yield a row per number of golden parts: means over the draws, the smallest and the largest of them."""
    for golden in GOLDEN:
        found = [measure(client, parts, golden, seed) for seed in tqdm(range(seeds), f"{parts.name}, {golden} golden parts", leave=False)]
        columns = ([getattr(one, name) for one in found] for name in Shares.__dataclass_fields__)
        cells = (f"{np.mean(column):.3f} ({min(column):.3f} to {max(column):.3f})" for column in columns)
        yield f"| {parts.name} | {golden} | {' | '.join(cells)} |"


def report(data: Path, seeds: int) -> str:
    """Measure and return the page."""
    lines = [
        "# Thresholds from few golden parts",
        "",
        f"`python -m tests.benchmarks.few_golden_parts` on {cpu_model()}, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}. "
        f"Preset `default`, Fit alone, without Calibrate; {seeds} draws of golden parts per row, the same {TESTED} good and "
        f"{TESTED} defective parts that were never shown (drawn flanges: 256 px). Mean share (smallest to largest). "
        "Below 19 golden parts the threshold is the tolerance limit of their leave-one-out scores for 5 %, and what scores above all of "
        "them is for REVIEW.",
        "",
        "| category | golden parts | good: FAIL | good: FAIL or REVIEW | defective: FAIL | defective: FAIL or REVIEW |",
        "|---|---|---|---|---|---|",
    ]
    settings = {"GOLDENPART_LIMITS__FEATURES_CACHE_BYTES": str(_CACHE_BYTES), "GOLDENPART_LOG_LEVEL": "warning"}
    with ServerProcess(settings) as server, Client(server.address) as client:
        client.wait_until_ready()
        for parts in (*(real(data / name) for name in CATEGORIES if (data / name).is_dir()), drawn()):
            lines += rows(client, parts, seeds)
    return "\n".join([*lines, ""])


def main() -> None:
    """Parse flags, measure, write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.few_golden_parts", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GOLDENPART_DATA", ROOT.parent / "shared" / "data")))
    parser.add_argument("--seeds", type=int, default=6, help="draws of golden parts per row")
    parser.add_argument("--report", type=Path, default=REPORT)
    arguments = parser.parse_args()
    page = report(arguments.data, arguments.seeds)
    arguments.report.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
