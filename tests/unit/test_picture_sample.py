"""Of more calibration images than are kept the same ones stay, whatever the order they came in."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from goldenpart.server.registry.calibration_images import KeptPicture
from goldenpart.server.runtime.learning_sample import PictureSample

Sizes = st.lists(st.integers(1, 50), min_size=1, max_size=30)


def pictures(sizes: list[int]) -> list[KeptPicture]:
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(len(sizes))]
    return [
        KeptPicture(f"{number}", digests[number], defective=False, suffix=".png", data=b"x" * size) for number, size in enumerate(sizes)
    ]


def sample(offered: list[KeptPicture], most: int, most_bytes: int) -> list[KeptPicture]:
    kept = PictureSample(most, most_bytes)
    for picture in offered:
        kept.offer(picture)
    assert kept.kept.given == len(offered)
    return list(kept.kept.pictures)


@given(Sizes, st.integers(0, 12), st.integers(0, 300), st.randoms(use_true_random=False))
def test_the_sample_does_not_depend_on_the_order(sizes: list[int], most: int, most_bytes: int, shuffler: object) -> None:
    given_first = pictures(sizes)
    shuffled = list(given_first)
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = sample(given_first, most, most_bytes), sample(shuffled, most, most_bytes)
    assert {one.name for one in first} == {one.name for one in second}
    assert len(first) <= most
    assert sum(len(one.data) for one in first) <= most_bytes
    ordered = sorted(given_first, key=lambda one: one.pixel_digest)
    assert {one.name for one in first} == {one.name for one in ordered[: len(first)]}, "the smallest digests, without a gap"


def test_what_fits_is_kept_in_the_order_it_came() -> None:
    offered = pictures([10, 20, 30])
    assert sample(offered, 3, 60) == offered
    assert len(sample(offered, 3, 59)) < 3
