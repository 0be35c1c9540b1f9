"""Which frames of a pool to label next: those that cover most of what the bank does not, then those whose verdict hangs by a thread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from goldenpart.server.vision.coverage import Coverage, Novelty, Pick

KEPT_PATCHES = 32
"""Patches by which a frame takes part in the comparison, its farthest ones."""
LEAST_GAIN, MOST_LEAST_GAIN = 0.02, 0.5
"""Coverage is a reason from an average frame's share of the pool's uncovered distance on, 1 / frames, within these bounds."""
MOST_FACTOR = 2.0
"""A score at most so many times above or below the threshold is a reason."""
_ALONE = 0.1  # share of its gain in other frames below which a frame is one of a kind


class SuggestionReason(StrEnum):
    """Why a frame is suggested."""

    COVERAGE = "coverage"
    THRESHOLD = "threshold"


@dataclass(frozen=True, slots=True, eq=False)
class PoolFrame:
    """A frame of the pool, measured.

    Attributes:
        name: for people.
        place: in the order the frames came.
        score: image score.
        novelty: what it has that the bank does not cover.
    """

    name: str
    place: int
    score: float
    novelty: Novelty


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A frame worth a label.

    Attributes:
        name, place, score: of the frame.
        reason, explanation: why, as a word and in words.
        coverage_gain, coverage_total, shared_gain: see `coverage.Pick`; gain and shares are 0 for the reason THRESHOLD.
        threshold_ratio: score / threshold; None without a threshold above 0.
        near_duplicates: names of frames that show next to nothing this one does not show.
    """

    name: str
    place: int
    score: float
    reason: SuggestionReason
    explanation: str
    coverage_gain: float
    coverage_total: float
    shared_gain: float
    threshold_ratio: float | None
    near_duplicates: tuple[str, ...]


def rank_frames(frames: Sequence[PoolFrame], coverage: Coverage, threshold: float | None, count: int) -> tuple[Suggestion, ...]:
    """Rank the frames that are worth a label, best first.

    Args:
        frames: the pool.
        coverage: of their novelties, in the same order, measured.
        threshold: of the revision; None if it has none.
        count: at most so many.
    """
    ranked, claimed, total = [], np.zeros(len(frames), np.bool_), 0.0
    for pick in coverage.picks(count, max(LEAST_GAIN, min(1.0 / len(frames), MOST_LEAST_GAIN))):
        ranked.append(_by_coverage(frames, pick, threshold))
        claimed[[pick.place, *pick.repeats]] = True
        total = pick.total
    for index in sorted(range(len(frames)), key=lambda index: _distance_to_limit(frames[index], threshold)):
        if len(ranked) >= count or _distance_to_limit(frames[index], threshold) > math.log(MOST_FACTOR):
            break
        if claimed[index]:
            continue
        repeats = coverage.repeats_of(index, ~claimed)
        claimed[[index, *repeats]] = True
        ranked.append(_by_threshold(frames, index, repeats, threshold, total))
    return tuple(ranked)


def _by_coverage(frames: Sequence[PoolFrame], pick: Pick, threshold: float | None) -> Suggestion:
    frame, ratio = frames[pick.place], _ratio(frames[pick.place], threshold)
    words = [f"unlike the bank: covers {100 * pick.gain:.2g} % of what is uncovered in the pool"]
    if pick.shared < _ALONE:
        words.append("no other frame has the like, so see first whether it is a good part")
    if ratio is not None:
        words.append(f"score {ratio:.2f} of the limit")
    return Suggestion(
        name=frame.name,
        place=frame.place,
        score=frame.score,
        reason=SuggestionReason.COVERAGE,
        explanation="; ".join(words),
        coverage_gain=pick.gain,
        coverage_total=pick.total,
        shared_gain=pick.shared,
        threshold_ratio=ratio,
        near_duplicates=tuple(frames[place].name for place in pick.repeats),
    )


def _by_threshold(frames: Sequence[PoolFrame], index: int, repeats: tuple[int, ...], threshold: float | None, total: float) -> Suggestion:
    frame, ratio = frames[index], _ratio(frames[index], threshold)
    return Suggestion(
        name=frame.name,
        place=frame.place,
        score=frame.score,
        reason=SuggestionReason.THRESHOLD,
        explanation=f"close to the limit: {ratio:.2f}",
        coverage_gain=0.0,
        coverage_total=total,
        shared_gain=0.0,
        threshold_ratio=ratio,
        near_duplicates=tuple(frames[place].name for place in repeats),
    )


def _ratio(frame: PoolFrame, threshold: float | None) -> float | None:
    return frame.score / threshold if threshold is not None and threshold > 0 else None


def _distance_to_limit(frame: PoolFrame, threshold: float | None) -> float:
    """Return |ln(score / threshold)|, infinite where there is no such thing."""
    ratio = _ratio(frame, threshold)
    return abs(math.log(ratio)) if ratio else math.inf
