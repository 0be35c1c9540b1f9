"""The reference of the drift watch: how frames of a category look when the station is as it should be.

Everything here is stateless: it places a frame among reference frames. Who follows a camera over time is the line worker (docs/drift.md).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from goldenpart.server.vision.calibration import Calibration, Judgement
from goldenpart.server.vision.frame_statistics import FrameStatistics

Token = npt.NDArray[np.float32]
"""(D,) float32, the mean patch token of a picture, before neighbourhood, centring and normalisation."""

_MAD_TO_DEVIATION = 1.4826  # for normally distributed values
_SHRINKAGE = 0.5  # of each channel's variance towards the mean of all: a few parts do not tell 384 variances


class Signal(StrEnum):
    """What is watched; the names are those of goldenpart.v1.FrameStatistics."""

    SCORE = "score"
    FEATURE_SHIFT = "feature_shift"
    BRIGHTNESS = "brightness"
    HIGHLIGHT = "highlight"
    CONTRAST = "contrast"
    SHARPNESS = "sharpness"
    FRAMING_X = "framing_x"
    FRAMING_Y = "framing_y"


@dataclass(frozen=True, slots=True)
class SignalReference:
    """A signal over the reference frames.

    Attributes:
        median: of the values, in the signal's unit.
        scatter: 1.4826 * median absolute deviation, the robust standard deviation.
        values: at least one, in the order the frames came.
    """

    median: float
    scatter: float
    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> SignalReference:
        """Describe at least one value."""
        array = np.asarray(values, np.float64)
        median = float(np.median(array))
        return cls(median, float(_MAD_TO_DEVIATION * np.median(np.abs(array - median))), tuple(array.tolist()))


@dataclass(frozen=True, slots=True)
class TokenReference:
    """Where the mean tokens of the golden parts lie.

    Attributes:
        mean: (D,) of the parts' mean tokens.
        deviation: (D,) their standard deviation per channel, > 0; each variance is shrunk half-way to the mean of all, as regularised
            discriminant analysis does (Friedman 1989).
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def of(cls, tokens: Sequence[Token]) -> TokenReference | None:
        """Describe the mean tokens of parts; None if they do not scatter, as one part alone does not."""
        if len(tokens) < 2:
            return None
        stacked = np.stack(tokens).astype(np.float64)  # (n, D)
        variances = stacked.var(axis=0, ddof=1)
        shrunk = (1 - _SHRINKAGE) * variances + _SHRINKAGE * variances.mean()
        if not shrunk.min() > 0:
            return None
        return cls(tuple(stacked.mean(axis=0).tolist()), tuple(np.sqrt(shrunk).tolist()))

    def shift(self, token: Token) -> float:
        """Return the root mean square over the channels of the distance from the mean in standard deviations."""
        distances = (token.astype(np.float64) - np.asarray(self.mean)) / np.asarray(self.deviation)
        return float(np.sqrt(np.mean(np.square(distances))))


@dataclass(frozen=True, slots=True)
class DriftReference:
    """What is kept with a revision.

    Attributes:
        tokens: of the golden parts; None where they do not scatter.
        signals: by the signal's name; only such whose values a new frame's may be exchanged with. Golden parts have no score and no
            feature shift that could: they are what these are measured against.
    """

    tokens: TokenReference | None
    signals: Mapping[str, SignalReference]


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredFrame:
    """A frame as the drift watch sees it.

    Attributes:
        statistics: of its pixels.
        token: its mean token; None if no backbone read it.
        score: image score; None if it was not compared with a bank.
    """

    statistics: FrameStatistics
    token: Token | None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """A value and where it lies among the reference's; see goldenpart.v1.FrameStatistic."""

    value: float
    above: int = 0
    equal: int = 0
    references: int = 0
    median: float = 0.0
    scatter: float = 0.0

    @property
    def p_value(self) -> float:
        """(1 + #{reference >= value}) / (n + 1)."""
        return (1 + self.above + self.equal) / (self.references + 1)


