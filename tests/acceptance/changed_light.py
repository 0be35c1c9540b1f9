"""Lines whose light changes: parts under the former light, and parts under the new one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goldenpart.client import NamedImage
from goldenpart.client.parts import Defect, draw_flange

NEW_LAMP = np.array([1.0, 0.9, 0.78])
"""Gain of red, green and blue under a warmer lamp."""


@dataclass(frozen=True)
class Parts:
    """Pictures of a category: those under the former light, and those under the new one."""

    golden: list[NamedImage]
    calibration: list[NamedImage]
    pool: list[NamedImage]
    normals: list[NamedImage]
    normals_new: list[NamedImage]
    defective: list[NamedImage]
    defective_new: list[NamedImage]
    challenge_normals: list[NamedImage]
    challenge_defective: list[NamedImage]


def magnetic_tiles(folder: Path, seed: int = 0) -> Parts:
    """Tiles were photographed under six lights, exp1 the dimmest; the line moves from the first three to the others."""

    def shuffled(*patterns: str) -> Iterator[Path]:
        paths = sorted(path for pattern in patterns for path in folder.glob(pattern))
        return iter(random.Random(seed).sample(paths, len(paths)))

    def take(paths: Iterator[Path], number: int) -> list[NamedImage]:
        return [NamedImage(path.name, path) for path in islice(paths, number)]

    train, train_new = shuffled("train/good/exp[123]_*"), shuffled("train/good/exp[456]_*")
    good, good_new = shuffled("test/good/exp[123]_*"), shuffled("test/good/exp[456]_*")
    kinds = ("blowhole", "break", "crack", "fray", "uneven")
    bad = shuffled(*(f"test/{kind}/exp[123]_*" for kind in kinds))
    bad_new = shuffled(*(f"test/{kind}/exp[456]_*" for kind in kinds))
    return Parts(
        golden=take(train, 24),
        calibration=take(train, 40),
        pool=take(train_new, 110),
        normals=take(good, 25),
        normals_new=take(good_new, 45),
        defective=take(bad, 40),
        defective_new=take(bad_new, 20),
        challenge_normals=take(good, 15),
        challenge_defective=take(bad, 25),
    )


def flanges(size_px: int, seed: int = 0) -> Parts:
    """Draw flanges; the new light is a warmer lamp."""
    rng = np.random.default_rng(seed)
    drawn = 0

    def take(number: int, *, defective: bool = False, lamp: npt.NDArray[np.float64] | None = None) -> list[NamedImage]:
        nonlocal drawn
        taken = []
        for _ in range(number):
            image = draw_flange(rng, tuple(Defect)[drawn % len(Defect)] if defective else None, size_px).image
            shown = image if lamp is None else (image * lamp).astype(np.uint8)
            taken.append(NamedImage(f"flange-{drawn:03d}", shown))
            drawn += 1
        return taken

    return Parts(
        golden=take(8),
        calibration=take(40),
        pool=take(24, lamp=NEW_LAMP),
        normals=take(30),
        normals_new=take(30, lamp=NEW_LAMP),
        defective=take(40, defective=True),
        defective_new=take(20, defective=True, lamp=NEW_LAMP),
        challenge_normals=take(15),
        challenge_defective=take(25, defective=True),
    )
