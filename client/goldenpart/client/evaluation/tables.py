"""Results as files: JSON for programs, CSV for spreadsheets, Markdown for documents."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from goldenpart.client.evaluation.results import FIGURE_NAMES, Evaluation, Run, Spread, SummaryRow
from goldenpart.client.evaluation.run_warnings import told_warnings
from goldenpart.client.json_form import to_json
from goldenpart.client.results import Verdict

LEAK_WARNING = "LEAK: test images were learned from or calibrated with (--allow-leak). These figures prove nothing."
TITLES = {
    "image_auroc": "image AUROC",
    "image_ap": "AP",
    "image_f1_max": "F1-max",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "accuracy": "accuracy",
    "false_reject_rate": "false rejects",
    "pixel_auroc": "pixel AUROC",
    "pixel_ap": "pixel AP",
    "pixel_f1_max": "pixel F1-max",
    "pixel_iou": "IoU at 1.0",
    "aupro": "AUPRO 0.3",
    "aupro_005": "AUPRO 0.05",
    "aupimo": "AUPIMO",
    "p50_s": "p50 ms",
    "p99_s": "p99 ms",
}
"""What tables call the figures; times are shown in milliseconds."""

_IMAGE_COLUMNS = (
    "category", "shots", "seed", "path", "label", "defect_type", "score", "threshold", "verdict", "reason", "p_value", "seconds", "leak",
)  # fmt: skip


def write_tables(folder: Path, evaluation: Evaluation) -> None:
    """Write ``results.json``, ``images.csv``, ``summary.csv`` and ``summary.md`` into a folder, which is made.

    Raises:
        OSError: A file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(to_json(evaluation), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "results.json").write_text(text + "\n", "utf-8")
    _write_csv(folder / "images.csv", _IMAGE_COLUMNS, (row for run in evaluation.runs for row in image_rows(run)))
    figures = [f"{name}_{part}" for name in FIGURE_NAMES for part in ("mean", "sd")]
    _write_csv(
        folder / "summary.csv",
        ("category", "shots", "seeds", *figures, "leaks"),
        (_summary_cells(evaluation, row) for row in evaluation.summary),
    )
    (folder / "summary.md").write_text(markdown(evaluation), "utf-8")


def image_rows(run: Run) -> Iterable[tuple[object, ...]]:
    """Yield a row per test image; the last column names what was seen of it, if anything.

    Score, threshold and p-value are empty where an image was not inspected.
    """
    leaks = {leak.test: leak.role for leak in run.leaks}
    for image in run.images:
        label = "defective" if image.defective else "good"
        what = (run.key.category, run.shots_text, run.key.seed, image.path, label, image.defect_type)
        inspected = image.verdict is not Verdict.NOT_INSPECTED
        yield (
            *what,
            image.score if inspected else "",
            image.threshold if inspected else "",
            image.verdict,
            image.reason or "",
            image.p_value if inspected else "",
            image.seconds,
            leaks.get(image.path, ""),
        )


def shots_text(row: SummaryRow) -> str:
    """Return the number of golden parts for people."""
    if not row.all_golden:
        return str(row.shots)
    return f"all ({row.shots})" if row.shots else "all"


def seeds_of(row: SummaryRow) -> int:
    """Return over how many seeds a row was put together."""
    return max((spread.n for spread in row.figures.values()), default=0)


def spread_text(name: str, spread: Spread | None) -> str:
    """Return a figure as ``mean ± sd``: four digits, times in milliseconds, ``-`` if there is none."""
    if spread is None:
        return "-"
    if name.endswith("_s"):
        mean = f"{1000 * spread.mean:.1f}"
        return mean if spread.sd is None else f"{mean} ± {1000 * spread.sd:.1f}"
    return f"{spread.mean:.4f}" if spread.sd is None else f"{spread.mean:.4f} ± {spread.sd:.4f}"


def shown_figures(rows: Sequence[SummaryRow]) -> tuple[str, ...]:
    """Return the names of the figures that any row has."""
    return tuple(name for name in FIGURE_NAMES if any(name in row.figures for row in rows))


