"""How rare a distance is among patches of golden parts: the common scale of detectors whose units differ."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldenpart.server.vision.features import Vectors

KNOTS = 64
"""Places of the distribution that are kept, evenly spaced in rarity."""
TAIL_SHARE = 0.01
"""Share of the seen distances that the tail is estimated from; more if that were fewer than `TAIL_COUNT`, at most half."""
TAIL_COUNT = 20
_LEAST_TAIL = 1e-3
"""Least scale of the tail, as a share of where it begins; equal distances must not make everything else infinitely rare."""


@dataclass(frozen=True, slots=True, eq=False)
class Rarity:
    """A map from distance to -ln P(a patch of a golden part that was left out lies at least so far away), in nats.

    P is the empirical distribution function of the distances seen, linear in rarity between the kept knots. Beyond the last knot u, where
    hardly anything was seen, excesses are taken as exponential with the mean excess m seen there, so that the rarity goes on as
    rarity(u) + (d - u) / m without end: two defects larger than anything seen still differ. An exponential tail is the generalised
    Pareto distribution of shape 0 to which excesses over a high threshold tend (Pickands, Annals of Statistics 1975; Balkema & de Haan,
    Annals of Probability 1974). Never falling with the distance, and rising above the smallest seen; a sum of rarities is, up to a
    factor, Fisher's combination of p-values.

    Attributes:
        distances: (K,) float32, strictly ascending.
        rarities: (K,) float32 >= 0, ascending.
        tail: m > 0.
    """

    distances: Vectors
    rarities: Vectors
    tail: float

    def of(self, distances: Vectors) -> Vectors:
        """Map distances of any shape."""
        inside = np.interp(distances, self.distances, self.rarities)
        beyond = np.maximum(distances - self.distances[-1], 0.0) / np.float32(self.tail)
        return np.asarray(inside + beyond, np.float32)


def estimate_rarity(seen: Vectors) -> Rarity:
    """Estimate the map from distances of golden patches that were left out of what measured them.

    Args:
        seen: (N,) float32, N >= 1.
    """
    ordered = np.sort(seen.astype(np.float64))
    share = min(0.5, max(TAIL_SHARE, TAIL_COUNT / len(ordered)))
    rarities: npt.NDArray[np.float64] = np.linspace(0.0, -math.log(share), KNOTS)
    knots = np.quantile(ordered, 1.0 - np.exp(-rarities)).astype(np.float32)
    last_of_equal = np.append(np.diff(knots) > 0, True)
    start = float(knots[-1])
    above = ordered[ordered > start]
    excess = float((above - start).mean()) if len(above) else 0.0
    return Rarity(knots[last_of_equal], rarities[last_of_equal].astype(np.float32), max(excess, _LEAST_TAIL * start, 1e-9))
