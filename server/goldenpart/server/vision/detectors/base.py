"""The one interface of everything that was learned of golden parts and measures how far patches are from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from goldenpart.server.vision.features import Vectors, to_vectors
from goldenpart.server.vision.preparation import PreparedImage
from goldenpart.server.vision.recipe import Recipe

Tensors = Mapping[str, npt.NDArray[Any]]
"""Arrays by name, as safetensors keeps them."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as a detector sees it.

    Attributes:
        prepared: its pixels, and which patches count.
        tokens: (rows, columns, D) float32 on the backbone's device; None for detectors that do not read the backbone.
    """

    prepared: PreparedImage
    tokens: torch.Tensor | None

    def vectors(self, recipe: Recipe, centre: Vectors | None = None) -> Vectors:
        """Return the vectors of the inspected patches, (Q, D) float32 in row-major order; see `to_vectors`."""
        assert self.tokens is not None, "a detector that reads the backbone gets tokens"
        return to_vectors(self.tokens, self.prepared, recipe, centre)


@dataclass(frozen=True, slots=True)
class NearestPatch:
    """A patch of a golden part.

    Attributes:
        golden: index of the golden part.
        angle_deg: at which it was shown.
        row, column: of the patch in its grid.
        distance: to the patch it was compared with, in the recipe's metric.
    """

    golden: int
    angle_deg: float
    row: int
    column: int
    distance: float


@dataclass(frozen=True, slots=True, eq=False)
class PatchDistances:
    """What a detector says about one picture.

    Attributes:
        distances: (Q,) float32 >= 0, of the inspected patches in row-major order; the larger, the less normal.
        nearest: what comes closest to the patch with the largest distance; None if the detector compares with no single golden part.
        factor: of the image score.
        origins: (Q, 4) int32, the golden patch that each patch is nearest to (`bank.Origins`); None as for `nearest`.
        origin_distances: (Q,) float32 to it, in the recipe's metric; None as for `nearest`.
    """

    distances: npt.NDArray[np.float32]
    nearest: NearestPatch | None = None
    factor: float = 1.0
    origins: npt.NDArray[np.int32] | None = None
    origin_distances: npt.NDArray[np.float32] | None = None


class DetectorContent(Protocol):
    """What a detector is made of; what is kept on disk. Immutable; any thread."""

    def to_bytes(self) -> bytes:
        """Serialise as safetensors; the same content gives the same bytes."""

    def tensors(self) -> Tensors:
        """Return the arrays of `to_bytes` by name."""


class Detector(Protocol):
    """Measures patches. Immutable after construction; `measure` belongs to the device executor thread."""

    @property
    def recipe(self) -> Recipe:
        """All knobs."""

    @property
    def content(self) -> DetectorContent:
        """What it is made of."""

    @property
    def size_bytes(self) -> int:
        """Memory it takes, in bytes."""

    @property
    def reads_backbone(self) -> bool:
        """Whether its pictures need tokens."""

    def measure(self, pictures: Sequence[Picture]) -> list[PatchDistances]:
        """Measure all inspected patches of pictures of one shape.

        Returns:
            One answer per picture, in order.

        Raises:
            InvalidArgumentError: the detector cannot judge pictures of that shape.
        """
