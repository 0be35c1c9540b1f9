"""Reads where defects are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from goldenpart.client.evaluation.errors import DatasetLayoutError

_ONE_CHANNEL = frozenset({"1", "L", "P", "I", "I;16", "I;16B", "F"})


def read_mask(paths: Sequence[Path], width_px: int, height_px: int) -> npt.NDArray[np.bool_]:
    """Read masks and put them together: a pixel is defective where any of them is not 0.

    Args:
        paths: Mask files, at least one.
        width_px: Columns of the image.
        height_px: Rows of the image.

    Returns:
        (H, W) bool, C-contiguous.

    Raises:
        DatasetLayoutError: A mask cannot be read or has not the size of the image.
    """
    together = np.zeros((height_px, width_px), np.bool_)
    for path in paths:
        marked = _read_one(path)
        if marked.shape != together.shape:
            rows, columns = marked.shape
            raise DatasetLayoutError(f"mask {path} is {columns} x {rows} px but its image {width_px} x {height_px} px; they must be equal")
        together |= marked
    return together


def _read_one(path: Path) -> npt.NDArray[np.bool_]:
    try:
        with Image.open(path) as image:
            plain = image if image.mode in _ONE_CHANNEL else image.convert("RGB")
            pixels = np.asarray(plain)
    except (OSError, UnidentifiedImageError) as error:
        raise DatasetLayoutError(f"mask {path} cannot be read: {error}") from error
    marked: npt.NDArray[np.bool_] = pixels != 0
    return marked if marked.ndim == 2 else np.any(marked, axis=2)
