"""What other thresholds would do: rates of false rejects and escapes, and what they would cost."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldenpart.client.costs import Costs
from goldenpart.client.thresholds_binomial import clopper_pearson

Scores = tuple[float, ...]
Shares = npt.NDArray[np.float64]
Counts = npt.NDArray[np.integer]

FEW_DEFECTIVES = 30
"""Below so many an escape rate is hardly known: if none of 30 escapes, 12 % may still do (95 % two-sided)."""
MOST_LEVELS = 1000
"""Levels at which the rates are worked out; of more scores, evenly spaced quantiles and all the highest normal ones are taken."""


@dataclass(frozen=True, slots=True)
class LabelledScores:
    """Image scores whose truth is known.

    Attributes:
        normal: Of good parts, finite; at least one.
        defective: Of defective parts, finite; may be empty.

    Raises:
        ValueError: There is no normal score, or one is not finite.
    """

    normal: Scores
    defective: Scores

    def __post_init__(self) -> None:
        if not self.normal:
            raise ValueError("there are no scores of good parts; calibrate with normal images, or give some with --reviewed-good")
        if not np.isfinite([*self.normal, *self.defective]).all():
            raise ValueError("a score is not finite; leave out parts that were not inspected")

    def __add__(self, other: "LabelledScores") -> "LabelledScores":
        return LabelledScores(self.normal + other.normal, self.defective + other.defective)


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 95 % interval (Clopper-Pearson), all in [0, 1], and the counts it comes from."""

    share: float
    low: float
    high: float
    hits: int
    trials: int


@dataclass(frozen=True, slots=True)
class Operation:
    """What a threshold does.

    Attributes:
        threshold: FAIL above it.
        false_rejects: Good parts that fail.
        escapes: Defective parts that pass; None without defective scores.
        cost: Expected cost per inspected part; None without defective scores.
        cost_low, cost_high: The same with both rates at the lower and at the upper ends of their intervals.
    """

    threshold: float
    false_rejects: Rate
    escapes: Rate | None
    cost: float | None
    cost_low: float | None
    cost_high: float | None


@dataclass(frozen=True, slots=True, eq=False)
class RateCurve:
    """Rates as steps: what holds from each threshold on up to the next one.

    Attributes:
        thresholds: (N,) float64, ascending; the first lies below all scores.
        false_rejects, false_rejects_low, false_rejects_high: (N,) float64, share of good parts that fail, and its 95 % interval.
        escapes, escapes_low, escapes_high: (N,) float64, share of defective parts that pass; all NaN without defective scores.
        cost: (N,) float64, expected cost per part; NaN likewise.
    """

    thresholds: Shares
    false_rejects: Shares
    false_rejects_low: Shares
    false_rejects_high: Shares
    escapes: Shares
    escapes_low: Shares
    escapes_high: Shares
    cost: Shares


@dataclass(frozen=True, slots=True, eq=False)
class WhatIf:
    """The whole answer.

    Attributes:
        scores: It rests on.
        costs: It is weighed by.
        curve: Of all thresholds.
        current: What the threshold in force does; None if the revision has none.
        best: What the threshold of least expected cost does; None without defective scores.
        warnings: What a careful engineer should know.
    """

    scores: LabelledScores
    costs: Costs
    curve: RateCurve
    current: Operation | None
    best: Operation | None
    warnings: tuple[str, ...]


def what_if(scores: LabelledScores, costs: Costs, current: float | None = None, remarks: Sequence[str] = ()) -> WhatIf:
    """Work out what every threshold would do.

    Args:
        scores: Of parts whose truth is known, all by one revision.
        costs: Of wrong verdicts.
        current: The threshold in force; None if there is none.
        remarks: What is known beyond the scores; becomes the first warnings.
    """
    curve = rate_curve(scores, costs)
    in_force = operation(scores, costs, current) if current is not None else None
    best = operation(scores, costs, best_threshold(scores, costs)) if scores.defective else None
    return WhatIf(scores, costs, curve, in_force, best, (*remarks, *_warnings(scores, best)))


def rate_curve(scores: LabelledScores, costs: Costs) -> RateCurve:
    """Return the rates at every score, as the threshold that lets it pass; of many scores, at `MOST_LEVELS` of them."""
    levels = _with_none_passing(_thinned(scores))
    rejected, escaped = _wrong(scores, levels)
    false_rejects = _band(rejected, len(scores.normal))
    escapes = _band(escaped, len(scores.defective))
    return RateCurve(
        thresholds=levels,
        false_rejects=false_rejects[0],
        false_rejects_low=false_rejects[1],
        false_rejects_high=false_rejects[2],
        escapes=escapes[0],
        escapes_low=escapes[1],
        escapes_high=escapes[2],
        cost=costs.per_part(false_rejects[0], escapes[0]),
    )


