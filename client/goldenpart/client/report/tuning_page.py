"""The page of a tuning: one HTML file with everything inside."""

import math
from dataclasses import dataclass
from pathlib import Path

import jinja2

from goldenpart.client.report.score_plot import Tick, nice_ticks
from goldenpart.client.tuning.results import TriedSetting, Tuning

_TEMPLATE = Path(__file__).with_name("tuning.html.j2")
WIDTH_PX, HEIGHT_PX, LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 820, 420, 64, 24, 16, 48
_SHOWN = 100
_LEAST_RADIUS_PX, _MOST_RADIUS_PX = 5.0, 18.0


@dataclass(frozen=True, slots=True)
class Dot:
    """A setting in the scatter, in pixels; its area stands for the megabytes of its bank."""

    x: float
    y: float
    radius: float
    style: str
    title: str


@dataclass(frozen=True, slots=True)
class Scatter:
    """Accuracy over time, in pixels; the front as points of a line."""

    dots: tuple[Dot, ...]
    front: tuple[tuple[float, float], ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def write_tuning(path: Path, found: Tuning) -> Path:
    """Write the page; it refers to nothing outside itself.

    Raises:
        OSError: The file cannot be written.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["percent"] = lambda rate: "-" if rate is None else f"{100 * rate:.3g} %"
    layout = {"width": WIDTH_PX, "height": HEIGHT_PX, "left": LEFT_PX, "right": WIDTH_PX - RIGHT_PX}
    layout |= {"top": TOP_PX, "bottom": HEIGHT_PX - BOTTOM_PX}
    ranked = sorted(found.settings, key=lambda one: (one.images, one.auroc or 0.0, one.average_precision or 0.0), reverse=True)
    told = {one.number for one in ranked[:_SHOWN]} | {one.number for one in ranked if one.failure or one.milliseconds is not None}
    ranked = [one for one in ranked if one.number in told]
    page = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    text = page.render(found=found, held=found.held_out, scatter=scatter(found), ranked=ranked, layout=layout)
    path.write_text(text, encoding="utf-8")
    return path


def scatter(found: Tuning) -> Scatter:
    """Lay out the settings of the last rung; at least the reference is there."""
    timed = sorted((one for one in found.settings if one.milliseconds is not None), key=_milliseconds)
    x_ticks = nice_ticks([0.0, *map(_milliseconds, timed)])
    y_ticks = nice_ticks([*(one.auroc or 0.0 for one in timed), 1.0], 6)
    most = max(one.bank_bytes for one in timed) or 1

    def place(one: TriedSetting) -> tuple[float, float]:
        return _x(_milliseconds(one), x_ticks), _y(one.auroc or 0.0, y_ticks)

    def dot(one: TriedSetting) -> Dot:
        style = "best" if one.number == found.best else "reference" if one.number == 0 else "front" if one.on_front else "other"
        radius = max(_LEAST_RADIUS_PX, _MOST_RADIUS_PX * math.sqrt(one.bank_bytes / most))
        figures = f"AUROC {one.auroc:.4f}, {one.milliseconds:.1f} ms, {one.bank_bytes / 1e6:.2f} MB"
        return Dot(*place(one), round(radius, 1), style, f"{one.label}: {figures}")

    largest_first = sorted(timed, key=lambda one: one.bank_bytes, reverse=True)  # so that none hides a smaller one
    return Scatter(
        dots=tuple(dot(one) for one in largest_first),
        front=tuple(place(one) for one in timed if one.on_front),
        x_ticks=tuple(Tick(_x(value, x_ticks), f"{value:g}") for value in x_ticks),
        y_ticks=tuple(Tick(_y(value, y_ticks), f"{value:g}") for value in y_ticks if value <= 1),
    )


def _milliseconds(one: TriedSetting) -> float:
    return one.milliseconds or 0.0


def _x(value: float, ticks: tuple[float, ...]) -> float:
    return round(LEFT_PX + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (WIDTH_PX - RIGHT_PX - LEFT_PX), 1)


def _y(value: float, ticks: tuple[float, ...]) -> float:
    bottom = HEIGHT_PX - BOTTOM_PX
    return round(bottom - (value - ticks[0]) / (ticks[-1] - ticks[0]) * (bottom - TOP_PX), 1)
