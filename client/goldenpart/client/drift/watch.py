"""Follows one category at one camera and says when its frames no longer look as they did."""

import random
from collections import deque
from dataclasses import dataclass, fields
from statistics import median

from goldenpart.client.drift.advice import advise
from goldenpart.client.drift.evidence import SignalEvidence
from goldenpart.client.drift.limits import DriftLimits
from goldenpart.client.frame_statistics import FrameStatistic, FrameStatistics
from goldenpart.client.results import Inspection, Verdict

SIGNALS: tuple[str, ...] = tuple(field.name for field in fields(FrameStatistics))
"""Names of all signals, as in :class:`~goldenpart.client.frame_statistics.FrameStatistics`."""

_TELLING = ({"brightness", "sharpness", "framing_x", "framing_y"}, {"contrast", "highlight"}, {"feature_shift", "score"})
_RECENT_FRAMES = 1000
_JUDGED = frozenset({Verdict.PASS, Verdict.REVIEW, Verdict.FAIL})


@dataclass(frozen=True, slots=True)
class DriftAlarm:
    """An alarm: something has drifted.

    Attributes:
        signal: What drifted: the most telling of all signals with evidence. A lens out of focus dims the brightest spot too and changes
            every score, but it is the sharpness that names the cause.
        capital: What a bettor against "nothing has drifted" made of 1 on the signal with the strongest evidence, with its share of the
            false-alarm probability.
        alarm_capital: From which on an alarm is raised, 1 / false_alarm_probability.
        evidence: Capital by signal.
        since_frame: Id of the frame with which it probably began.
        frames_since: Frames from that one to this, both included.
        frames_watched: Frames of this revision that were watched.
        before: Median of the signal before; None if nothing is known of then.
        after: Median of the signal since.
        advice: What to look at, in words.
        frame_id: Of the frame that raised it.
        category: Product type.
        revision: That judged.
    """

    signal: str
    capital: float
    alarm_capital: float
    evidence: dict[str, float]
    since_frame: str
    frames_since: int
    frames_watched: int
    before: float | None
    after: float
    advice: str
    frame_id: str
    category: str
    revision: str


