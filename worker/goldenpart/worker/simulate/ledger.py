"""Holds the line to its promise: every frame one verdict, in time, in order."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from goldenpart.worker.events import EVENT_TYPE

Key = tuple[str, str]
LATENESS_BOUNDS_S = (0.0, 0.01, 0.1, 1.0, 10.0, 60.0)


@dataclass(frozen=True, slots=True)
class SentFrame:
    """Holds what a camera knows of a frame it sent.

    Attributes:
        source: /goldenpart/<line>/<station>/<camera>.
        frame_id: Its id.
        number: Position among the frames of this camera, from 0.
        captured_at: When it was taken.
        budget_s: Within what time the verdict was wanted.
    """

    source: str
    frame_id: str
    number: int
    captured_at: datetime
    budget_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Holds what matters of an event.

    Attributes:
        key: Source and id.
        verdict: PASS, FAIL, REVIEW or NOT_INSPECTED.
        reason: Why not inspected, "" otherwise.
        attempt: As the worker counted.
    """

    key: Key
    verdict: str
    reason: str
    attempt: int

    @classmethod
    def from_event(cls, event: Mapping[str, object]) -> "Verdict | None":
        """Reads a CloudEvent; None if it is about something other than a frame, such as drift.

        Raises:
            KeyError: It is no event of ours.
        """
        if event["type"] != EVENT_TYPE:
            return None
        data = event["data"]
        assert isinstance(data, dict)
        return cls((str(event["source"]), str(event["id"])), str(data["verdict"]), str(data["reason"] or ""), int(data["attempt"]))


@dataclass(frozen=True, slots=True)
class Balance:
    """Says how the promise was kept.

    Attributes:
        sent: Frames that cameras sent.
        answered: Those with a verdict.
        missing: Those without.
        unexpected: Events about frames nobody sent.
        repeats: Events that came again with the same verdict.
        conflicts: Frames with two different verdicts.
        out_of_order: First events that came after the first event of a later frame of the same camera.
        late: First events that came after their frame's time was up.
        verdicts: First events by verdict, with the reason for NOT_INSPECTED.
        lateness: First events by how late they came: (upper bound in seconds, count); the first bound is "in time".
        latency_s: Median and 99th percentile from capture to event, seconds; NaN without events.
    """

    sent: int
    answered: int
    missing: int
    unexpected: int
    repeats: int
    conflicts: int
    out_of_order: int
    late: int
    verdicts: Mapping[str, int]
    lateness: tuple[tuple[float, int], ...]
    latency_s: tuple[float, float]

    @property
    def kept(self) -> bool:
        """Tells whether every frame has exactly one verdict, in order."""
        return not (self.missing or self.unexpected or self.conflicts or self.out_of_order)


@dataclass(slots=True)
class Ledger:
    """Books frames and events, in whatever order they become known. Used from one loop."""

    _sent: dict[Key, SentFrame] = field(default_factory=dict)
    _first: dict[Key, tuple[Verdict, datetime]] = field(default_factory=dict)
    _repeats: int = 0
    _conflicts: set[Key] = field(default_factory=set)

    def sent(self, frame: SentFrame) -> None:
        """Books a frame. One that is sent again is the same frame."""
        self._sent.setdefault((frame.source, frame.frame_id), frame)

    def received(self, verdict: Verdict, at: datetime) -> None:
        """Books an event."""
        first = self._first.setdefault(verdict.key, (verdict, at))[0]
        if first is verdict:
            return
        if (first.verdict, first.reason) == (verdict.verdict, verdict.reason):
            self._repeats += 1
        else:
            self._conflicts.add(verdict.key)

    @property
    def answered(self) -> int:
        """Frames that have a verdict."""
        return len(self._first)

    @property
    def open_frames(self) -> int:
        """Frames that have no verdict yet."""
        return len(self._sent.keys() - self._first.keys())

    def verdicts(self) -> Counter[str]:
        """Counts first events by verdict, also those about frames nobody booked."""
        return Counter(verdict.verdict for verdict, _ in self._first.values())

    def balance(self) -> Balance:
        """Draws the balance."""
        answered = [(self._sent[key], verdict, at) for key, (verdict, at) in self._first.items() if key in self._sent]
        lateness_s = [(at - frame.captured_at).total_seconds() - frame.budget_s for frame, _, at in answered]
        return Balance(
            sent=len(self._sent),
            answered=len(answered),
            missing=self.open_frames,
            unexpected=len(self._first) - len(answered),
            repeats=self._repeats,
            conflicts=len(self._conflicts),
            out_of_order=_out_of_order([frame for frame, _, _ in answered]),
            late=sum(late > 0 for late in lateness_s),
            verdicts=Counter(f"{v.verdict} {v.reason}".strip() for _, v, _ in answered),
            lateness=_histogram(lateness_s),
            latency_s=_percentiles([(at - frame.captured_at) / timedelta(seconds=1) for frame, _, at in answered]),
        )


def _out_of_order(frames: list[SentFrame]) -> int:
    """Counts frames whose first event came after that of a later frame of the same camera; frames are in order of first events."""
    latest: dict[str, int] = {}
    count = 0
    for frame in frames:
        count += frame.number < latest.get(frame.source, -1)
        latest[frame.source] = max(frame.number, latest.get(frame.source, -1))
    return count


def _histogram(lateness_s: list[float]) -> tuple[tuple[float, int], ...]:
    bounds = (*LATENESS_BOUNDS_S, math.inf)
    lower = (-math.inf, *LATENESS_BOUNDS_S)
    return tuple((high, sum(low < late <= high for late in lateness_s)) for low, high in zip(lower, bounds, strict=True))


def _percentiles(latencies_s: list[float]) -> tuple[float, float]:
    if not latencies_s:
        return math.nan, math.nan
    ranked = sorted(latencies_s)
    return ranked[len(ranked) // 2], ranked[min(len(ranked) - 1, math.ceil(len(ranked) * 0.99) - 1)]
