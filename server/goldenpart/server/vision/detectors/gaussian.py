"""A Gaussian at each place of the patch grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from goldenpart.server.errors import InvalidArgumentError
from goldenpart.server.vision.detectors import tensor_file
from goldenpart.server.vision.detectors.base import PatchDistances, Picture, Tensors
from goldenpart.server.vision.features import Vectors
from goldenpart.server.vision.recipe import Recipe

SHRINKAGE = 0.01
"""Added to the diagonal of each covariance, in units of the variance of a chosen dimension over all golden patches."""


@dataclass(frozen=True, slots=True, eq=False)
class GaussianContent:
    """Mean and covariance of every place, the covariance by its few axes.

    With n parts, far fewer than dimensions, the covariance is S = sum over axes j of l_j v_j v_j' + e I, e = `SHRINKAGE`, and so
    x' S^-1 x = (|x|^2 - sum of l_j / (l_j + e) (v_j' x)^2) / e (Woodbury). The axes are kept times sqrt(l_j / (l_j + e)).

    Attributes:
        dimensions: (d,) int32, ascending, of the vectors that are looked at.
        scale: (1,) float32, by which vectors are multiplied first.
        mean: (rows, columns, d) float32, of scaled vectors.
        axes: (rows, columns, r, d) float32, r = at most the number of pictures.
        centre: (D,) float32, subtracted from every token before it is normalised; None unless the metric is ``centred_cosine``.
    """

    dimensions: npt.NDArray[np.int32]
    scale: Vectors
    mean: Vectors
    axes: Vectors
    centre: Vectors | None = None

    def tensors(self) -> Tensors:
        """See `DetectorContent.tensors`."""
        own = {"dimensions": self.dimensions, "scale": self.scale, "mean": self.mean, "axes": self.axes}
        return own | ({} if self.centre is None else {"centre": self.centre})

    def to_bytes(self) -> bytes:
        """See `DetectorContent.to_bytes`."""
        return tensor_file.to_file(self.tensors())

    @classmethod
    def from_tensors(cls, tensors: Tensors) -> GaussianContent:
        """Read what `tensors` returned.

        Raises:
            RevisionDamagedError: it is something else.
        """
        dimensions, scale = tensor_file.integers(tensors, "dimensions", 1), tensor_file.floats(tensors, "scale", 1)
        mean, axes = tensor_file.floats(tensors, "mean", 3), tensor_file.floats(tensors, "axes", 4)
        centre = tensor_file.floats(tensors, "centre", 1) if "centre" in tensors else None
        tensor_file.require(mean.shape[2] == axes.shape[3] == len(dimensions), "dimensions, mean and axes")
        tensor_file.require(mean.shape[:2] == axes.shape[:2], f"mean {mean.shape} and axes {axes.shape}")
        tensor_file.require(bool((np.diff(dimensions) > 0).all() and dimensions[0] >= 0), "dimensions do not ascend")
        tensor_file.require(scale.shape == (1,) and (centre is None or int(dimensions[-1]) < len(centre)), "scale or centre")
        return cls(dimensions, scale, mean, axes, centre)


@dataclass(slots=True, eq=False)
class Gaussian:
    """PaDiM (Defard et al., "PaDiM: a patch distribution modeling framework", ICPR 2020): Mahalanobis distance of a patch at its place.

    Unlike there, vectors are scaled by one factor so that the shrinkage means the same for every backbone and metric.

    Attributes:
        content: mean and axes of every place.
        recipe: layers, neighbourhood, metric.
        device: where it is computed.
        reads_backbone: True.
    """

    content: GaussianContent
    recipe: Recipe
    device: torch.device
    reads_backbone: bool = field(default=True, init=False)
    _mean: torch.Tensor = field(init=False)
    _axes: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        self._mean = torch.from_numpy(self.content.mean).flatten(0, 1).to(self.device)  # (P, d)
        self._axes = torch.from_numpy(self.content.axes).flatten(0, 1).to(self.device)  # (P, r, d)

    @property
    def size_bytes(self) -> int:
        """Memory that means and axes take, in bytes."""
        return self.content.mean.nbytes + self.content.axes.nbytes

    def measure(self, pictures: Sequence[Picture]) -> list[PatchDistances]:
        """See `Detector.measure`.

        Raises:
            InvalidArgumentError: the patch grid of a picture is not that of the golden parts.
        """
        return [self._measure(picture) for picture in pictures]

    def _measure(self, picture: Picture) -> PatchDistances:
        inspected, shape = picture.prepared.inspected, self.content.mean.shape[:2]
        if inspected.shape != shape:
            raise InvalidArgumentError(
                f"The image gives {_shape_text(inspected.shape)} patches, the golden parts gave {_shape_text(shape)}; a Gaussian is for "
                "one place of one grid. Send images of the golden parts' aspect, or fit with resize stretch or another detector.",
                field="image",
            )
        vectors = picture.vectors(self.recipe, self.content.centre)[:, self.content.dimensions] * self.content.scale
        mean, axes = self._mean, self._axes
        if not inspected.all():
            kept = torch.from_numpy(inspected.reshape(-1)).to(self.device)
            mean, axes = mean[kept], axes[kept]
        offset = torch.from_numpy(vectors).to(self.device) - mean  # (Q, d)
        along = torch.bmm(axes, offset[:, :, None])[:, :, 0]  # (Q, r)
        squared = (offset.square().sum(dim=1) - along.square().sum(dim=1)) / SHRINKAGE
        return PatchDistances(squared.clamp_min(0.0).sqrt().cpu().numpy())


def _shape_text(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} x {shape[1]}"
