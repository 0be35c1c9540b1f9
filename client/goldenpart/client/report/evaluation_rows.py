"""Tables of an evaluation report: summary with intervals, defect types, times."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from goldenpart.client.evaluation.figures import Estimate, Interval
from goldenpart.client.evaluation.results import Evaluation, Run, SummaryRow
from goldenpart.client.evaluation.summary import MEAN
from goldenpart.client.evaluation.tables import TITLES, seeds_of, shots_text, shown_figures
from goldenpart.client.thresholds_binomial import clopper_pearson

IMAGE_FIGURES = ("image_auroc", "image_ap", "image_f1_max", "precision", "recall", "f1", "accuracy", "false_reject_rate")
_PIXEL_FIELDS = {"pixel_auroc": "auroc", "pixel_ap": "average_precision", "pixel_f1_max": "f1_max", "pixel_iou": "iou"}
_PIXEL_FIELDS |= {name: name for name in ("aupro", "aupro_005", "aupimo")}
PIXEL_FIGURES = tuple(_PIXEL_FIELDS)
_STAGES = ("queue", "decode", "backbone", "search", "post")
_ESTIMATES: Mapping[str, Callable[[Run], Estimate | None]] = {
    "image_auroc": lambda run: run.image.auroc,
    "image_ap": lambda run: run.image.average_precision,
    "image_f1_max": lambda run: run.image.f1_max,
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure of a row.

    Attributes:
        value: To sort by; -1 without a figure.
        text: Mean, four digits; empty without a figure.
        deviation: Standard deviation over seeds with its sign; empty for one seed.
        interval: 95 % interval; empty without one.
    """

    value: float
    text: str
    deviation: str = ""
    interval: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the summary; ``shots`` sorts, ``shots_text`` is shown."""

    category: str
    shots: int
    shots_text: str
    seeds: int
    mean: bool
    leaks: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under the names of their figures."""

    heads: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class TypeRow:
    """How one type of defect is found: recall with its exact 95 % interval."""

    name: str
    images: int
    found: int
    recall: float
    low: float
    high: float
    auroc: float | None


@dataclass(frozen=True, slots=True)
class Stage:
    """Mean time of a stage, and its share of all stages."""

    name: str
    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class TimeRow:
    """Times of the runs of a row, mean over seeds."""

    category: str
    shots: int
    shots_text: str
    p50_s: float
    p99_s: float
    frames_per_s: float
    fit_s: float
    stages: tuple[Stage, ...]


def shots_word(run: Run) -> str:
    """Return the number of golden parts with its noun."""
    return f"{run.shots_text} {'shot' if run.key.shots == 1 and not run.key.all_golden else 'shots'}"


def runs_of(evaluation: Evaluation, row: SummaryRow) -> tuple[Run, ...]:
    """Return the runs that a row puts together; all categories' for a row of means."""
    alike = (run for run in evaluation.runs if run.key.all_golden == row.all_golden)
    if is_mean(evaluation, row):
        return tuple(run for run in alike if row.all_golden or run.key.shots == row.shots)
    return tuple(run for run in alike if run.key.category == row.category and run.key.shots == row.shots)


def is_mean(evaluation: Evaluation, row: SummaryRow) -> bool:
    """Return whether a row puts categories together."""
    return row.category == MEAN and len({run.key.category for run in evaluation.runs}) > 1


def interval_of(name: str, runs: Sequence[Run]) -> Interval | None:
    """Return the outermost ends of the runs' 95 % intervals of a figure; None unless all have one, or for several categories."""
    if len({run.key.category for run in runs}) != 1:
        return None
    found = [_interval(name, run) for run in runs]
    known = [interval for interval in found if interval is not None]
    if len(known) < len(found):
        return None
    return Interval(min(interval.low for interval in known), max(interval.high for interval in known))


