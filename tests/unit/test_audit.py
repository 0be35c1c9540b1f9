"""Golden parts judged by one another, on vectors whose answer is known."""

from types import MappingProxyType

import numpy as np
import pytest
import torch
from tests.benchmarks.golden_audit.pictures import compare as compare_pictures
from tests.benchmarks.golden_audit.statistics import audit as benchmark_audit

from goldenpart.server.vision.audit import (
    CONTAMINATED_FROM,
    AuditVerdict,
    judge_parts,
    lie_alike,
    mean_of_largest,
    multiples_of_usual,
    removable_parts,
    robust_z_scores,
)
from goldenpart.server.vision.audit_comparison import PartComparison, PartEvidence, PartPatches, PatchEvidence, mean_of_nearest_parts
from goldenpart.server.vision.coverage import distances_between
from goldenpart.server.vision.features import Vectors
from goldenpart.server.vision.recipe import Aggregate, Coreset, Metric, Recipe
from goldenpart.server.vision.registration import Places

CPU = torch.device("cpu")
RECIPE = Recipe(metric=Metric.EUCLIDEAN, coreset=Coreset.NONE, aggregate=Aggregate.MAX)
GRID: Places = np.stack(np.meshgrid(np.arange(8), np.arange(5)), axis=-1).reshape(-1, 2).astype(np.float32)
"""(40, 2), places of the patches of a part that lies as the others do."""


def part(seed: int, odd: Vectors | None = None) -> Vectors:
    """Return (40, 4) float32: the same 40 places in every part, with noise; the last patch is `odd` where given."""
    places = np.random.default_rng(0).normal(0, 5, (40, 4))
    vectors = (places + np.random.default_rng([1, seed]).normal(0, 0.1, places.shape)).astype(np.float32)
    if odd is not None:
        vectors[-1] = odd
    return vectors


def patches_of(parts: list[Vectors], *, scattered: bool) -> list[PartPatches]:
    places = [np.random.default_rng([2, index]).permutation(GRID) if scattered else GRID for index in range(len(parts))]
    return [PartPatches(vectors, where, len(vectors)) for vectors, where in zip(parts, places, strict=True)]


def compare(parts: list[Vectors], recipe: Recipe = RECIPE, reach: float = 0.5, *, scattered: bool = False) -> list[PartEvidence]:
    """Compare parts that lie as the others do, or have their patches anywhere."""
    patches = patches_of(parts, scattered=scattered)
    found = []
    for index in range(len(parts)):
        comparison = PartComparison(index, patches, recipe, reach, CPU)
        assert list(comparison.steps()) == list(range(1, len(parts)))
        found.append(comparison.evidence())
    return found


@pytest.mark.parametrize("scattered", [False, True])
def test_two_bad_parts_with_the_same_defect_do_not_hide_each_other(scattered: bool) -> None:
    defect = np.full(4, 40, np.float32)
    parts = [part(seed) for seed in range(8)] + [part(8, defect), part(9, defect + np.float32(0.05))]
    judged = judge_parts(compare(parts, scattered=scattered))
    audits = judged.parts
    assert judged.lie_alike is not scattered
    assert [audit.verdict for audit in audits[8:]] == [AuditVerdict.CONTAMINATED] * 2
    assert all(audit.verdict is not AuditVerdict.CONTAMINATED for audit in audits[:8])
    assert [audit.p_value for audit in audits[8:]] in ([0.1, 0.2], [0.2, 0.1])
    assert all(audit.z_score >= CONTAMINATED_FROM for audit in audits[8:])
    assert audits[8].worst == 39
    assert audits[8].nearest == 9, "the other one is the only part that is like it there"
    plain = [float(nearest_rows(parts, index).min(axis=0).max()) for index in range(10)]
    assert max(plain[8:]) < max(plain[:8]), "plain leave-one-out takes both for the most normal parts"


def nearest_rows(parts: list[Vectors], index: int) -> Vectors:
    others = [other for place, other in enumerate(parts) if place != index]
    rows = [distances_between(parts[index], other, Metric.EUCLIDEAN, CPU).min(dim=1).values for other in others]
    return torch.stack(rows).numpy()


@pytest.mark.parametrize("scattered", [False, True])
def test_what_is_normal_elsewhere_stands_out_where_it_does_not_belong(scattered: bool) -> None:
    """A hole that is missing looks like the plain metal of another place."""
    parts = [part(seed) for seed in range(10)]
    parts[9][-1] = part(20)[0]
    audits = judge_parts(compare(parts, scattered=scattered)).parts
    if scattered:
        assert audits[9].verdict is not AuditVerdict.CONTAMINATED, "patches that lie anywhere are normal anywhere"
    else:
        assert audits[9].verdict is AuditVerdict.CONTAMINATED
        assert audits[9].worst == 39
        assert audits[9].p_value == 0.1


