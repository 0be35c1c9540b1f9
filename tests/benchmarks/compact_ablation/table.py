"""Renders measured rows as markdown tables, one per axis."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from tests.benchmarks.compact_ablation.differences import render_differences
from tests.benchmarks.compact_ablation.setting import Setting, axis_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.benchmarks.compact_ablation.rows import Row, Run

_TRAININGS = "@"  # separates the name of a recipe from that of one of its trainings


def render(rows: Sequence[Row], runs: Sequence[Run]) -> str:
    """Render the axes of the last run, each from the latest measurement of every row, with command, machine and date."""
    run = runs[-1]
    latest = {(row.setting, *_without_digest(row)): row for row in rows}
    known: dict[Setting, list[Row]] = defaultdict(list)
    for row in latest.values():
        known[replace(row.setting, weights=_recipe(row.setting.weights))].append(row)
    sections = [_section(axis, run, known) for axis in run.axes]
    return "\n\n".join([_heading(run, rows), *sections]) + "\n"


def describe(setting: Setting) -> str:
    """Name everything a setting says, in a few words."""
    search = setting.search
    sides = "+".join(map(str, search.resolutions))
    fusion = "" if len(search.resolutions) == 1 else f" {search.fusion}"
    layers = "+".join(search.layers)
    scored = f"{search.metric}, bank {search.bank}, local scale {search.local_scale}, k {setting.k}, {setting.aggregate}"
    return f"{setting.weights}, {sides} px{fusion}, layers {layers}, {scored}"


def _heading(run: Run, rows: Sequence[Row]) -> str:
    counts = {row.place.category: f"{row.place.category} {row.place.good}+{row.place.defective}" for row in rows}
    return (
        f"```\n{run.command}\n```\n\n{run.machine}, {run.date}. Good + defective images inspected: {', '.join(counts.values())}.\n"
        f"Where the axis does not vary it: {describe(run.base)}. Mean ± standard deviation over draws of golden parts; "
        "the mean's deviation is that of the categories' mean over draws."
    )


def _section(axis: str, run: Run, known: dict[Setting, list[Row]]) -> str:
    names = tuple(dict.fromkeys(_recipe(name) for name in run.weights))
    base = replace(run.base, weights=_recipe(run.base.weights))
    settings = [setting for setting in axis_settings(axis, base, names) if setting in known]
    measured = [row for setting in settings for row in known[setting]]
    categories = tuple(dict.fromkeys(row.place.category for row in measured))
    shots = sorted({row.place.shots for row in measured}, reverse=True)
    header = [axis, "score", "shots", *categories, "mean", "pixel AUROC", "AUPRO"]
    lines = [f"### {axis}", "", "| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for count in shots:
        for setting in settings:
            chosen = [row for row in known[setting] if row.place.shots == count]
            cells = [_label(axis, setting), setting.aggregate, str(count), *_areas(chosen, categories)]
            lines.append("| " + " | ".join(cells) + " |")
    differences = render_differences(base, settings, measured) if axis == "weights" else ""
    return "\n".join(lines) + differences


def _areas(rows: Sequence[Row], categories: Sequence[str]) -> list[str]:
    def image(row: Row) -> float | None:
        return row.image_auroc

    def among(category: str) -> list[Row]:
        return [row for row in rows if row.place.category == category]

    cells = [_spread(_by_draw(among(category), image)) for category in categories]
    measures: tuple[Callable[[Row], float | None], ...] = (image, lambda row: row.pixel_auroc, lambda row: row.aupro)
    return [*cells, *(_spread(_by_draw(rows, measure)) for measure in measures)]


def _by_draw(rows: Sequence[Row], measure: Callable[[Row], float | None]) -> list[float]:
    """Average over categories, one number for each draw and training."""
    draws: dict[tuple[int, str], list[float]] = defaultdict(list)
    for row in rows:
        value = measure(row)
        if value is not None:
            draws[row.place.seed, row.setting.weights].append(value)
    return [float(np.mean(values)) for values in draws.values()]


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    deviation = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{deviation}"


def _label(axis: str, setting: Setting) -> str:
    search = setting.search
    sides = "+".join(map(str, search.resolutions))
    return {
        "weights": setting.weights,
        "layers": "+".join(search.layers),
        "resolutions": sides,
        "metrics": search.metric,
        "aggregates": setting.aggregate,
        "k": str(setting.k),
        "banks": search.bank,
        "local_scale": str(search.local_scale),
        "multiscale": f"{sides} {search.fusion}",
    }[axis]


def _recipe(name: str) -> str:
    return name.partition(_TRAININGS)[0]


def _without_digest(row: Row) -> tuple[str, int, int]:
    return row.place.category, row.place.shots, row.place.seed
