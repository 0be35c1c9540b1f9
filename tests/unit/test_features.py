"""Tokens to vectors: order, mask, neighbourhood, length; and the pixels a backbone gets."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from goldenpart.server.vision.features import extract_tokens, to_vectors
from goldenpart.server.vision.mask import InspectionMask
from goldenpart.server.vision.preparation import PreparedImage, prepare
from goldenpart.server.vision.recipe import Metric, Recipe

RAW = Recipe(metric=Metric.EUCLIDEAN, resolution_px=32)


class MeanColour:
    """A backbone whose token is the mean normalised colour of a patch."""

    name = "mean_colour"
    patch_px = 8
    mean = (0.5, 0.25, 0.125)
    std = (0.25, 0.5, 0.125)
    device = torch.device("cpu")
    digest = "0"

    def patch_tokens(self, images: torch.Tensor, layers: tuple[int, ...] = ()) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(images, self.patch_px).permute(0, 2, 3, 1)


def prepared(mask: InspectionMask | None = None) -> PreparedImage:
    return prepare(np.zeros((32, 48, 3), np.uint8), RAW, 8, mask)


def tokens() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal((4, 6, 5), np.float32))


def test_backbone_gets_normalised_pixels() -> None:
    picture = np.zeros((16, 24, 3), np.uint8)
    picture[:8, :8] = (255, 0, 0)
    picture[8:, 16:] = (0, 255, 51)
    found = extract_tokens(MeanColour(), [picture, picture[::-1].copy()], ())  # type: ignore[arg-type]
    assert found.shape == (2, 2, 3, 3)
    torch.testing.assert_close(found[0, 0, 0], torch.tensor([2.0, -0.5, -1.0]))
    torch.testing.assert_close(found[0, 1, 2], torch.tensor([-2.0, 1.5, 0.6]))
    torch.testing.assert_close(found[1, 1, 0], found[0, 0, 0])


def test_vectors_are_row_major() -> None:
    vectors = to_vectors(tokens(), prepared(), RAW)
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous
    assert (vectors == tokens().numpy().reshape(24, 5)).all()


def test_only_inspected_patches_give_vectors() -> None:
    left = prepared(InspectionMask(include=(((0, 0), (0.5, 0), (0.5, 1), (0, 1)),)))
    assert left.inspected.sum() == 12
    assert (to_vectors(tokens(), left, RAW) == tokens().numpy()[:, :3].reshape(12, 5)).all()


def test_cosine_vectors_have_unit_length() -> None:
    vectors = to_vectors(tokens(), prepared(), Recipe(resolution_px=32))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-6)


@pytest.mark.parametrize("side", [3, 5])
def test_neighbourhood_is_averaged_inside_the_grid(side: int) -> None:
    vectors = to_vectors(tokens(), prepared(), Recipe(metric=Metric.EUCLIDEAN, resolution_px=32, neighbourhood_patches=side))
    reach, grid = side // 2, tokens().numpy()
    for row in range(4):
        for column in range(6):
            around = grid[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
            np.testing.assert_allclose(vectors[6 * row + column], around.mean(axis=(0, 1)), rtol=1e-5, atol=1e-6)


def test_centred_cosine_measures_angles_about_the_centre() -> None:
    recipe = Recipe(metric=Metric.CENTRED_COSINE, resolution_px=32)
    plain = to_vectors(tokens(), prepared(), RAW)
    centre = plain.mean(axis=0)
    shifted = plain - centre
    expected = shifted / np.linalg.norm(shifted, axis=1, keepdims=True)
    np.testing.assert_allclose(to_vectors(tokens(), prepared(), recipe, centre), expected, atol=1e-6)
