"""What twenty confirmed false rejects are worth as golden parts: false rejects and recall on parts that were never shown, before and after.

A category is fitted and calibrated under one light; the light changes; twenty good parts that are rejected then become golden parts, and
the threshold is set anew on the former calibration images. A threshold moves false rejects and recall together, so all is compared at equal
rates asked for: the base at a rate with the learned revision at that rate. The area under the ROC curve needs no threshold at all.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats
from sklearn.metrics import roc_auc_score
from tests.acceptance.changed_light import Parts, flanges, magnetic_tiles
from tqdm import tqdm

from goldenpart.client import Client, Frame, NamedImage, Recipe, ThresholdRequest
from goldenpart.client.bulk import inspect_all
from goldenpart.client.demo.process import ServerProcess

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "artifacts" / "reports" / "online_learning.md"
ADDED = 20
GROUPS = ("normals", "normals_new", "defective", "defective_new")
REPLICATES = 2000
Scores = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Line:
    """A category to try, and the rates its thresholds are asked for; the first of them says what a false reject is."""

    parts: Callable[[Path, int], Parts]
    rates: tuple[float, ...]


LINES = {
    "drawn flange": Line(lambda _, seed: flanges(320, seed), (0.05, 0.1)),
    "magnetic_tile": Line(lambda data, seed: magnetic_tiles(data / "magnetic_tile", seed), (0.2, 0.1)),
}


@dataclass(slots=True)
class Measured:
    """Scores and thresholds of one revision over all draws.

    Attributes:
        scores: per draw, by group of parts.
        thresholds: per draw, by rate.
    """

    scores: list[Scores] = field(default_factory=list)
    thresholds: list[dict[float, float]] = field(default_factory=list)

    def failed(self, groups: Sequence[str], rate: float) -> npt.NDArray[np.bool_]:
        """Return whether each part of some groups fails, all draws in a row."""
        draws = zip(self.scores, self.thresholds, strict=True)
        return np.array([score > limits[rate] for scores, limits in draws for group in groups for score in scores[group]])

    def auroc(self) -> list[float]:
        """Return the area per draw, both lights together."""
        truth = [name.startswith("defective") for name in GROUPS]
        return [
            float(
                roc_auc_score(np.repeat(truth, [len(scores[name]) for name in GROUPS]), np.concatenate([scores[name] for name in GROUPS]))
            )
            for scores in self.scores
        ]


def run_draw(client: Client, category: str, parts: Parts, rates: Sequence[float], base: Measured, learned: Measured) -> int:
    """Learn on one draw; returns how many false rejects were added."""
    client.fit(category, parts.golden, recipe=Recipe())
    reports = [client.calibrate(category, parts.calibration, threshold=ThresholdRequest(false_reject_rate=rate)) for rate in rates]
    revisions = [report.revision for report in reports]
    _take(base, client, category, parts, dict(zip(rates, revisions, strict=True)))
    limit = base.thresholds[-1][rates[0]]
    pool = _scores(client, category, revisions[0].revision, parts.pool)
    rejected = [part for part, score in zip(parts.pool, pool, strict=True) if score > limit][:ADDED]
    added = [
        client.add_golden_parts(
            category, rejected, revision=revision.revision, threshold=ThresholdRequest(false_reject_rate=rate), stage_only=True
        ).revision
        for rate, revision in zip(rates, revisions, strict=True)
    ]
    _take(learned, client, category, parts, dict(zip(rates, added, strict=True)))
    return len(rejected)


def _take(measured: Measured, client: Client, category: str, parts: Parts, revisions: dict[float, object]) -> None:
    first = next(iter(revisions.values()))
    measured.scores.append({name: _scores(client, category, first.revision, getattr(parts, name)) for name in GROUPS})  # type: ignore[attr-defined]
    measured.thresholds.append({rate: revision.calibration.threshold for rate, revision in revisions.items()})  # type: ignore[attr-defined]


def _scores(client: Client, category: str, revision: str, parts: Sequence[NamedImage]) -> list[float]:
    frames = [Frame(part.name, category, part.image, revision=revision) for part in parts]
    return [result.score for result in inspect_all(client, frames)]


def share(flags: npt.NDArray[np.bool_]) -> str:
    """Write a share with its 95 % interval (Clopper-Pearson)."""
    hits, count = int(flags.sum()), len(flags)
    low = stats.beta.ppf(0.025, hits, count - hits + 1) if hits else 0.0
    high = stats.beta.ppf(0.975, hits + 1, count - hits) if hits < count else 1.0
    return f"{hits / count:.3f} ({low:.3f} to {high:.3f})"


def change(before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_]) -> str:
    """Write the difference of two shares of the same parts with its 95 % interval (paired bootstrap)."""
    differences = after.astype(float) - before
    drawn = np.random.default_rng(0).choice(differences, (REPLICATES, len(differences))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{differences.mean():+.3f} ({low:+.3f} to {high:+.3f})"


def tables(category: str, rates: Sequence[float], base: Measured, learned: Measured, added: Sequence[int]) -> list[str]:
    """Write a category."""
    before, after = base.auroc(), learned.auroc()
    gains = " ".join(f"{late - early:+.3f}" for early, late in zip(before, after, strict=True))
    sizes = {name: sum(len(scores[name]) for scores in base.scores) for name in GROUPS}
    lines = [
        f"## {category}",
        "",
        f"{len(added)} draws; false rejects added: {', '.join(map(str, added))}. Parts never shown, all draws together: "
        f"{sizes['normals']} good under the former light, {sizes['normals_new']} under the new one; "
        f"{sizes['defective']} and {sizes['defective_new']} defective.",
        "",
        f"Image AUROC, both lights together: {np.mean(before):.3f} before, {np.mean(after):.3f} after; per draw {gains}.",
        "",
        "| rate asked for | parts | before | after | change |",
        "|---|---|---|---|---|",
    ]
    shown = {
        "good, former light: false rejects": ("normals",),
        "good, new light: false rejects": ("normals_new",),
        "good, both: false rejects": ("normals", "normals_new"),
        "defective, former light: recall": ("defective",),
        "defective, new light: recall": ("defective_new",),
        "defective, both: recall": ("defective", "defective_new"),
    }
    for rate in rates:
        for words, groups in shown.items():
            old, new = base.failed(groups, rate), learned.failed(groups, rate)
            lines.append(f"| {100 * rate:g} % | {words} | {share(old)} | {share(new)} | {change(old, new)} |")
    wanted, stricter = rates[0], min(rates)
    if stricter < wanted:
        lines += [
            "",
            f"The rate halved with the parts, against the rate halved alone ({100 * stricter:g} %): recall "
            f"{share(learned.failed(shown['defective, both: recall'], stricter))} against "
            f"{share(base.failed(shown['defective, both: recall'], stricter))}, false rejects "
            f"{share(learned.failed(shown['good, both: false rejects'], stricter))} against "
            f"{share(base.failed(shown['good, both: false rejects'], stricter))}.",
        ]
    return [*lines, ""]


def main() -> None:
    """Parse flags, run, write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.online_learning", description=__doc__)
    parser.add_argument("--categories", nargs="+", choices=tuple(LINES), default=list(LINES))
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GOLDENPART_DATA", ROOT.parent / "shared" / "data")))
    parser.add_argument("--report", type=Path, default=REPORT)
    arguments = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, CPU, torch {torch.__version__}"
    lines = [
        "# Learning from false rejects",
        "",
        f"`python -m tests.benchmarks.online_learning --draws {arguments.draws}` · {machine} · {datetime.now(UTC):%Y-%m-%d} · "
        "backbone compact, preset default",
        "",
        *(__doc__ or "").strip().split("\n\n")[1].splitlines(),
        "",
        "Intervals are 95 %: Clopper-Pearson for shares, the paired bootstrap for changes. Draws of magnetic_tile share images, so that "
        "the intervals of all draws together are a little too narrow.",
        "",
    ]
    with (
        tempfile.TemporaryDirectory() as store,
        ServerProcess({"GOLDENPART_ARTIFACTS": store, "GOLDENPART_METRICS_LISTEN": ""}) as server,
        Client(server.address) as client,
    ):
        client.wait_until_ready()
        for category in arguments.categories:
            base, learned = Measured(), Measured()
            added = [
                run_draw(client, f"line-{seed}", LINES[category].parts(arguments.data, seed), LINES[category].rates, base, learned)
                for seed in tqdm(range(arguments.draws), category)
            ]
            for seed in range(arguments.draws):
                client.delete_category(f"line-{seed}")
            lines += tables(category, LINES[category].rates, base, learned, added)
    arguments.report.write_text("\n".join(lines), encoding="utf-8")
    print(arguments.report.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
