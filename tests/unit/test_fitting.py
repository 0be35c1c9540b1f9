"""From golden parts to a bank, on the embedded backbone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from noise_bank import build, golden_parts

from goldenpart.server.vision.backbones.compact import CompactBackbone
from goldenpart.server.vision.bank import Bank
from goldenpart.server.vision.features import extract_tokens, to_vectors
from goldenpart.server.vision.fitting import can_leave_one_out, left_out_scores
from goldenpart.server.vision.inference import Query, score_batch
from goldenpart.server.vision.recipe import Coreset, Metric, Recipe


@pytest.fixture(scope="module")
def backbone() -> CompactBackbone:
    return CompactBackbone()


def test_the_centre_is_the_mean_token_of_all_golden_parts(backbone: CompactBackbone) -> None:
    recipe = Recipe(resolution_px=64, metric=Metric.CENTRED_COSINE, coreset=Coreset.NONE)
    content = build(backbone, recipe).content()
    raw = Recipe(resolution_px=64, metric=Metric.EUCLIDEAN)
    shown = [picture for part in golden_parts(recipe) for picture in part]
    every = np.concatenate([to_vectors(extract_tokens(backbone, [picture.pixels], ())[0], picture, raw) for picture in shown])
    assert content.centre is not None
    np.testing.assert_allclose(content.centre, every.mean(axis=0), rtol=1e-4, atol=1e-5)
    shifted = every - content.centre
    np.testing.assert_allclose(content.vectors, shifted / np.linalg.norm(shifted, axis=1, keepdims=True), atol=1e-4)


@pytest.mark.parametrize("metric", list(Metric))
def test_same_parts_recipe_and_seed_give_the_same_bytes(backbone: CompactBackbone, metric: Metric) -> None:
    recipe = Recipe(resolution_px=64, metric=metric, coreset_vectors=40, rotations_deg=(90.0,))
    assert build(backbone, recipe).content().to_bytes() == build(backbone, recipe).content().to_bytes()


def test_origins_name_part_angle_and_place(backbone: CompactBackbone) -> None:
    recipe = Recipe(resolution_px=64, coreset=Coreset.NONE, rotations_deg=(90.0,))
    origins = build(backbone, recipe).content().origins
    rows, columns = 8, 11  # 64 x 85 px in patches of 8
    assert len(origins) == 4 * 2 * rows * columns
    assert origins[0].tolist() == [0, 0, 0, 0]
    assert origins[rows * columns].tolist() == [0, 1, 0, 0]
    assert origins[-1].tolist() == [3, 1, rows - 1, columns - 1]


def test_a_golden_part_scores_0_with_its_own_vectors_and_more_without(backbone: CompactBackbone) -> None:
    recipe = Recipe(resolution_px=64, metric=Metric.CENTRED_COSINE, coreset=Coreset.NONE)
    bank = Bank(build(backbone, recipe).content(), recipe, torch.device("cpu"))
    shown = golden_parts(recipe)
    assert can_leave_one_out(bank.content)
    left_out = [one.scored.score for one in left_out_scores(bank, backbone, shown)]
    own = [answer.scored.score for answer in score_batch(backbone, [Query(bank, part[0]) for part in shown])]
    assert max(own) < 1e-5
    assert min(left_out) > 0.01