def best_threshold(scores: LabelledScores, costs: Costs) -> float:
    """Return the threshold of least expected cost: midway to the next score, where several are as good in the widest gap.

    Every score counts, however many there are; there must be some of defective parts.

    Distances are ratios where all scores are above 0: parts differ by factors, and a defect of half the score is as likely as one of
    twice.
    """
    lows = _with_none_passing(_every(scores))
    rejected, escaped = _wrong(scores, lows)
    cost = costs.per_part(rejected / len(scores.normal), escaped / len(scores.defective))
    highs = np.append(lows[1:], lows[-1])
    ratios = bool(lows[0] > 0)
    gaps = np.log(highs) - np.log(lows) if ratios else highs - lows
    cheapest = np.flatnonzero(cost <= cost.min() * (1 + 1e-12))
    widest = cheapest[gaps[cheapest].argmax()]
    low, high = float(lows[widest]), float(highs[widest])
    middle = math.sqrt(low * high) if ratios else (low + high) / 2
    return middle if low <= middle < high else low


def operation(scores: LabelledScores, costs: Costs, threshold: float) -> Operation:
    """Return what one threshold does."""
    false_rejects = _rate(sum(score > threshold for score in scores.normal), len(scores.normal))
    if not scores.defective:
        return Operation(threshold, false_rejects, None, None, None, None)
    escapes = _rate(sum(score <= threshold for score in scores.defective), len(scores.defective))
    rejected = np.array([false_rejects.share, false_rejects.low, false_rejects.high])
    escaped = np.array([escapes.share, escapes.low, escapes.high])
    return Operation(threshold, false_rejects, escapes, *costs.per_part(rejected, escaped).tolist())


def _every(scores: LabelledScores) -> Shares:
    return np.unique([*scores.normal, *scores.defective])


def _thinned(scores: LabelledScores) -> Shares:
    every = _every(scores)
    if len(every) <= MOST_LEVELS:
        return every
    return np.unique(np.concatenate([np.quantile(every, np.linspace(0, 1, MOST_LEVELS // 2), method="nearest"), _crossing(scores)]))


def _with_none_passing(levels: Shares) -> Shares:
    """Put a threshold before the first level that fails every part."""
    return np.concatenate([[levels[0] - max(abs(levels[0]) * 0.05, np.finfo(np.float64).tiny)], levels])


def _wrong(scores: LabelledScores, thresholds: Shares) -> tuple[Counts, Counts]:
    """Return how many good parts fail and how many defective ones pass at every threshold."""
    rejected = len(scores.normal) - np.searchsorted(np.sort(scores.normal), thresholds, "right")
    return rejected, np.searchsorted(np.sort(scores.defective), thresholds, "right")


def _crossing(scores: LabelledScores) -> Shares:
    """Return the highest normal and the lowest defective scores: where a good threshold lies."""
    half = MOST_LEVELS // 4
    return np.concatenate([np.sort(scores.normal)[-half:], np.sort(scores.defective)[:half]])


def _band(hits: Counts, trials: int) -> tuple[Shares, Shares, Shares]:
    """Return shares with their lower and upper bounds; all NaN of no trials."""
    if not trials:
        nothing = np.full(len(hits), np.nan)
        return nothing, nothing, nothing
    counts, places = np.unique(np.asarray(hits, np.int64), return_inverse=True)
    low, high = clopper_pearson(counts, trials)
    return counts[places] / trials, low[places], high[places]


def _rate(hits: int, trials: int) -> Rate:
    share, low, high = _band(np.array([hits]), trials)
    return Rate(float(share[0]), float(low[0]), float(high[0]), hits, trials)


def _warnings(scores: LabelledScores, best: Operation | None) -> tuple[str, ...]:
    found, defectives = [], len(scores.defective)
    if best is None or best.escapes is None:
        found.append("No score of a defective part is known, so escapes and costs are not; give some with --reviewed-bad.")
    elif defectives < FEW_DEFECTIVES:
        parts = "part" if defectives == 1 else "parts"
        found.append(
            f"Only {defectives} defective {parts}: at the best threshold the true escape rate may be anything from "
            f"{100 * best.escapes.low:.2g} % to {100 * best.escapes.high:.2g} %. Give {FEW_DEFECTIVES} or more before you rely on it."
        )
    if best is not None:
        found.append("The best threshold was chosen on these very scores; on new parts it does somewhat worse.")
    return tuple(found)
