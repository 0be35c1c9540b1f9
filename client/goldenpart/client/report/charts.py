"""What a chart is made of, in pixels of its own; ``charts.html.j2`` draws it. Small enough to be read on a phone without zooming."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from goldenpart.client.report.score_plot import Tick

WIDTH_PX, HEIGHT_PX = 400, 284
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 52, 24, 42, 48
_LETTER_PX = 7.1  # of the labels, about

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to pixels, linear; ``start_px`` may lie below ``end_px`` or above."""

    low: float
    high: float
    start_px: float
    end_px: float

    def place(self, value: float) -> float:
        """Return where a value lies, to a tenth of a pixel."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start_px + share * (self.end_px - self.start_px), 1)


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points; ``style`` is its class in the style sheet, ``title`` what it says when pointed at."""

    style: str
    points: Points
    title: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A filled rectangle."""

    style: str
    x: float
    y: float
    width: float
    height: float
    title: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    """A value."""

    style: str
    x: float
    y: float
    title: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A word in the chart; ``anchor`` is ``start``, ``middle`` or ``end``."""

    x: float
    y: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Key:
    """What a style means."""

    style: str
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: axes with their words, and what is drawn between them, bars first and dots last.

    Attributes:
        title: Heading.
        x_title: What goes to the right.
        y_title: What goes up; empty if the labels at the left say it.
        x_ticks: Vertical grid lines with their numbers.
        y_ticks: Horizontal ones; their ``x`` is the height.
        bars: Rectangles.
        lines: Lines; those of style ``limit`` are dashed.
        dots: Values.
        labels: Words.
        keys: Legend.
        left: Left end of the plot.
        height: Of the whole.
    """

    title: str
    x_title: str
    y_title: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    bars: tuple[Bar, ...] = ()
    lines: tuple[Line, ...] = ()
    dots: tuple[Dot, ...] = ()
    labels: tuple[Label, ...] = ()
    keys: tuple[Key, ...] = ()
    left: float = LEFT_PX
    height: float = HEIGHT_PX

    @property
    def width(self) -> float:
        """Of the whole."""
        return WIDTH_PX

    @property
    def right(self) -> float:
        """Right end of the plot."""
        return WIDTH_PX - RIGHT_PX

    @property
    def top(self) -> float:
        """Upper end of the plot."""
        return TOP_PX

    @property
    def bottom(self) -> float:
        """Lower end of the plot."""
        return self.height - BOTTOM_PX


def across(low: float, high: float, left: float = LEFT_PX) -> Scale:
    """Return the scale from left to right."""
    return Scale(low, high, left, WIDTH_PX - RIGHT_PX)


def upward(low: float, high: float, height: float = HEIGHT_PX) -> Scale:
    """Return the scale from the bottom to the top."""
    return Scale(low, high, height - BOTTOM_PX, TOP_PX)


def ticks(scale: Scale, values: Iterable[float]) -> tuple[Tick, ...]:
    """Return grid lines at values."""
    return tuple(Tick(scale.place(value), f"{value:g}") for value in values)


def percent_ticks(scale: Scale, values: Iterable[float]) -> tuple[Tick, ...]:
    """Return grid lines at shares."""
    return tuple(Tick(scale.place(value), f"{100 * abs(value):g} %") for value in values)


def curve(style: str, points: Sequence[tuple[float, float]], scales: tuple[Scale, Scale], title: str = "") -> Line:
    """Draw a curve of values; points that lie on the straight line between their neighbours are left out."""
    x_scale, y_scale = scales
    placed = [(x_scale.place(x), y_scale.place(y)) for x, y in points]
    kept = [point for index, point in enumerate(placed) if not _needless(placed, index)]
    return Line(style, tuple(kept), title)


def _needless(points: Sequence[tuple[float, float]], index: int) -> bool:
    if index in (0, len(points) - 1):
        return False
    before, here, after = points[index - 1 : index + 2]
    return before[0] == here[0] == after[0] or before[1] == here[1] == after[1]


def limit_label(x: float, text: str) -> Label:
    """Name a vertical line above the plot; the words stay inside the chart."""
    half = len(text) * _LETTER_PX / 2
    anchor = "start" if x - half < 0 else "end" if x + half > WIDTH_PX else "middle"
    return Label(x, TOP_PX - 6, text, anchor)


def cut(text: str, width_px: float) -> str:
    """Shorten words to about a width."""
    most = max(2, int(width_px / _LETTER_PX))
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
