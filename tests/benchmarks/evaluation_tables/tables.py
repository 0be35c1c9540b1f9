"""Renders finished evaluations as Markdown."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats
from tests.benchmarks.evaluation_tables.rates import Realised, Redrawn
from tests.benchmarks.evaluation_tables.variants import PRESETS, VARIANTS

from goldenpart.client.evaluation.run_files import read_results
from goldenpart.client.evaluation.summary import MEAN

if TYPE_CHECKING:
    from pathlib import Path

    from goldenpart.client.evaluation.results import Evaluation, Spread, SummaryRow

_PIXELS = ("pixel_auroc", "aupro")
_LEFT_OUT = ("p50_s_mean", "p50_s_sd", "p99_s_mean", "p99_s_sd", "leaks")  # runs that share features have no times, and leaks are refused


def render(folder: Path, names: Sequence[str]) -> str:
    """Render what a folder holds.

    Args:
        folder: with an evaluation per variant, and ``rates.json``.
        names: of finished variants.
    """
    found = {name: read_results(folder / name / "results.json") for name in names}
    lines = ["# Evaluation", ""]
    if found:
        lines += _heading(next(iter(found.values())))
    presets = {name: found[name] for name in PRESETS if name in found}
    if presets:
        lines += ["## Presets", "", *_table(presets), ""]
    if len(presets) == len(PRESETS):
        lines += ["Mean image AUROC, `default` less `seed`: " + "; ".join(_differences(presets)) + ".", ""]
    others = {name: found[name] for name in names if name not in PRESETS}
    if others:
        lines += ["## Detectors, all at 256x256 pixels (stretched)", "", *_table(others), ""]
    lines += [f"- Skipped, {name}: {skipped}" for name, skipped in _skipped(found)]
    rates = folder / "rates.json"
    if rates.exists():
        kept = json.loads(rates.read_text("utf-8"))
        lines += [
            "",
            *_rates([Realised(**one) for one in kept["calibrations"]], kept["measured"]),
            "",
            *_redrawn([Redrawn(**one) for one in kept["redrawn"]]),
        ]
    return "\n".join(lines).rstrip() + "\n"


def _heading(evaluation: Evaluation) -> list[str]:
    counts: dict[str, tuple[int, int]] = {}
    for run in evaluation.runs:
        defective = sum(image.defective for image in run.images)
        counts[run.key.category] = (len(run.images) - defective, defective)
    tested = ", ".join(f"{name} {good}+{bad}" for name, (good, bad) in counts.items())
    machine = evaluation.machine
    digest = evaluation.runs[0].key.backbone_digest[:19]
    return [
        "`python -m tests.benchmarks.evaluation_tables --data <folder of the categories> --out <folder>`",
        "",
        f"{machine.cpu}, {machine.cores} cores, {machine.server_device}, {evaluation.finish_time:%Y-%m-%d}; backbone compact {digest}; "
        f"good + defective test images: {tested}. Image AUROC, mean ± standard deviation over seeds (draws of golden parts); "
        "*false rejects* and *recall* at the threshold calibrated for 5 %; pixel AUROC and AUPRO (limit 0.3) over the categories with "
        "masks. The row's mean and its deviation are those of the mean over categories. Through `goldenpart evaluate`, so through gRPC. "
        "[evaluation.csv](evaluation.csv) has all figures per category: AP, F1-max, IoU, AUPRO (limit 0.05), AUPIMO and the rest.",
        "",
    ]


def _table(found: dict[str, Evaluation]) -> Iterator[str]:
    categories = list(dict.fromkeys(run.key.category for evaluation in found.values() for run in evaluation.runs))
    header = ["", "shots", *categories, "mean", "false rejects", "recall", "pixel AUROC", "AUPRO"]
    yield "| " + " | ".join(header) + " |"
    yield "|" + " --- |" * len(header)
    for shots in sorted({row.shots for evaluation in found.values() for row in evaluation.summary}):
        for name, evaluation in found.items():
            rows = {row.category: row for row in evaluation.summary if row.shots == shots}
            if rows:
                yield "| " + " | ".join([VARIANTS[name].title, str(shots), *_cells(rows, categories)]) + " |"


def _cells(rows: dict[str, SummaryRow], categories: Sequence[str]) -> Iterator[str]:
    for category in (*categories, MEAN):
        yield _shown(rows[category].figures.get("image_auroc")) if category in rows else "-"
    for figure in ("false_reject_rate", "recall"):
        yield _shown(rows[MEAN].figures.get(figure)) if MEAN in rows else "-"
    for figure in _PIXELS:
        values = [row.figures[figure].mean for name, row in rows.items() if name != MEAN and figure in row.figures]
        yield f"{np.mean(values):.3f}" if values else "-"


def _differences(presets: dict[str, Evaluation]) -> Iterator[str]:
    means = {name: {row.shots: row for row in evaluation.summary if row.category == MEAN} for name, evaluation in presets.items()}
    for shots, row in means["default"].items():
        if shots in means["seed"]:
            difference = row.figures["image_auroc"].mean - means["seed"][shots].figures["image_auroc"].mean
            yield f"{shots} shots {difference:+.3f}"


def _skipped(found: dict[str, Evaluation]) -> Iterator[tuple[str, str]]:
    for name, evaluation in found.items():
        for skipped in dict.fromkeys((one.category, one.why) for one in evaluation.skipped):
            yield VARIANTS[name].title, f"{skipped[0]}: {skipped[1]}"


def write_figures(path: Path, folder: Path, names: Sequence[str]) -> None:
    """Put the ``summary.csv`` of all variants together, the variant in the first column, figures with four digits.

    Args:
        path: of the file to write.
        folder: with an evaluation per variant.
        names: of finished variants.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for place, name in enumerate(names):
            head, *rows = csv.reader((folder / name / "summary.csv").read_text("utf-8").splitlines())
            kept = [column for column, word in enumerate(head) if word not in _LEFT_OUT]
            writer.writerows([["variant", *(head[column] for column in kept)]] if place == 0 else [])
            writer.writerows([name, *(_rounded(head[column], row[column]) for column in kept)] for row in rows)


