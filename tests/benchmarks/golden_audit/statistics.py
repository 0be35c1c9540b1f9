"""What a golden part is ranked by: the audit's statistic and others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from tests.benchmarks.golden_audit.pictures import Compared, Scores

from goldenpart.server.vision.audit import WORST_SHARE, lie_alike, mean_of_largest, multiples_of_usual
from goldenpart.server.vision.audit_comparison import FIRST_PART, LAST_PART, mean_of_nearest_parts

Statistic = Callable[[Sequence[Compared]], Scores]


def anywhere(first: int = FIRST_PART, last: int = LAST_PART, share: float = WORST_SHARE) -> Statistic:
    """Mean distance to the parts of these ranks, and of that the mean over this share of the patches."""
    return lambda parts: np.array([mean_of_largest(mean_of_nearest_parts(part.anywhere, first, last), share) for part in parts])


def in_place(share: float = WORST_SHARE) -> Statistic:
    """The same for patches at the same place."""
    return lambda parts: np.array([mean_of_largest(mean_of_nearest_parts(part.in_place), share) for part in parts])


def multiples(least: float = 1.0, last: int = LAST_PART, share: float = WORST_SHARE) -> Statistic:
    """The same in multiples of what is usual at the place, which is no less than `least` times the median of all places."""

    def statistic(parts: Sequence[Compared]) -> Scores:
        unlike = [mean_of_nearest_parts(part.in_place, FIRST_PART, last) for part in parts]
        floor = least * float(np.median(np.concatenate(unlike)))
        others = [[other for other in range(len(parts)) if other != part] for part in range(len(parts))]
        elsewhere = [[unlike[o][twins] for o, twins in zip(others[part], parts[part].twins, strict=True)] for part in range(len(parts))]
        found = (multiples_of_usual(own, usual, floor) for own, usual in zip(unlike, elsewhere, strict=True))
        return np.array([mean_of_largest(each, share) for each in found])

    return statistic


def audit(parts: Sequence[Compared]) -> Scores:
    """What `judge_parts` does."""
    return multiples()(parts) if alike(parts) else anywhere()(parts)


def alike(parts: Sequence[Compared]) -> bool:
    """Return whether the audit compares place by place."""
    return lie_alike(np.concatenate([part.agreement for part in parts]).tolist())


CHOSEN = "multiples where parts lie alike, else anywhere"
VARIANTS: dict[str, Statistic] = {
    CHOSEN: audit,
    "anywhere, nearest part, maximum (plain leave-one-out)": anywhere(1, 1, 0),
    "anywhere, nearest part, top 0.05 %": anywhere(1, 1),
    "anywhere, nearest three parts, top 0.05 %": anywhere(),
    "anywhere, nearest three parts, top 0.3 %": anywhere(share=0.003),
    "anywhere, nearest three parts, top 1 %": anywhere(share=0.01),
    "anywhere, 2nd to 4th part, top 0.05 %": anywhere(2, 4),
    "in place, nearest three parts, top 0.05 %": in_place(),
    "in place, nearest three parts, top 0.3 %": in_place(0.003),
    "multiples of what is usual there, top 0.05 %": multiples(),
    "multiples, top 0.3 %": multiples(share=0.003),
    "multiples, nearest part, top 0.05 %": multiples(last=1),
    "multiples, usual at least half the median": multiples(0.5),
    "multiples, usual at least twice the median": multiples(2.0),
}
