"""How careful a drift watch is."""

from dataclasses import dataclass

DEFAULT_PERIOD_FRAMES = 10_000
DEFAULT_FALSE_ALARM_PROBABILITY = 0.01


@dataclass(frozen=True, slots=True)
class DriftLimits:
    """Holds when a watch raises an alarm and when it is ready for the next.

    Attributes:
        period_frames: Frames after which the watch begins anew, with the reference and the baseline alone, so that a slow drift is not
            taken for normal. At least 100.
        false_alarm_probability: Most probable false alarm within such a period, in (0, 1).
        baseline_frames: First frames of a stream that are kept as a reference for all its periods.
        rearm_frames: After an alarm, frames without evidence before the next alarm may be raised.
        seed: Breaks ties; the same frames and seed give the same evidence.
    """

    period_frames: int = DEFAULT_PERIOD_FRAMES
    false_alarm_probability: float = DEFAULT_FALSE_ALARM_PROBABILITY
    baseline_frames: int = 200
    rearm_frames: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        if self.period_frames < 100:
            raise ValueError(f"period_frames is {self.period_frames}; at least 100 are needed to tell a drift from chance")
        if not 0 < self.false_alarm_probability < 1:
            raise ValueError(f"false_alarm_probability is {self.false_alarm_probability}; it must lie between 0 and 1, for example 0.01")
        for name in ("baseline_frames", "rearm_frames"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it counts from 0")
