"""Where the dots of the score plot lie: every part's score against the threshold, one lane per true label."""

import math
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from goldenpart.client.report.scores import InspectedPart, Label
from goldenpart.client.results import Verdict

WIDTH_PX, LANE_PX, LEFT_PX, TOP_PX, DOT_PX = 820, 76, 92, 26, 4.5
_STEP_PX = 2 * DOT_PX + 1


@dataclass(frozen=True, slots=True)
class Dot:
    """A part in the plot: centre in pixels of the plot, what it was judged, and its words."""

    x: float
    y: float
    verdict: Verdict
    wrong: bool
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A row of dots: its words and the height of its middle in pixels."""

    title: str
    y: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A number on the axis and its place in pixels."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class ScorePlot:
    """The whole plot in pixels; ``review_x`` is None without a review band."""

    width: float
    height: float
    lanes: tuple[Lane, ...]
    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]
    threshold_x: float
    review_x: float | None


def score_plot(parts: Iterable[InspectedPart]) -> ScorePlot | None:
    """Lay out the plot of the parts that were inspected; None if there are none.

    Args:
        parts: Of one revision: one threshold holds for all.
    """
    shown = [part for part in parts if part.inspection.verdict is not Verdict.NOT_INSPECTED and math.isfinite(part.inspection.score)]
    if not shown:
        return None
    first = shown[0].inspection
    ticks_at = nice_ticks([0.0, first.threshold, *(part.inspection.score for part in shown)])
    scale = _Scale(ticks_at[0], ticks_at[-1])
    labels = [label for label in (Label.NORMAL, Label.DEFECTIVE, None) if any(part.label is label for part in shown)]
    lanes = {label: Lane(_LANE_TITLES[label], TOP_PX + LANE_PX * (index + 0.5)) for index, label in enumerate(labels)}
    return ScorePlot(
        width=WIDTH_PX,
        height=TOP_PX + LANE_PX * len(lanes) + 44,
        lanes=tuple(lanes.values()),
        dots=tuple(dot for label in labels for dot in _dots([p for p in shown if p.label is label], lanes[label].y, scale)),
        ticks=tuple(Tick(scale.x(value), f"{value:g}") for value in ticks_at),
        threshold_x=scale.x(first.threshold),
        review_x=scale.x(first.review_threshold) if first.review_threshold is not None else None,
    )


_LANE_TITLES = {Label.NORMAL: "good parts", Label.DEFECTIVE: "defective parts", None: "parts"}


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float

    def x(self, score: float) -> float:
        share = (score - self.low) / (self.high - self.low)
        return round(LEFT_PX + share * (WIDTH_PX - LEFT_PX - 24), 1)


def _dots(parts: Sequence[InspectedPart], middle: float, scale: _Scale) -> Iterable[Dot]:
    """Stack dots that would cover each other to both sides of the lane's middle, so that every part is seen."""
    stacked: Counter[int] = Counter()
    most = int(LANE_PX / _STEP_PX)
    for part in sorted(parts, key=lambda part: part.inspection.score):
        x = scale.x(part.inspection.score)
        column = int(x / _STEP_PX)
        place = stacked[column] % most
        stacked[column] += 1
        offset = (place + 1) // 2 * _STEP_PX * (1 if place % 2 else -1)
        yield Dot(x, round(middle + offset, 1), part.inspection.verdict, is_wrong(part), _title(part))


def is_wrong(part: InspectedPart) -> bool:
    """Return whether a good part failed or a defective one passed."""
    return (part.label, part.inspection.verdict) in {(Label.NORMAL, Verdict.FAIL), (Label.DEFECTIVE, Verdict.PASS)}


def _title(part: InspectedPart) -> str:
    kind = f" ({part.kind})" if part.kind else ""
    return f"{part.name}{kind}: {part.inspection.verdict}, score {part.inspection.score:.4g}"


def nice_ticks(values: Sequence[float], most: int = 9) -> tuple[float, ...]:
    """Return round numbers, evenly spaced, the first at or below and the last at or above all values.

    Args:
        values: At least one, finite.
        most: About so many ticks at most, >= 2.
    """
    low, high = min(values), max(values)
    span = (high - low) or abs(high)
    span = span if span > sys.float_info.min * most else 1.0  # too small to divide: drawn as if all were 0
    magnitude = 10.0 ** math.floor(math.log10(span / (most - 1)))
    step = next(magnitude * factor for factor in (1, 2, 2.5, 5, 10) if span / (magnitude * factor) <= most - 1)
    first, last = math.floor(low / step), math.ceil(high / step)
    first, last = first - (first * step > low), last + (last * step < high)  # the quotient of a subnormal is 0
    return tuple(float(f"{index * step:.12g}") for index in range(first, max(last, first + 1) + 1))
