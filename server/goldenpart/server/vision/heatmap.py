"""From patch distances to a map over the original picture, in thresholds."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from goldenpart.server.vision.preparation import Geometry

Heat = npt.NDArray[np.float32]
"""(H, W) float32 in pixels of the original picture; 1.0 = at the threshold. Never scaled per image, so maps of two parts compare."""

PNG_SCALE = 1.0 / 4096.0
"""Heat of one step of the 16-bit picture; it saturates at 16 thresholds."""
_LEAST_THRESHOLD = 1e-6


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
