"""The parts of `goldenpart tune` that are pure: halving, front, split, certainty, settings, thresholds."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from goldenpart.client.cli.fit import make_recipe
from goldenpart.client.evaluation.datasets import LabelledImage
from goldenpart.client.evaluation.errors import NotEvaluableError
from goldenpart.client.recipe import Aggregate, Coreset, Detector, Metric, Preset, Recipe
from goldenpart.client.tuning.certainty import auroc_gain
from goldenpart.client.tuning.halving import Rung, Score, halve, plan_rungs
from goldenpart.client.tuning.knob_space import draw_settings, scorings
from goldenpart.client.tuning.pareto import Costs, pareto_front
from goldenpart.client.tuning.setting import Learned, Setting, recipe_knobs
from goldenpart.client.tuning.split import split_test
from goldenpart.client.tuning.thresholds import conformal_threshold, threshold_choices

RESOLVED = Recipe(
    backbone="compact",
    layers=(),
    resolution_px=256,
    neighbourhood_patches=1,
    metric=Metric.COSINE,
    neighbours=1,
    aggregate=Aggregate.TOP_PERCENT,
    aggregate_percent=1.0,
    coreset=Coreset.GREEDY,
    coreset_vectors=2000,
    rotations_deg=(),
    detector=Detector.BANK,
    local_scale_neighbours=0,
)
LEARNED = Learned(RESOLVED, patches=16_384, bank_bytes=1, revision="r0001")


@pytest.mark.parametrize(
    ("settings", "images", "rungs"),
    [
        (27, 108, [(12, 27), (36, 9), (108, 3)]),
        (27, 1000, [(37, 27), (111, 9), (333, 3), (1000, 1)]),
        (27, 40, [(13, 27), (40, 9)]),
        (10, 120, [(13, 10), (40, 4), (120, 2)]),
        (2, 500, [(500, 2)]),
        (9, 5, [(5, 9)]),
    ],
)
def test_rungs_triple_the_images_and_keep_a_third(settings: int, images: int, rungs: list[tuple[int, int]]) -> None:
    assert [(rung.images, rung.settings) for rung in plan_rungs(settings, images)] == rungs


def test_halving_finds_the_best_and_never_loses_the_reference() -> None:
    measured: list[tuple[int, int]] = []

    def measure(candidate: int, rung: Rung) -> Score | None:
        measured.append((candidate, rung.images))
        return None if candidate == 5 else Score(0.5 if candidate == 0 else candidate / 100, 0.0)

    candidates = [0, *range(1, 27)]
    first, second, last = halve([0, *range(60, 86)], plan_rungs(27, 108), measure)
    assert [candidate for candidate, _ in first.ranking][:2] == [85, 84]
    assert {candidate for candidate, _ in second.ranking} == {*range(77, 86), 0}
    assert [candidate for candidate, _ in last.ranking] == [85, 84, 83, 82, 0]
    assert len(measured) == 27 + 10 + 5
    (only,) = halve(candidates, [Rung(10, 27)], measure)
    assert 5 not in [candidate for candidate, _ in only.ranking], "what cannot be used is out"
    with pytest.raises(ValueError, match="reference"):
        halve([5, 6], [Rung(10, 2)], measure)


def test_halving_settles_ties_by_average_precision_then_order() -> None:
    scores = {"reference": Score(0.9, 0.5), "b": Score(0.9, 0.7), "c": Score(0.9, 0.7), "d": Score(0.8, 1.0)}
    (found,) = halve(list(scores), [Rung(10, 4)], lambda name, _: scores[name])
    assert [name for name, _ in found.ranking] == ["b", "c", "reference", "d"]


def test_a_rung_whose_time_is_over_still_measures_the_reference() -> None:
    measured: list[int] = []

    def measure(candidate: int, _: Rung) -> Score:
        measured.append(candidate)
        return Score(candidate / 10, 0.0)

    rounds = halve(list(range(9)), [Rung(10, 9), Rung(30, 3)], measure, is_late=lambda _: len(measured) >= 4)
    assert measured == [0, 1, 2, 3, 0]
    assert [candidate for candidate, _ in rounds[-1].ranking] == [0]


def test_the_front_has_what_no_other_beats() -> None:
    costs = [
        Costs((0.9, 0.9), 10, 1.0),
        Costs((0.9, 0.8), 10, 1.0),  # same AUROC, less average precision
        Costs((0.8, 0.9), 5, 1.0),
        Costs((0.7, 0.9), 20, 0.1),
        Costs((0.9, 0.9), 10, 1.0),
        Costs((0.7, 0.9), 20, 0.2),
    ]
    assert pareto_front(costs) == (0, 2, 3, 4)
    rng = np.random.default_rng(0)
    many = [Costs((float(a),), float(b), float(c)) for a, b, c in rng.uniform(0, 1, (60, 3))]
    front = pareto_front(many)
    assert all(any(many[other].beats(many[place]) for other in front) for place in set(range(60)) - set(front))


def test_the_gain_is_that_of_the_aurocs_and_pairing_makes_it_sharp() -> None:
    rng = np.random.default_rng(3)
    truth = rng.uniform(size=80) < 0.4
    shared = rng.normal(size=80) + truth
    better = shared + 0.8 * truth
    found = auroc_gain(better, shared, truth)
    assert found.value == pytest.approx(roc_auc_score(truth, better) - roc_auc_score(truth, shared))
    assert found.interval is not None
    assert 0 < found.interval.low < found.value < found.interval.high < 0.3
    other = auroc_gain(shared, rng.permutation(shared), truth)
    assert other.interval is not None
    none = auroc_gain(shared, shared, truth)
    assert none.interval is not None
    assert (none.value, none.interval.low, none.interval.high) == (0, 0, 0)
    with pytest.raises(ValueError, match="both classes"):
        auroc_gain([1, 2], [1, 2], [True, True])


def images(good: int, **defects: int) -> list[LabelledImage]:
    kinds = {"good": good, **defects}
    return [LabelledImage(Path(f"/x/{kind}/{n}"), f"{kind}/{n}", kind) for kind, count in kinds.items() for n in range(count)]


def test_the_split_is_stratified_seeded_and_shares_no_picture() -> None:
    test = images(20, scratch=10, dent=7)
    pixels = {image.name: image.name for image in test} | {"good/3": "same", "good/9": "same", "dent/1": "same too", "dent/2": "same too"}
    found = split_test(test, pixels, 0.5, 1)
    parts = [{pixels[image.name] for image in part} for part in (found.validation, found.held_out)]
    assert not parts[0] & parts[1]
    assert len(found.validation) + len(found.held_out) == 37
    for kind, count in (("good", 20), ("scratch", 10), ("dent", 7)):
        assert abs(sum(image.defect_type == kind for image in found.validation) - count / 2) <= 1.5
    for beginning in (6, 12, len(found.validation)):
        share = sum(image.defective for image in found.validation[:beginning]) / beginning
        assert share == pytest.approx(17 / 37, abs=0.12)
    assert split_test(test, pixels, 0.5, 1) == found
    assert split_test(test, pixels, 0.5, 2) != found
    with pytest.raises(NotEvaluableError, match="defective"):
        split_test(images(20, dent=2), {image.name: image.name for image in images(20, dent=2)}, 0.5, 0)


def test_every_rung_has_both_classes_however_rare_one_is() -> None:
    test = images(4, scratch=240)
    found = split_test(test, {image.name: image.name for image in test}, 0.5, 0).validation
    first = found[: plan_rungs(27, len(found))[0].images]
    assert len(first) < len(found)
    assert sum(not image.defective for image in first) == 2


def test_settings_start_with_the_presets_and_keep_what_is_fixed() -> None:
    reference = Setting(Recipe(), 8)
    drawn = draw_settings(reference, LEARNED, 16, 40, 0, vary_shots=True)
    assert drawn[:2] == [reference, Setting(Recipe(preset=Preset.SEED), 8)]
    assert len(set(drawn)) == 40
    assert drawn == draw_settings(reference, LEARNED, 16, 40, 0, vary_shots=True)
    assert drawn != draw_settings(reference, LEARNED, 16, 40, 1, vary_shots=True)
    assert {setting.shots for setting in drawn} <= {4, 8, 16}
    changed = {change.partition("=")[0] for setting in drawn for change in setting.unlike(reference)}
    assert {"resolution_px", "metric", "neighbourhood_patches", "coreset", "layers", "detector", "rotations_deg", "shots"} <= changed
    assert not {"neighbours", "aggregate", "aggregate_percent"} & changed, "nothing is fitted for those"
    fixed = draw_settings(
        Setting(Recipe(resolution_px=64, metric=Metric.COSINE), 8),
        replace(LEARNED, recipe=replace(RESOLVED, resolution_px=64)),
        8,
        30,
        0,
        vary_shots=False,
    )
    assert {(setting.recipe.resolution_px, setting.recipe.metric, setting.shots) for setting in fixed} == {(64, Metric.COSINE, 8)}


def test_coresets_stay_small_enough_to_be_searched() -> None:
    drawn = draw_settings(Setting(Recipe(), 8), replace(LEARNED, patches=100_000), 16, 200, 0, vary_shots=False)
    recipes = [setting.recipe for setting in drawn]
    ratios = {recipe.coreset_ratio for recipe in recipes if recipe.coreset_ratio}
    assert ratios == {0.01, 0.05, 0.1}, "5 times the vectors of the reference are 10 % of the patches"
    assert {recipe.coreset_vectors for recipe in recipes if recipe.coreset_vectors} == {1000, 5000}


def test_a_detector_without_a_bank_has_no_knobs_of_one() -> None:
    learned = replace(LEARNED, recipe=replace(RESOLVED, detector=Detector.SUBSPACE))
    drawn = draw_settings(Setting(Recipe(detector=Detector.SUBSPACE), 8), learned, 16, 60, 0, vary_shots=False)
    recipes = [setting.recipe for setting in drawn]
    assert len(recipes) > 20
    assert {(recipe.local_scale_neighbours, recipe.coreset, recipe.coreset_vectors, recipe.coreset_ratio) for recipe in recipes} == {
        (None,) * 4
    }


def test_every_way_to_score_comes_once_and_the_recipes_own_first() -> None:
    ways = scorings(replace(RESOLVED, local_scale_neighbours=32), ())
    assert ways[0] == {}
    assert len({tuple(sorted(way.items())) for way in ways}) == len(ways) == 7 * 3 * 2
    assert {"neighbours": 3, "aggregate": Aggregate.MAX, "reweight_neighbours": 3, "local_scale_neighbours": 0} in ways
    assert {key for way in ways for key in way} == {
        "neighbours",
        "aggregate",
        "aggregate_percent",
        "reweight_neighbours",
        "local_scale_neighbours",
    }
    largest = scorings(replace(RESOLVED, aggregate=Aggregate.MAX), ("neighbours",))
    assert {"reweight_neighbours": 3} in largest
    assert len(largest) == 7
    assert {"aggregate": Aggregate.MEAN, "reweight_neighbours": 0} in scorings(
        replace(RESOLVED, aggregate=Aggregate.MAX, reweight_neighbours=9), ()
    )
    assert {"reweight_neighbours": 0} in scorings(replace(RESOLVED, aggregate=Aggregate.MAX, reweight_neighbours=9), ())
    without = scorings(RESOLVED, ("neighbours",))
    assert len(without) == 7, "no local scale to switch off, and neighbours stay"
    assert scorings(RESOLVED, ("aggregate_percent", "neighbours")) == [{}], "the aggregate is one decision"
    assert all(set(way) <= {"aggregate", "aggregate_percent"} for way in scorings(replace(RESOLVED, detector=Detector.SUBSPACE), ()))


def test_a_written_recipe_is_read_back(tmp_path: Path) -> None:
    for setting in draw_settings(Setting(Recipe(), 8), LEARNED, 16, 30, 4, vary_shots=True):
        file = tmp_path / "recipe.json"
        file.write_text(json.dumps(recipe_knobs(setting.recipe)))
        assert make_recipe(None, [], None, file) == setting.recipe


def test_thresholds_follow_the_rules_of_calibrate() -> None:
    normal = [float(n) for n in range(1, 20)]  # 19
    assert conformal_threshold(normal, 0.05) == 19
    assert conformal_threshold(normal, 0.1) == 18
    assert conformal_threshold(normal, 0.02) is None
    found = {(one.method, one.false_reject_rate): one for one in threshold_choices(normal, [1, 18.5, 20, 30], [5, 40])}
    assert (found["conformal", 0.05].false_rejects, found["conformal", 0.05].escapes) == (0.5, 0.5)
    assert found["conformal", 0.01].escapes is None
    assert found["percentile", 0.1].threshold == pytest.approx(np.percentile(normal, 90))
    assert threshold_choices([], [1], [2]) == ()
