"""The cache of features: what was found is what would have been read, and it stays within its budget."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from detector_parts import backbone

from goldenpart.server.runtime.feature_cache import FeatureCache
from goldenpart.server.vision.features import extract_tokens

PICTURES = [np.random.default_rng(number).integers(0, 256, (64, 64, 3), np.uint8) for number in range(4)]


def test_found_tokens_are_those_that_were_read_bit_by_bit() -> None:
    cache = FeatureCache(1 << 24)
    reader = cache.over(backbone())
    fresh = extract_tokens(reader, PICTURES[:3], ())
    again = extract_tokens(reader, [PICTURES[1], PICTURES[3], PICTURES[0]], ())
    assert torch.equal(again[0], fresh[1])
    assert torch.equal(again[2], fresh[0])
    assert torch.equal(again[1], extract_tokens(FeatureCache(1 << 24).over(backbone()), [PICTURES[3]], ())[0])
    assert (cache.hits, cache.misses) == (2, 4)


def test_tokens_are_those_of_a_pass_without_a_cache() -> None:
    reader = FeatureCache(1 << 24).over(backbone())
    for _ in ("read", "found"):
        assert torch.equal(extract_tokens(reader, PICTURES[:1], (1,)), extract_tokens(backbone(), PICTURES[:1], (1,)))
    torch.testing.assert_close(extract_tokens(reader, PICTURES, ()), extract_tokens(backbone(), PICTURES, ()))


@pytest.mark.parametrize(
    ("pixels", "layers"),
    [
        (PICTURES[0][::-1].copy(), ()),
        (PICTURES[0], (1,)),
        (PICTURES[0][:32], ()),
        (PICTURES[0].reshape(32, 128, 3), ()),
    ],
)
def test_other_pixels_layers_or_shapes_are_another_picture(pixels: npt.NDArray[np.uint8], layers: tuple[int, ...]) -> None:
    cache = FeatureCache(1 << 24)
    reader = cache.over(backbone())
    extract_tokens(reader, PICTURES[:1], ())
    found = extract_tokens(reader, [pixels], layers)
    assert (cache.hits, cache.misses) == (0, 2)
    assert torch.equal(found, extract_tokens(backbone(), [pixels], layers))


def test_what_was_used_longest_ago_leaves_first() -> None:
    one = extract_tokens(backbone(), PICTURES[:1], ())[0].nbytes
    cache = FeatureCache(2 * one)
    reader = cache.over(backbone())
    for number in (0, 1, 0, 2):
        extract_tokens(reader, [PICTURES[number]], ())
    assert cache.size_bytes == 2 * one
    extract_tokens(reader, [PICTURES[0], PICTURES[2]], ())
    assert (cache.hits, cache.misses) == (3, 3)
    extract_tokens(reader, [PICTURES[1]], ())
    assert cache.misses == 4


def test_what_is_larger_than_the_budget_is_not_kept() -> None:
    cache = FeatureCache(100)
    extract_tokens(cache.over(backbone()), PICTURES[:1], ())
    assert cache.size_bytes == 0


def test_off_or_unwanted_it_is_the_backbone_itself() -> None:
    plain = backbone()
    assert FeatureCache(0).over(plain) is plain
    cache = FeatureCache(1)
    assert cache.over(plain, wanted=False) is plain
    assert cache.over(plain) is cache.over(plain), "frames with the same backbone go into one batch"
