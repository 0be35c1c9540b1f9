"""Golden parts judged by one another, on vectors whose answer is known."""

import numpy as np
import pytest
import torch

from goldenpart.server.vision.audit import (
    CONTAMINATED_FROM,
    AuditVerdict,
    PartComparison,
    PartEvidence,
    judge_parts,
    mean_of_largest,
    patch_suspicions,
    removable_parts,
    robust_z_scores,
)
from goldenpart.server.vision.coverage import distances_between
from goldenpart.server.vision.features import Vectors
from goldenpart.server.vision.recipe import Aggregate, Coreset, Metric, Recipe

CPU = torch.device("cpu")
RECIPE = Recipe(metric=Metric.EUCLIDEAN, coreset=Coreset.NONE, aggregate=Aggregate.MAX)


def part(seed: int, odd: Vectors | None = None) -> Vectors:
    """Return (40, 4) float32: the same 40 places in every part, with noise; the last patch is `odd` where given."""
    places = np.random.default_rng(0).normal(0, 5, (40, 4))
    vectors = (places + np.random.default_rng([1, seed]).normal(0, 0.1, places.shape)).astype(np.float32)
    if odd is not None:
        vectors[-1] = odd
    return vectors


def compare(parts: list[Vectors], recipe: Recipe = RECIPE, reach: float = 0.5) -> list[PartEvidence]:
    found = []
    for index, upright in enumerate(parts):
        comparison = PartComparison(index, upright, parts, recipe, reach, CPU)
        assert list(comparison.steps()) == list(range(1, len(parts)))
        found.append(comparison.evidence())
    return found


def test_two_bad_parts_with_the_same_defect_do_not_hide_each_other() -> None:
    defect = np.full(4, 40, np.float32)
    parts = [part(seed) for seed in range(8)] + [part(8, defect), part(9, defect + np.float32(0.05))]
    evidence = compare(parts)
    audits = judge_parts(evidence)
    assert [audit.verdict for audit in audits[8:]] == [AuditVerdict.CONTAMINATED] * 2
    assert all(audit.verdict is not AuditVerdict.CONTAMINATED for audit in audits[:8])
    assert [audit.p_value for audit in audits[8:]] in ([0.1, 0.2], [0.2, 0.1])
    assert all(audit.z_score >= CONTAMINATED_FROM for audit in audits[8:])
    assert evidence[8].worst == 39
    assert evidence[8].nearest == 9, "the other one is the only part that is like it there"
    plain = [float(patch_suspicions(nearest_rows(parts, index), 1, 1).max()) for index in range(10)]
    assert max(plain[8:]) < max(plain[:8]), "plain leave-one-out takes both for the most normal parts"


def nearest_rows(parts: list[Vectors], index: int) -> Vectors:
    others = [other for place, other in enumerate(parts) if place != index]
    rows = [distances_between(parts[index], other, Metric.EUCLIDEAN, CPU).min(dim=1).values for other in others]
    return torch.stack(rows).numpy()


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


def test_suspicion_is_the_mean_over_the_nearest_three() -> None:
    nearest = np.array([[5, 1], [1, 2], [3, 8], [2, 4], [9, 3]], np.float32)  # (P, N)
    assert patch_suspicions(nearest).tolist() == pytest.approx([(1 + 2 + 3) / 3, (1 + 2 + 3) / 3])
    assert patch_suspicions(nearest, 2, 4).tolist() == pytest.approx([(2 + 3 + 5) / 3, (2 + 3 + 4) / 3])
    assert patch_suspicions(nearest, 1, 1).tolist() == [1, 1]
    assert patch_suspicions(nearest[:1]).tolist() == [5, 1], "of a single other part, that one"
    assert patch_suspicions(nearest[:2]).tolist() == [3, 1.5], "of two, both"
    assert patch_suspicions(nearest[:2], 2, 4).tolist() == [5, 2], "of two, the second"


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
    audits = judge_parts(compare(parts))
    assert audits[3].z_score > CONTAMINATED_FROM
    assert audits[3].verdict is AuditVerdict.OK


def covered(rows: list[list[int]], farthest: float) -> PartEvidence:
    """Return evidence of a part whose patches (columns) are covered by the parts (rows) marked 1."""
    return PartEvidence(1.0, 1.0, np.array(rows, np.bool_), farthest, 0, 0)


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
    audits = judge_parts(compare([*(part(seed) for seed in range(6)), twin], reach=0.01))
    assert sorted(audits[index].verdict for index in (3, 6)) == [AuditVerdict.OK, AuditVerdict.REDUNDANT]
    assert all(audits[index].verdict is not AuditVerdict.REDUNDANT for index in (0, 1, 2, 4, 5))
