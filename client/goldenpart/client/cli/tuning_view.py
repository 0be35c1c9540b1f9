"""Shows how far a tuning is, and what it found."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from goldenpart.client.cli.output import percent, table
from goldenpart.client.tuning.halving import Rung
from goldenpart.client.tuning.results import TriedSetting, Tuning


class TuningBars:
    """A bar for the rung and one for what is being done. Belongs to one thread.

    Args:
        bars: Where they are drawn.
    """

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._step: TaskID = bars.add_task("starting", total=None)

    def reading(self, done: int, total: int) -> None:
        """Show how far the digests are."""
        self._bars.update(self._step, description="checking the images", completed=done, total=total)

    def rung(self, number: int, rung: Rung, rungs: int) -> None:
        """Show which rung starts."""
        words = f"rung {number} of {rungs}: {rung.settings} fits on {rung.images} images"
        self._bars.console.print(words, markup=False, soft_wrap=True)
        self._bars.reset(self._step, description=f"rung {number} of {rungs}", total=rung.settings)

    def measured(self, setting: TriedSetting, ways: int) -> None:
        """Print the line of a fit: the best of the ways to score by it."""
        line = f"  {setting.fit}: {setting.label}: {_outcome(setting)}, best of {ways} ways to score"
        self._bars.console.print(line, markup=False, soft_wrap=True)
        self._bars.advance(self._step)

    def finishing(self, what: str, done: int, total: int) -> None:
        """Show how far the final measurements are."""
        self._bars.update(self._step, description=what, completed=done, total=total)

    def warned(self, message: str) -> None:
        """Print a warning."""
        self._bars.console.print(f"warning: {message}", style="yellow", markup=False, soft_wrap=True)


@contextmanager
def shown_tuning() -> Iterator[TuningBars]:
    """Give what draws on stderr; bars only where it is a terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True, disable=not sys.stderr.isatty()) as bars:
        yield TuningBars(bars)


def tuning_view(found: Tuning) -> Group:
    """Return the finalists, the thresholds and the verdict as people like to see them."""
    held = found.held_out
    tried = f"{len(found.settings)} settings of {found.fits} fits"
    speed = f"{tried}, {found.measurements} measurements, {found.settings_per_minute:.0f} settings per minute"
    proof = f"held out: {held.good} good + {held.defective} defective images; preset AUROC {held.reference_auroc.value:.4f}"
    parts: list[Table | str] = [_finalists(found), proof, f"{speed}, {found.seconds:.0f} s in all"]
    if found.thresholds:
        parts.append(_thresholds(found))
    return Group(*parts, found.verdict)


def _finalists(found: Tuning) -> Table:
    heads = ("images", "AUROC", "AP", "ms/frame", "bank MB", "shots")
    made = table("setting", *heads, "front", right=heads)
    made.title = (
        f"{found.category}: the preset and the best setting of each fit of the last rung on validation images, "
        "* = none of these beats it in accuracy, time and memory"
    )
    timed = [setting for setting in found.settings if setting.milliseconds is not None]
    for setting in sorted(timed, key=lambda one: (one.auroc or 0.0, one.average_precision or 0.0), reverse=True):
        figures = (
            f"{setting.auroc:.4f}",
            f"{setting.average_precision:.4f}",
            f"{setting.milliseconds:.1f}",
            f"{setting.bank_bytes / 1e6:.2f}",
        )
        made.add_row(setting.label, str(setting.images), *figures, str(setting.shots), "*" if setting.on_front else "")
    return made


def _thresholds(found: Tuning) -> Table:
    heads = ("rate asked for", "false rejects", "escapes")
    made = table("threshold", *heads, right=heads)
    made.title = f"thresholds of the recommended setting from {found.calibration_images} good images, on the held-out ones"
    for choice in found.thresholds:
        reached = "not attainable" if choice.threshold is None else percent(choice.false_rejects)
        made.add_row(choice.method, percent(choice.false_reject_rate), reached, percent(choice.escapes))
    return made


def _outcome(setting: TriedSetting) -> str:
    if setting.failure:
        return f"cannot be used, {setting.failure}"
    return f"AUROC {setting.auroc:.4f} on {setting.images} images"
