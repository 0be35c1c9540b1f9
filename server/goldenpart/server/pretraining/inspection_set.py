"""Labelled parts of one category in the MVTec AD folder layout, as the ablation measures on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from goldenpart.server.pretraining.augmentation import normalise, unit_range
from goldenpart.server.pretraining.packs import image_files

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

GOOD = "good"


@dataclass(frozen=True, slots=True)
class InspectionSet:
    """Where the images of one category lie.

    Attributes:
        category: name of the folder.
        golden: images of `train/good`.
        good: images of `test/good`.
        defective: images of every other folder of `test`.
    """

    category: str
    golden: tuple[Path, ...]
    good: tuple[Path, ...]
    defective: tuple[Path, ...]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """List the images of a category.

        Raises:
            ValueError: one of the three kinds is missing.
        """
        golden, good = (tuple(image_files(folder / split / GOOD)) for split in ("train", "test"))
        defective = tuple(path for path in image_files(folder / "test") if path.relative_to(folder / "test").parts[0] != GOOD)
        if not (golden and good and defective):
            raise ValueError(f"{folder}: needs images in train/good, test/good and test/<defect>, in the layout of MVTec AD")
        return cls(folder.name, golden, good, defective)

    def thinned(self, count: int) -> Self:
        """Keep at most `count` good and `count` defective test images, evenly spread over their sorted paths."""
        return type(self)(self.category, self.golden, _spread(self.good, count), _spread(self.defective, count))

    def shots(self, count: int, seed: int) -> list[int]:
        """Draw the indices of `count` golden images; fewer where there are fewer."""
        return [int(index) for index in np.random.default_rng(seed).permutation(len(self.golden))[:count]]


def read_image(path: Path, resolution: int, multiple: int) -> torch.Tensor:
    """Read an image as a network takes it: aspect kept, shorter side `resolution`, border repeated up to a multiple.

    Returns:
        (1, 3, H, W) float32, normalised RGB.

    Raises:
        ValueError: OpenCV cannot decode the file.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} is no image OpenCV can decode; remove it from the category")
    factor = resolution / min(image.shape[:2])
    size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    pixels: npt.NDArray[np.uint8] = np.ascontiguousarray(resized[None, :, :, ::-1], np.uint8)
    tensor = normalise(unit_range(torch.from_numpy(pixels)))
    return F.pad(tensor, (0, -size[0] % multiple, 0, -size[1] % multiple), mode="replicate")


def _spread(paths: tuple[Path, ...], count: int) -> tuple[Path, ...]:
    kept = np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)
    return tuple(paths[index] for index in kept)
