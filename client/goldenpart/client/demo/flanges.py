"""The pictures of the demo: golden flanges, good ones to calibrate on, and a shift of good and damaged ones."""

from dataclasses import dataclass

import numpy as np

from goldenpart.client.frames import NamedImage
from goldenpart.client.parts import Defect, draw_flange, encode_jpeg
from goldenpart.client.report import Label


@dataclass(frozen=True, slots=True, eq=False)
class Flange:
    """A picture of a flange and the truth about it.

    Attributes:
        name: Name for people.
        jpeg: The picture.
        label: Whether it is damaged.
        kind: Kind of damage; empty for a good part.
    """

    name: str
    jpeg: bytes
    label: Label
    kind: str


@dataclass(frozen=True, slots=True, eq=False)
class Flanges:
    """All pictures of a run; no part occurs twice."""

    golden: tuple[NamedImage, ...]
    normal: tuple[NamedImage, ...]
    shift: tuple[Flange, ...]


def draw_flanges(seed: int, *, golden: int = 16, normal: int = 40, shift: int = 60) -> Flanges:
    """Draw the pictures; the same seed draws the same ones. Half of the shift is damaged, all kinds in turn.

    Args:
        seed: Any non-negative integer.
        golden: Golden parts.
        normal: Good parts to calibrate on.
        shift: Parts to inspect.
    """
    rng = np.random.default_rng(seed)
    return Flanges(
        golden=tuple(NamedImage(f"golden-{index:02d}.jpg", _picture(rng)) for index in range(golden)),
        normal=tuple(NamedImage(f"good-{index:02d}.jpg", _picture(rng)) for index in range(normal)),
        shift=_shift(rng, shift),
    )


def _shift(rng: np.random.Generator, count: int) -> tuple[Flange, ...]:
    kinds = tuple(Defect)
    defects = [kinds[index % len(kinds)] if index < count // 2 else None for index in range(count)]
    order = rng.permutation(count)
    return tuple(_flange(rng, f"part-{place:03d}", defects[index]) for place, index in enumerate(order))


def _flange(rng: np.random.Generator, name: str, defect: Defect | None) -> Flange:
    label = Label.NORMAL if defect is None else Label.DEFECTIVE
    return Flange(name, _picture(rng, defect), label, defect.value.replace("_", " ") if defect else "")


def _picture(rng: np.random.Generator, defect: Defect | None = None) -> bytes:
    return encode_jpeg(draw_flange(rng, defect).image)
