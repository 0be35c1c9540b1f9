"""One picture laid over another: transforms are found among wrong matches, and rotated patches are put back where they came from."""

import cv2
import numpy as np
import pytest

from goldenpart.server.vision.image import Rgb8
from goldenpart.server.vision.preparation import prepare
from goldenpart.server.vision.recipe import Recipe
from goldenpart.server.vision.registration import agrees_within, register, upright_places


@pytest.mark.parametrize("wrong", [0.0, 0.6])
def test_a_transform_is_found_among_wrong_matches(wrong: float) -> None:
    rng = np.random.default_rng(3)
    angle, scale, shift = np.deg2rad(40), 1.1, np.array([5.0, -3.0])
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    places = rng.uniform(0, 64, (500, 2)).astype(np.float32)
    to = places @ matrix.T + shift + rng.normal(0, 0.3, places.shape)
    lost = rng.random(500) < wrong
    to[lost] = rng.uniform(0, 64, (int(lost.sum()), 2))
    found = register(places, to.astype(np.float32), 2.0)
    assert found.agreement == pytest.approx(1 - lost.mean(), abs=0.02)
    assert found.carry(places)[~lost] == pytest.approx(to[~lost], abs=1.5)
    again = register(places, to.astype(np.float32), 2.0)
    assert again.matrix.tolist() == found.matrix.tolist()


@pytest.mark.parametrize("matches", [0, 1])
def test_too_few_matches_are_no_agreement(matches: int) -> None:
    found = register(np.zeros((matches, 2), np.float32), np.zeros((matches, 2), np.float32), 2.0)
    assert found.agreement == 0
    assert found.carry(np.ones((3, 2), np.float32)).tolist() == [[1, 1]] * 3


def test_matches_at_random_hardly_agree() -> None:
    rng = np.random.default_rng(4)
    assert register(*rng.uniform(0, 64, (2, 300, 2)).astype(np.float32), 2.0).agreement < 0.2


@pytest.mark.parametrize(("rows", "columns", "expected"), [(64, 86, 2.0), (86, 64, 2.0), (16, 16, 0.6875)])
def test_what_agrees_is_a_share_of_the_picture(rows: int, columns: int, expected: float) -> None:
    places = np.argwhere(np.ones((rows, columns), np.bool_))[:, ::-1].astype(np.float32)
    assert agrees_within(places) == expected


@pytest.mark.parametrize("angle_deg", [0.0, 90.0, 180.0, 35.0, 350.0])
@pytest.mark.parametrize("size", [(64, 64), (100, 72)])
def test_rotated_patches_are_put_back(angle_deg: float, size: tuple[int, int]) -> None:
    """A bright spot in the upright picture is found in the rotated one, in a patch that is put back to the spot."""
    width, height = size
    image: Rgb8 = np.zeros((height, width, 3), np.uint8)
    x, y = width * 5 // 8, height * 3 // 8
    cv2.circle(image, (x, y), 3, (255, 255, 255), -1)
    prepared = prepare(image, Recipe(resolution_px=min(size)), 4, angle_deg=angle_deg)
    rows, columns = prepared.inspected.shape
    brightness = prepared.pixels[..., 0].reshape(rows, 4, columns, 4).astype(float).mean(axis=(1, 3)).ravel()
    places = upright_places(prepared, angle_deg)
    assert brightness @ places / brightness.sum() == pytest.approx([(x + 0.5) / 4 - 0.5, (y + 0.5) / 4 - 0.5], abs=0.1)
