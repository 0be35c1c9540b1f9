"""The bank: patch vectors of golden parts, and where each came from."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from scipy import special

from goldenpart.server.errors import InvalidArgumentError, RevisionDamagedError
from goldenpart.server.vision.detectors.base import NearestPatch, PatchDistances, Picture, Tensors
from goldenpart.server.vision.local_scale import LocalScale
from goldenpart.server.vision.recipe import Metric, Recipe
from goldenpart.server.vision.search import SearchWithout, VectorSearch, open_search

Vectors = npt.NDArray[np.float32]
Origins = npt.NDArray[np.int32]
"""(M, 4) int32: golden part, angle (place in `Recipe.angles_deg`), patch row, patch column."""

GOLDEN, ANGLE, ROW, COLUMN = range(4)


@dataclass(frozen=True, slots=True, eq=False)
class BankContent:
    """What a bank is made of; what is kept on disk.

    Attributes:
        vectors: (M, D) float32, ordered by golden part.
        origins: (M, 4) int32, see `Origins`.
        radius: upper bound of the distance of a dropped vector to the bank, in the coreset's projected space.
        centre: (D,) float32, mean token of the golden parts, subtracted from every token; None unless the metric is ``centred_cosine``.
        local_scale: how far good patches lie around each vector; None where distances are taken as they are.
    """

    vectors: Vectors
    origins: Origins
    radius: float
    centre: Vectors | None = None
    local_scale: LocalScale | None = None

    def to_bytes(self) -> bytes:
        """Serialise as safetensors; the same content gives the same bytes."""
        return save_tensors(dict(self.tensors()))

    def tensors(self) -> Tensors:
        """See `DetectorContent.tensors`."""
        named: dict[str, npt.NDArray[Any]] = {"vectors": self.vectors, "origins": self.origins, "radius": np.array([self.radius])}
        if self.centre is not None:
            named["centre"] = self.centre
        if self.local_scale is not None:
            named |= {"local_distances": self.local_scale.distances, "local_parts": self.local_scale.parts}
        return named

    @classmethod
    def from_bytes(cls, data: bytes) -> BankContent:
        """Read what `to_bytes` wrote.

        Raises:
            RevisionDamagedError: it is something else.
        """
        try:
            return cls.from_tensors(load_tensors(data))
        except RevisionDamagedError:
            raise
        except Exception as error:  # safetensors raises its own and struct's errors
            raise RevisionDamagedError(f"The bank cannot be read: {error}.", file="bank.safetensors") from error

    @classmethod
    def from_tensors(cls, tensors: Tensors) -> BankContent:
        """Read what `tensors` returned.

        Raises:
            RevisionDamagedError: it is something else.
        """
        try:
            vectors, origins = tensors["vectors"], tensors["origins"]
            radius = float(tensors["radius"][0])
            centre = tensors.get("centre")
            sound = _is_sound(vectors, origins) and (centre is None or (centre.dtype == np.float32 and centre.shape == vectors.shape[1:]))
            around = LocalScale(tensors["local_distances"], tensors["local_parts"]) if "local_distances" in tensors else None
            sound = sound and (around is None or len(around.distances) == len(vectors))
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise RevisionDamagedError(f"The bank cannot be read: {error}.", file="bank.safetensors") from error
        if not sound:
            raise RevisionDamagedError("The bank's tensors do not have the shapes, types and order of a bank.", file="bank.safetensors")
        return cls(np.ascontiguousarray(vectors), np.ascontiguousarray(origins), radius, centre, around)

    def digest(self) -> str:
        """Hex sha256 of `to_bytes`."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class PatchNeighbours:
    """What the bank says about Q patches.

    Attributes:
        distances: (Q, k) float32 in the recipe's metric, nearest first.
        rows: (Q, k) int64, places in the bank.
    """

    distances: Vectors
    rows: npt.NDArray[np.int64]


