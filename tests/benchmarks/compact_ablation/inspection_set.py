"""Labelled parts of one category in the MVTec AD folder layout, as the ablation measures on."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
        masks: folder of the defects' masks, `<defect>/<stem>_mask.png` below it; None where there are none.
    """

    category: str
    golden: tuple[Path, ...]
    good: tuple[Path, ...]
    defective: tuple[Path, ...]
    masks: Path | None = None

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
        masks = folder / "ground_truth"
        return cls(folder.name, golden, good, defective, masks if masks.is_dir() else None)

    def thinned(self, count: int) -> Self:
        """Keep at most `count` good and `count` defective test images, evenly spread over their sorted paths."""
        return replace(self, good=_spread(self.good, count), defective=_spread(self.defective, count))

    def shots(self, count: int, seed: int) -> list[int]:
        """Draw the indices of `count` golden images; fewer where there are fewer."""
        return [int(index) for index in np.random.default_rng(seed).permutation(len(self.golden))[:count]]

    @property
    def tested(self) -> tuple[Path, ...]:
        """Images to inspect, the good ones first."""
        return self.good + self.defective

    def truths(self, side: int) -> list[npt.NDArray[np.bool_]] | None:
        """Read the masks of `tested` at a shorter side of `side` pixels, aspect kept; None for a category without masks.

        Returns:
            (H, W) bool for each image, true where any part of the pixel is defective.

        Raises:
            ValueError: a defective image has no readable mask.
        """
        if self.masks is None:
            return None
        return [np.zeros(_scaled(_decoded(path).shape, side), np.bool_) for path in self.good] + [
            _shrunk(_decoded(self.masks / path.parent.name / f"{path.stem}_mask.png"), side) for path in self.defective
        ]


def read_image(path: Path, resolution: int, multiple: int) -> torch.Tensor:
    """Read an image as a network takes it: aspect kept, shorter side `resolution`, border repeated up to a multiple.

    Returns:
        (1, 3, H, W) float32, normalised RGB.

    Raises:
        ValueError: OpenCV cannot decode the file.
    """
    image = _decoded(path)
    height, width = _scaled(image.shape, resolution)
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_CUBIC)
    pixels: npt.NDArray[np.uint8] = np.ascontiguousarray(resized[None, :, :, ::-1], np.uint8)
    tensor = normalise(unit_range(torch.from_numpy(pixels)))
    return F.pad(tensor, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def _spread(paths: tuple[Path, ...], count: int) -> tuple[Path, ...]:
    kept = np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)
    return tuple(paths[index] for index in kept)


def _decoded(path: Path) -> npt.NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} is no image OpenCV can decode; remove it from the category")
    return np.asarray(image, np.uint8)


def _scaled(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """Height and width of an image of `shape` whose shorter side becomes `side`."""
    factor = side / min(shape[:2])
    return round(shape[0] * factor), round(shape[1] * factor)


def _shrunk(mask: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.bool_]:
    height, width = _scaled(mask.shape, side)
    defective = (mask.max(axis=2) > 127).astype(np.float32)
    return np.asarray(cv2.resize(defective, (width, height), interpolation=cv2.INTER_AREA) > 0)
