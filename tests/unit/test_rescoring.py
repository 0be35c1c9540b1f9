"""Scores by other knobs are those of a revision fitted with them, and only knobs that change nothing of what is learned are taken."""

from __future__ import annotations

from typing import Any

import pytest
from detector_parts import backbone, embedded, fit, picture, recipe

from goldenpart.server.errors import RecipeError
from goldenpart.server.vision.bank import Bank
from goldenpart.server.vision.inference import Query, score_batch
from goldenpart.server.vision.preparation import prepare
from goldenpart.server.vision.recipe import Aggregate, DetectorKind
from goldenpart.server.vision.rescoring import scoring_recipe

SCORINGS: tuple[dict[str, Any], ...] = (
    {},
    {"neighbours": 4},
    {"aggregate": Aggregate.MAX},
    {"aggregate": Aggregate.MAX, "reweight_neighbours": 3},
    {"aggregate_percent": 20.0},
    {"aggregate": Aggregate.MEAN, "local_scale_neighbours": 0},
    {"aggregate": Aggregate.TOP_PATCHES, "aggregate_patches": 2, "neighbours": 2, "local_scale_neighbours": 0},
)


def test_a_bank_scores_as_one_that_was_fitted_with_the_knobs() -> None:
    fitted = recipe(DetectorKind.BANK, local_scale_neighbours=4, aggregate_percent=10.0)
    recipes = tuple(scoring_recipe(fitted, knobs) for knobs in SCORINGS)
    detector = fit(fitted).detector
    pictures = [prepare(picture(number, blot=bool(number % 2)), fitted, 8) for number in (50, 51)]
    answers = score_batch(backbone(), [Query(detector, prepared, recipes) for prepared in pictures])
    for place, wanted in enumerate(recipes):
        own = fit(wanted).detector
        expected = [answer.scored.score for answer in score_batch(backbone(), [Query(own, prepared) for prepared in pictures])]
        assert [answer.rescored[place] for answer in answers] == pytest.approx(expected, rel=1e-5), SCORINGS[place]
    assert len({round(score, 7) for score in answers[1].rescored}) == len(recipes), "every way to score is another one"
    plain = score_batch(backbone(), [Query(detector, prepared) for prepared in pictures])
    assert [answer.rescored for answer in plain] == [(), ()]
    assert [answer.scored.score for answer in answers] == pytest.approx([answer.scored.score for answer in plain], rel=1e-6)


def test_by_a_number_of_neighbours_the_nearest_are_averaged() -> None:
    fitted = recipe(DetectorKind.BANK)
    detector = fit(fitted).detector
    assert isinstance(detector, Bank)
    shown = embedded(prepare(picture(50), fitted, 8))
    found = detector.neighbours(shown.vectors(fitted), 5).distances
    recipes = [scoring_recipe(fitted, {"neighbours": count}) for count in (1, 2, 5)]
    (answers,) = detector.measure_by([shown], recipes)
    for answer, wanted in zip(answers, recipes, strict=True):
        assert answer.distances == pytest.approx(found[:, : wanted.neighbours].mean(axis=1), rel=1e-5)


@pytest.mark.parametrize("kind", [DetectorKind.GAUSSIAN, DetectorKind.SUBSPACE, DetectorKind.ENSEMBLE])
def test_other_detectors_are_rescored_by_aggregates(kind: DetectorKind) -> None:
    fitted = recipe(kind)
    wanted = scoring_recipe(fitted, {"aggregate": Aggregate.MEAN})
    prepared = prepare(picture(50, blot=True), fitted, 8)
    (answer,) = score_batch(backbone(), [Query(fit(fitted).detector, prepared, (wanted,))])
    (expected,) = score_batch(backbone(), [Query(fit(wanted).detector, prepared)])
    assert answer.rescored == pytest.approx((expected.scored.score,), rel=1e-4)
    assert answer.rescored[0] < answer.scored.score


@pytest.mark.parametrize(
    ("kind", "knobs", "says"),
    [
        (DetectorKind.BANK, {"resolution_px": 128}, "resolution_px cannot be rescored for the detector bank"),
        (DetectorKind.BANK, {"coreset_vectors": 10}, "fit a revision with it"),
        (DetectorKind.GAUSSIAN, {"neighbours": 3}, "neighbours cannot be rescored for the detector gaussian"),
        (DetectorKind.BANK, {"local_scale_neighbours": 8}, "was fitted with 4; give that or 0"),
        (DetectorKind.BANK, {"neighbours": 0}, "neighbours is 0; it must be 1 to 50"),
        (DetectorKind.BANK, {"reweight_neighbours": 3}, "works with aggregate max"),
    ],
)
def test_knobs_that_do_not_fit_are_refused(kind: DetectorKind, knobs: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        scoring_recipe(recipe(kind, local_scale_neighbours=4 if kind is DetectorKind.BANK else 0), knobs)
