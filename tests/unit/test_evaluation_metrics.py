"""The metrics against scikit-learn, SciPy, and slow references written out plainly."""

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve, roc_auc_score

from goldenpart.client.evaluation.metrics.bootstrap import bootstrap_intervals
from goldenpart.client.evaluation.metrics.image_level import clopper_pearson, image_metrics
from goldenpart.client.evaluation.metrics.pixel_bootstrap import PixelResampler
from goldenpart.client.evaluation.metrics.pixel_level import PRO_LIMITS, ImageTally, PixelMetrics, PixelTally
from goldenpart.client.evaluation.metrics.ranking import ScoreCounts

Map = npt.NDArray[np.uint16]
Mask = npt.NDArray[np.bool_]
LIMIT_STEP = 4096


@pytest.mark.parametrize("distinct", [5, 40, 10_000])
def test_image_metrics_are_those_of_scikit_learn(distinct: int) -> None:
    """The figures of a set, and those of a replicate, which are made of counts."""
    rng = np.random.default_rng(distinct)
    for _ in range(20):
        truth = np.arange(rng.integers(4, 120)) % rng.integers(2, 5) == 0
        scores = rng.integers(0, distinct, len(truth)) / 7 + truth
        found, counts = image_metrics(scores, truth), ScoreCounts.of(scores, truth)
        precision, recall, _ = precision_recall_curve(truth, scores)
        with np.errstate(invalid="ignore"):
            best = np.nanmax(2 * precision * recall / (precision + recall))
        expected = (roc_auc_score(truth, scores), average_precision_score(truth, scores), best)
        assert (found.auroc, found.average_precision, found.f1_max) == pytest.approx(expected, abs=1e-12)
        assert (counts.auroc(), counts.average_precision(), counts.f1().max()) == pytest.approx(expected, abs=1e-12)
        assert f1_score(truth, scores >= found.f1_max_threshold) == pytest.approx(found.f1_max, abs=1e-12)
        higher = np.unique(scores[scores > found.f1_max_threshold])
        assert all(f1_score(truth, scores >= threshold) < found.f1_max - 1e-12 for threshold in higher), "the highest of the best"


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=40))
@settings(max_examples=100, deadline=None)
def test_auroc_counts_pairs(items: list[tuple[int, bool]]) -> None:
    good = [score for score, defective in items if not defective]
    bad = [score for score, defective in items if defective]
    scores, truth = [score for score, _ in items], [defective for _, defective in items]
    if not good or not bad:
        with pytest.raises(ValueError, match="both classes are needed"):
            image_metrics(scores, truth)
        return
    wins = sum((b > g) + (b == g) / 2 for b in bad for g in good)
    assert image_metrics(scores, truth).auroc == pytest.approx(wins / (len(good) * len(bad)))


def test_what_cannot_be_ranked_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        image_metrics([0.0, math.nan], [False, True])
    with pytest.raises(ValueError, match=r"\(2,\) and labels \(1,\)"):
        image_metrics([0.0, 1.0], [True])


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (0, 46), (1, 46), (3, 46), (46, 46), (17, 200)])
def test_the_exact_interval_is_that_of_scipy(successes: int, trials: int) -> None:
    exact = binomtest(successes, trials).proportion_ci(0.95, method="exact")
    assert clopper_pearson(successes, trials) == pytest.approx((exact.low, exact.high), abs=1e-12)


def test_no_proportion_is_refused() -> None:
    for successes, trials in ((2, 1), (-1, 5), (0, 0)):
        with pytest.raises(ValueError, match="is no proportion"):
            clopper_pearson(successes, trials)


def test_bootstrap_resamples_each_class() -> None:
    """Against drawing items one by one, with scikit-learn's figures."""
    rng = np.random.default_rng(3)
    truth = np.arange(60) < 20
    scores = np.round(rng.normal(truth * 1.2, 1.0), 1)
    found = bootstrap_intervals(scores, truth, replicates=2000, seed=1)
    aurocs, precisions, f1s = [], [], []
    for _ in range(150):
        drawn = np.concatenate([rng.choice(np.flatnonzero(truth), 20), rng.choice(np.flatnonzero(~truth), 40)])
        aurocs.append(roc_auc_score(truth[drawn], scores[drawn]))
        precisions.append(average_precision_score(truth[drawn], scores[drawn]))
        precision, recall, _ = precision_recall_curve(truth[drawn], scores[drawn])
        f1s.append(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12)))
    assert found.auroc == pytest.approx(np.percentile(aurocs, [2.5, 97.5]), abs=0.04)
    assert found.average_precision == pytest.approx(np.percentile(precisions, [2.5, 97.5]), abs=0.07)
    assert found.f1_max == pytest.approx(np.percentile(f1s, [2.5, 97.5]), abs=0.06)