def test_what_differs_from_part_to_part_anyway_does_not_stand_out() -> None:
    parts = [part(seed) for seed in range(10)]
    for index, vectors in enumerate(parts):
        vectors[7] += np.random.default_rng([3, index]).normal(0, 3, 4).astype(np.float32)  # a serial number
    parts[9][20] += np.float32(1.5)  # less, but where all others are alike
    audits = judge_parts(compare(parts)).parts
    assert audits[9].worst == 20
    assert audits[9].p_value == 0.1


@pytest.mark.parametrize("metric", [Metric.EUCLIDEAN, Metric.COSINE])
def test_evidence_is_that_of_brute_force(metric: Metric) -> None:
    recipe = Recipe(metric=metric, neighbours=3, coreset=Coreset.NONE, aggregate=Aggregate.MEAN)
    parts = [part(seed) for seed in range(4)]
    if metric is Metric.COSINE:
        parts = [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in parts]
    found = compare(parts, recipe, reach=0.2)[1]
    others = np.concatenate([parts[0], parts[2], parts[3]]).astype(np.float64)
    queries = parts[1].astype(np.float64)
    squared = np.square(queries[:, None] - others[None]).sum(axis=2)
    distances = np.sqrt(squared) if metric is Metric.EUCLIDEAN else squared / 2
    assert found.left_out_score == pytest.approx(np.sort(distances, axis=1)[:, :3].mean(), rel=1e-4)
    nearest = distances.reshape(40, 3, 40).min(axis=2).T
    assert found.covered_by[[0, 2, 3]].tolist() == (nearest <= 0.2).tolist()
    assert not found.covered_by[1].any()
    assert found.farthest == pytest.approx(nearest.min(axis=0).max(), rel=1e-4)
    assert found.covered_share == pytest.approx((nearest <= 0.2).any(axis=0).mean())
    assert found.anywhere.unlike == pytest.approx(nearest.mean(axis=0), rel=1e-3, abs=1e-6)
    assert found.anywhere.likest.tolist() == np.array([0, 2, 3])[nearest.argmin(axis=0)].tolist()
    apart = np.linalg.norm(GRID[:, None] - GRID[None], axis=2)
    there = np.where((apart > 2.5)[:, None], np.inf, distances.reshape(40, 3, 40)).min(axis=2)
    assert found.in_place.unlike == pytest.approx(there.mean(axis=1), rel=1e-3, abs=1e-6)


def test_a_patch_that_comes_to_lie_outside_is_compared_anywhere() -> None:
    """The last part is moved by three patches, so its last columns have no counterpart."""
    parts = [part(seed) for seed in range(3)]
    patches = [PartPatches(parts[0], GRID, 40), PartPatches(parts[1], GRID, 40)]
    seen = GRID[:, 0] >= 3
    patches.append(PartPatches(parts[2][seen], GRID[seen] - np.float32([3, 0]), int(seen.sum())))
    comparison = PartComparison(0, patches, RECIPE, 0.5, CPU)
    list(comparison.steps())
    found = comparison.evidence()
    assert found.registrations[2].matrix == pytest.approx(np.array([[1, 0, -3], [0, 1, 0]]), abs=1e-6)
    first = distances_between(parts[0], parts[1], Metric.EUCLIDEAN, CPU).min(dim=1).values.numpy()
    second = distances_between(parts[0], parts[2][seen], Metric.EUCLIDEAN, CPU).min(dim=1).values.numpy()
    assert found.in_place.unlike[0] == pytest.approx((first[0] + second[0]) / 2), "it is three columns from any patch there"


def test_rotated_views_count_where_they_lie() -> None:
    vectors = part(0)
    turned = PartPatches(np.concatenate([part(1), part(2)]), np.concatenate([GRID, GRID]), 40)
    comparison = PartComparison(0, [PartPatches(vectors, GRID, 40), turned], RECIPE, 0.5, CPU)
    list(comparison.steps())
    distances = distances_between(vectors, turned.vectors, Metric.EUCLIDEAN, CPU).min(dim=1).values.numpy()
    assert comparison.evidence().in_place.unlike.tolist() == distances.tolist()


def test_parts_lie_alike_where_nearly_all_pairs_agree() -> None:
    assert lie_alike([0.9] * 95 + [0.1] * 5)
    assert not lie_alike([0.9] * 85 + [0.1] * 15), "some look the same, as pictures of one moment do, and others do not"