class DriftWatch:
    """Watches the results of one category at one camera, in the order of its frames. Pure, deterministic, not thread-safe.

    The bettors against exchangeability (see :mod:`~goldenpart.client.drift.evidence`) spread a capital of 1 over the beginnings of a
    period of T frames: they have R(t) / T + 1 - t / T, a martingale that begins at 1. By Ville's inequality it ever reaches S / a in a
    period with probability a / S at most; with S signals, each in its own right, a false alarm has probability a at most (union bound; a
    mean over signals would be a martingale only if every signal's p-values were uniform given the past of all signals, which they are not).

    Score is watched over passed parts alone, as the reference has only such; the other signals over every judged frame, since a drift may
    well leave no part that passes. A new revision begins a new watch, since scores have another scale there.

    Args:
        limits: How careful it is.
        name: Makes ties break differently from watch to watch, for example camera and category.
    """

    def __init__(self, limits: DriftLimits | None = None, name: str = "") -> None:
        self._limits = limits or DriftLimits()
        self._rng = random.Random(f"{self._limits.seed} {name}")  # noqa: S311  # repeatable on purpose
        self._revision = ""
        self._watched = self._period_frames = 0
        self._calm_frames: int | None = None
        self._baseline: dict[str, list[tuple[int, float]]] = {}  # number of the frame and value: not every frame has every signal
        self._recent: deque[tuple[int, str, FrameStatistics]] = deque(maxlen=_RECENT_FRAMES)
        self._signals: dict[str, SignalEvidence] = {}
        self._forget()

    @property
    def raised(self) -> bool:
        """Tells whether the last alarm holds on: the next is raised after `rearm_frames` frames without evidence."""
        return self._calm_frames is not None

    @property
    def alarm_capital(self) -> float:
        """Capital from which on an alarm is raised."""
        return 1.0 / self._limits.false_alarm_probability

    @property
    def evidence(self) -> dict[str, float]:
        """Capital by signal, each with its share of the false-alarm probability; above `alarm_capital` is an alarm."""
        period, number = self._limits.period_frames, self._period_frames
        return {name: (signal.total / period + max(0.0, 1.0 - number / period)) / len(SIGNALS) for name, signal in self._signals.items()}

    def observe(self, inspection: Inspection) -> DriftAlarm | None:
        """Take the next result; one without statistics or judgement changes nothing.

        Returns:
            An alarm, once per drift.
        """
        if inspection.statistics is None or inspection.verdict not in _JUDGED:
            return None
        if inspection.revision != self._revision:
            self._revision = inspection.revision
            self._forget()
        self._watched += 1
        self._period_frames += 1
        self._recent.append((self._watched, inspection.frame_id, inspection.statistics))
        for name in SIGNALS:
            statistic: FrameStatistic | None = getattr(inspection.statistics, name)
            if statistic is not None:
                self._signals[name].take(statistic, self._watched)
                if self._watched <= self._limits.baseline_frames and not self.raised:
                    self._baseline[name].append((self._watched, statistic.value))
        return self._conclude(inspection)

    def _conclude(self, inspection: Inspection) -> DriftAlarm | None:
        evidence = self.evidence
        signal = max(evidence, key=lambda name: evidence[name])
        alarm = None
        if self._calm_frames is None:
            if evidence[signal] >= self.alarm_capital:
                named = most_telling(evidence)
                alarm = self._alarm(inspection, named, self._signals[named].since, evidence)
                self._calm_frames = 0
                self._drop_drifted(min(self._signals[named].since, self._signals[signal].since))
                self._restart()
        elif evidence[signal] * len(SIGNALS) >= self.alarm_capital**0.5:  # half-way to an alarm, in orders of magnitude
            self._calm_frames = 0
            self._restart()
        else:
            self._calm_frames += 1
            if self._calm_frames > self._limits.rearm_frames:
                self._calm_frames = None
        if self._period_frames >= self._limits.period_frames:
            self._restart()
        return alarm

    def _alarm(self, inspection: Inspection, signal: str, since: int, evidence: dict[str, float]) -> DriftAlarm:
        values = [(number, frame_id, getattr(statistics, signal)) for number, frame_id, statistics in self._recent]
        after = [statistic.value for number, _, statistic in values if number >= since and statistic is not None]
        earlier = [statistic.value for number, _, statistic in values if number < since and statistic is not None]
        newest: FrameStatistic = next(statistic for _, _, statistic in reversed(values) if statistic is not None)
        before = newest.reference_median if newest.references else (median(earlier) if earlier else None)
        since_frame = next((frame_id for number, frame_id, _ in values if number >= since), inspection.frame_id)
        frames_since = self._watched - since + 1
        return DriftAlarm(
            signal=signal,
            capital=max(evidence.values()),
            alarm_capital=self.alarm_capital,
            evidence=evidence,
            since_frame=since_frame,
            frames_since=frames_since,
            frames_watched=self._watched,
            before=before,
            after=median(after or [newest.value]),
            advice=advise(signal, before, median(after or [newest.value]), since_frame, frames_since),
            frame_id=inspection.frame_id,
            category=inspection.category,
            revision=inspection.revision,
        )

    def _drop_drifted(self, since: int) -> None:
        """Take what came since the drift began out of the baseline: it is not how things should look."""
        self._baseline = {name: [(number, value) for number, value in values if number < since] for name, values in self._baseline.items()}

    def _restart(self) -> None:
        self._period_frames = 0
        self._signals = {name: SignalEvidence(self._rng, [value for _, value in self._baseline[name]]) for name in SIGNALS}

    def _forget(self) -> None:
        self._watched = 0
        self._calm_frames = None
        self._baseline = {name: [] for name in SIGNALS}
        self._recent.clear()
        self._restart()


def most_telling(evidence: dict[str, float]) -> str:
    """Return the signal that names the cause best among those whose bettors have not less than the whole stake, or else the strongest."""
    for group in _TELLING:
        grown = {name: capital for name, capital in evidence.items() if name in group and capital >= 1.0}
        if grown:
            return max(grown, key=lambda name: grown[name])
    return max(evidence, key=lambda name: evidence[name])
