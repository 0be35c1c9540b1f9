"""Curves of an evaluation: ROC, precision-recall, per-region overlap, figures over the number of golden parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from goldenpart.client.evaluation.metrics.ranking import ScoreCounts
from goldenpart.client.evaluation.results import Evaluation, Run, Spread, SummaryRow
from goldenpart.client.evaluation.summary import MEAN
from goldenpart.client.evaluation.tables import TITLES, spread_text
from goldenpart.client.report.charts import Chart, Dot, Key, Line, Scale, across, curve, percent_ticks, ticks, upward
from goldenpart.client.report.evaluation_rows import interval_of, runs_of, shots_word
from goldenpart.client.report.score_plot import Tick, nice_ticks
from goldenpart.client.results import Verdict

_FIFTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_PRO_RATES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
_COLOURS = 8
_DODGE_PX = 5.0
_SHOWN_OVER_SHOTS = ("image_auroc", "recall", "false_reject_rate", "aupro")

Curve = list[tuple[float, float]]


def roc_points(run: Run) -> Curve:
    """Return false-reject rate and recall from the highest threshold to the lowest; empty unless there are images of both classes."""
    if (counts := _counts(run)) is None:
        return []
    alarms = np.cumsum(counts.normal[::-1]) / counts.normal.sum()
    hits = np.cumsum(counts.defective[::-1]) / counts.defective.sum()
    return [(0.0, 0.0), *zip(alarms.tolist(), hits.tolist(), strict=True)]


def precision_recall_points(run: Run) -> Curve:
    """Return recall and precision as the steps that average precision adds up; empty unless there are images of both classes."""
    if (counts := _counts(run)) is None:
        return []
    hits = np.cumsum(counts.defective[::-1])
    precision = hits / np.cumsum((counts.normal + counts.defective)[::-1])
    recall = (hits / hits[-1]).tolist()
    gains = counts.defective[::-1] > 0
    points: Curve = []
    for gain, before, after, height in zip(gains.tolist(), [0.0, *recall], recall, precision.tolist(), strict=False):
        points += [(before, height), (after, height)] if gain else []
    return points


def _counts(run: Run) -> ScoreCounts | None:
    if run.image.auroc is None:
        return None
    inspected = [image for image in run.images if image.verdict is not Verdict.NOT_INSPECTED]
    return ScoreCounts.of([image.score for image in inspected], [image.defective for image in inspected])


def roc_chart(runs: Sequence[Run]) -> Chart | None:
    """Draw one ROC curve per run; None if none has images of both classes."""
    drawn = [(run, points) for run in runs if (points := roc_points(run))]
    right, up = across(0, 1), upward(0, 1)
    chance = Line("limit soft", ((right.place(0), up.place(0)), (right.place(1), up.place(1))), "chance")
    values = [run.image.auroc.value for run, _ in drawn if run.image.auroc]
    axes = ("ROC curve", "false-reject rate", "recall", "AUROC")
    return _curves(axes, drawn, values, (right, up), (percent_ticks(right, _FIFTHS), percent_ticks(up, _FIFTHS)), (chance,))


def precision_recall_chart(runs: Sequence[Run]) -> Chart | None:
    """Draw one precision-recall curve per run; None if none has images of both classes."""
    drawn = [(run, points) for run in runs if (points := precision_recall_points(run))]
    right, up = across(0, 1), upward(0, 1)
    values = [run.image.average_precision.value for run, _ in drawn if run.image.average_precision]
    chance: tuple[Line, ...] = ()
    if drawn:
        image = drawn[0][0].image
        height = up.place(image.defective / (image.good + image.defective))
        chance = (Line("limit soft", ((right.place(0), height), (right.place(1), height)), "chance: share of defective images"),)
    axes = ("Precision-recall curve", "recall", "precision", "AP")
    return _curves(axes, drawn, values, (right, up), (percent_ticks(right, _FIFTHS), percent_ticks(up, _FIFTHS)), chance)


def pro_chart(runs: Sequence[Run]) -> Chart | None:
    """Draw one per-region-overlap curve per run; None without masks."""
    drawn = [(run, [(point.x, point.y) for point in run.pixel.pro_curve]) for run in runs if run.pixel and len(run.pixel.pro_curve) > 1]
    right, up = across(0, _PRO_RATES[-1]), upward(0, 1)
    values = [run.pixel.aupro for run, _ in drawn if run.pixel]
    axes = ("Per-region overlap (PRO) curve", "false-positive rate of pixels", "mean overlap per region", "AUPRO 0.3")
    return _curves(axes, drawn, values, (right, up), (percent_ticks(right, _PRO_RATES), percent_ticks(up, _FIFTHS)), ())


def _curves(
    axes: tuple[str, str, str, str],
    drawn: Sequence[tuple[Run, Curve]],
    values: Sequence[float],
    scales: tuple[Scale, Scale],
    grid: tuple[tuple[Tick, ...], tuple[Tick, ...]],
    under: tuple[Line, ...],
) -> Chart | None:
    if not drawn:
        return None
    title, x_title, y_title, area = axes
    keys, lines = [], []
    for place, ((run, points), value) in enumerate(zip(drawn, values, strict=True)):
        style = sequence_style(place, len(drawn))
        keys.append(Key(style, f"{shots_word(run)}, {area}: {value:.3f}"))
        lines.append(curve(style, points, scales, f"{shots_word(run)}, seed {run.key.seed}, {area}: {value:.4f}"))
    return Chart(title, x_title, y_title, *grid, lines=(*under, *lines), keys=tuple(keys))


def sequence_style(place: int, count: int) -> str:
    """Return the style of one of several curves with an order: the last is the strongest."""
    return f"q{_COLOURS - 1 if count == 1 else round(place * (_COLOURS - 1) / (count - 1))}"


def shots_charts(evaluation: Evaluation) -> tuple[Chart, ...]:
    """Draw figures over the number of golden parts; nothing if there is one number only."""
    stops = list(dict.fromkeys((row.all_golden, 0 if row.all_golden else row.shots) for row in evaluation.summary))
    if len(stops) < 2:
        return ()
    charts = (_shots_chart(evaluation, name, sorted(stops)) for name in _SHOWN_OVER_SHOTS)
    return tuple(chart for chart in charts if chart is not None)


@dataclass(frozen=True, slots=True)
class _Value:
    """A figure of a row with the ends of its error bar."""

    row: SummaryRow
    spread: Spread
    low: float
    high: float


def _shots_chart(evaluation: Evaluation, name: str, stops: Sequence[tuple[bool, int]]) -> Chart | None:
    groups: dict[str, list[_Value]] = {}
    for row in evaluation.summary:
        if (spread := row.figures.get(name)) is not None:
            groups.setdefault(row.category, []).append(_Value(row, spread, *_error_ends(evaluation, row, name, spread)))
    if not groups:
        return None
    values = [value for group in groups.values() for value in group]
    grid = nice_ticks([min(value.low for value in values), max(value.high for value in values)], 6)
    right, up = across(-0.4, len(stops) - 0.6), upward(grid[0], grid[-1])
    many = len(groups) > _COLOURS
    lines, dots, keys = [], [], []
    for place, (category, group) in enumerate(groups.items()):
        style = "mean" if category == MEAN else "crowd" if many else f"c{place}"
        offset = 0.0 if many else _DODGE_PX * (place - (len(groups) - 1) / 2)
        at = [(right.place(stops.index(_stop(value.row))) + offset, value) for value in group]
        lines.append(Line(style, tuple((x, up.place(value.spread.mean)) for x, value in at)))
        lines += [Line(f"{style} whisker", ((x, up.place(value.low)), (x, up.place(value.high)))) for x, value in at]
        dots += [Dot(style, x, up.place(value.spread.mean), _value_title(name, value)) for x, value in at]
        keys += [] if style == "crowd" else [Key(style, "mean of the categories" if category == MEAN else category)]
    keys += [Key("crowd", f"{len(groups) - (MEAN in groups)} categories")] if many else []
    words = tuple(Tick(right.place(place), "all" if everything else str(shots)) for place, (everything, shots) in enumerate(stops))
    heights = percent_ticks(up, grid) if name in {"recall", "false_reject_rate"} else ticks(up, grid)
    title = f"{TITLES[name][0].upper()}{TITLES[name][1:]}"
    return Chart(title, "golden parts", "mean over seeds", words, heights, (), tuple(lines), tuple(dots), (), tuple(keys))


def _stop(row: SummaryRow) -> tuple[bool, int]:
    return (row.all_golden, 0 if row.all_golden else row.shots)


def _error_ends(evaluation: Evaluation, row: SummaryRow, name: str, spread: Spread) -> tuple[float, float]:
    """Return mean ± deviation over seeds; of one seed the ends of its 95 % interval."""
    if spread.sd is not None:
        return max(0.0, spread.mean - spread.sd), min(1.0, spread.mean + spread.sd)
    interval = interval_of(name, runs_of(evaluation, row))
    return (interval.low, interval.high) if interval else (spread.mean, spread.mean)


def _value_title(name: str, value: _Value) -> str:
    shots = "all" if value.row.all_golden else value.row.shots
    return f"{value.row.category}, {shots} shots: {spread_text(name, value.spread)} (bar {value.low:.4f} to {value.high:.4f})"
