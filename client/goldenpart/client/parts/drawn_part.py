"""What the simulated camera delivers: a picture, the truth about it, and the kinds of damage."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Defect(Enum):
    """Kinds of damage a drawn flange can carry; the value is the folder name in the MVTec layout."""

    SCRATCH = "scratch"
    MISSING_HOLE = "missing_hole"
    STAIN = "stain"
    CRACK = "crack"
    BURR = "burr"


@dataclass(frozen=True, slots=True, eq=False)
class DrawnPart:
    """One simulated camera picture with its ground truth.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        mask: (H, W) bool, true on the damaged pixels; all false on a good part.
        defect: The kind of damage, or None on a good part.
    """

    image: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.bool_]
    defect: Defect | None
