"""What other thresholds would do and cost: rates, intervals, the cheapest threshold, and how they are drawn."""

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console
from scipy import stats

from goldenpart.client.conversions import revision as revision_from_pb
from goldenpart.client.costs import Costs
from goldenpart.client.thresholds import FEW_DEFECTIVES, LabelledScores, best_threshold, operation, rate_curve, what_if
from goldenpart.client.thresholds_binomial import beta_distribution, clopper_pearson
from goldenpart.client.thresholds_chart import bar_rows, chart
from goldenpart.client.thresholds_page import write_what_if
from goldenpart.client.thresholds_plot import threshold_plot
from goldenpart.v1 import category_pb2

COSTS = Costs(escape=100.0, reject=1.0, prior=0.01)
SCORES = LabelledScores((1.0, 2.0, 3.0, 4.0), (3.5, 8.0))
REVISION = revision_from_pb(category_pb2.Revision(category="flange", revision="r0007"))


@settings(deadline=None, max_examples=50)
@given(trials=st.integers(1, 3000), data=st.data())
def test_intervals_are_those_of_scipy(trials: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, trials))
    low, high = clopper_pearson(np.array([hits]), trials)
    exact = stats.binomtest(hits, trials).proportion_ci(0.95, "exact")
    assert (low[0], high[0]) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_the_beta_distribution_is_that_of_scipy() -> None:
    x, a, b = (grid.ravel() for grid in np.meshgrid([0.001, 0.3, 0.9, 0.9999], [0.5, 3.0, 200.0, 20_000.0], [0.7, 12.0, 9000.0]))
    assert beta_distribution(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), abs=1e-10)


def test_nothing_is_known_of_no_trials() -> None:
    low, high = clopper_pearson(np.array([0]), 0)
    assert (low.tolist(), high.tolist()) == ([0], [1])


def test_what_a_threshold_does() -> None:
    found = operation(SCORES, COSTS, 3.0)
    assert (found.false_rejects.hits, found.false_rejects.trials, found.false_rejects.share) == (1, 4, 0.25)
    assert found.escapes is not None
    assert (found.escapes.hits, found.escapes.share) == (0, 0.0)
    assert found.cost == pytest.approx(0.99 * 0.25)
    assert found.cost_low is not None
    assert found.cost_high is not None
    assert found.cost_low < found.cost < found.cost_high
    assert operation(SCORES, COSTS, 3.5).escapes is not None, "the threshold is the last score that passes"
    assert operation(SCORES, COSTS, 8.0).cost == pytest.approx(1.0)
    blind = operation(LabelledScores((1.0,), ()), COSTS, 1.0)
    assert (blind.escapes, blind.cost) == (None, None)


def test_the_curve_holds_the_rates_at_every_score() -> None:
    curve = rate_curve(SCORES, COSTS)
    assert curve.thresholds[1:].tolist() == [1, 2, 3, 3.5, 4, 8]
    assert curve.false_rejects.tolist() == [1, 0.75, 0.5, 0.25, 0.25, 0, 0]
    assert curve.escapes.tolist() == [0, 0, 0, 0, 0.5, 0.5, 1]
    assert (curve.false_rejects_low <= curve.false_rejects).all()
    assert (curve.escapes <= curve.escapes_high).all()


@settings(deadline=None, max_examples=50)
@given(
    normal=st.lists(st.floats(0.01, 100), min_size=1, max_size=40),
    defective=st.lists(st.floats(0.01, 100), min_size=1, max_size=40),
    escape=st.floats(0.1, 1000),
)
def test_no_threshold_is_cheaper_than_the_best(normal: list[float], defective: list[float], escape: float) -> None:
    scores, costs = LabelledScores(tuple(normal), tuple(defective)), Costs(escape, 1.0, 0.1)
    best = operation(scores, costs, best_threshold(scores, costs))
    assert best.cost is not None
    for threshold in (0.001, *normal, *defective):
        other = operation(scores, costs, threshold).cost
        assert other is not None
        assert best.cost <= other + 1e-9


def test_the_best_of_very_many_scores_is_the_best_of_all() -> None:
    rng = np.random.default_rng(1)
    scores = LabelledScores(tuple(rng.lognormal(0.0, 0.3, 8000)), tuple(rng.lognormal(0.9, 0.5, 3000)))
    best = operation(scores, COSTS, best_threshold(scores, COSTS)).cost
    normal, defective = np.sort(scores.normal), np.sort(scores.defective)
    levels = np.concatenate([normal, defective])
    rejected = 1 - np.searchsorted(normal, levels, "right") / len(normal)
    escaped = np.searchsorted(defective, levels, "right") / len(defective)
    assert best == pytest.approx(float(COSTS.per_part(rejected, escaped).min()), rel=1e-12)


def test_among_equals_the_widest_gap_is_halved() -> None:
    apart = LabelledScores((1.0, 2.0), (8.0, 16.0))
    assert best_threshold(apart, COSTS) == pytest.approx(4.0)  # by ratios: sqrt(2 * 8)
    assert best_threshold(LabelledScores((0.0, 2.0), (8.0, 16.0)), COSTS) == pytest.approx(5.0)


