"""A category of drawn flanges on disk, laid out like MVTec AD (Bergmann et al., CVPR 2019).

::

    DIR/train/good/000.png                          golden parts and calibration
    DIR/test/good/000.png
    DIR/test/<defect>/000.png
    DIR/ground_truth/<defect>/000_mask.png          8-bit grey, 255 on the damage
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from goldenpart.client.parts.camera import encode_jpeg, encode_png
from goldenpart.client.parts.drawn_part import Defect, DrawnPart
from goldenpart.client.parts.flange import DEFAULT_SIZE_PX, draw_flange

if TYPE_CHECKING:
    from pathlib import Path

_STREAMS = {"train": 0, "test": 1}  # train and test never share a part, whatever their sizes


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """What to draw.

    Attributes:
        train_good: Good parts in ``train/good``.
        test_good: Good parts in ``test/good``.
        defective: Damaged parts in ``test``, the kinds taking turns.
        seed: Any non-negative integer; the same plan gives the same files.
        size_px: Height and width of the pictures, 128 to 2048 pixels.
        jpeg: Write pictures as JPEG at quality 92 rather than PNG; masks are PNG always.
    """

    train_good: int
    test_good: int
    defective: int
    seed: int = 0
    size_px: int = DEFAULT_SIZE_PX
    jpeg: bool = False

    def __post_init__(self) -> None:
        for name in ("train_good", "test_good", "defective", "seed"):
            if (number := getattr(self, name)) < 0:
                raise ValueError(f"{name} is {number}; it counts from 0")


def write_category_folder(folder: Path, plan: FolderPlan) -> int:
    """Draw a category and write it to disk.

    Args:
        folder: The category's folder; made if missing, must be empty otherwise.
        plan: What to draw.

    Returns:
        The number of pictures written, masks not counted.

    Raises:
        FileExistsError: If ``folder`` is not empty: old and new pictures must not mix in one category.
        OSError: If it cannot be written.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; name a new folder, or empty this one first")
    for index in range(plan.train_good):
        _write(folder / "train" / "good", index, _draw(plan, "train", index, None), plan)
    for index in range(plan.test_good):
        _write(folder / "test" / "good", index, _draw(plan, "test", index, None), plan)
    kinds = tuple(Defect)
    for index in range(plan.defective):
        kind = kinds[index % len(kinds)]
        part = _draw(plan, "test", plan.test_good + index, kind)
        place = index // len(kinds)
        _write(folder / "test" / kind.value, place, part, plan)
        truth = folder / "ground_truth" / kind.value
        truth.mkdir(parents=True, exist_ok=True)
        (truth / f"{place:03d}_mask.png").write_bytes(encode_png(part.mask.astype(np.uint8) * np.uint8(255)))
    return plan.train_good + plan.test_good + plan.defective


def _draw(plan: FolderPlan, split: str, index: int, defect: Defect | None) -> DrawnPart:
    return draw_flange(np.random.default_rng((plan.seed, _STREAMS[split], index)), defect, plan.size_px)


def _write(folder: Path, index: int, part: DrawnPart, plan: FolderPlan) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    suffix, encoded = ("jpg", encode_jpeg(part.image)) if plan.jpeg else ("png", encode_png(part.image))
    (folder / f"{index:03d}.{suffix}").write_bytes(encoded)
