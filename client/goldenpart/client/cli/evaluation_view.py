"""Shows how far an evaluation is, on stderr: bars for people, a line per run for logs."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from goldenpart.client.cli.output import table
from goldenpart.client.evaluation.results import Evaluation, Run, RunKey, SummaryRow
from goldenpart.client.evaluation.tables import LEAK_WARNING, TITLES, seeds_of, shots_text, shown_figures, spread_text
from goldenpart.client.revisions import OnboardingStage
from goldenpart.client.revisions import Progress as OnboardingProgress

_MOST_COLUMNS = 4
_ANY_WIDTH = 10_000
_STAGES = {
    OnboardingStage.RECEIVING: "sending images",
    OnboardingStage.EMBEDDING: "reading with the backbone",
    OnboardingStage.CORESET: "thinning the bank",
    OnboardingStage.CALIBRATING: "setting the threshold",
    OnboardingStage.SAVING: "saving the revision",
}


class EvaluationBars:
    """A bar for all runs and one for what is being done. Belongs to one thread.

    Args:
        bars: Where they are drawn.
    """

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._runs: TaskID | None = None
        self._step = bars.add_task("starting", total=None)

    def reading(self, category: str, done: int, total: int) -> None:
        """Show how far the digests are."""
        self._show(f"checking the images of {category}", done, total)

    def started(self, key: RunKey, number: int, total: int) -> None:
        """Show which run starts."""
        if self._runs is None:
            self._runs = self._bars.add_task("runs", total=total)
        self._bars.update(self._runs, completed=number - 1, description=f"{key.category}, {key.shots} shots, seed {key.seed}")

    def onboarding(self, progress: OnboardingProgress) -> None:
        """Show how far Fit or Calibrate is."""
        self._show(_STAGES.get(progress.stage, "onboarding"), progress.done, progress.total)

    def inspected(self, done: int, total: int) -> None:
        """Show how many test images have been inspected."""
        self._show("inspecting", done, total)

    def finished(self, run: Run, *, found: bool) -> None:
        """Print the line of a run."""
        self._bars.console.print(run_line(run, found=found), markup=False, soft_wrap=True)
        if self._runs is not None:
            self._bars.advance(self._runs)

    def warned(self, message: str) -> None:
        """Print a warning."""
        self._bars.console.print(f"warning: {message}", style="yellow", markup=False, soft_wrap=True)

    def _show(self, what: str, done: int, total: int) -> None:
        self._bars.update(self._step, description=what, completed=done, total=total or None)


@contextmanager
def shown_evaluation() -> Iterator[EvaluationBars]:
    """Give what draws on stderr; bars only where it is a terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    terminal = sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True, disable=not terminal) as bars:
        yield EvaluationBars(bars)


def run_line(run: Run, *, found: bool) -> str:
    """Return a run in one line."""
    words = [f"{run.key.category}, {run.shots_text} shots, seed {run.key.seed}:"]
    if (auroc := run.image.auroc) is not None:
        words.append(f"image AUROC {auroc.value:.4f}")
    if (point := run.image.operating_point) is not None and point.false_reject_rate is not None and point.recall is not None:
        words.append(f"recall {point.recall:.3f} false rejects {point.false_reject_rate:.3f}")
    if run.pixel is not None:
        words.append(f"AUPRO {run.pixel.aupro:.4f}")
    if run.leaks:
        words.append("LEAK")
    return " ".join([*words, "(finished before)"] if found else words)


def summary_view(evaluation: Evaluation) -> Group:
    """Return the summary as people like to see it: a row per figure where there are few columns, else as many tables as it takes."""
    names = shown_figures(evaluation.summary)
    heads = [f"{row.category} {shots_text(row)}" for row in evaluation.summary]
    leak = [Text(LEAK_WARNING, "italic")] if evaluation.leaks else []
    if len(heads) > _MOST_COLUMNS:
        return Group(*leak, _Tables(evaluation.summary, names))
    made = table("figure", *heads, right=heads)
    for name in names:
        made.add_row(TITLES[name], *(spread_text(name, row.figures.get(name)) for row in evaluation.summary))
    return Group(*leak, made)


@dataclass(frozen=True, slots=True)
class _Tables:
    """A row per category and shots, in as many tables one below the other as it takes to break no head and no figure.

    Attributes:
        rows: Of the summary.
        names: Of the figures.
    """

    rows: Sequence[SummaryRow]
    names: Sequence[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the tables; called by rich."""
        shown: list[str] = []
        for name in self.names:
            if shown and console.measure(self._table([*shown, name]), options=options.update(width=_ANY_WIDTH)).maximum > options.max_width:
                yield self._table(shown)
                shown = []
            shown.append(name)
        yield self._table(shown)

    def _table(self, names: Sequence[str]) -> Table:
        titles = [TITLES[name] for name in names]
        made = table("category", "shots", "seeds", *titles, right=("shots", "seeds", *titles))
        for column in made.columns[1:]:
            column.no_wrap = True
        for row in self.rows:
            cells = (spread_text(name, row.figures.get(name)) for name in names)
            made.add_row(row.category, shots_text(row), str(seeds_of(row)), *cells)
        return made
