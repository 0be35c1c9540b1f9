"""Greedy k-center selection, many centres to a matrix product.

Farthest-first (Gonzalez, Clustering to minimize the maximum intercluster distance, 1985) chooses one centre, measures every point's
distance to it, and chooses the point that is then farthest from all centres. Every choice reads all points from memory for one product
each. But the next centres are all among the points that are farthest already: distances only shrink, so a point of these is the next
centre as long as none outside lies farther. So the choices are made among those few, exactly as one by one, and all points are measured
against a whole round of new centres at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

Rows = npt.NDArray[np.int64]

FRONT = 256
"""Points that the centres of a round are chosen among, and so at most so many in a round."""
_BLOCK = 8_192  # points measured at once, so that their distances to a round's centres stay in a cache


class KCenter:
    """Chooses centres round by round. Belongs to the thread that owns the device.

    Args:
        points: (N, P) float32 on the device that computes.
        first: row of the first centre.

    Attributes:
        count: centres chosen so far.
    """

    def __init__(self, points: torch.Tensor, first: int) -> None:
        self._points = points
        self._norms = points.square().sum(dim=1)
        # Squared distance to the nearest centre; -inf for centres themselves, so that none comes twice.
        self._nearest = torch.full_like(self._norms, torch.inf)
        self._centres: list[torch.Tensor] = []
        self.count = 0
        self._add(torch.tensor([first], device=points.device))

    def grow(self, most: int) -> None:
        """Choose the centres of a round, at least one; stops when `most` < N are chosen in all."""
        farthest = torch.topk(self._nearest, min(FRONT + 1, len(self._nearest)))
        outside = float(farthest.values[-1])  # no point that is left out lies farther
        front = farthest.indices[:-1]
        between = self._squared(front, front).cpu().numpy()
        distances = farthest.values[:-1].cpu().numpy()
        picks: list[int] = []
        while len(picks) < min(most - self.count, len(distances)):
            pick = int(distances.argmax())
            if picks and distances[pick] < outside:
                break
            picks.append(pick)
            np.minimum(distances, between[pick], out=distances)
            distances[pick] = -np.inf
        self._add(front[torch.tensor(picks, device=front.device)])

    @property
    def centres(self) -> Rows:
        """Rows of the centres in the order of their choice, (count,) int64."""
        return torch.cat(self._centres).cpu().numpy()

    @property
    def radius(self) -> float:
        """Largest distance of a point to its nearest centre."""
        return float(self._nearest.max().clamp_min(0.0).sqrt())

    def _add(self, centres: torch.Tensor) -> None:
        for start in range(0, len(self._points), _BLOCK):
            block = slice(start, start + _BLOCK)
            distances = self._squared(centres, block).amin(dim=0)
            torch.minimum(self._nearest[block], distances, out=self._nearest[block])
        self._nearest[centres] = -torch.inf
        self._centres.append(centres)
        self.count += len(centres)

    def _squared(self, left: torch.Tensor, right: torch.Tensor | slice) -> torch.Tensor:
        """Squared distances, (L, R); rounding may take them a little below 0."""
        lengths = self._norms[left][:, None] + self._norms[right]
        return torch.addmm(lengths, self._points[left], self._points[right].T, alpha=-2.0)
