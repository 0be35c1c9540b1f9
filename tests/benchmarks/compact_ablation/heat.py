"""Heat maps of inspected images, and how well they meet the masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from tests.benchmarks.compact_ablation.distances import on_grid

from goldenpart.client.evaluation.metrics.pixel_level import STEPS, ImageTally, PixelTally
from goldenpart.server.vision.backbones.compact import COMPACT_PATCH_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

AUPRO_LIMIT = 0.3  # false-positive rate up to which overlap counts, as in MVTec AD
_BLUR = 4 / 256  # standard deviation of the Gaussian per shorter side, the product's at 256 pixels


def heat_map(grid: npt.NDArray[np.float32], resolution: int, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Resample a patch grid to the pixels of an image of `shape` (H, W) and blur it: (H, W) float32.

    Args:
        grid: (rows, columns) of an image whose shorter side was `resolution` pixels before padding.
        resolution: in pixels.
        shape: of the result, the same image at another scale.
    """
    height, width = shape[:2]
    side = min(height, width)
    fine = on_grid(grid[..., None], (height, width), COMPACT_PATCH_SIZE * side / resolution)[..., 0]
    return np.asarray(cv2.GaussianBlur(fine, (0, 0), _BLUR * side), np.float32)


def pixel_areas(maps: Sequence[npt.NDArray[np.float32]], masks: Sequence[npt.NDArray[np.bool_]], good: int) -> tuple[float, float]:
    """Compute pixel AUROC and AUPRO.

    Args:
        maps: (H, W) for each image, >= 0, larger = more anomalous.
        masks: (H, W) of the same images at the same sizes; a defective image whose mask is empty is left out.
        good: how many images, from the first, are good ones.
    """
    tally = PixelTally()
    top = max(float(heat.max()) for heat in maps) or 1.0
    for index, (heat, mask) in enumerate(zip(maps, masks, strict=True)):
        steps = np.round(heat * ((STEPS - 1) / top)).astype(np.uint16)
        if index < good:
            tally.add(ImageTally.of_good(steps))
        elif mask.any():
            tally.add(ImageTally.of_defective(steps, mask))
    metrics = tally.metrics(STEPS - 1)
    return metrics.auroc, metrics.aupro[AUPRO_LIMIT]
