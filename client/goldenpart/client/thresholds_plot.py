"""Where the curves of a what-if lie: rates above, expected cost below, over the same thresholds."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldenpart.client.report.score_plot import Tick, nice_ticks
from goldenpart.client.thresholds import WhatIf

Shares = npt.NDArray[np.float64]
Points = tuple[tuple[float, float], ...]

WIDTH_PX, LEFT_PX, RIGHT_PX = 820, 64, 24
RATES_TOP_PX, RATES_PX, COST_TOP_PX, COST_PX, HEIGHT_PX = 26, 240, 316, 130, 500
_BEYOND = 1.25  # of the highest threshold that matters


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve in pixels: its name (also its style), its steps, and the outline of its 95 % band, empty without one."""

    name: str
    line: Points
    band: Points


@dataclass(frozen=True, slots=True)
class Mark:
    """A threshold in the plot: its word and place in pixels."""

    word: str
    x: float


@dataclass(frozen=True, slots=True)
class ThresholdPlot:
    """The whole plot in pixels; ``cost`` is None without defective scores."""

    rates: tuple[Curve, ...]
    cost: Curve | None
    x_ticks: tuple[Tick, ...]
    rate_ticks: tuple[Tick, ...]
    cost_ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]


def shown_range(found: WhatIf) -> tuple[float, float]:
    """Return the thresholds between which something happens: from the lowest score to beyond all good parts and both thresholds."""
    known = [one.threshold for one in (found.current, found.best) if one is not None]
    low, top = float(found.curve.thresholds[0]), float(found.curve.thresholds[-1])
    high = max([*found.scores.normal, *known, *sorted(found.scores.defective)[:1]]) * _BEYOND
    return min(low, *known, top), max(min(high, top), *known, low + abs(low) * 0.01 + 1e-12)


def threshold_plot(found: WhatIf) -> ThresholdPlot:
    """Lay out the plot."""
    curve, (low, high) = found.curve, shown_range(found)
    ticks = nice_ticks([low, high])
    across = _Scale(ticks[0], ticks[-1], LEFT_PX, WIDTH_PX - RIGHT_PX)
    up = _Scale(0.0, 1.0, RATES_TOP_PX + RATES_PX, RATES_TOP_PX)
    inside = curve.thresholds <= ticks[-1]
    at = np.concatenate([curve.thresholds[inside], [ticks[-1]]])

    def steps(values: Shares, scale: "_Scale") -> Points:
        kept = values[inside]
        return _steps(at, np.append(kept, kept[-1]), across, scale)

    false_band = _band(steps(curve.false_rejects_low, up), steps(curve.false_rejects_high, up))
    rates = [Curve("false rejects", steps(curve.false_rejects, up), false_band)]
    cost: Curve | None = None
    cost_ticks: tuple[Tick, ...] = ()
    if found.best is not None:
        rates.append(Curve("escapes", steps(curve.escapes, up), _band(steps(curve.escapes_low, up), steps(curve.escapes_high, up))))
        values = nice_ticks([0.0, float(curve.cost[inside].max())], 5)
        upward = _Scale(values[0], values[-1], COST_TOP_PX + COST_PX, COST_TOP_PX)
        cost = Curve("cost", steps(curve.cost, upward), ())
        cost_ticks = tuple(Tick(upward.place(value), f"{value:g}") for value in values)
    known = (("now", found.current), ("best", found.best))
    return ThresholdPlot(
        rates=tuple(rates),
        cost=cost,
        x_ticks=tuple(Tick(across.place(value), f"{value:g}") for value in ticks),
        rate_ticks=tuple(Tick(up.place(share), f"{100 * share:.0f} %") for share in (0, 0.25, 0.5, 0.75, 1)),
        cost_ticks=cost_ticks,
        marks=tuple(Mark(word, across.place(one.threshold)) for word, one in known if one is not None),
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to pixels, linear; ``start_px`` may lie below ``end_px`` or above."""

    low: float
    high: float
    start_px: float
    end_px: float

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start_px + share * (self.end_px - self.start_px), 1)


def _steps(at: Shares, values: Shares, across: _Scale, up: _Scale) -> Points:
    """Draw a function that keeps each value until the next threshold."""
    points: list[tuple[float, float]] = []
    for index, (threshold, value) in enumerate(zip(at.tolist(), values.tolist(), strict=True)):
        x = across.place(max(threshold, across.low))
        if index:
            points.append((x, points[-1][1]))
        points.append((x, up.place(value)))
    return tuple(points)


def _band(low: Points, high: Points) -> Points:
    return (*low, *reversed(high))
