"""From patch distances to a map over the original picture, in thresholds, and to the regions that exceed it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from goldenpart.server.vision.preparation import Geometry

Heat = npt.NDArray[np.float32]
"""(H, W) float32 in pixels of the original picture; 1.0 = at the threshold. Never scaled per image, so maps of two parts compare."""

PNG_SCALE = 1.0 / 4096.0
"""Heat of one step of the 16-bit picture; it saturates at 16 thresholds."""
MAX_REGIONS = 64
_FAILED_LEVEL = 0.9
_LEAST_THRESHOLD = 1e-6


@dataclass(frozen=True, slots=True)
class Region:
    """A connected area of heat.

    Attributes:
        x_px, y_px, width_px, height_px: bounding box in pixels of the original picture.
        area_px: its pixels.
        peak: highest heat inside.
    """

    x_px: int
    y_px: int
    width_px: int
    height_px: int
    area_px: int
    peak: float


def draw_heat(grid: npt.NDArray[np.float32], geometry: Geometry, sigma_px: float, threshold: float) -> Heat:
    """Upsample patch distances to the original picture. Any thread; OpenCV releases the GIL.

    Args:
        grid: (rows, columns) float32 patch distances.
        geometry: of the picture.
        sigma_px: Gaussian blur, standard deviation in pixels of the resized picture.
        threshold: distance that becomes 1.0; below 1e-6, where float32 distances are rounding errors, it counts as 1e-6.
    """
    padded = (geometry.columns * geometry.patch_px, geometry.rows * geometry.patch_px)
    heat = cv2.resize(grid / np.float32(max(threshold, _LEAST_THRESHOLD)), padded, interpolation=cv2.INTER_LINEAR)
    if sigma_px > 0:
        heat = cv2.GaussianBlur(heat, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
    content = heat[: geometry.content_height_px, : geometry.content_width_px]
    return np.asarray(cv2.resize(content, (geometry.width_px, geometry.height_px), interpolation=cv2.INTER_LINEAR), np.float32)


def encode_heat(heat: Heat) -> bytes:
    """Encode heat as a 16-bit grey PNG in steps of `PNG_SCALE`."""
    steps = np.clip(heat / PNG_SCALE, 0, 65535).round().astype(np.uint16)
    return bytes(cv2.imencode(".png", steps, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])


def find_regions(heat: Heat, min_area_px: int, *, failed: bool) -> tuple[Region, ...]:
    """Find connected areas (8-neighbourhood) at or above 1.0, highest peak first, at most `MAX_REGIONS`.

    Args:
        heat: (H, W) float32.
        min_area_px: smaller ones are left out.
        failed: the image as a whole is above its threshold. Such a part always has a region to look at: should blurring have lowered
            every peak below 1.0, the level is lowered to 90 % of the peak, and should all areas be small, the hottest is kept.
    """
    peak = float(heat.max())
    level = _FAILED_LEVEL * peak if failed and peak < 1.0 else 1.0
    _, labelled, table, _ = cv2.connectedComponentsWithStats((heat >= level).astype(np.uint8), connectivity=8)
    labels, stats = np.asarray(labelled, np.int32), np.asarray(table, np.int32)
    kept = [label for label in range(1, len(stats)) if stats[label, cv2.CC_STAT_AREA] >= min_area_px]
    if failed and not kept:
        kept = [int(labels.flat[heat.argmax()])]
    regions = [_measure(heat, labels, stats[label], label) for label in kept]
    return tuple(sorted(regions, key=lambda region: -region.peak)[:MAX_REGIONS])


def _measure(heat: Heat, labels: npt.NDArray[np.int32], stats: npt.NDArray[np.int32], label: int) -> Region:
    x, y, width, height, area = (int(value) for value in stats)
    box = np.s_[y : y + height, x : x + width]
    peak = float(heat[box][labels[box] == label].max())
    return Region(x, y, width, height, area, peak)