def _interval(name: str, run: Run) -> Interval | None:
    point = run.image.operating_point
    if name == "false_reject_rate":
        return point.false_reject_interval if point else None
    if name == "recall" and point is not None and point.recall is not None:
        low, high = share_interval(point.confusion.true_positives, run.image.defective)
        return Interval(low, high)
    if name in _PIXEL_FIELDS:
        return run.pixel.intervals.get(_PIXEL_FIELDS[name]) if run.pixel else None
    estimate = _ESTIMATES[name](run) if name in _ESTIMATES else None
    return estimate.interval if estimate else None


def share_interval(hits: int, trials: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share (Clopper and Pearson 1934)."""
    low, high = clopper_pearson(np.array([hits], np.int64), trials)
    return float(low[0]), float(high[0])


def summary_table(evaluation: Evaluation, figures: Sequence[str]) -> Table | None:
    """Return the summary of some figures; None if no row has any."""
    shown = tuple(name for name in shown_figures(evaluation.summary) if name in figures)
    if not shown:
        return None
    rows = []
    for row in evaluation.summary:
        runs = runs_of(evaluation, row)
        leaks = sum(len(run.leaks) for run in runs)
        cells = tuple(_cell(name, row, runs) for name in shown)
        if not any(cell.text for cell in cells):
            continue
        shots = row.shots or max(run.key.shots for run in runs)
        rows.append(Row(row.category, shots, shots_text(row), seeds_of(row), is_mean(evaluation, row), leaks, cells))
    return Table(tuple(TITLES[name] for name in shown), tuple(rows))


def _cell(name: str, row: SummaryRow, runs: Sequence[Run]) -> Cell:
    spread = row.figures.get(name)
    if spread is None:
        return Cell(-1.0, "")
    interval = interval_of(name, runs)
    return Cell(
        value=spread.mean,
        text=f"{spread.mean:.4f}",
        deviation="" if spread.sd is None else f"± {spread.sd:.4f}",
        interval="" if interval is None else f"{interval.low:.3f}–{interval.high:.3f}",  # noqa: RUF001  # en dash of a range
    )


def type_rows(run: Run) -> tuple[TypeRow, ...]:
    """Return the types of defects of a run, the worst found first."""
    rows = []
    for kind in run.image.defect_types:
        found = round(kind.recall * kind.images)
        rows.append(TypeRow(kind.defect_type, kind.images, found, kind.recall, *share_interval(found, kind.images), kind.auroc))
    return tuple(sorted(rows, key=lambda row: (row.recall, row.name)))


def time_rows(evaluation: Evaluation) -> tuple[TimeRow, ...]:
    """Return the times of every category and number of golden parts."""
    rows = (_time_row(row, runs_of(evaluation, row)) for row in evaluation.summary if not is_mean(evaluation, row))
    return tuple(row for row in rows if row is not None)


def time_title(runs: Sequence[Run]) -> str:
    """Return what to call the median time of runs with a latency: most of it may be the queue that the evaluation itself makes."""
    times = [run.latency for run in runs if run.latency is not None]
    calls = sorted({one.calls_in_flight for one in times if one.calls_in_flight is not None})
    load = f" with {' or '.join(map(str, calls))} {'call' if calls == [1] else 'calls'} in flight" if calls else ""
    return f"{TITLES['p50_s']}{load}, mean wait {1000 * float(np.mean([one.queue_s for one in times])):.1f} ms"


def _time_row(row: SummaryRow, runs: Sequence[Run]) -> TimeRow | None:
    times = [run.latency for run in runs if run.latency is not None]
    if not times:
        return None
    means = [float(np.mean([getattr(one, f"{stage}_s") for one in times])) for stage in _STAGES]
    total = sum(means) or 1.0
    return TimeRow(
        category=row.category,
        shots=row.shots,
        shots_text=shots_text(row),
        p50_s=float(np.mean([one.total_p50_s for one in times])),
        p99_s=float(np.mean([one.total_p99_s for one in times])),
        frames_per_s=float(np.mean([one.frames / one.wall_s for one in times if one.wall_s] or [0.0])),
        fit_s=float(np.mean([run.fit_s for run in runs])),
        stages=tuple(Stage(name, seconds, seconds / total) for name, seconds in zip(_STAGES, means, strict=True)),
    )