def test_multiples_are_of_the_usual_but_of_no_less_than_the_least() -> None:
    own, elsewhere = np.array([6, 6, 6], np.float32), [np.array(row, np.float32) for row in ([1, 3, 0], [2, 3, 0], [9, 3, 0])]
    assert multiples_of_usual(own, elsewhere, 1.5).tolist() == [3, 2, 4]
    assert multiples_of_usual(np.zeros(3, np.float32), elsewhere, 0).tolist() == [0, 0, 0], "equal pictures"


def test_suspicion_is_the_mean_over_the_nearest_three() -> None:
    nearest = np.array([[5, 1], [1, 2], [3, 8], [2, 4], [9, 3]], np.float32)  # (P, N)
    assert mean_of_nearest_parts(nearest).tolist() == pytest.approx([(1 + 2 + 3) / 3, (1 + 2 + 3) / 3])
    assert mean_of_nearest_parts(nearest, 2, 4).tolist() == pytest.approx([(2 + 3 + 5) / 3, (2 + 3 + 4) / 3])
    assert mean_of_nearest_parts(nearest, 1, 1).tolist() == [1, 1]
    assert mean_of_nearest_parts(nearest[:1]).tolist() == [5, 1], "of a single other part, that one"
    assert mean_of_nearest_parts(nearest[:2]).tolist() == [3, 1.5], "of two, both"
    assert mean_of_nearest_parts(nearest[:2], 2, 4).tolist() == [5, 2], "of two, the second"


def test_the_mean_of_the_largest_takes_at_least_one() -> None:
    values = np.arange(1000, dtype=np.float32)
    assert mean_of_largest(values, 0.003) == 998
    assert mean_of_largest(values[:10], 0.003) == 9


def test_robust_z_scores_ignore_what_a_quarter_does() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    wild = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 800.0])
    assert robust_z_scores(wild)[:7].tolist() == pytest.approx(robust_z_scores(values)[:7].tolist())
    assert robust_z_scores(np.ones(5)).tolist() == [0] * 5
    assert robust_z_scores(np.array([1.0, 1, 1, 1, 1.01]))[-1] < CONTAMINATED_FROM, "equal parts do not make a trifle stand out"


def test_fewer_than_five_parts_are_not_named_contaminated() -> None:
    parts = [part(0), part(1), part(2), part(3, np.full(4, 40, np.float32))]
    audits = judge_parts(compare(parts)).parts
    assert audits[3].z_score > CONTAMINATED_FROM
    assert audits[3].verdict is AuditVerdict.OK


def covered(rows: list[list[int]], farthest: float) -> PartEvidence:
    """Return evidence of a part whose patches (columns) are covered by the parts (rows) marked 1."""
    patches = PatchEvidence(np.ones(2, np.float32), np.zeros(2, np.int64))
    return PartEvidence(patches, patches, GRID[:2], MappingProxyType({}), 1.0, np.array(rows, np.bool_), farthest)


def test_redundant_parts_can_go_together() -> None:
    """0 and 1 cover each other, so one of them stays; 2 is covered by both together; 3 stands alone."""
    evidence = [
        covered([[0, 0], [1, 1], [0, 0], [0, 0]], 0.1),
        covered([[1, 1], [0, 0], [0, 0], [0, 0]], 0.2),
        covered([[1, 0], [1, 1], [0, 0], [0, 0]], 0.3),
        covered([[0, 1], [0, 1], [0, 1], [0, 0]], 0.9),
    ]
    assert removable_parts(evidence, set()) == {0, 2}
    assert removable_parts(evidence, {1}) == set(), "a contaminated part covers nothing"


def test_near_twins_are_named_redundant_once() -> None:
    twin = part(3) + np.float32(0.001)
    audits = judge_parts(compare([*(part(seed) for seed in range(6)), twin], reach=0.01)).parts
    assert sorted(audits[index].verdict for index in (3, 6)) == [AuditVerdict.OK, AuditVerdict.REDUNDANT]
    assert all(audits[index].verdict is not AuditVerdict.REDUNDANT for index in (0, 1, 2, 4, 5))


@pytest.mark.parametrize("scattered", [False, True])
def test_the_benchmark_of_the_audit_ranks_parts_as_the_audit_does(scattered: bool) -> None:
    parts = [part(seed) for seed in range(9)] + [part(9, np.full(4, 40, np.float32))]
    pictures = compare_pictures(patches_of(parts, scattered=scattered), RECIPE.metric)
    compared = [one.among([other for other in range(10) if other != place]) for place, one in enumerate(pictures)]
    suspicions = [audit.suspicion for audit in judge_parts(compare(parts, scattered=scattered)).parts]
    assert benchmark_audit(compared) == pytest.approx(suspicions, rel=1e-3)  # distances the other way round, in float32