def test_bootstrap_is_repeatable_and_has_no_width_where_classes_are_apart() -> None:
    scores, truth = [1.0, 2.0, 3.0, 4.0], [False, False, True, True]
    assert bootstrap_intervals(scores, truth, seed=5) == bootstrap_intervals(scores, truth, seed=5)
    assert bootstrap_intervals(scores, truth).auroc == (1.0, 1.0)
    with pytest.raises(ValueError, match="at least 1"):
        bootstrap_intervals(scores, truth, replicates=0)


def images(seed: int, *, good: int, defective: int, steps: int, side: int = 40) -> tuple[list[Map], list[tuple[Map, Mask]]]:
    """Random maps with a few distinct steps or many, of different sizes, hotter inside random masks."""
    rng = np.random.default_rng(seed)

    def drawn(height: int, width: int, heat: npt.NDArray[np.bool_]) -> Map:
        raw = rng.integers(0, steps, (height, width)) + heat * steps // 3
        return (raw * (8000 // steps)).astype(np.uint16)

    goods, bads = [], []
    for index in range(good + defective):
        height, width = (int(size) for size in rng.integers(side // 2, side, 2))
        mask = ndimage.gaussian_filter(rng.normal(size=(height, width)), 2) > 0.15 if index >= good else np.zeros((height, width), np.bool_)
        steps_map = drawn(height, width, mask)
        if index < good:
            goods.append(steps_map)
        else:
            bads.append((steps_map, np.asarray(mask, np.bool_)))
    return goods, bads


def measured(goods: list[Map], bads: list[tuple[Map, Mask]]) -> PixelMetrics:
    tally = PixelTally()
    for steps in goods:
        tally.add(ImageTally.of_good(steps))
    for steps, mask in bads:
        tally.add(ImageTally.of_defective(steps, mask))
    return tally.metrics(LIMIT_STEP)


@pytest.mark.parametrize("steps", [4, 60, 8000])
def test_pixel_metrics_are_those_of_scikit_learn(steps: int) -> None:
    goods, bads = images(steps, good=3, defective=4, steps=steps)
    found = measured(goods, bads)
    scores = np.concatenate([*(g.ravel() for g in goods), *(b.ravel() for b, _ in bads)])
    truth = np.concatenate([*(np.zeros(g.size, bool) for g in goods), *(m.ravel() for _, m in bads)])
    assert found.auroc == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert found.average_precision == pytest.approx(average_precision_score(truth, scores), abs=1e-12)
    assert f1_score(truth, scores >= found.f1_max_step) == pytest.approx(found.f1_max, abs=1e-12)
    precision, recall, _ = precision_recall_curve(truth, scores)
    assert found.f1_max == pytest.approx(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12)), abs=1e-9)
    marked = scores >= LIMIT_STEP
    assert found.iou == pytest.approx((marked & truth).sum() / (marked | truth).sum())
    assert found.defective_share == pytest.approx(truth.mean())


def slow_aupro(goods: list[Map], bads: list[tuple[Map, Mask]], limit: float) -> float:
    """Threshold after threshold, region after region, as the paper has it."""
    everything = np.unique(np.concatenate([*(g.ravel() for g in goods), *(b.ravel() for b, _ in bads)]))
    normal = np.concatenate([*(g.ravel() for g in goods), *(b[~m] for b, m in bads)])
    regions = []
    for steps, mask in bads:
        labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
        regions += [steps[labels == label] for label in range(1, count + 1)]
    points = [(0.0, 0.0)]
    points += [(float(np.mean(normal >= t)), float(np.mean([np.mean(region >= t) for region in regions]))) for t in everything[::-1]]
    area = 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x0 >= limit:
            break
        end = min(x1, limit)
        y_end = y1 if x1 == x0 else y0 + (y1 - y0) * (end - x0) / (x1 - x0)
        area += (end - x0) * (y0 + y_end) / 2
    return area / limit


@pytest.mark.parametrize(("steps", "good"), [(4, 2), (60, 2), (2000, 2), (60, 0)])
def test_aupro_is_that_of_the_slow_reference(steps: int, good: int) -> None:
    goods, bads = images(steps + 1, good=good, defective=3, steps=steps)
    found = measured(goods, bads)
    for limit in (0.3, 0.05):
        assert found.aupro[limit] == pytest.approx(slow_aupro(goods, bads, limit), abs=1e-9)
    assert found.pro_curve[0].tolist() == [0.0, 0.0]
    assert found.pro_curve[-1, 0] == pytest.approx(0.3)
    assert (np.diff(found.pro_curve, axis=0) >= 0).all()


def slow_aupimo(goods: list[Map], steps: Map, mask: Mask, points: int = 10_000) -> float:
    """Average the overlap over a fine logarithmic grid of rates: at each, the lowest threshold whose rate does not exceed it."""
    thresholds = np.arange(2000, 4500)  # holds all thresholds that the bounds can ask for
    rates = np.mean([[np.mean(g >= t) for t in thresholds] for g in goods], axis=0)
    overlaps = np.array([np.mean(steps[mask] >= t) for t in thresholds])
    grid = np.exp(np.linspace(math.log(1e-5), math.log(1e-4), points, endpoint=False) + math.log(10) / points / 2)
    return float(np.mean([overlaps[np.argmax(rates <= rate)] for rate in grid]))


def test_aupimo_is_that_of_the_slow_reference() -> None:
    rng = np.random.default_rng(11)
    goods = [(rng.gamma(3.0, 200.0, (200, 250))).clip(0, 7900).astype(np.uint16) for _ in range(2)]
    _, drawn = images(7, good=0, defective=3, steps=500)
    bads = [((steps // 2).astype(np.uint16), mask) for steps, mask in drawn]
    found = measured(goods, bads)
    rates = [float(np.mean([np.mean(g >= t) for g in goods])) for t in (2000, 3500)]
    assert rates[1] < 1e-4 < rates[0], "the bounds lie within the range of the scores, so the test tests something"
    assert found.aupimo == pytest.approx([slow_aupimo(goods, steps, mask) for steps, mask in bads], abs=1e-3)
    assert 0.05 < np.mean(found.aupimo) < 0.95


def test_aupimo_of_maps_that_are_right_or_blind() -> None:
    good = np.full((100, 100), 100, np.uint16)
    mask = np.zeros((50, 50), np.bool_)
    mask[10:20, 10:20] = True
    hot = np.where(mask, 5000, 50).astype(np.uint16)
    found = measured([good], [(hot, mask), (np.full((50, 50), 100, np.uint16), mask)])
    assert found.aupimo == (1.0, 0.0)
    assert measured([], [(hot, mask)]).aupimo == ()
    assert measured([], [(hot, mask)]).aupro[0.3] == pytest.approx(1.0)


def test_saturation_is_told() -> None:
    mask = np.zeros((10, 10), np.bool_)
    mask[0, :5] = True
    found = measured([], [(np.where(mask, 65535, 7).astype(np.uint16), mask)])
    assert found.saturated_share == pytest.approx(0.05)
    assert found.iou == 1.0


def test_masks_that_do_not_fit_are_refused() -> None:
    tally = PixelTally()
    with pytest.raises(ValueError, match="must be equal"):
        ImageTally.of_defective(np.zeros((4, 4), np.uint16), np.ones((4, 5), np.bool_))
    with pytest.raises(ValueError, match="marks no pixel"):
        ImageTally.of_defective(np.zeros((4, 4), np.uint16), np.zeros((4, 4), np.bool_))
    tally.add(ImageTally.of_defective(np.zeros((4, 4), np.uint16), np.ones((4, 4), np.bool_)))
    with pytest.raises(ValueError, match="both classes"):
        tally.metrics(LIMIT_STEP)


def test_pixel_intervals_are_those_of_drawing_images_one_by_one() -> None:
    """The metrics of a set of images that were drawn, again and again, with another random generator."""
    goods, bads = images(5, good=8, defective=9, steps=8000)
    resampler = PixelResampler()
    for tally in [*map(ImageTally.of_good, goods), *(ImageTally.of_defective(*bad) for bad in bads)]:
        resampler.add(tally)
    whole = measured(goods, bads)
    found = resampler.intervals(LIMIT_STEP, whole.aupimo, replicates=600)
    rng, drawn = np.random.default_rng(99), []
    for _ in range(120):
        one = measured([goods[i] for i in rng.integers(0, 8, 8)], [bads[i] for i in rng.integers(0, 9, 9)])
        drawn.append((one.auroc, one.average_precision, one.f1_max, one.iou, one.aupro[PRO_LIMITS[0]], one.aupro[PRO_LIMITS[1]]))
    slow = np.percentile(drawn, [2.5, 97.5], axis=0).T
    width = slow[:, 1] - slow[:, 0]
    for name, ends, wide in zip(("auroc", "average_precision", "f1_max", "iou", "aupro", "aupro_005"), slow, width, strict=True):
        assert found[name] == pytest.approx(tuple(ends), abs=0.25 * wide), name
    means = [np.mean([whole.aupimo[i] for i in rng.integers(0, 9, 9)]) for _ in range(2000)]
    assert found["aupimo"] == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])), abs=0.02)
    assert resampler.intervals(LIMIT_STEP, whole.aupimo, replicates=600) == found
    with pytest.raises(ValueError, match="0 replicates"):
        resampler.intervals(LIMIT_STEP, (), replicates=0)


def test_replicates_without_a_normal_pixel_are_left_out() -> None:
    everything, part = np.ones((6, 6), np.bool_), np.eye(6, dtype=np.bool_)
    steps = np.arange(36, dtype=np.uint16).reshape(6, 6)
    resampler = PixelResampler()
    resampler.add(ImageTally.of_defective(steps, everything))
    assert resampler.intervals(LIMIT_STEP, (), replicates=50) == {}
    resampler.add(ImageTally.of_defective(steps, part))
    ends = resampler.intervals(LIMIT_STEP, (), replicates=50)
    assert np.isfinite(list(ends.values())).all()
