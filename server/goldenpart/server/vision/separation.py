"""How well scores tell good parts from defective ones."""

from __future__ import annotations

import numpy as np
from scipy import stats

Scores = tuple[float, ...]


def auroc(normal: Scores, defective: Scores) -> float:
    """Return the area under the ROC curve: the probability that a defective score exceeds a normal one, ties counting half."""
    ranks = stats.rankdata(np.array([*normal, *defective]))
    above = ranks[len(normal) :].sum() - len(defective) * (len(defective) + 1) / 2
    return float(above / (len(normal) * len(defective)))


def best_f1(normal: Scores, defective: Scores) -> tuple[float, float]:
    """Return the threshold (FAIL above it) of the best F1, and that F1.

    A threshold lies midway between two neighbouring scores; among equally good ones where the two are farthest apart.
    """
    scores = np.array([*normal, *defective], np.float64)
    truth = np.array([False] * len(normal) + [True] * len(defective))
    levels = np.unique(scores)
    cuts = np.concatenate([[np.nextafter(levels[0], -np.inf)], (levels[1:] + levels[:-1]) / 2, [levels[-1]]])
    hits = np.array([np.count_nonzero(truth & (scores > cut)) for cut in cuts])
    alarms = np.array([np.count_nonzero(scores > cut) for cut in cuts])
    f1 = 2 * hits / (alarms + len(defective))
    gaps = np.concatenate([[0.0], np.diff(levels), [0.0]])
    best = max(range(len(cuts)), key=lambda index: (f1[index], gaps[index]))
    return float(cuts[best]), float(f1[best])