def test_costs_move_the_best_threshold() -> None:
    scores = LabelledScores(tuple(np.linspace(1, 10, 50)), tuple(np.linspace(6, 20, 50)))
    careful, lax = (best_threshold(scores, Costs(escape, 1.0, 0.01)) for escape in (10_000.0, 1.0))
    assert careful < 6.0
    assert lax >= 10.0


def test_many_scores_are_thinned_where_nothing_happens() -> None:
    scores = LabelledScores(tuple(np.linspace(1, 5, 20_000)), tuple(np.linspace(4.9, 9, 500)))
    curve = rate_curve(scores, COSTS)
    assert len(curve.thresholds) <= 1001
    assert {scores.normal[-1], scores.defective[0]} <= set(curve.thresholds.tolist())


def test_warnings() -> None:
    assert "No score of a defective part" in what_if(LabelledScores((1.0,), ()), COSTS).warnings[0]
    assert what_if(SCORES, COSTS, remarks=("zones",)).warnings[0] == "zones"
    few = what_if(SCORES, COSTS).warnings
    assert few[0].startswith("Only 2 defective parts")
    enough = what_if(LabelledScores((1.0,), (2.0,) * FEW_DEFECTIVES), COSTS).warnings
    assert len(enough) == 1
    assert "chosen on these very scores" in enough[0]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Costs(0.0, 1.0), "cost of escapes is 0.0"),
        (lambda: Costs(1.0, -1.0), "cost of rejects is -1.0"),
        (lambda: Costs(1.0, 1.0, 1.0), "share of defective parts is 1.0"),
        (lambda: LabelledScores((), (1.0,)), "no scores of good parts"),
        (lambda: LabelledScores((float("inf"),), ()), "not finite"),
    ],
)
def test_what_makes_no_sense_is_refused(make: object, words: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=words):
        make()


def test_the_plot_keeps_within_its_frame_and_its_order() -> None:
    plot = threshold_plot(what_if(SCORES, COSTS, current=2.5))
    assert [curve.name for curve in plot.rates] == ["false rejects", "escapes"]
    assert plot.cost is not None
    for curve in (*plot.rates, plot.cost):
        xs = [x for x, _ in curve.line]
        assert xs == sorted(xs)
        assert all(64 <= x <= 796 and 26 <= y <= 446 for x, y in (*curve.line, *curve.band))
    falling = [y for _, y in plot.rates[0].line]
    assert falling == sorted(falling), "down the page as the threshold rises"
    assert [mark.word for mark in plot.marks] == ["now", "best"]
    blind = threshold_plot(what_if(LabelledScores((1.0, 2.0), ()), COSTS, current=1.5))
    assert (len(blind.rates), blind.cost, blind.cost_ticks) == (1, None, ())
    assert threshold_plot(what_if(LabelledScores((1.0,), ()), COSTS)).marks == ()


def test_the_page_stands_alone_and_says_what_it_rests_on(tmp_path: Path) -> None:
    found = what_if(SCORES, COSTS, current=2.5)
    page = write_what_if(tmp_path / "deep" / "what-if.html", found, REVISION, now=datetime(2026, 1, 2, tzinfo=UTC)).read_text()
    assert not re.search(r"""(src|href)=["']""", page)
    for words in ("Thresholds for flange", "r0007", "4 good and 2 defective parts", "2026-01-02", "Clopper-Pearson", "Only 2 defective"):
        assert words in page
    assert page.count("<polyline") == 3
    assert page.count("<polygon") == 2
    blind = write_what_if(tmp_path / "blind.html", what_if(LabelledScores((1.0,), ()), COSTS, 1.0), REVISION).read_text()
    assert blind.count("<polyline") == 1
    assert "unknown" in blind


def test_the_picture_is_a_png_and_other_suffixes_are_refused(tmp_path: Path) -> None:
    path = write_what_if(tmp_path / "what-if.png", what_if(SCORES, COSTS, 2.5), REVISION)
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", (1640, 1000))
        assert len(picture.convert("RGB").getcolors(1640 * 1000) or ()) > 5
    with pytest.raises(ValueError, match=r"written as \.html or \.png"):
        write_what_if(tmp_path / "what-if.pdf", what_if(SCORES, COSTS), REVISION)


def test_bars_of_eighths() -> None:
    assert bar_rows(np.array([0.0, 0.001, 0.5, 1.0]), 2) == ["   █", " ▁██"]


def test_the_chart_marks_both_thresholds() -> None:
    console = Console(width=100, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(chart(what_if(SCORES, COSTS, current=2.5)))
    text = captured.get()
    assert text.count("▲") == text.count("◆") == 2, "on the axis and in the key"
    assert [word for word in ("false rejects", "escapes", "cost per part") if word not in text] == []
    axis = next(line for line in text.splitlines() if "─" in line)
    assert axis.index("▲") < axis.index("◆")
