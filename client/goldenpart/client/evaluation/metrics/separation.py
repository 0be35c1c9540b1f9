"""The usual figures of how well scores tell two classes apart, by scikit-learn.

Replicates of the bootstrap have the same figures from counts, a thousand at once: :mod:`~goldenpart.client.evaluation.metrics.ranking`.
"""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from goldenpart.client.evaluation.metrics.ranking import ScoreCounts

_ROUNDING = 1e-12  # equal F1s differ in their last digits as precision and recall are rounded


class Separation(NamedTuple):
    """Figures over all thresholds.

    Attributes:
        auroc: Area under the ROC curve.
        average_precision: Area under the precision-recall curve as a sum of steps.
        f1_max: Best F1 over all thresholds.
        f1_max_score: The lowest score that counts as defective there; the highest such score where several are best.
    """

    auroc: float
    average_precision: float
    f1_max: float
    f1_max_score: float


def separation(counts: ScoreCounts) -> Separation:
    """Measure.

    Args:
        counts: Items by score, (L,) each; both classes have some.
    """
    scores = np.tile(counts.scores, 2)
    truth = np.repeat([False, True], len(counts.scores))
    weights = np.concatenate([counts.normal, counts.defective])
    kept = weights > 0
    items = {"y_true": truth[kept], "y_score": scores[kept], "sample_weight": weights[kept]}
    precision, recall, thresholds = precision_recall_curve(**items)
    f1 = 2 * precision[:-1] * recall[:-1] / np.maximum(precision[:-1] + recall[:-1], np.finfo(np.float64).tiny)
    best = int(np.flatnonzero(f1 >= f1.max() - _ROUNDING)[-1])
    return Separation(float(roc_auc_score(**items)), float(average_precision_score(**items)), float(f1[best]), float(thresholds[best]))