def _rounded(head: str, cell: str) -> str:
    return f"{float(cell):.4f}" if cell and head.endswith(("_mean", "_sd")) else cell


def _rates(found: Sequence[Realised], measured: str) -> Iterator[str]:
    yield "## False-reject rates"
    yield ""
    unseen = [one.good for one in found if one.good]
    yield (
        f"{measured}. magnetic_tile, 16 golden parts, preset `default` at 256x256 pixels, split-conformal calibration on n other normals, "
        f"all {min(unseen, default=0)} to {max(unseen, default=0)} good images that are then left, one column per seed: rejected share / "
        "stated 95 % upper bound of the realised rate. *refused*: RATE_NOT_ATTAINABLE (n < 1/rate - 1). A bound holds for 95 of 100 "
        "calibration sets; the scatter of the images that are left comes on top."
    )
    yield ""
    seeds = sorted({one.seed for one in found})
    header = ["rate", "n", *(f"seed {seed}" for seed in seeds), "within"]
    yield "| " + " | ".join(header) + " |"
    yield "|" + " --- |" * len(header)
    grouped: dict[tuple[float, int], list[Realised]] = defaultdict(list)
    for one in sorted(found, key=lambda one: (one.rate, one.normals, one.seed)):
        grouped[one.rate, one.normals].append(one)
    for (rate, normals), ones in grouped.items():
        cells = ["refused" if one.refused else f"{one.rejected / one.good:.3f} / {one.upper_95:.3f}" for one in ones]
        judged = [one for one in ones if not one.refused]
        within = f"{sum(one.rejected / one.good <= one.upper_95 for one in judged)} of {len(judged)}" if judged else "-"
        yield "| " + " | ".join([f"{rate:.0%}", str(normals), *cells, within]) + " |"
    judged = [one for one in found if not one.refused]
    above = [one for one in judged if one.rejected / one.good > one.upper_95]
    yield ""
    yield f"{len(judged) - len(above)} of {len(judged)} lie within their bound, which 95 of 100 should."
    for one in above:
        chance = stats.binom.sf(one.rejected - 1, one.good, one.upper_95)
        yield (
            f"Above: {one.rate:.0%}, n = {one.normals}, seed {one.seed}, {one.rejected} of {one.good} rejected; if the true rate were the "
            f"bound itself, {one.upper_95:.3f}, so many or more would be rejected with probability {chance:.2f}."
        )


def _redrawn(found: Sequence[Redrawn]) -> Iterator[str]:
    sets, seeds = found[0].sets, len({one.seed for one in found})
    yield (
        f"The calibration sets of a seed above are nested, so that an unlucky draw is met again. Drawn anew {sets} times per seed from the "
        f"same scores ({seeds} seeds, all images outside of the set are unseen), sets within their bound, beside the share that should be "
        "for so many images (beta-binomial law), and the mean of what is rejected beside what is promised:"
    )
    yield ""
    yield "| rate | n | sets within the bound | should be | mean rejected | promised |"
    yield "| --- | --- | --- | --- | --- | --- |"
    grouped: dict[tuple[float, int], list[Redrawn]] = defaultdict(list)
    for one in sorted(found, key=lambda one: (one.rate, one.normals)):
        grouped[one.rate, one.normals].append(one)
    for (rate, normals), ones in grouped.items():
        within = sum(one.within for one in ones) / sum(one.sets for one in ones)
        rejected = sum(one.rejected for one in ones) / len(ones)
        yield f"| {rate:.0%} | {normals} | {within:.1%} | {ones[0].expected:.1%} | {rejected:.2%} | {ones[0].guaranteed:.2%} |"


def _shown(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    return f"{spread.mean:.3f}" + ("" if spread.sd is None else f" ± {spread.sd:.3f}")
