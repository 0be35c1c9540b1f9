"""Which pictures of a pool cover most of what the bank does not, on vectors whose answer is known."""

import numpy as np
import pytest
import torch

from goldenpart.server.vision.bank import BankContent
from goldenpart.server.vision.coverage import Coverage, Novelty, coreset_reach, distances_between, novelty_of, reach_of
from goldenpart.server.vision.curation import PoolFrame, SuggestionReason, rank_frames
from goldenpart.server.vision.recipe import Metric

CPU = torch.device("cpu")
REACH = 1.0


def novelty(*points: float) -> Novelty:
    """Return a picture with patches on a line, whose bank lies at 0."""
    values = np.array([[point] for point in points], np.float32).reshape(len(points), 1)
    return novelty_of(values, np.abs(values[:, 0]), REACH, 32)


def coverage(*pool: Novelty) -> Coverage:
    made = Coverage(pool, REACH, Metric.EUCLIDEAN, CPU)
    assert list(made.steps()) == list(range(1, len(pool) + 1))
    return made


def test_the_reach_is_the_median_between_golden_parts() -> None:
    vectors = np.array([[0.0], [1.0], [10.0], [11.5]], np.float32)
    origins = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0], [1, 0, 0, 1]], np.int32)
    assert reach_of(BankContent(vectors, origins, 0.0), Metric.EUCLIDEAN, CPU) == pytest.approx(9.0)  # 10, 9, 9, 10.5 -> lower median
    alone = np.zeros((4, 4), np.int32)
    assert reach_of(BankContent(vectors, alone, 0.0), Metric.EUCLIDEAN, CPU) == 0


def test_the_coreset_radius_in_the_metric() -> None:
    content = BankContent(np.zeros((1, 2), np.float32), np.zeros((1, 4), np.int32), 0.2)
    assert coreset_reach(content, Metric.EUCLIDEAN) == 0.2
    assert coreset_reach(content, Metric.COSINE) == pytest.approx(0.02)  # |a - b|^2 / 2 = 1 - cos


def test_distances_in_both_metrics() -> None:
    left = np.array([[1, 0], [0, 1]], np.float32)
    assert distances_between(left, left, Metric.COSINE, CPU).tolist() == [[0, 1], [1, 0]]
    assert distances_between(left, left, Metric.EUCLIDEAN, CPU)[0, 1].item() == pytest.approx(2**0.5)


def test_novelty_keeps_the_farthest_beyond_the_reach() -> None:
    values = np.array([[0.5], [3.0], [2.0], [1.5]], np.float32)
    found = novelty_of(values, values[:, 0], REACH, 2)
    assert found.vectors[:, 0].tolist() == [3, 2]
    assert found.beyond.tolist() == [2, 1]
    assert (found.uncovered, found.patches) == (3, 4)


def test_what_many_pictures_share_comes_before_what_one_has_alone() -> None:
    """Three pictures at 5, one farther out at -9 alone: the three count together."""
    made = coverage(novelty(5.0), novelty(5.0), novelty(5.2), novelty(-9.0), novelty(0.1))
    first, second = made.picks(5, 0.01)
    assert first.place in (0, 1, 2)
    assert first.gain == pytest.approx((4 + 4 + 4.2) / (4 + 4 + 4.2 + 8))
    assert first.shared == pytest.approx(2 / 3, abs=0.05)
    assert sorted((first.place, *first.repeats)) == [0, 1, 2]
    assert (second.place, second.shared, second.repeats) == (3, 0, ())
    assert second.total == pytest.approx(1.0)


def test_a_picture_with_something_more_is_no_repeat() -> None:
    made = coverage(novelty(5.0), novelty(5.0, 5.1), novelty(5.0, 20.0))
    everyone = np.ones(3, np.bool_)
    assert made.repeats_of(0, everyone) == (1,)
    assert made.repeats_of(2, everyone) == (0, 1)
    assert made.repeats_of(2, np.array([True, False, True])) == (0,)


def test_picks_end_with_the_least_gain_and_with_the_pool() -> None:
    assert len(list(coverage(novelty(9.0), novelty(-9.0), novelty(1.5)).picks(9, 0.1))) == 2
    assert len(list(coverage(novelty(9.0), novelty(-9.0), novelty(1.5)).picks(1, 0.0))) == 1
    assert list(coverage(novelty(0.5), novelty(0.2)).picks(9, 0.0)) == [], "the bank covers all"


def frame(name: str, place: int, score: float, *points: float) -> PoolFrame:
    return PoolFrame(name, place, score, novelty(*points))


def test_coverage_comes_before_closeness_to_the_threshold() -> None:
    frames = [
        frame("far", 0, 4.0, 9.0, 9.5),
        frame("near", 1, 0.95, 1.2),
        frame("nearer", 2, 1.02, -1.2),
        frame("known", 3, 0.1, 0.1),
        frame("far-again", 4, 4.0, 9.1, 9.4),
    ]
    made = coverage(*(each.novelty for each in frames))
    ranked = rank_frames(frames, made, 1.0, 10)
    assert [one.name for one in ranked] == ["far", "nearer", "near"] or [one.name for one in ranked] == ["far-again", "nearer", "near"]
    assert [one.reason for one in ranked] == [SuggestionReason.COVERAGE, SuggestionReason.THRESHOLD, SuggestionReason.THRESHOLD]
    assert {ranked[0].name, *ranked[0].near_duplicates} == {"far", "far-again"}
    assert ranked[1].explanation == "close to the limit: 1.02"
    assert "score 4.00 of the limit" in ranked[0].explanation
    assert [one.name for one in rank_frames(frames, made_again(frames), None, 10)][1:] == [], "without a threshold only coverage counts"
    assert len(rank_frames(frames, made_again(frames), 1.0, 2)) == 2


def made_again(frames: list[PoolFrame]) -> Coverage:
    return coverage(*(each.novelty for each in frames))


def test_one_of_a_kind_is_told() -> None:
    frames = [frame("odd", 0, 4.0, 9.0), frame("other", 1, 4.0, -9.0)]
    ranked = rank_frames(frames, made_again(frames), None, 10)
    assert all("no other frame has the like" in one.explanation for one in ranked)
    assert ranked[0].explanation.startswith("unlike the bank: covers 50 % of what is uncovered in the pool")
