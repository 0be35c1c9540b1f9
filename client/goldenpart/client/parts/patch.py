"""Damage as a patch: new radiance over a box of the picture, and how much of each pixel it covers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from goldenpart.client.parts.geometry import Box, FloatImage

VISIBLE_COVER = 0.12
"""Share of a pixel that damage must cover for the pixel to count as damaged in the mask."""


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """Painted damage.

    Attributes:
        box: Where, in the picture.
        cover: (h, w) float32, 0 untouched to 1 replaced.
        radiance: (3, h, w) float32, RGB, what replaces the good part.
    """

    box: Box
    cover: FloatImage
    radiance: FloatImage

    @property
    def touched(self) -> npt.NDArray[np.bool_]:
        """The damaged pixels of the box, (h, w) bool."""
        return self.cover >= VISIBLE_COVER

    def contrast(self, scene: FloatImage) -> float:
        """Measure the mean absolute change of radiance over the damaged pixels; 0 where there are none."""
        touched = self.touched
        if not touched.any():
            return 0.0
        change = np.abs(self.radiance - scene[:, *self.box.window]).mean(axis=0) * self.cover
        return float(change[touched].mean())

    def paint(self, scene: FloatImage) -> npt.NDArray[np.bool_]:
        """Paint into a (3, H, W) scene, in place, and give the (H, W) bool mask of the damaged pixels."""
        under = scene[:, *self.box.window]
        cover = np.where(self.touched, self.cover, np.float32(0))  # what the mask does not show is not there
        under += (self.radiance - under) * cover
        mask = np.zeros(scene.shape[1:], dtype=np.bool_)
        mask[self.box.window] = self.touched
        return mask
