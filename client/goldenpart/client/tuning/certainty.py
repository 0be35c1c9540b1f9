"""How sure it is that one setting is better than another."""

import numpy as np
import numpy.typing as npt

from goldenpart.client.evaluation.figures import Estimate, Interval


def auroc_gain(
    ours: npt.ArrayLike, theirs: npt.ArrayLike, defective: npt.ArrayLike, *, replicates: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Estimate:
    """Return the difference of two AUROCs on the same images with its paired bootstrap interval.

    Images are drawn with replacement, good and defective ones apart, and both settings are measured on the same draw (Efron and Tibshirani
    1993, chapters 8 and 13): what makes images hard for both cancels.

    Args:
        ours: (N,) finite scores of one setting; the larger, the less normal.
        theirs: (N,) of the other.
        defective: (N,) bool, the truth.
        replicates: >= 1.
        confidence: In (0, 1).
        seed: The same one gives the same interval.

    Raises:
        ValueError: A class is missing, or the shapes differ.
    """
    first, second, truth = np.asarray(ours, np.float64), np.asarray(theirs, np.float64), np.asarray(defective, np.bool_)
    if first.shape != truth.shape or second.shape != truth.shape or truth.ndim != 1:
        raise ValueError(f"scores have shapes {first.shape} and {second.shape}, labels {truth.shape}; all must be (N,)")
    bad, good = int(truth.sum()), int((~truth).sum())
    if not bad or not good:
        raise ValueError(f"both classes are needed, not {good} good and {bad} defective images")
    gain = _pairs(first, truth) - _pairs(second, truth)  # (bad, good)
    rng = np.random.default_rng(seed)
    drawn_bad = rng.multinomial(bad, np.full(bad, 1 / bad), size=replicates)  # (R, bad)
    drawn_good = rng.multinomial(good, np.full(good, 1 / good), size=replicates)  # (R, good)
    values = ((drawn_bad @ gain) * drawn_good).sum(axis=1) / (bad * good)  # (R,)
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return Estimate(float(gain.mean()), Interval(float(low), float(high)))


def _pairs(scores: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return (bad, good): 1 where the defective image scores above the good one, a half where they are equal."""
    difference = scores[truth][:, None] - scores[~truth][None, :]
    above: npt.NDArray[np.float64] = (np.sign(difference) + 1) / 2
    return above