@dataclass(slots=True, eq=False)
class Bank:
    """A detector that searches a bank. Immutable after construction; search belongs to the device executor thread.

    Attributes:
        content: what is searched.
        recipe: neighbours, metric, re-weighting, kind of search.
        device: where it is searched.
        left_out: a golden part whose vectors, all rotations, are not found; None = all are.
        reads_backbone: True.
    """

    content: BankContent
    recipe: Recipe
    device: torch.device
    left_out: int | None = field(default=None, init=False)
    reads_backbone: bool = field(default=True, init=False)
    _search: VectorSearch = field(init=False)
    _units: Vectors | None = field(init=False)

    def __post_init__(self) -> None:
        self._search = open_search(self.content.vectors, self.recipe.search_index, self.device)
        self._units = self._measure_units()

    @property
    def size_bytes(self) -> int:
        """Memory the bank takes, in bytes."""
        return sum(array.nbytes for array in self.content.tensors().values())

    @property
    def leaves_out(self) -> bool:
        """Whether at least two golden parts have vectors in the bank, so that `without` leaves something."""
        return len(np.unique(self.content.origins[:, GOLDEN])) > 1

    def without(self, golden: int) -> Bank:
        """Return the same bank less the vectors of a golden part, searched exactly.

        Nor do its patches count in the local scale. A bank thinned with the part in it may lack neighbours the part stood for, so
        distances err on the high, careful side.
        """
        rest = copy.copy(self)
        rest.left_out = golden
        own = rest._rows_of(golden)  # noqa: SLF001 - its own class
        if 0 < len(own) < len(self.content.vectors):
            rest._search = SearchWithout(self.content.vectors, own, self.device)  # noqa: SLF001 - its own class
        rest._units = rest._measure_units()  # noqa: SLF001 - its own class
        return rest

    def measure(self, pictures: Sequence[Picture]) -> list[PatchDistances]:
        """See `Detector.measure`."""
        return [answer for (answer,) in self.measure_by(pictures, [self.recipe])]

    def measure_by(self, pictures: Sequence[Picture], recipes: Sequence[Recipe]) -> list[list[PatchDistances]]:
        """Measure pictures as banks of the same content would whose recipes differ in how they score; all with one search.

        Args:
            pictures: of one shape.
            recipes: of `rescoring.scoring_recipe`.

        Returns:
            Per picture an answer per recipe.
        """
        vectors = [picture.vectors(self.recipe, self.content.centre) for picture in pictures]
        found = self.neighbours(np.concatenate(vectors), max(recipe.neighbours for recipe in recipes))  # one matrix product for all
        ends = np.cumsum([len(patches) for patches in vectors])[:-1]
        pieces = zip(vectors, np.split(found.distances, ends), np.split(found.rows, ends), strict=True)
        return [
            [self._describe(patches, PatchNeighbours(distances, rows), recipe) for recipe in recipes] for patches, distances, rows in pieces
        ]

    def neighbours(self, queries: Vectors, count: int | None = None) -> PatchNeighbours:
        """Find the nearest neighbours of each query, fewer if the bank is smaller.

        Args:
            queries: (Q, D) float32, normalised as the bank is.
            count: how many; None means as many as the recipe averages.

        Raises:
            InvalidArgumentError: the bank holds nothing but the golden part that is left out.
        """
        hits = self._search.search(queries, min(count or self.recipe.neighbours, self._available()))
        return PatchNeighbours(_to_metric(hits.squared, self.recipe.metric), hits.rows)

    def reweighting(self, query: Vectors, row: int, distance: float, neighbours: int) -> float:
        """PatchCore's factor for the image score (Roth et al., CVPR 2022, equation 7).

        Args:
            query: (D,) float32, the most anomalous patch.
            row: its nearest bank vector m*, whose neighbours do not come from the golden part that is left out either.
            distance: between the two.
            neighbours: of m*, itself among them.

        Returns:
            1 - exp(distance) / sum of exp(distance to m) over m* and the neighbours of m*, in [0, 1).
        """
        count = min(neighbours, self._available())
        around = self._search.search(self.content.vectors[row : row + 1], count).rows[0]
        squared = np.square(self.content.vectors[around] - query).sum(axis=1)
        distances = _to_metric(squared, self.recipe.metric).astype(np.float64)
        return float(1.0 - np.exp(-special.logsumexp(distances - distance)))

    def _describe(self, vectors: Vectors, found: PatchNeighbours, recipe: Recipe) -> PatchDistances:
        distances = found.distances[:, : recipe.neighbours].mean(axis=1)
        if self._units is not None and recipe.local_scale_neighbours:
            distances /= self._units[found.rows[:, 0]]
        worst = int(distances.argmax())
        row, nearest = int(found.rows[worst, 0]), float(found.distances[worst, 0])
        factor = self.reweighting(vectors[worst], row, nearest, recipe.reweight_neighbours) if recipe.reweight_neighbours else 1.0
        golden, angle, patch_row, patch_column = (int(value) for value in self.content.origins[row])
        patch = NearestPatch(golden, self.recipe.angles_deg[angle], patch_row, patch_column, nearest)
        return PatchDistances(distances, patch, factor, self.content.origins[found.rows[:, 0]], found.distances[:, 0])

    def _measure_units(self) -> Vectors | None:
        around = self.content.local_scale
        return None if around is None else around.units(lambda squared: _to_metric(squared, self.recipe.metric), self.left_out)

    def _available(self) -> int:
        own = 0 if self.left_out is None else len(self._rows_of(self.left_out))
        if own == len(self.content.vectors):
            raise InvalidArgumentError(
                f"All {own} vectors of the bank come from golden part {self.left_out}; without it nothing is left to compare with. "
                "Give at least 2 golden parts that differ.",
                field="images",
            )
        return len(self.content.vectors) - own

    def _rows_of(self, golden: int) -> range:
        column = self.content.origins[:, GOLDEN]
        return range(int(np.searchsorted(column, golden, "left")), int(np.searchsorted(column, golden, "right")))


def _to_metric(squared: Vectors, metric: Metric) -> Vectors:
    """|a - b|^2 / 2 = 1 - cos(a, b) for unit vectors."""
    return np.sqrt(squared) if metric is Metric.EUCLIDEAN else squared / np.float32(2.0)


def _is_sound(vectors: npt.NDArray[np.generic], origins: npt.NDArray[np.generic]) -> bool:
    return bool(
        vectors.dtype == np.float32
        and vectors.ndim == 2
        and vectors.size
        and np.isfinite(vectors).all()
        and origins.dtype == np.int32
        and origins.shape == (len(vectors), 4)
        and origins.min() >= 0
        and (np.diff(origins[:, GOLDEN]) >= 0).all()
    )