def golden_reference(frames: Sequence[MeasuredFrame]) -> DriftReference:
    """Take golden parts, unrotated, as the reference: what Fit knows."""
    tokens = TokenReference.of([frame.token for frame in frames if frame.token is not None])
    return DriftReference(tokens, _references([_values(replace(frame, score=None), None) for frame in frames]))


def normal_reference(golden: DriftReference | None, frames: Sequence[MeasuredFrame]) -> DriftReference:
    """Take scored normal pictures as the reference: what Calibrate knows.

    Args:
        golden: of the revision that is calibrated; None if it was fitted before there was a drift watch.
        frames: at least one.
    """
    tokens = None if golden is None else golden.tokens
    return DriftReference(tokens, _references([_values(frame, tokens) for frame in frames]))


class DriftScale:
    """A revision's reference, sorted, to place frames on. Immutable; any thread.

    Args:
        reference: of the revision; None if it has none.
        calibration: of the revision; None if it has none.
    """

    def __init__(self, reference: DriftReference | None, calibration: Calibration | None) -> None:
        self._tokens = None if reference is None else reference.tokens
        self._calibration = calibration
        signals = {} if reference is None else dict(reference.signals)
        if Signal.SCORE in signals:
            signals[Signal.SCORE] = _passing(signals[Signal.SCORE], calibration)
        self._references = {name: (signal, sorted(signal.values)) for name, signal in signals.items()}

    def place(self, frame: MeasuredFrame) -> Mapping[Signal, Placement]:
        """Place every signal of a frame; the score of one that does not pass is left out, since only passed parts are compared."""
        values = _values(frame, self._tokens)
        if frame.score is None or self._calibration is None or self._calibration.judge(frame.score) is not Judgement.PASS:
            values.pop(Signal.SCORE, None)
        return {signal: self._place(signal, value) for signal, value in values.items()}

    def _place(self, signal: Signal, value: float) -> Placement:
        if signal not in self._references:
            return Placement(value)
        reference, ranked = self._references[signal]
        below, not_above = bisect_left(ranked, value), bisect_right(ranked, value)
        return Placement(value, len(ranked) - not_above, not_above - below, len(ranked), reference.median, reference.scatter)


def _values(frame: MeasuredFrame, tokens: TokenReference | None) -> dict[Signal, float]:
    statistics = frame.statistics
    values = {
        Signal.BRIGHTNESS: statistics.brightness,
        Signal.HIGHLIGHT: statistics.highlight,
        Signal.CONTRAST: statistics.contrast,
        Signal.SHARPNESS: statistics.sharpness,
        Signal.FRAMING_X: statistics.framing_x,
        Signal.FRAMING_Y: statistics.framing_y,
    }
    if tokens is not None and frame.token is not None:
        values[Signal.FEATURE_SHIFT] = tokens.shift(frame.token)
    if frame.score is not None:
        values[Signal.SCORE] = frame.score
    return values


def _references(frames: Sequence[Mapping[Signal, float]]) -> dict[str, SignalReference]:
    return {signal.value: SignalReference.of([frame[signal] for frame in frames]) for signal in frames[0]} if frames else {}


def _passing(scores: SignalReference, calibration: Calibration | None) -> SignalReference:
    """Keep the reference scores that passed parts may be exchanged with.

    Given the r-th smallest of n exchangeable scores, the r - 1 below it and the new scores below it are exchangeable with each other; the
    r-th itself, which is the limit, is not one of them. So the scores strictly below the limit are kept, and nothing has to be rescaled.
    """
    if calibration is None:
        return scores
    limit = calibration.threshold if calibration.review_threshold is None else calibration.review_threshold
    kept = [score for score in scores.values if score < limit]
    return SignalReference.of(kept) if kept else SignalReference(0.0, 0.0, ())
