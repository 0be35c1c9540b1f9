"""From golden parts to a bank and a threshold: repeatable, honest about the part that is scored, and refused where nothing is promised."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch

from goldenpart.server.errors import InvalidArgumentError, RateNotAttainableError, RecipeError
from goldenpart.server.runtime.onboarding import _CALIBRATE_METHODS, _FIT_METHODS, _calibrate_left_out, _check_layers, _check_method
from goldenpart.server.vision.backbones import Backbone, open_backbone
from goldenpart.server.vision.bank import ANGLE, GOLDEN, Bank, BankContent
from goldenpart.server.vision.calibration import CalibrationMethod, ThresholdRequest, tolerance_limit
from goldenpart.server.vision.fitting import BankBuilder, Progress, Shown, Stage, can_leave_one_out, left_out_scores
from goldenpart.server.vision.inference import Query, score_batch
from goldenpart.server.vision.preparation import prepare
from goldenpart.server.vision.recipe import Aggregate, Coreset, Recipe

CPU = torch.device("cpu")
WHOLE = Recipe(resolution_px=64, coreset=Coreset.NONE)
RECIPES = {
    "plain": WHOLE,
    "mean of 5": Recipe(resolution_px=64, coreset=Coreset.NONE, neighbours=5),
    "turned": Recipe(resolution_px=64, coreset=Coreset.NONE, rotations_deg=(90.0, 180.0)),
    "reweighted": Recipe(resolution_px=64, coreset=Coreset.NONE, aggregate=Aggregate.MAX, reweight_neighbours=9),
}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    return open_backbone("compact", weights=None, cache=tmp_path_factory.mktemp("unused"), device=CPU, precision="fp32")


def picture(number: int) -> npt.NDArray[np.uint8]:
    noise = np.random.default_rng(number)
    rows, columns = np.mgrid[0:64, 0:64] + noise.uniform(0, 4, (2, 1, 1))
    waves = 128 + 60 * np.sin(columns / 3) + 40 * np.cos(rows / 5)
    drawn: npt.NDArray[np.uint8] = np.clip(waves[..., None] + noise.normal(0, 6, (64, 64, 3)), 0, 255).astype(np.uint8)
    return drawn


def shown(numbers: range, recipe: Recipe) -> list[Shown]:
    return [tuple(prepare(picture(number), recipe, 8, None, angle) for angle in recipe.angles_deg) for number in numbers]


def build(backbone: Backbone, recipe: Recipe, parts: list[Shown]) -> tuple[BankContent, list[Progress]]:
    builder = BankBuilder(backbone, recipe, parts)
    steps = list(builder.steps())
    return builder.content(), steps


def test_the_same_parts_and_seed_give_the_same_bytes(backbone: Backbone) -> None:
    def bank(seed: int) -> bytes:
        recipe = Recipe(resolution_px=64, coreset_vectors=90, seed=seed)
        return build(backbone, recipe, shown(range(4), recipe))[0].to_bytes()

    assert bank(0) == bank(0)
    assert bank(0) != bank(1)


def test_every_vector_knows_its_part_and_angle(backbone: Backbone) -> None:
    recipe = RECIPES["turned"]
    content, steps = build(backbone, recipe, shown(range(3), recipe))
    assert len(content.vectors) == 3 * 3 * 64
    assert [np.count_nonzero(content.origins[:, GOLDEN] == part) for part in range(3)] == [192] * 3
    assert [np.count_nonzero(content.origins[:, ANGLE] == angle) for angle in range(3)] == [192] * 3
    embedding = [step for step in steps if step.stage is Stage.EMBEDDING]
    assert (embedding[-1].done, embedding[-1].total) == (9, 9)


@pytest.mark.parametrize("name", RECIPES)
def test_a_part_is_scored_as_if_it_had_never_been_shown(backbone: Backbone, name: str) -> None:
    """With every vector kept, leaving a part out of the search and building a bank without it are one and the same."""
    recipe = RECIPES[name]
    parts = shown(range(4), recipe)
    content, _ = build(backbone, recipe, parts)
    scores = [one.scored.score for one in left_out_scores(Bank(content, recipe, CPU), backbone, parts)]
    for place, score in enumerate(scores):
        without, _ = build(backbone, recipe, parts[:place] + parts[place + 1 :])
        [answer] = score_batch(backbone, [Query(Bank(without, recipe, CPU), parts[place][0])])
        assert score == pytest.approx(answer.scored.score, rel=1e-4)
        assert score > 0


def test_leaving_one_out_takes_two(backbone: Backbone) -> None:
    assert not can_leave_one_out(build(backbone, WHOLE, shown(range(1), WHOLE))[0])
    assert can_leave_one_out(build(backbone, WHOLE, shown(range(2), WHOLE))[0])


def test_too_few_scores_make_no_threshold_but_a_warning() -> None:
    calibration, warnings = _calibrate_left_out((0.5,), ThresholdRequest())
    assert calibration is None
    assert "Run Calibrate" in warnings[0]


def test_the_threshold_falls_back_to_the_tolerance_limit() -> None:
    scores = tuple(1 + 0.01 * number for number in range(19))
    few, _ = _calibrate_left_out(scores[:18], ThresholdRequest())
    enough, _ = _calibrate_left_out(scores, ThresholdRequest())
    assert few is not None
    assert enough is not None
    assert (few.method, enough.method) == (CalibrationMethod.TOLERANCE_LIMIT, CalibrationMethod.LEAVE_ONE_OUT)
    assert few.guaranteed_rate is None
    assert "Approximate" in enough.guarantee
    with pytest.raises(RateNotAttainableError, match="1 more") as caught:
        _calibrate_left_out(scores[:18], ThresholdRequest(CalibrationMethod.LEAVE_ONE_OUT))
    assert "Leave the method out" in caught.value.message
    assert caught.value.metadata["normals_missing"] == "1"


@pytest.mark.parametrize("method", CalibrationMethod)
def test_a_method_is_for_fit_or_for_calibrate_or_for_both(method: CalibrationMethod) -> None:
    chosen = {CalibrationMethod.MANUAL}  # SetThreshold alone
    only_fit = {CalibrationMethod.LEAVE_ONE_OUT} | chosen
    only_calibrate = {CalibrationMethod.CONFORMAL, CalibrationMethod.F1_MAX} | chosen
    for known, strangers in ((_FIT_METHODS, only_calibrate), (_CALIBRATE_METHODS, only_fit)):
        if method in strangers:
            with pytest.raises(InvalidArgumentError, match=f"{method} cannot be used here. Go there."):
                _check_method(ThresholdRequest(method), known, "Go there.")
        else:
            _check_method(ThresholdRequest(method), known, "Go there.")
    _check_method(ThresholdRequest(), frozenset(), "")


def test_layers_that_the_backbone_lacks_are_named(backbone: Backbone) -> None:
    _check_layers(Recipe(layers=(1, 3)), backbone)
    with pytest.raises(RecipeError, match="no layer 4; its layers are 1 to 3") as caught:
        _check_layers(Recipe(layers=(1, 4)), backbone)
    assert caught.value.field == "recipe.layers"


@pytest.mark.parametrize("count", [2, 8, 512])
def test_the_smaller_the_rate_the_higher_the_limit_and_always_a_number(count: int) -> None:
    scores = tuple(np.linspace(1.0, 2.0, count))
    limits = [tolerance_limit(scores, rate) for rate in (0.5, 0.05, 1e-6, 1e-17, 1e-100, 5e-324)]
    assert all(math.isfinite(limit) for limit in limits), "no score exceeds a threshold that is no number"
    assert limits == sorted(limits)
