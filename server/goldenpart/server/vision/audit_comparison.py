"""A golden part compared with every other one: patch by patch, wherever they lie, and place by place, once one is laid over the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial import KDTree

from goldenpart.server.vision.coverage import Distances, distances_between
from goldenpart.server.vision.features import Vectors
from goldenpart.server.vision.recipe import Recipe
from goldenpart.server.vision.registration import Places, Registration, agrees_within, register
from goldenpart.server.vision.scoring import aggregate

IN_PLACE_WITHIN = 2.5
"""Patches no farther from where a patch comes to lie are at its place, in patches."""

FIRST_PART, LAST_PART = 1, 3
"""A patch is measured by its mean distance to the parts of these ranks, 1 = nearest."""

_MOST_IN_PLACE = 24  # patches of one angle within the circle


@dataclass(frozen=True, slots=True, eq=False)
class PartPatches:
    """The inspected patches of a golden part.

    Attributes:
        vectors: (M, D) float32, of all angles, upright ones first.
        places: (M, 2) float32, where they lie in the upright picture.
        upright: how many are upright, N.
    """

    vectors: Vectors
    places: Places
    upright: int


@dataclass(frozen=True, slots=True, eq=False)
class PairEvidence:
    """A part's N upright patches compared with another part.

    Attributes:
        anywhere: (N,) float32, distance to the nearest patch of the other.
        in_place: (N,) float32, distance to the nearest one at the same place; where the other has no patch there, `anywhere`.
        registration: how the part lies on the other.
    """

    anywhere: Distances
    in_place: Distances
    registration: Registration


@dataclass(frozen=True, slots=True, eq=False)
class PatchEvidence:
    """How a part's N upright patches compare with all other parts.

    Attributes:
        unlike: (N,) float32, mean distance to the nearest three parts.
        likest: (N,) int64, the nearest part's place in the set.
    """

    unlike: Distances
    likest: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class PartEvidence:
    """One golden part compared with all others.

    Attributes:
        anywhere: of patches wherever they lie.
        in_place: of patches at the same place.
        places: (N, 2) float32, where its upright patches lie.
        registrations: how it lies on which other part, by its place in the set.
        left_out_score: image score by the recipe against all patches of the others, distances not scaled locally.
        covered_by: (P, N) bool, which of its patches lie within reach of which part; its own row is false.
        farthest: largest distance of its patches to the nearest other part.
    """

    anywhere: PatchEvidence
    in_place: PatchEvidence
    places: Places
    registrations: Mapping[int, Registration]
    left_out_score: float
    covered_by: npt.NDArray[np.bool_]
    farthest: float

    @property
    def covered_share(self) -> float:
        """Share of its patches that another part covers."""
        return float(self.covered_by.any(axis=0).mean())


class PartComparison:
    """Compares one golden part with the others, part by part. Device executor thread only.

    Args:
        part: its place in the set.
        parts: all parts; its own rotated patches are not looked at. At least two.
        recipe: metric, neighbours and aggregate.
        reach: distance up to which a patch counts as covered.
        device: where distances are computed.
    """

    def __init__(self, part: int, parts: Sequence[PartPatches], recipe: Recipe, reach: float, device: torch.device) -> None:
        self._part = part
        self._parts = parts
        self._recipe = recipe
        self._reach = reach
        self._device = device
        self._others = [other for other in range(len(parts)) if other != part]
        self._pairs: list[PairEvidence] = []
        self._best: torch.Tensor | None = None

    def steps(self) -> Iterator[int]:
        """Compare; yields the number of other parts done after each."""
        own = self._parts[self._part]
        for done, other in enumerate(self._others, 1):
            theirs = self._parts[other]
            distances = distances_between(own.vectors[: own.upright], theirs.vectors, self._recipe.metric, self._device)  # (N, M)
            count = min(self._recipe.neighbours, distances.shape[1])
            best = distances.topk(count, dim=1, largest=False).values if count > 1 else distances.min(dim=1, keepdim=True).values  # (N, k)
            joined = best if self._best is None else torch.cat([self._best, best], dim=1)
            self._best = joined.topk(min(self._recipe.neighbours, joined.shape[1]), dim=1, largest=False).values
            self._pairs.append(pair_evidence(own, theirs, distances))
            yield done

    def evidence(self) -> PartEvidence:
        """Return what was found once `steps` is exhausted."""
        assert self._best is not None, "steps come before evidence"
        own = self._parts[self._part]
        anywhere = np.stack([pair.anywhere for pair in self._pairs])  # (P - 1, N)
        covered = np.zeros((len(self._parts), own.upright), np.bool_)
        covered[self._others] = anywhere <= self._reach
        return PartEvidence(
            anywhere=self._summarise(anywhere),
            in_place=self._summarise(np.stack([pair.in_place for pair in self._pairs])),
            places=own.places[: own.upright],
            registrations={other: pair.registration for other, pair in zip(self._others, self._pairs, strict=True)},
            left_out_score=aggregate(self._best.mean(dim=1).cpu().numpy(), self._recipe),
            covered_by=covered,
            farthest=float(anywhere.min(axis=0).max()),
        )

    def _summarise(self, distances: Distances) -> PatchEvidence:
        return PatchEvidence(mean_of_nearest_parts(distances), np.array(self._others)[distances.argmin(axis=0)])


def mean_of_nearest_parts(distances: Distances, first: int = FIRST_PART, last: int = LAST_PART) -> Distances:
    """Return how unlike several parts each patch is, (N,) float32.

    Args:
        distances: (P, N) float32, of each patch to each of P other parts.
        first: rank of the first part that counts, 1 = nearest.
        last: rank of the last one; with fewer parts, of the last there is.
    """
    ranked = np.sort(distances, axis=0)
    stop = min(last, len(ranked))
    return np.asarray(ranked[min(first - 1, stop - 1) : stop].mean(axis=0), np.float32)


def pair_evidence(own: PartPatches, other: PartPatches, distances: torch.Tensor) -> PairEvidence:
    """Compare a part with another one.

    Args:
        own: the part, N upright patches.
        other: the other one, M patches.
        distances: (N, M) float32, of the former's upright patches to the latter's.
    """
    anywhere, chosen = distances.min(dim=1)
    mutual = (distances.amin(dim=0)[chosen] == anywhere).cpu().numpy()
    places = own.places[: own.upright]
    registration = register(places[mutual], other.places[chosen.cpu().numpy()][mutual], agrees_within(places))
    most = _MOST_IN_PLACE * -(-len(other.places) // other.upright)
    _, found = KDTree(other.places).query(registration.carry(places), most, distance_upper_bound=IN_PLACE_WITHIN)  # (N, most)
    near = torch.from_numpy(found).to(distances.device)  # M where there are fewer
    candidates = distances.gather(1, near.clamp_max(distances.shape[1] - 1)).masked_fill_(near == distances.shape[1], torch.inf)
    there = candidates.min(dim=1).values
    in_place = torch.where(torch.isinf(there), anywhere, there)
    return PairEvidence(anywhere.cpu().numpy(), in_place.cpu().numpy(), registration)
