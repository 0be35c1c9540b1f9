"""The drift watch: exact under exchangeability, quick to see a change, silent until the next one."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from goldenpart.client.drift import SIGNALS, DriftAlarm, DriftLimits, DriftWatch
from goldenpart.client.drift.advice import advise
from goldenpart.client.drift.evidence import BETS, Bet, SignalEvidence
from goldenpart.client.drift.watch import most_telling
from goldenpart.client.frame_statistics import FrameStatistic, FrameStatistics
from goldenpart.client.results import Inspection, Verdict

REFERENCE = np.sort(np.random.default_rng(99).normal(size=60))
QUICK = DriftLimits(period_frames=1000, baseline_frames=100, rearm_frames=30)


def statistic(value: float, reference: np.ndarray = REFERENCE) -> FrameStatistic:
    above, equal = int((reference > value).sum()), int((reference == value).sum())
    return FrameStatistic(value, above, equal, len(reference), float(np.median(reference)) if len(reference) else 0.0)


def frame(number: int, values: dict[str, float], *, verdict: Verdict = Verdict.PASS, revision: str = "r0001") -> Inspection:
    statistics = FrameStatistics(**{name: statistic(value) for name, value in values.items()})
    return Inspection(f"f{number}", "bolt", verdict, revision, statistics=statistics)


def normal_frames(seed: int, count: int, first: int = 0, **shift: float) -> Iterator[Inspection]:
    rng = np.random.default_rng(seed)
    for number in range(first, first + count):
        yield frame(number, {name: float(rng.normal()) + shift.get(name, 0.0) for name in SIGNALS})


def alarms(watch: DriftWatch, frames: Iterable[Inspection]) -> list[DriftAlarm]:
    return [alarm for inspection in frames if (alarm := watch.observe(inspection)) is not None]


@pytest.mark.parametrize("bet", BETS)
def test_every_bet_is_fair(bet: Bet) -> None:
    """Its integral over [0, 1] is 1; the substitution p = u^5 / 2, and its mirror image, tames the infinite ends of the power bets."""
    u = (np.arange(20_000) + 0.5) / 20_000
    p, weight = 0.5 * u**5, 2.5 * u**4
    ends = [*zip(p, weight, strict=True), *zip(1 - p, weight, strict=True)]
    assert sum(bet(min(float(at), 1 - 2.0**-53)) * float(width) for at, width in ends) / len(u) == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize("reference", [REFERENCE, REFERENCE[:3], REFERENCE[:0]], ids=["60", "3", "none"])
@pytest.mark.parametrize("digits", [6, 0], ids=["distinct", "ties"])
def test_p_values_are_uniform_and_independent_whatever_the_reference(reference: np.ndarray, digits: int) -> None:
    """Over many streams, each with a reference drawn anew: that is what exchangeability means."""
    rng, ties = np.random.default_rng(1), random.Random(1)
    early, late = [], []
    for _ in range(600):
        own = np.sort(rng.normal(size=len(reference)).round(digits))
        evidence = SignalEvidence(ties)
        p = [evidence.take(statistic(float(value), own), number) for number, value in enumerate(rng.normal(size=8).round(digits))]
        early.append(p[0])
        late.append(p[7])
    for p_values in (early, late):
        assert np.histogram(p_values, bins=10, range=(0, 1))[0] == pytest.approx(60, abs=37)  # 5 standard deviations of a bin
    assert abs(np.corrcoef(early, late)[0, 1]) < 0.2


def test_a_thousand_undisturbed_frames_raise_nothing() -> None:
    for seed in range(4):
        assert alarms(DriftWatch(name=str(seed)), normal_frames(seed, 1000)) == []


def test_a_steady_share_of_odd_parts_raises_nothing() -> None:
    rng = np.random.default_rng(3)
    values = ({name: float(rng.normal() + (4 if rng.random() < 0.05 else 0)) for name in SIGNALS} for _ in range(1000))
    assert alarms(DriftWatch(), (frame(number, row) for number, row in enumerate(values))) == []


@pytest.mark.parametrize("shift", [2.5, -2.5])
@pytest.mark.parametrize("before", [0, 300])
def test_a_shift_is_found_named_and_dated(shift: float, before: int) -> None:
    for seed in range(5):
        watch = DriftWatch(name=str(seed))
        assert alarms(watch, normal_frames(seed, before)) == []
        (alarm,) = alarms(watch, normal_frames(seed + 100, 60, before, sharpness=shift))
        assert alarm.signal == "sharpness"
        assert alarm.capital >= alarm.alarm_capital == pytest.approx(100)
        assert abs(int(alarm.since_frame[1:]) - before) <= 6
        assert alarm.frames_since == int(alarm.frame_id[1:]) - int(alarm.since_frame[1:]) + 1 <= 50
        assert alarm.before is not None
        assert alarm.after - alarm.before == pytest.approx(shift, abs=1)


def test_the_same_frames_give_the_same_evidence() -> None:
    first, second, other = DriftWatch(name="a"), DriftWatch(name="a"), DriftWatch(name="b")
    for watch in (first, second, other):
        alarms(watch, normal_frames(7, 50))
    assert first.evidence == second.evidence != other.evidence


def test_one_alarm_per_drift_and_ready_again_after_it_is_mended() -> None:
    watch = DriftWatch(QUICK)
    assert alarms(watch, normal_frames(1, 200)) == []
    (first,) = alarms(watch, normal_frames(2, 150, 200, brightness=-4))
    states = [watch.raised]
    assert alarms(watch, normal_frames(3, 60, 350)) == []
    assert [*states, watch.raised] == [True, False]
    (second,) = alarms(watch, normal_frames(4, 150, 410, framing_x=4))
    assert (first.signal, second.signal) == ("brightness", "framing_x")


def test_a_new_period_compares_with_the_reference_again() -> None:
    watch = DriftWatch(DriftLimits(period_frames=300, baseline_frames=50))
    for start in range(0, 1200, 300):
        assert alarms(watch, normal_frames(start, 300, start)) == []
    assert max(watch.evidence.values()) <= 1, "a period has just begun"
    assert len(alarms(watch, normal_frames(5, 60, 1200, score=-4))) == 1


def test_a_new_revision_is_a_new_watch() -> None:
    watch = DriftWatch()
    alarms(watch, normal_frames(1, 100))
    other = (replace(inspection, revision="r0002") for inspection in normal_frames(2, 5, 100))
    assert alarms(watch, other) == []
    assert max(watch.evidence.values()) < 1


def test_what_was_not_judged_changes_nothing() -> None:
    watch = DriftWatch()
    before = watch.evidence
    watch.observe(Inspection("f1", "bolt", Verdict.PASS, "r0001"))
    watch.observe(frame(1, dict.fromkeys(SIGNALS, 9.0), verdict=Verdict.NOT_INSPECTED))
    assert watch.evidence == before


def test_missing_signals_are_left_out() -> None:
    watch = DriftWatch()
    rng = np.random.default_rng(1)
    rows = [frame(n, {"brightness": float(rng.normal() - (4 if n >= 100 else 0))}, verdict=Verdict.FAIL) for n in range(160)]
    (alarm,) = alarms(watch, rows)
    assert alarm.signal == "brightness"


def test_false_alarms_are_as_rare_as_promised() -> None:
    """A period of 100 frames and 0.3 makes them common enough to count."""
    limits = DriftLimits(period_frames=100, false_alarm_probability=0.3)
    raised: Counter[bool] = Counter()
    for seed in range(100):
        rng = np.random.default_rng(seed)
        reference = np.sort(rng.normal(size=9))
        watch = DriftWatch(limits, name=str(seed))
        rows = [{name: statistic(float(rng.normal()), reference) for name in SIGNALS} for _ in range(100)]
        frames = (Inspection(f"f{n}", "bolt", Verdict.PASS, "r", statistics=FrameStatistics(**row)) for n, row in enumerate(rows))
        raised[bool(alarms(watch, frames))] += 1
    assert 1 <= raised[True] <= 0.3 * 100


@pytest.mark.parametrize(
    ("signal", "before", "after", "words"),
    [
        ("brightness", 0.5, 0.405, "brightness fell by 19 % since frame f9 (38 frames): check lamp"),
        ("framing_x", 0.5, 0.53, "moved right by 3.0 % of the width since frame f9"),
        ("framing_y", 0.5, 0.45, "moved up by 5.0 % of the height"),
        ("score", None, 0.4, "changed since frame f9"),
        ("contrast", 0.2, 0.2, "scatters otherwise"),
    ],
)
def test_advice(signal: str, before: float | None, after: float, words: str) -> None:
    assert words in advise(signal, before, after, "f9", 38)


@pytest.mark.parametrize("wrong", [{"period_frames": 99}, {"false_alarm_probability": 1.0}, {"rearm_frames": -1}])
def test_limits_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DriftLimits(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("evidence", "named"),
    [
        ({"highlight": 120.0, "sharpness": 9.0, "brightness": 0.1}, "sharpness"),
        ({"highlight": 120.0, "sharpness": 0.2, "score": 90.0}, "highlight"),
        ({"highlight": 0.2, "feature_shift": 80.0, "score": 130.0}, "score"),
        ({"brightness": 0.5, "score": 0.9}, "score"),
    ],
)
def test_the_most_telling_signal_is_named(evidence: dict[str, float], named: str) -> None:
    assert most_telling(evidence) == named


def test_drifted_values_leave_the_baseline_though_not_every_frame_has_the_signal() -> None:
    """Half of the parts fail and have no score; what drifted at first must not make the next drift look normal."""
    rng = np.random.default_rng(0)

    def half_scored(first: int, count: int, shift: float) -> Iterator[Inspection]:
        for number in range(first, first + count):
            values = {
                name: float(rng.normal()) + (shift if name == "score" or (name == "brightness" and number < 110) else 0.0)
                for name in SIGNALS
            }
            if number % 2:
                del values["score"]
            yield frame(number, values, verdict=Verdict.FAIL if number % 2 else Verdict.PASS)

    watch = DriftWatch(replace(QUICK, baseline_frames=200))
    (first,) = alarms(watch, (*half_scored(0, 100, 0.0), *half_scored(100, 10, 6.0)))
    assert first.frames_watched - first.frames_since >= 95
    assert alarms(watch, half_scored(110, 60, 0.0)) == []
    (second,) = alarms(watch, half_scored(170, 60, 3.0))
    assert (second.signal, second.frames_since) == ("score", 31), "41 frames if the first drift were still in the baseline"


def test_an_alarm_dates_the_signal_that_it_names() -> None:
    """The brightest spot is the first to be sure, and was unsteady before; the brightness tells when the lamp went down."""
    rng = np.random.default_rng(1)
    watch = DriftWatch(name="1")
    rows = []
    for number in range(1, 120):
        shift = -3.0 if number >= 40 else 0.0
        rng.normal()
        values = {name: float(rng.normal()) for name in SIGNALS}
        values |= {"brightness": 0.5 * float(rng.normal()) + 0.7 * shift, "highlight": float(rng.normal()) + shift}
        rows.append(frame(number, values))
    (alarm, *_) = alarms(watch, rows)
    assert (alarm.signal, alarm.since_frame) == ("brightness", "f40")
    assert max(alarm.evidence, key=lambda name: alarm.evidence[name]) == "highlight"
