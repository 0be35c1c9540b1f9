"""Charts of what verdicts do: scores against the threshold, and realised false rejects beside the promise."""

from collections.abc import Sequence

import numpy as np

from goldenpart.client.evaluation.results import Run
from goldenpart.client.report.charts import (
    BOTTOM_PX,
    HEIGHT_PX,
    TOP_PX,
    Bar,
    Chart,
    Dot,
    Key,
    Line,
    Scale,
    across,
    cut,
    limit_label,
    percent_ticks,
    ticks,
    upward,
)
from goldenpart.client.report.evaluation_rows import shots_word
from goldenpart.client.report.score_plot import Tick, nice_ticks
from goldenpart.client.results import Verdict

_BINS = 30
_ROW_PX, _ROW_LABEL_PX = 22, 138
_FAR = 1.5  # times the 95th percentile: what lies beyond goes to the last bar


def histogram(run: Run) -> Chart | None:
    """Draw the scores of good images upwards and those of defective ones downwards; None if nothing was inspected."""
    shown = [image for image in run.images if image.verdict is not Verdict.NOT_INSPECTED]
    if not shown:
        return None
    threshold = run.calibration.threshold
    scores = [image.score for image in shown]
    good = [image.score for image in shown if not image.defective]
    high = min(max(scores), max(_FAR * float(np.percentile(scores, 95)), 1.2 * threshold, *good))
    grid = nice_ticks([min(*scores, threshold), max(high, threshold)], 7)
    right, edges = across(grid[0], grid[-1]), np.linspace(grid[0], grid[-1], _BINS + 1)
    defective = [image.score for image in shown if image.defective]
    counts = [np.histogram(np.clip(of, grid[0], grid[-1]), edges)[0] for of in (good, defective)]
    shares = [of / max(1, int(of.sum())) for of in counts]
    reach = nice_ticks([0.0, max(float(of.max()) for of in shares)], 4)
    up = upward(-reach[-1], reach[-1])
    x = right.place(threshold)
    zone = Bar("fail-zone", x, TOP_PX, round(right.end_px - x, 1), HEIGHT_PX - TOP_PX - BOTTOM_PX, "FAIL above the threshold")
    bars = [zone]
    for style, of, share, sign in (("good", counts[0], shares[0], 1), ("defective", counts[1], shares[1], -1)):
        bars += [_bar(style, edges[at : at + 2].tolist(), int(of[at]), sign * float(share[at]), (right, up)) for at in np.flatnonzero(of)]
    words = list(ticks(right, grid))
    if max(scores) > grid[-1]:
        words[-1] = Tick(words[-1].x, f"≥ {words[-1].text}")
    return Chart(
        f"Scores, {shots_word(run)}",
        "score (the larger, the less normal)",
        "share of the good ↑ and of the defective ↓ images",
        tuple(words),
        percent_ticks(up, sorted({*reach, *(-share for share in reach)})),
        bars=tuple(bars),
        lines=(Line("limit", ((x, TOP_PX), (x, HEIGHT_PX - BOTTOM_PX))), _zero(right, up)),
        labels=(limit_label(x, f"threshold {threshold:.4g}"),),
        keys=tuple(Key(style, f"{len(of)} {style}") for style, of in (("good", good), ("defective", defective)) if of),
    )


def _zero(right: Scale, up: Scale) -> Line:
    return Line("zero", ((right.start_px, up.place(0)), (right.end_px, up.place(0))))


def _bar(style: str, ends: Sequence[float], count: int, share: float, scales: tuple[Scale, Scale]) -> Bar:
    right, up = scales
    left, width = right.place(ends[0]), right.place(ends[1]) - right.place(ends[0])
    zero, tip = up.place(0), up.place(share)
    title = f"{count} {style}, score {ends[0]:.4g} to {ends[1]:.4g}"
    return Bar(style, left, min(zero, tip), round(max(1.0, width - 1), 1), round(max(1.0, abs(zero - tip)), 1), title)


def false_reject_chart(runs: Sequence[Run]) -> Chart | None:
    """Draw each run's realised false-reject rate with its interval, beside the guaranteed one; None without good images."""
    measured = [run for run in runs if run.image.operating_point and run.image.operating_point.false_reject_interval]
    if not measured:
        return None
    asked = measured[0].calibration.false_reject_rate
    ends = [point.false_reject_interval.high for run in measured if (point := run.image.operating_point) and point.false_reject_interval]
    grid = nice_ticks([0.0, asked, *ends], 5)
    right = across(grid[0], grid[-1], _ROW_LABEL_PX)
    height = TOP_PX + BOTTOM_PX + _ROW_PX * len(measured)
    words, lines, dots = [], [], []
    x = right.place(asked)
    limit = Line("limit", ((x, TOP_PX), (x, height - BOTTOM_PX)))
    for place, run in enumerate(measured):
        y = TOP_PX + _ROW_PX * (place + 0.5)
        words.append(Tick(y, cut(f"{shots_word(run)}, seed {run.key.seed}", _ROW_LABEL_PX - 8)))
        lines += _promise_lines(run, right, y)
        dots.append(_realised(run, right, y))
    keys = (Key("realised", "realised, with its 95 % interval"), Key("promised", "guaranteed on average"))
    return Chart(
        f"{len(measured)} {'run' if len(measured) == 1 else 'runs'}, asked for {100 * asked:.3g} %",
        "share of good test images with FAIL",
        "",
        percent_ticks(right, grid),
        tuple(words),
        (),
        (limit, *lines),
        tuple(dots),
        (limit_label(x, f"asked for {100 * asked:.3g} %"),),
        keys,
        left=_ROW_LABEL_PX,
        height=height,
    )


def _promise_lines(run: Run, right: Scale, y: float) -> list[Line]:
    point = run.image.operating_point
    assert point is not None
    assert point.false_reject_interval is not None
    low, high = (right.place(end) for end in (point.false_reject_interval.low, point.false_reject_interval.high))
    lines = [Line("realised", ((low, y), (high, y)))]
    if (promised := run.calibration.guaranteed_false_reject_rate) is not None:
        x = right.place(min(promised, right.high))
        lines.append(Line("promised", ((x, y - 8), (x, y + 8)), f"guaranteed on average: at most {100 * promised:.3g} %"))
    return lines


def _realised(run: Run, right: Scale, y: float) -> Dot:
    point = run.image.operating_point
    assert point is not None
    assert point.false_reject_rate is not None
    counts = point.confusion
    title = f"{100 * point.false_reject_rate:.3g} %: {counts.false_positives} of {run.image.good} good images"
    return Dot("realised", right.place(point.false_reject_rate), y, title)
