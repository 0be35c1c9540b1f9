"""Drawn inspections: repeatable, labelled by what really changed, and a loss that asks for the right thing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from goldenpart.server.pretraining.augmentation import normalise, unit_range
from goldenpart.server.pretraining.episodes import (
    DEFECT,
    GOLDEN_VIEWS,
    NORMAL,
    PATCH,
    TRIAL_VIEWS,
    UNSURE,
    VIEW_SIDE,
    draw_episode,
)
from goldenpart.server.pretraining.materials import random_material
from goldenpart.server.pretraining.separation import episode_loss
from goldenpart.server.vision.backbones.compact_network import CompactNetwork

GRID = VIEW_SIDE // PATCH


@pytest.fixture(scope="module")
def photographs() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (3, 224, 224, 3), np.uint8)


def test_episode_follows_its_generator(photographs: np.ndarray) -> None:
    first, same, other = (draw_episode(photographs, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.views.shape == (GOLDEN_VIEWS + TRIAL_VIEWS, VIEW_SIDE, VIEW_SIDE, 3)
    assert first.labels.shape == (TRIAL_VIEWS, GRID, GRID)
    np.testing.assert_array_equal(first.views, same.views)
    np.testing.assert_array_equal(first.labels, same.labels)
    assert (first.views != other.views).any()


def test_labels_leave_a_margin_between_good_and_bad(photographs: np.ndarray) -> None:
    defects = 0
    for seed in range(40):
        for labels in draw_episode(photographs, np.random.default_rng(seed)).labels:
            assert set(np.unique(labels)) <= {NORMAL, DEFECT, UNSURE}
            defects += int((labels == DEFECT).any())
            rows, columns = np.nonzero(labels == DEFECT)
            for row, column in zip(rows, columns, strict=True):
                around = labels[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
                assert (around != NORMAL).all()
    assert defects > 40  # most trial views show a defect


def test_material_never_repeats_but_keeps_its_statistics() -> None:
    for seed in range(12):
        material = random_material(np.random.default_rng(seed))
        first, second = (material.draw(np.random.default_rng(sample), 128) for sample in (1, 2))
        assert not np.array_equal(first, second)
        np.testing.assert_allclose(first.mean(axis=(0, 1)), second.mean(axis=(0, 1)), atol=0.12)


def test_loss_is_small_where_defects_lie_far_and_large_where_they_hide(photographs: np.ndarray) -> None:
    network = CompactNetwork().eval()
    plain = np.full((GOLDEN_VIEWS + TRIAL_VIEWS, VIEW_SIDE, VIEW_SIDE, 3), 128, np.uint8)
    plain[..., ::2, :, :] = 100
    labels = np.zeros((TRIAL_VIEWS, GRID, GRID), np.int8)
    labels[:, 4:12, 4:12] = UNSURE
    labels[:, 6:10, 6:10] = DEFECT
    damaged = plain.copy()
    damaged[GOLDEN_VIEWS:, 48:80, 48:80] = photographs[0, :32, :32]
    with torch.inference_mode():
        losses = [
            float(episode_loss(network, normalise(unit_range(torch.from_numpy(views))), torch.from_numpy(labels[None]), (1.0, 1.0, 1.0)))
            for views in (plain, damaged)
        ]
    assert losses[1] < 0.2 * losses[0]


def test_training_on_one_product_separates_its_defects(photographs: np.ndarray) -> None:
    torch.manual_seed(0)
    network = CompactNetwork().eval()
    episode = draw_episode(photographs, np.random.default_rng(7))
    views, labels = normalise(unit_range(torch.from_numpy(episode.views))), torch.from_numpy(episode.labels[None])
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02)
    losses = []
    for _ in range(6):
        loss = episode_loss(network, views, labels, (1.0, 1.0, 1.0))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
