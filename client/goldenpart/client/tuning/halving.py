"""Successive halving: many settings on few images, the best third of them on three times as many, and so on.

Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS 2016; a third is kept rather than
half, as in Li et al., "Hyperband", JMLR 2018. Pure: what is measured and what time it is are given.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

KEPT = 3
"""One of so many goes on."""
LEAST_IMAGES = 12
"""Fewer rank settings by luck."""

Candidate = TypeVar("Candidate")


class Score(NamedTuple):
    """How good a setting is; compared in this order.

    Attributes:
        auroc: Area under the ROC curve, [0, 1].
        average_precision: Settles ties.
    """

    auroc: float
    average_precision: float


@dataclass(frozen=True, slots=True)
class Rung:
    """A round.

    Attributes:
        images: Validation images that its settings are judged by.
        settings: Settings it is planned for, the reference included.
    """

    images: int
    settings: int


@dataclass(frozen=True, slots=True)
class Round(Generic[Candidate]):
    """What a rung found.

    Attributes:
        rung: As it was planned.
        ranking: Candidates that were measured, the best first; equal ones in the order they came.
    """

    rung: Rung
    ranking: tuple[tuple[Candidate, Score], ...]


def plan_rungs(settings: int, images: int, least_images: int = LEAST_IMAGES) -> tuple[Rung, ...]:
    """Plan the rounds: as many as leave at least one setting for the last and enough images for the first.

    Args:
        settings: Settings to start with, >= 1.
        images: Validation images, >= 1; the last rung has all of them.
        least_images: Of the first rung.
    """
    rounds = 1
    while settings >= KEPT**rounds and images >= least_images * KEPT**rounds:
        rounds += 1
    return tuple(Rung(images // KEPT ** (rounds - 1 - place), math.ceil(settings / KEPT**place)) for place in range(rounds))


def halve(
    candidates: Sequence[Candidate],
    rungs: Sequence[Rung],
    measure: Callable[[Candidate, Rung], Score | None],
    *,
    is_late: Callable[[int], bool] = lambda _: False,
) -> tuple[Round[Candidate], ...]:
    """Run the rounds. The first candidate is the reference: it is measured first in every round and never leaves.

    Args:
        candidates: At least one, all different.
        rungs: As planned.
        measure: Gives a candidate's score; None if it cannot be used, which ends it.
        is_late: Tells whether the time of a rung, counted from 0, is over; its remaining candidates are then left out.

    Returns:
        A round per rung; the first in the ranking of the last one is the best.

    Raises:
        ValueError: The reference cannot be used.
    """
    going, rounds = list(candidates), list[Round[Candidate]]()
    for place, rung in enumerate(rungs):
        scored: list[tuple[Candidate, Score]] = []
        for candidate in going:
            if scored and is_late(place):
                break
            score = measure(candidate, rung)
            if score is not None:
                scored.append((candidate, score))
            elif candidate is candidates[0]:
                raise ValueError("the reference cannot be measured, so there is nothing to compare with")
        ranking = sorted(scored, key=lambda pair: pair[1], reverse=True)  # stable, so equal ones keep their order
        rounds.append(Round(rung, tuple(ranking)))
        best = [candidate for candidate, _ in ranking[: math.ceil(len(ranking) / KEPT)]]
        going = [candidates[0], *(candidate for candidate in best if candidate is not candidates[0])]
    return tuple(rounds)
