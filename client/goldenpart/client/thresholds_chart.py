"""The what-if on a terminal: bars of eighth blocks over the thresholds."""

import numpy as np
import numpy.typing as npt
from rich.console import Group
from rich.text import Text

from goldenpart.client.thresholds import WhatIf
from goldenpart.client.thresholds_plot import shown_range

COLUMNS, ROWS = 64, 4
_BLOCKS = " ▁▂▃▄▅▆▇█"
_GUTTER = 16


def chart(found: WhatIf) -> Group:
    """Draw false rejects, escapes and cost over the threshold, with marks at the current (▲) and the best (◆) one."""
    low, high = shown_range(found)
    at = np.linspace(low, high, COLUMNS)
    curve = found.curve
    places = np.clip(np.searchsorted(curve.thresholds, at, "right") - 1, 0, None)
    lines: list[Text] = []
    panels = [("false rejects", curve.false_rejects[places], 1.0, "100 %", "yellow")]
    if found.best is not None:
        top = float(curve.cost[places].max()) or 1.0
        panels.append(("escapes", curve.escapes[places], 1.0, "100 %", "red"))
        panels.append(("cost per part", curve.cost[places], top, f"{top:.3g}", "green"))
    for name, values, most, word, style in panels:
        lines += _panel(name, values / most, word, style)
    marks = [("▲", found.current), ("◆", found.best)]
    axis = ["─"] * COLUMNS
    for sign, one in marks:
        if one is not None:
            axis[round((one.threshold - low) / (high - low) * (COLUMNS - 1))] = sign
    lines.append(Text(" " * _GUTTER + "".join(axis)))
    ends = f"{low:.4g}".ljust(COLUMNS - len(f"{high:.4g}")) + f"{high:.4g}"
    lines.append(Text(" " * _GUTTER + ends, style="dim"))
    words = [f"{sign} {word}" for (sign, one), word in zip(marks, ("threshold now", "least expected cost"), strict=True) if one is not None]
    lines.append(Text(" " * _GUTTER + ", ".join(words), style="dim"))
    return Group(*lines)


def _panel(name: str, shares: npt.NDArray[np.float64], most: str, style: str) -> list[Text]:
    gutters = [name, f"0 to {most}", *[""] * (ROWS - 2)]
    bars = bar_rows(shares, ROWS)
    return [Text.assemble((f"{gutter:<{_GUTTER}}", "dim"), (bar, style)) for gutter, bar in zip(gutters, bars, strict=True)]


def bar_rows(shares: npt.NDArray[np.float64], rows: int) -> list[str]:
    """Draw bars, the top row first.

    Args:
        shares: (N,) float64 in [0, 1]; what is not 0 shows at least the lowest block.
        rows: Characters from 0 to 1.
    """
    eighths = np.where(shares > 0, np.maximum(1, np.rint(np.clip(shares, 0, 1) * rows * 8)), 0).astype(int)
    return ["".join(_BLOCKS[int(np.clip(level - 8 * row, 0, 8))] for level in eighths) for row in reversed(range(rows))]