def markdown(evaluation: Evaluation) -> str:
    """Return the summary with all that is needed to repeat it."""
    names = shown_figures(evaluation.summary)
    head = ("category", "shots", "seeds", *(TITLES[name] for name in names))
    rows = [
        (row.category, shots_text(row), str(seeds_of(row)), *(spread_text(name, row.figures.get(name)) for name in names))
        for row in evaluation.summary
    ]
    lines = ["# Evaluation", ""]
    if evaluation.leaks:
        lines += [f"**{LEAK_WARNING}** {evaluation.leaks} over all runs.", ""]
    lines += [*_facts(evaluation), ""]
    lines += [_line(head), _line(["---"] * 2 + ["---:"] * (len(head) - 2)), *(_line(row) for row in rows), ""]
    lines += [
        "Mean ± standard deviation over seeds. Precision, recall, F1, accuracy, false rejects and IoU are at the calibrated threshold.",
        "",
    ]
    lines += _run_lines(evaluation)
    lines += [f"- skipped: {skipped.category}, {skipped.shots or 'all'} shots: {skipped.why}" for skipped in evaluation.skipped]
    return "\n".join(lines) + "\n"


def _facts(evaluation: Evaluation) -> list[str]:
    machine, runs = evaluation.machine, evaluation.runs
    images = {run.key.category: (run.image.good, run.image.defective) for run in runs}
    tested = ", ".join(f"{name} {good} good + {defective} defective" for name, (good, defective) in images.items())
    backbone = runs[0].key.backbone_digest.removeprefix("sha256:")
    digests = dict.fromkeys(f"{run.key.category} {run.key.dataset_digest[:12]}" for run in runs)
    return [
        f"- command: `{evaluation.command}`",
        f"- date: {evaluation.finish_time:%Y-%m-%d %H:%M} UTC",
        f"- machine: {machine.cpu}, {machine.cores} cores, {machine.system}; server {machine.server_version} on {machine.server_device}",
        f"- test images (n): {tested}",
        f"- dataset digests: {', '.join(digests)}",
        f"- recipe {runs[0].key.recipe_digest[:12]}, backbone {runs[0].recipe.backbone} {backbone[:12]}",
    ]


def _run_lines(evaluation: Evaluation) -> list[str]:
    lines = [
        _line(("run", "threshold by", "normals", "guaranteed", "realised false rejects", "95 % interval")),
        _line(["---"] * 2 + ["---:"] * 4),
    ]
    for run in evaluation.runs:
        point, facts = run.image.operating_point, run.calibration
        interval = point.false_reject_interval if point else None
        method = f"{facts.method or 'unknown'}{' (from Fit)' if facts.from_fit else ''}"
        lines.append(
            _line(
                (
                    f"{run.key.category}, {run.shots_text} shots, seed {run.key.seed}{', LEAK' if run.leaks else ''}",
                    method,
                    str(facts.normals),
                    "-" if facts.guaranteed_false_reject_rate is None else f"<= {facts.guaranteed_false_reject_rate:.4f}",
                    "-" if point is None or point.false_reject_rate is None else f"{point.false_reject_rate:.4f}",
                    "-" if interval is None else f"{interval.low:.4f} to {interval.high:.4f}",
                )
            )
        )
    return [*lines, "", *(f"- {warning}" for warning in told_warnings(evaluation.runs))]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _summary_cells(evaluation: Evaluation, row: SummaryRow) -> tuple[object, ...]:
    figures: list[object] = []
    for name in FIGURE_NAMES:
        spread = row.figures.get(name)
        figures += ["", ""] if spread is None else [spread.mean, "" if spread.sd is None else spread.sd]
    alike = [run for run in evaluation.runs if run.key.category == row.category and run.key.all_golden == row.all_golden]
    leaks = sum(len(run.leaks) for run in alike if run.key.shots == row.shots)
    return (row.category, shots_text(row), seeds_of(row), *figures, leaks)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
