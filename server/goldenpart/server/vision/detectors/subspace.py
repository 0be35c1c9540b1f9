"""Distance from the subspace that golden patches span: what their principal axes leave over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from goldenpart.server.errors import InvalidArgumentError, RecipeError
from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.detectors import tensor_file
from goldenpart.server.vision.detectors.base import PatchDistances, Picture, Tensors
from goldenpart.server.vision.detectors.golden_vectors import GoldenVectors
from goldenpart.server.vision.features import Vectors
from goldenpart.server.vision.fitting import Progress, Shown, Stage
from goldenpart.server.vision.recipe import Recipe

Moment = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SubspaceContent:
    """Mean and axes.

    Attributes:
        mean: (D,) float32, of all golden patches.
        axes: (K, D) float32, orthonormal, in order of falling variance; K < D.
        centre: (D,) float32, subtracted from every token before it is normalised; None unless the metric is ``centred_cosine``.
    """

    mean: Vectors
    axes: Vectors
    centre: Vectors | None = None

    def tensors(self) -> Tensors:
        """See `DetectorContent.tensors`."""
        return {"mean": self.mean, "axes": self.axes} | ({} if self.centre is None else {"centre": self.centre})

    def to_bytes(self) -> bytes:
        """See `DetectorContent.to_bytes`."""
        return tensor_file.to_file(self.tensors())

    @classmethod
    def from_tensors(cls, tensors: Tensors) -> SubspaceContent:
        """Read what `tensors` returned.

        Raises:
            RevisionDamagedError: it is something else.
        """
        mean, axes = tensor_file.floats(tensors, "mean", 1), tensor_file.floats(tensors, "axes", 2)
        centre = tensor_file.floats(tensors, "centre", 1) if "centre" in tensors else None
        tensor_file.require(axes.shape[1] == len(mean), f"axes {axes.shape} and mean {mean.shape}")
        tensor_file.require(centre is None or centre.shape == mean.shape, "centre and mean")
        return cls(mean, axes, centre)


@dataclass(slots=True, eq=False)
class Subspace:
    """A detector that projects patches on principal axes and measures what is left over.

    The length of the residual is the square root of the Q statistic of Jackson & Mudholkar ("Control procedures for residuals associated
    with principal component analysis", Technometrics 1979), taken per patch token as in recent few-shot work on DINO features.

    Attributes:
        content: mean and axes.
        recipe: layers, neighbourhood, metric.
        device: where it is computed.
        reads_backbone: True.
    """

    content: SubspaceContent
    recipe: Recipe
    device: torch.device
    reads_backbone: bool = field(default=True, init=False)
    _mean: torch.Tensor = field(init=False)
    _axes: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        self._mean = torch.from_numpy(self.content.mean).to(self.device)
        self._axes = torch.from_numpy(self.content.axes).to(self.device)

    @property
    def size_bytes(self) -> int:
        """Memory that mean and axes take, in bytes."""
        return self.content.mean.nbytes + self.content.axes.nbytes

    def measure(self, pictures: Sequence[Picture]) -> list[PatchDistances]:
        """See `Detector.measure`."""
        vectors = [picture.vectors(self.recipe, self.content.centre) for picture in pictures]
        offset = torch.from_numpy(np.concatenate(vectors)).to(self.device) - self._mean  # (Q, D)
        residual = offset - (offset @ self._axes.T) @ self._axes  # by subtraction of vectors: that of squared lengths would cancel
        lengths = residual.norm(dim=1).cpu().numpy()
        ends = np.cumsum([len(patches) for patches in vectors])[:-1]
        return [PatchDistances(distances) for distances in np.split(lengths, ends)]


@dataclass(slots=True, eq=False)
class _Moments:
    """Count, sum and sum of outer products of vectors, from which mean and covariance follow; parts can be taken out again."""

    count: int
    total: Moment
    outer: Moment

    @classmethod
    def none(cls, dimension: int) -> _Moments:
        return cls(0, np.zeros(dimension), np.zeros((dimension, dimension)))

    def add(self, vectors: Vectors) -> None:
        exact = vectors.astype(np.float64)
        self.count += len(exact)
        self.total += exact.sum(axis=0)
        self.outer += exact.T @ exact

    def less(self, part: _Moments) -> _Moments:
        return _Moments(self.count - part.count, self.total - part.total, self.outer - part.outer)

    def principal_axes(self, recipe: Recipe) -> tuple[Vectors, Vectors]:
        """Return mean (D,) and axes (K, D); each axis points to where its largest element is positive, so that its sign is no accident."""
        mean = self.total / self.count
        values, vectors = np.linalg.eigh(self.outer / self.count - np.outer(mean, mean))
        values, axes = np.clip(values[::-1], 0.0, None), vectors.T[::-1]
        most = max(1, min(len(mean), self.count) - 1)
        kept = recipe.subspace_components or int(np.searchsorted(values.cumsum(), recipe.subspace_variance * values.sum())) + 1
        axes = axes[: min(kept, most)]
        largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
        return mean.astype(np.float32), np.ascontiguousarray(axes * np.sign(largest), np.float32)


class SubspaceBuilder:
    """Fits a `Subspace`; see `DetectorBuilder`. Memory does not grow with the number of golden parts: only moments are kept.

    Args:
        backbone: the network.
        recipe: all knobs.
        golden_parts: in order.

    Raises:
        RecipeError: more axes are wanted than leave anything over.
    """

    def __init__(self, backbone: Backbone, recipe: Recipe, golden_parts: Sequence[Shown]) -> None:
        self._golden = GoldenVectors(backbone, recipe, golden_parts)
        self._recipe = recipe
        self._device = backbone.device
        self._moments = _Moments.none(self._golden.dimension)
        self._detector: Subspace | None = None
        if recipe.subspace_components >= self._golden.dimension:
            raise RecipeError(
                f"subspace_components is {recipe.subspace_components}, but the tokens have {self._golden.dimension} dimensions, so that "
                "nothing would be left over; give fewer, or 0 for as many as subspace_variance needs.",
                field="recipe.subspace_components",
            )

    @property
    def patches(self) -> int:
        """See `DetectorBuilder.patches`."""
        return self._golden.patches

    def steps(self) -> Iterator[Progress]:
        """See `DetectorBuilder.steps`."""
        yield from self._golden.read(lambda _, vectors: self._moments.add(vectors))
        self._detector = self._fit(self._moments)
        yield Progress(Stage.TRAINING, 1, 1)

    @property
    def detector(self) -> Subspace:
        """See `DetectorBuilder.detector`."""
        assert self._detector is not None, "steps come first"
        return self._detector

    @property
    def leaves_out(self) -> bool:
        """Whether there are two golden parts."""
        return self._golden.parts > 1

    def without(self, golden: int) -> Subspace:
        """See `LeavesOut.without`: the part is read again, and its moments are taken out. The centre stays that of all parts."""
        own = _Moments.none(self._golden.dimension)
        self._golden.read_part(golden, lambda _, vectors: own.add(vectors))
        rest = self._moments.less(own)
        if not rest.count:
            raise InvalidArgumentError("Without its only golden part a subspace is nothing; give at least 2.", field="images")
        return self._fit(rest)

    def _fit(self, moments: _Moments) -> Subspace:
        mean, axes = moments.principal_axes(self._recipe)
        return Subspace(SubspaceContent(mean, axes, self._golden.centre), self._recipe, self._device)
