"""The report of an evaluation: one HTML file with everything inside."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from goldenpart.client.evaluation.errors import EvaluationError
from goldenpart.client.evaluation.figures import Confusion
from goldenpart.client.evaluation.results import Evaluation, Run, SummaryRow
from goldenpart.client.evaluation.run_warnings import told_warnings
from goldenpart.client.evaluation.tables import LEAK_WARNING, TITLES, shots_text, spread_text
from goldenpart.client.evaluation.wrong_images import MOST_EXPLAINED, false_rejects, misses
from goldenpart.client.report.charts import Chart
from goldenpart.client.report.evaluation_curves import precision_recall_chart, pro_chart, roc_chart, shots_charts
from goldenpart.client.report.evaluation_pictures import SHOWN_FROM, WrongImage, wrong_images
from goldenpart.client.report.evaluation_rows import (
    IMAGE_FIGURES,
    PIXEL_FIGURES,
    TypeRow,
    runs_of,
    shots_word,
    summary_table,
    time_rows,
    time_title,
    type_rows,
)
from goldenpart.client.report.evaluation_verdicts import false_reject_chart, histogram
from goldenpart.client.report.page import page_environment
from goldenpart.client.report.recipe_rows import recipe_rows

FILE_NAME = "report.html"
_MOST_PICTURES = 48
_HEADLINE = ("image_auroc", "recall", "false_reject_rate", "aupro", "p50_s")


@dataclass(frozen=True, slots=True)
class Gallery:
    """Images that went wrong in one way: how many there are, and the worst of them."""

    title: str
    count: int
    images: tuple[WrongImage, ...]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What one run's verdicts do."""

    run: Run
    title: str
    histogram: Chart | None
    confusion: Confusion | None
    types: tuple[TypeRow, ...]


@dataclass(frozen=True, slots=True)
class CategoryPart:
    """What the page says about one category.

    Attributes:
        name: Of the category.
        anchor: Of its heading in the page.
        shown: The run with the most golden parts, first seed: its pictures are shown.
        curves: ROC, precision-recall and PRO of the first seed, one curve per number of golden parts.
        verdicts: Of the first seed, the most golden parts first.
        promise: Realised false rejects of all runs beside the guaranteed ones.
        galleries: Misses and false rejects of ``shown``.
    """

    name: str
    anchor: str
    shown: Run
    curves: tuple[Chart, ...]
    verdicts: tuple[Verdicts, ...]
    promise: Chart | None
    galleries: tuple[Gallery, ...]


def write_evaluation_report(folder: Path, evaluation: Evaluation, *, results: Path | None = None) -> Path:
    """Write ``report.html``; the page refers to nothing outside itself, so it can be mailed, archived and printed.

    Args:
        folder: Where to; made if it does not exist.
        evaluation: What was found.
        results: Folder that thumbnails' paths are relative to; None means ``folder``.

    Returns:
        The file.

    Raises:
        EvaluationError: There are no runs.
        OSError: The file cannot be written.
    """
    if not evaluation.runs:
        raise EvaluationError("the evaluation has no runs, so there is nothing to report; run it again")
    thumbnails = folder if results is None else results
    names = tuple(dict.fromkeys(run.key.category for run in evaluation.runs))
    pictures = max(1, min(MOST_EXPLAINED, _MOST_PICTURES // (2 * len(names))))
    text = (
        page_environment()
        .get_template("evaluation.html.j2")
        .render(
            evaluation=evaluation,
            leak_warning=LEAK_WARNING,
            titles=TITLES,
            headline=headline(evaluation),
            image_table=summary_table(evaluation, IMAGE_FIGURES),
            pixel_table=summary_table(evaluation, PIXEL_FIGURES),
            shots_charts=shots_charts(evaluation),
            categories=[_category_part(evaluation, name, place, thumbnails, pictures) for place, name in enumerate(names)],
            times=time_rows(evaluation),
            digests=_digests(evaluation.runs),
            recipes=_recipes(evaluation.runs),
            warnings=told_warnings(evaluation.runs),
            shots_word=shots_word,
            shown_from=SHOWN_FROM,
        )
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    path.write_text(text, encoding="utf-8")
    return path


@dataclass(frozen=True, slots=True)
class Headline:
    """The row that sums up best, in large figures: pairs of figure and name."""

    title: str
    figures: tuple[tuple[str, str], ...]


def headline(evaluation: Evaluation) -> Headline:
    """Return the figures of the last row: means over categories where there are several, with the most golden parts."""
    row: SummaryRow = evaluation.summary[-1]
    several = len({run.key.category for run in evaluation.runs}) > 1
    shots = "all golden parts" if row.all_golden else f"{shots_text(row)} golden part{'' if row.shots == 1 else 's'}"
    title = f"{'Mean of the categories' if several and row.category == 'mean' else row.category}, {shots}"
    titles = {**TITLES, "p50_s": time_title(runs_of(evaluation, row))} if "p50_s" in row.figures else TITLES
    figures = tuple((spread_text(name, row.figures[name]), titles[name]) for name in _HEADLINE if name in row.figures)
    return Headline(title, figures)


def _category_part(evaluation: Evaluation, name: str, place: int, thumbnails: Path, pictures: int) -> CategoryPart:
    runs = [run for run in evaluation.runs if run.key.category == name]
    first = {(run.key.all_golden, run.key.shots): run for run in reversed(runs)}  # the first seed of each
    ordered = sorted(first.values(), key=lambda run: (run.key.shots, run.key.all_golden))
    shown = ordered[-1]
    curves = (roc_chart(ordered), precision_recall_chart(ordered), pro_chart(ordered))
    return CategoryPart(
        name=name,
        anchor=f"category-{place}",
        shown=shown,
        curves=tuple(chart for chart in curves if chart is not None),
        verdicts=tuple(_verdicts(run) for run in reversed(ordered)),
        promise=false_reject_chart(runs),
        galleries=_galleries(shown, thumbnails, pictures),
    )


def _verdicts(run: Run) -> Verdicts:
    point = run.image.operating_point
    title = f"{shots_word(run)}, seed {run.key.seed}"
    return Verdicts(run, title, histogram(run), point.confusion if point else None, type_rows(run))


def _galleries(run: Run, thumbnails: Path, pictures: int) -> tuple[Gallery, ...]:
    wrong = (("Misses", misses(run.images)), ("False rejects", false_rejects(run.images)))
    return tuple(Gallery(title, len(found), wrong_images(run, found[:pictures], thumbnails)) for title, found in wrong)


def _digests(runs: Sequence[Run]) -> tuple[tuple[str, Run], ...]:
    """Return one run per category and digest of its files."""
    found = {(run.key.category, run.key.dataset_digest): run for run in runs}
    return tuple((category, run) for (category, _), run in found.items())


def _recipes(runs: Sequence[Run]) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Return digest and knobs of each recipe in use."""
    found = {run.key.recipe_digest: run.recipe for run in runs}
    return tuple((digest, recipe_rows(recipe)) for digest, recipe in found.items())
