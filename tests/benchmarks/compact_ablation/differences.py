"""Paired differences: the base's weights against all others on the same draws of golden parts, with 95 % intervals of Student's t."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import stats
from tests.benchmarks.compact_ablation.rows import Row
from tests.benchmarks.compact_ablation.setting import Setting

_CONFIDENCE = 0.95
_HEADER = ("weights", "score", "shots", "draws", "mean difference", "95 % interval", "deviation", "draws won")


def render_differences(base: Setting, settings: Sequence[Setting], rows: Sequence[Row]) -> str:
    """Render a table of mean image AUROC over categories, the base's weights less others; empty if no two draws can be compared.

    Args:
        base: its weights are compared with those of all other settings that agree with them in the rest.
        settings: rows of the axis `weights`.
        rows: latest measurements.
    """
    lines: list[str] = []
    for shots in sorted({row.place.shots for row in rows}, reverse=True):
        for setting in settings:
            ours, theirs = (_by_draw(rows, replace(setting, weights=name), shots) for name in (base.weights, setting.weights))
            shared = [draw for draw in theirs if draw in ours]
            if setting.weights != base.weights and len(shared) > 1:
                gained = np.array([ours[draw] - theirs[draw] for draw in shared])
                lines.append(_line(f"{base.weights} - {setting.weights}", setting.aggregate, shots, gained))
    if not lines:
        return ""
    return "\n".join(["", "", "| " + " | ".join(_HEADER) + " |", "|" + " --- |" * len(_HEADER), *lines])


def _by_draw(rows: Sequence[Row], setting: Setting, shots: int) -> dict[tuple[int, frozenset[str]], float]:
    """Average over categories; draws are known by their seed and the categories they were measured on."""
    found: dict[int, dict[str, float]] = defaultdict(dict)
    for row in rows:
        if row.setting == setting and row.place.shots == shots:
            found[row.place.seed][row.place.category] = row.image_auroc
    return {(seed, frozenset(areas)): float(np.mean(list(areas.values()))) for seed, areas in found.items()}


def _line(name: str, aggregate: str, shots: int, gained: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    mean, deviation = float(gained.mean()), float(gained.std(ddof=1))
    half = float(stats.t.ppf(0.5 + _CONFIDENCE / 2, len(gained) - 1)) * deviation / len(gained) ** 0.5
    interval = f"{mean - half:+.3f} to {mean + half:+.3f}"
    cells = (name, aggregate, shots, len(gained), f"{mean:+.3f}", interval, f"{deviation:.3f}", f"{int((gained > 0).sum())}")
    return f"| {' | '.join(map(str, cells))} |"
