"""A small network that redraws golden parts, and fails at what it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from goldenpart.server.vision.detectors import tensor_file
from goldenpart.server.vision.detectors.base import PatchDistances, Picture, Tensors
from goldenpart.server.vision.features import Vectors
from goldenpart.server.vision.preparation import PreparedImage
from goldenpart.server.vision.recipe import Recipe

PATCH_PX = 4
"""Side that every patch is brought to, whatever the backbone's patch is; fewer pixels see more of the part for the same time."""
_STRIDE = 16
_WIDTHS = (16, 32, 64, 32)
"""Channels after each halving; the last is what a place of 16 x 16 x 3 values is squeezed into."""


def layer_shapes() -> Mapping[str, tuple[int, ...]]:
    """Return the shape of every parameter by name: convolutions down by strides of 2, and up by pixel shuffling (Shi et al., CVPR 2016)."""
    shapes: dict[str, tuple[int, ...]] = {}
    channels = 3
    for level, width in enumerate(_WIDTHS):
        shapes[f"down{level}"] = (width, channels, 4, 4)
        channels = width
    for level, width in enumerate((*_WIDTHS[-2::-1], 3)):
        shapes[f"up{level}"] = (4 * width, channels, 3, 3)
        channels = width
    return {**shapes, **{f"{name}.bias": (shape[0],) for name, shape in shapes.items()}}


def redraw(weights: Mapping[str, torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    """Squeeze and restore pictures; differentiable.

    Args:
        weights: by the names of `layer_shapes`.
        images: (B, 3, H, W) float32 in [0, 1]; H and W multiples of 16.

    Returns:
        (B, 3, H, W) float32.
    """
    levels = len(_WIDTHS)
    images = images - 0.5
    for level in range(levels):
        framed = F.pad(images, (1, 1, 1, 1), mode="replicate")
        images = F.conv2d(framed, weights[f"down{level}"], weights[f"down{level}.bias"], stride=2)
        images = F.leaky_relu(images, 0.1) if level < levels - 1 else images
    for level in range(levels):
        framed = F.pad(images, (1, 1, 1, 1), mode="replicate")
        images = F.pixel_shuffle(F.conv2d(framed, weights[f"up{level}"], weights[f"up{level}.bias"]), 2)
        images = F.leaky_relu(images, 0.1) if level < levels - 1 else images
    return images + 0.5


def as_input(prepared: PreparedImage) -> npt.NDArray[np.float32]:
    """Bring a picture to patches of `PATCH_PX`, and its sides to multiples of 16 by repeating the border: (3, H, W) float32 in [0, 1]."""
    rows, columns = prepared.inspected.shape
    small = cv2.resize(prepared.pixels, (columns * PATCH_PX, rows * PATCH_PX), interpolation=cv2.INTER_AREA)
    framed = cv2.copyMakeBorder(small, 0, -small.shape[0] % _STRIDE, 0, -small.shape[1] % _STRIDE, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(framed.transpose(2, 0, 1), np.float32) / np.float32(255)


@dataclass(frozen=True, slots=True, eq=False)
class AutoencoderContent:
    """Trained parameters.

    Attributes:
        weights: float32 by the names and of the shapes of `layer_shapes`.
    """

    weights: Mapping[str, Vectors]

    def tensors(self) -> Tensors:
        """See `DetectorContent.tensors`."""
        return dict(self.weights)

    def to_bytes(self) -> bytes:
        """See `DetectorContent.to_bytes`."""
        return tensor_file.to_file(self.weights)

    @classmethod
    def from_tensors(cls, tensors: Tensors) -> AutoencoderContent:
        """Read what `tensors` returned.

        Raises:
            RevisionDamagedError: it is something else.
        """
        weights = {name: tensor_file.floats(tensors, name, len(shape)) for name, shape in layer_shapes().items()}
        tensor_file.require(all(weights[name].shape == shape for name, shape in layer_shapes().items()), "shape of a layer")
        return cls(weights)


@dataclass(slots=True, eq=False)
class Autoencoder:
    """A detector that measures how badly each patch is redrawn: the root mean square of the differences of its values in [0, 1].

    The idea of Bergmann et al. ("Improving unsupervised defect segmentation by applying structural similarity to autoencoders", VISAPP
    2019), trained to mend what was taken away (Vincent et al., "Extracting and composing robust features with denoising autoencoders",
    ICML 2008), so that the network learns parts rather than to copy.

    Attributes:
        content: parameters.
        recipe: how patch distances become a score.
        device: where it is computed.
        reads_backbone: False.
    """

    content: AutoencoderContent
    recipe: Recipe
    device: torch.device
    reads_backbone: bool = field(default=False, init=False)
    _weights: dict[str, torch.Tensor] = field(init=False)

    def __post_init__(self) -> None:
        self._weights = {name: torch.from_numpy(weight).to(self.device) for name, weight in self.content.weights.items()}

    @property
    def size_bytes(self) -> int:
        """Memory that the parameters take, in bytes."""
        return sum(weight.nbytes for weight in self.content.weights.values())

    @torch.inference_mode()
    def measure(self, pictures: Sequence[Picture]) -> list[PatchDistances]:
        """See `Detector.measure`."""
        prepared = [picture.prepared for picture in pictures]
        images = torch.from_numpy(np.stack([as_input(picture) for picture in prepared])).to(self.device)
        error = (redraw(self._weights, images) - images).square().mean(dim=1, keepdim=True)  # (B, 1, H, W)
        rows, columns = prepared[0].inspected.shape
        grids = F.avg_pool2d(error, PATCH_PX)[:, 0, :rows, :columns].sqrt().cpu().numpy()  # (B, rows, columns)
        return [PatchDistances(grid[picture.inspected]) for grid, picture in zip(grids, prepared, strict=True)]
