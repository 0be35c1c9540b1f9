"""Puts runs together: over seeds, then over categories."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from goldenpart.client.evaluation.figures import PixelFigures
from goldenpart.client.evaluation.results import FIGURE_NAMES, Run, Spread, SummaryRow

MEAN = "mean"


def run_figures(run: Run) -> dict[str, float]:
    """Return the figures of a run by the names of ``FIGURE_NAMES``, in their order; those that it lacks are left out."""
    values = dict(_image_values(run))
    values |= dict(_pixel_values(run.pixel)) if run.pixel else {}
    values |= {"p50_s": run.latency.total_p50_s, "p99_s": run.latency.total_p99_s} if run.latency else {}
    return {name: value for name in FIGURE_NAMES if (value := values.get(name)) is not None}


def summarise(runs: Sequence[Run]) -> tuple[SummaryRow, ...]:
    """Make a row per category and shots, and per shots one over several categories that all have them."""
    groups: dict[tuple[str, int], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.key.category, _shots(run)), []).append(run)
    rows = [_row(group) for group in groups.values()]
    categories = {run.key.category for run in runs}
    if len(categories) > 1:
        for shots in dict.fromkeys(_shots(run) for run in runs):
            alike = [run for run in runs if _shots(run) == shots]
            if {run.key.category for run in alike} == categories:
                rows.append(_mean_row(alike))
    return tuple(rows)


def _shots(run: Run) -> int:
    return 0 if run.key.all_golden else run.key.shots


def _row(runs: Sequence[Run]) -> SummaryRow:
    key = runs[0].key
    return SummaryRow(key.category, key.shots, key.all_golden, _spreads([run_figures(run) for run in runs]))


def _mean_row(runs: Sequence[Run]) -> SummaryRow:
    """Average over categories within each seed, so that the deviation is that of the mean which papers report."""
    by_seed: dict[int, list[Mapping[str, float]]] = {}
    for run in runs:
        by_seed.setdefault(run.key.seed, []).append(run_figures(run))
    means = []
    for figures in by_seed.values():
        shared = [name for name in FIGURE_NAMES if all(name in one for one in figures)]
        means.append({name: float(np.mean([one[name] for one in figures])) for name in shared})
    return SummaryRow(MEAN, _shots(runs[0]), runs[0].key.all_golden, _spreads(means))


def _spreads(figures: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    found = {name: [one[name] for one in figures if name in one] for name in FIGURE_NAMES}
    return {name: spread(values) for name, values in found.items() if values}


def spread(values: Iterable[float]) -> Spread:
    """Return mean and standard deviation (n - 1) of at least one value."""
    numbers = np.asarray(list(values), np.float64)
    return Spread(float(numbers.mean()), float(numbers.std(ddof=1)) if len(numbers) > 1 else None, len(numbers))


def _image_values(run: Run) -> Iterator[tuple[str, float | None]]:
    estimates = (("image_auroc", run.image.auroc), ("image_ap", run.image.average_precision), ("image_f1_max", run.image.f1_max))
    yield from ((name, estimate.value) for name, estimate in estimates if estimate is not None)
    if (point := run.image.operating_point) is not None:
        yield from zip(
            ("precision", "recall", "f1", "accuracy", "false_reject_rate"),
            (point.precision, point.recall, point.f1, point.accuracy, point.false_reject_rate),
            strict=True,
        )


def _pixel_values(pixel: PixelFigures) -> Iterator[tuple[str, float | None]]:
    yield from (("pixel_auroc", pixel.auroc), ("pixel_ap", pixel.average_precision), ("pixel_f1_max", pixel.f1_max))
    yield from (("pixel_iou", pixel.iou), ("aupro", pixel.aupro), ("aupro_005", pixel.aupro_005), ("aupimo", pixel.aupimo))
