"""What pictures are made of, on patches whose kinds are known."""

import numpy as np
import pytest

from goldenpart.server.vision.backbones.compact import CompactBackbone
from goldenpart.server.vision.composition import VOCABULARIES, WORDS, coarsest_columns, compositions, unlikeness
from goldenpart.server.vision.features import Vectors

KINDS = np.eye(6, dtype=np.float32)


def picture(seed: int, holes: int = 6) -> Vectors:
    """Return (1000, 6) float32: plain patches, about 200 of an edge, and 30 of every hole."""
    rng = np.random.default_rng(seed)
    edges = int(rng.integers(195, 206))
    kinds = np.repeat([0, 1, 2], [1000 - edges - 30 * holes, edges, 30 * holes])
    return (KINDS[kinds] * rng.uniform(0.5, 2, (1000, 1))).astype(np.float32)


def test_a_picture_that_lacks_something_is_unlike_the_others() -> None:
    found = unlikeness(compositions([picture(seed) for seed in range(9)] + [picture(9, holes=5)]))
    assert found.argmax() == 9
    assert found[9] > 2 * found[:9].max()


def test_shares_are_of_the_pictures_own_patches() -> None:
    whole, part = picture(0), picture(0)[::2]
    shares = np.square(compositions([whole, part, picture(1)]))
    np.testing.assert_allclose(shares.sum(axis=2), 1)
    assert np.abs(shares[:, 0] - shares[:, 1]).max() < 0.03
    assert shares.shape == (VOCABULARIES, 3, WORDS)


@pytest.mark.parametrize(("patches", "words"), [(4, 1), (40, 3)])
def test_few_patches_have_few_words(patches: int, words: int) -> None:
    found = compositions([picture(seed)[:patches] for seed in range(3)])
    assert found.shape == (VOCABULARIES, 3, words)
    assert np.isfinite(unlikeness(found)).all()


def test_equal_pictures_are_alike() -> None:
    assert unlikeness(compositions([picture(0)] * 5)).tolist() == [0] * 5


@pytest.mark.parametrize(("layers", "columns"), [((), (144, 336)), ((1, 2, 3), (144, 336)), ((3, 1), (0, 192)), ((2,), (0, 96))])
def test_the_coarsest_layer_has_its_columns(layers: tuple[int, ...], columns: tuple[int, int]) -> None:
    assert coarsest_columns(CompactBackbone(), layers) == slice(*columns)
