"""Shows how far an onboarding is, on stderr and only to people."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from goldenpart.client.revisions import OnboardingStage
from goldenpart.client.revisions import Progress as OnboardingProgress

_WORDS = {
    OnboardingStage.RECEIVING: "sending images",
    OnboardingStage.EMBEDDING: "reading with the backbone",
    OnboardingStage.CORESET: "thinning the bank",
    OnboardingStage.TRAINING: "fitting the detector",
    OnboardingStage.CALIBRATING: "setting the threshold",
    OnboardingStage.GATING: "judging the challenge set",
    OnboardingStage.SAVING: "saving the revision",
    OnboardingStage.COMPARING: "comparing the pictures",
}


@contextmanager
def shown_progress() -> Iterator[Callable[[OnboardingProgress], None] | None]:
    """Give a callback that draws a bar per stage; None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks = {stage: bars.add_task(words, start=False, visible=False, total=None) for stage, words in _WORDS.items()}

        def show(progress: OnboardingProgress) -> None:
            if (task := tasks.get(progress.stage)) is not None:
                bars.start_task(task)
                bars.update(task, completed=progress.done, total=progress.total or None, visible=True)

        yield show
