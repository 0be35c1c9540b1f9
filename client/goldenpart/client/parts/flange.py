"""A picture of one flange, good or damaged."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from goldenpart.client.parts.blemishes import paint_burr, paint_missing_hole, paint_stain
from goldenpart.client.parts.drawn_part import Defect, DrawnPart
from goldenpart.client.parts.scene import Scene
from goldenpart.client.parts.sensor import expose
from goldenpart.client.parts.strokes import paint_crack, paint_scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from goldenpart.client.parts.patch import Patch

DEFAULT_SIZE_PX = 448
SMALLEST_PX, LARGEST_PX = 128, 2048

_PAINTERS: Mapping[Defect, Callable[[Scene, np.random.Generator], Patch]] = MappingProxyType(
    {
        Defect.SCRATCH: paint_scratch,
        Defect.MISSING_HOLE: paint_missing_hole,
        Defect.STAIN: paint_stain,
        Defect.CRACK: paint_crack,
        Defect.BURR: paint_burr,
    }
)
_ATTEMPTS = 40
_FAINTEST = 0.08  # mean change of radiance, some 20 of 255 grey levels: four times the noise of the sensor
_SMALLEST_AREA = 4e-4  # of the picture, 80 px at 448 px


def draw_flange(rng: np.random.Generator, defect: Defect | None = None, size_px: int = DEFAULT_SIZE_PX) -> DrawnPart:
    """Draw a machined steel flange on a conveyor belt, seen from above.

    Placement, light, turning marks, belt, focus, exposure and noise are drawn afresh for every part. Part and damage take their
    randomness from separate streams: generators in the same state draw the same part with and without damage, up to the blur of the lens
    (one pixel beyond the mask). On one machine the same state gives the same bytes; another build of numpy or Pillow may round differently.

    Args:
        rng: Source of all randomness; advanced by the same amount whatever is drawn.
        defect: The kind of damage, or None for a good part.
        size_px: Height and width of the picture, 128 to 2048 pixels.

    Returns:
        The picture, its exact mask and the kind of damage.

    Raises:
        ValueError: If ``size_px`` is out of range.
    """
    if not SMALLEST_PX <= size_px <= LARGEST_PX:
        raise ValueError(f"size_px is {size_px}; a flange is drawn at {SMALLEST_PX} to {LARGEST_PX} pixels")
    part_seed, damage_seed, sensor_seed = rng.integers(0, 2**63, 3).tolist()
    scene = Scene.draw(np.random.default_rng(part_seed), size_px)
    radiance = scene.radiance.copy()
    mask = np.zeros((size_px, size_px), dtype=np.bool_)
    if defect is not None:
        mask = _damage(scene, defect, np.random.default_rng(damage_seed)).paint(radiance)
    return DrawnPart(expose(radiance, np.random.default_rng(sensor_seed)), mask, defect)


def _damage(scene: Scene, defect: Defect, rng: np.random.Generator) -> Patch:
    """Paint until the damage is large and strong enough for a careful eye (a scratch may fall into a hole or along the light)."""
    size_px = scene.pose.size_px
    best, best_contrast = None, -1.0
    for _ in range(_ATTEMPTS):
        patch = _PAINTERS[defect](scene, rng)
        large = int(patch.touched.sum()) >= _SMALLEST_AREA * size_px * size_px
        contrast = patch.contrast(scene.radiance) if large else 0.0
        if contrast >= _FAINTEST:
            return patch
        if contrast > best_contrast:
            best, best_contrast = patch, contrast
    assert best is not None
    return best
