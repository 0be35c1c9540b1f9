"""Exact confidence bounds of a share, without SciPy.

Clopper & Pearson, Biometrika 26 (1934): the bounds are quantiles of beta distributions. The distribution function is the continued
fraction of the incomplete beta function (DLMF 8.17.22, by Lentz's method), the quantile is found by Newton's
method within a bracket that is halved where a step would leave it.
"""

import math

import numpy as np
import numpy.typing as npt

Shares = npt.NDArray[np.float64]

_TERMS = 300
_STEPS = 80
_CLOSE = 1e-13
_TINY = 1e-300


def clopper_pearson(hits: npt.NDArray[np.int64], trials: int, confidence: float = 0.95) -> tuple[Shares, Shares]:
    """Return the lower and upper bound of the share, (N,) float64 each, in [0, 1].

    Args:
        hits: (N,) int64, 0 to ``trials`` each.
        trials: Of which they are, >= 0; with 0 nothing is known: 0 and 1.
        confidence: That the true share lies between the two, in (0, 1).
    """
    counts = hits.astype(np.float64)
    tail = (1 - confidence) / 2
    lower, upper = np.zeros(len(counts)), np.ones(len(counts))
    some, short = counts > 0, counts < trials
    lower[some] = _beta_quantile(tail, counts[some], trials - counts[some] + 1)
    upper[short] = _beta_quantile(1 - tail, counts[short] + 1, trials - counts[short])
    return lower, upper


def _beta_quantile(probability: float, a: Shares, b: Shares) -> Shares:
    low, high, at = np.zeros(len(a)), np.ones(len(a)), a / (a + b)
    for _ in range(_STEPS):
        error = beta_distribution(at, a, b) - probability
        low, high = np.where(error < 0, at, low), np.where(error < 0, high, at)
        with np.errstate(over="ignore"):  # far out the density is 0, and the middle is taken
            newton = at - error / np.maximum(_beta_density(at, a, b), _TINY)
        inside = (newton > low) & (newton < high)
        nearer = np.where(inside, newton, (low + high) / 2)
        moved, at = np.abs(nearer - at).max(initial=0.0), nearer
        if moved < _CLOSE:
            break
    return at


def _beta_density(x: Shares, a: Shares, b: Shares) -> Shares:
    return np.asarray(np.exp(_log_beta(a, b) + (a - 1) * np.log(x) + (b - 1) * np.log1p(-x)), np.float64)


def _log_beta(a: Shares, b: Shares) -> Shares:
    """Return -ln B(a, b)."""
    return np.array([math.lgamma(p + q) - math.lgamma(p) - math.lgamma(q) for p, q in zip(a.tolist(), b.tolist(), strict=True)])


def beta_distribution(x: Shares, a: Shares, b: Shares) -> Shares:
    """Return P(X <= x) of beta distributions, (N,) float64.

    Args:
        x: (N,) float64 in (0, 1).
        a: (N,) float64 > 0.
        b: (N,) float64 > 0.
    """
    swap = x > (a + 1) / (a + b + 2)  # there the fraction of the other tail converges faster
    left, right, at = np.where(swap, b, a), np.where(swap, a, b), np.where(swap, 1 - x, x)
    front = np.exp(_log_beta(left, right) + left * np.log(at) + right * np.log1p(-at)) / left
    value = front * _continued_fraction(at, left, right)
    return np.asarray(np.where(swap, 1 - value, value), np.float64)


def _continued_fraction(x: Shares, a: Shares, b: Shares) -> Shares:
    c, d = np.ones(len(x)), _inverse(1 - (a + b) * x / (a + 1))
    value = d.copy()
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d, c = _inverse(1 + term * d), _away_from_zero(1 + term / c)
            value = value * d * c
        if np.all(np.abs(d * c - 1) < 1e-14):
            break
    return value


def _inverse(values: Shares) -> Shares:
    return 1 / _away_from_zero(values)


def _away_from_zero(values: Shares) -> Shares:
    return np.asarray(np.where(np.abs(values) < _TINY, _TINY, values), np.float64)
