"""Named areas of a part with rules of their own: inspected only there, not inspected, or judged more strictly. See docs/zones.md."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from goldenpart.server.errors import ZoneError
from goldenpart.server.vision.polygons import Polygon, check_polygon, fill

BoolGrid = npt.NDArray[np.bool_]

MAX_ZONES = 64
LEAST_FACTOR, MOST_FACTOR = 0.1, 10.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}")
_PROBE_PX = 256


class ZoneKind(StrEnum):
    """What a zone means."""

    INCLUDE = "include"
    IGNORE = "ignore"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Zone:
    """A named area.

    Attributes:
        name: 1 to 63 letters, digits, blanks, ``_ . -``; unique among the zones.
        kind: what it means.
        polygon: where it is.
        threshold_factor: limit of the heat map here, in thresholds: 0.1 to 1 for a critical zone (None = 1), 1 to 10 for an included one.
        minimum_area_px: a region that touches the zone must have so many pixels of the original image to fail the part; None = see
            `minimum_area_mm2`, and without either the area of `Zones`.
        minimum_area_mm2: the same in square millimetres.
    """

    name: str
    kind: ZoneKind
    polygon: Polygon
    threshold_factor: float | None = None
    minimum_area_px: float | None = None
    minimum_area_mm2: float | None = None

    @property
    def limit(self) -> float | None:
        """Limit of the heat map inside; None if the zone does not set one."""
        return 1.0 if self.threshold_factor is None and self.kind is ZoneKind.CRITICAL else self.threshold_factor

    def render(self, width_px: int, height_px: int, box: tuple[int, int, int, int]) -> BoolGrid:
        """Draw the zone's part of a window.

        Args:
            width_px: columns of the image.
            height_px: its rows.
            box: x, y, width, height of the window in its pixels.

        Returns:
            (height, width) bool of the window, True = inside.
        """
        canvas = np.zeros((box[3], box[2]), np.uint8)
        fill(canvas, self.polygon, 1, width_px, height_px, box[0], box[1])
        return canvas.astype(np.bool_)


@dataclass(frozen=True, slots=True)
class Zones:
    """All zones of a category.

    Attributes:
        zones: at most 64; the order says nothing.
        minimum_area_px: for regions outside of zones with an area of their own; None = see `minimum_area_mm2`, without either any size
            fails.
        minimum_area_mm2: the same in square millimetres.
        mm_per_px: side of a pixel of the original image on the part, in millimetres; needed for square millimetres.

    Raises:
        ZoneError: a name, polygon, factor, area or pitch is out of its range, or nothing of a critical zone is inspected.
    """

    zones: tuple[Zone, ...] = ()
    minimum_area_px: float | None = None
    minimum_area_mm2: float | None = None
    mm_per_px: float | None = None

    def __post_init__(self) -> None:
        if len(self.zones) > MAX_ZONES:
            raise ZoneError(f"{len(self.zones)} zones were given; a category has at most {MAX_ZONES}. Join some.", field="zones.zones")
        if self.mm_per_px is not None and not 0 < self.mm_per_px <= 1000:
            raise ZoneError(f"mm_per_px is {self.mm_per_px}; it must lie above 0 and be at most 1000.", field="zones.mm_per_px")
        self._check_area(self.minimum_area_px, self.minimum_area_mm2, "zones")
        seen: set[str] = set()
        for place, zone in enumerate(self.zones):
            _check_zone(zone, f"zones.zones[{place}]", seen)
            self._check_area(zone.minimum_area_px, zone.minimum_area_mm2, f"zones.zones[{place}]")
        self._check_critical()

    @property
    def include(self) -> tuple[Polygon, ...]:
        """Polygons inside which is inspected; none means everywhere."""
        return tuple(zone.polygon for zone in self.zones if zone.kind is ZoneKind.INCLUDE)

    @property
    def ignore(self) -> tuple[Polygon, ...]:
        """Polygons inside which nothing is inspected; wins over `include`."""
        return tuple(zone.polygon for zone in self.zones if zone.kind is ZoneKind.IGNORE)

    @property
    def judge(self) -> bool:
        """Whether a verdict may hang on regions, so that the heat map has to be drawn for each frame."""
        return any(zone.limit is not None for zone in self.zones) or any(self.minimum_area(zone) > 0 for zone in (None, *self.zones))

    @property
    def has_critical(self) -> bool:
        """Whether a zone may fail a part that its score lets pass."""
        return any(zone.kind is ZoneKind.CRITICAL for zone in self.zones)

    def minimum_area(self, zone: Zone | None) -> float:
        """Return the pixels that a region must have to fail a part, in a zone or (None) outside; 0 = any size."""
        for source in (zone, self):
            if source is not None and source.minimum_area_px is not None:
                return source.minimum_area_px
            if source is not None and source.minimum_area_mm2 is not None:
                assert self.mm_per_px is not None, "checked by the constructor"
                return source.minimum_area_mm2 / self.mm_per_px**2
        return 0.0

    def limits(self, width_px: int, height_px: int) -> npt.NDArray[np.float32]:
        """Draw the limit of the heat map at every pixel, (height_px, width_px) float32; the smallest where zones overlap, 1 outside."""
        return _draw_limits(self, width_px, height_px)

    def _check_area(self, pixels: float | None, square_mm: float | None, field: str) -> None:
        for name, value in (("minimum_area_px", pixels), ("minimum_area_mm2", square_mm)):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ZoneError(f"{field}.{name} is {value}; it must be 0 or more.", field=f"{field}.{name}")
        if pixels is not None and square_mm is not None:
            raise ZoneError(f"{field} has both minimum_area_px and minimum_area_mm2; give one of them.", field=f"{field}.minimum_area_mm2")
        if square_mm is not None and self.mm_per_px is None:
            raise ZoneError(
                f"{field}.minimum_area_mm2 needs mm_per_px, the side of a pixel on the part in millimetres; or give minimum_area_px.",
                field="zones.mm_per_px",
            )

    def _check_critical(self) -> None:
        """Refuse a critical zone that nobody looks at."""
        kept = np.full((_PROBE_PX, _PROBE_PX), 0 if self.include else 1, np.uint8)
        for polygons, value in ((self.include, 1), (self.ignore, 0)):
            for polygon in polygons:
                fill(kept, polygon, value, _PROBE_PX, _PROBE_PX)
        for place, zone in enumerate(self.zones):
            inside = zone.render(_PROBE_PX, _PROBE_PX, (0, 0, _PROBE_PX, _PROBE_PX))
            if zone.kind is ZoneKind.CRITICAL and not kept[inside].any():
                raise ZoneError(
                    f"Nothing of the critical zone {zone.name!r} would be inspected; move it out of the ignored areas, or include it.",
                    field=f"zones.zones[{place}].polygon",
                )


def _check_zone(zone: Zone, field: str, seen: set[str]) -> None:
    if not _NAME.fullmatch(zone.name) or zone.name in seen:
        raise ZoneError(
            f"{field} is called {zone.name[:80]!r}; names differ and have 1 to 63 letters, digits, blanks or _ . - and start with one of "
            "the first two.",
            field=f"{field}.name",
        )
    seen.add(zone.name)
    check_polygon(zone.polygon, f"{field}.polygon", ZoneError)
    low, high = (LEAST_FACTOR, 1.0) if zone.kind is ZoneKind.CRITICAL else (1.0, MOST_FACTOR)
    if zone.kind is ZoneKind.IGNORE:
        if (zone.threshold_factor, zone.minimum_area_px, zone.minimum_area_mm2) != (None, None, None):
            raise ZoneError(f"{field} is ignored: nothing is searched there, so it has no threshold and no area.", field=field)
    elif zone.threshold_factor is not None and not low <= zone.threshold_factor <= high:
        raise ZoneError(
            f"{field}.threshold_factor is {zone.threshold_factor}; it must be {low:g} to {high:g} in zones of the kind {zone.kind}: "
            "critical zones are stricter than the rest, included ones may be more tolerant.",
            field=f"{field}.threshold_factor",
        )


@lru_cache(maxsize=8)
def _draw_limits(zones: Zones, width_px: int, height_px: int) -> npt.NDArray[np.float32]:
    limits = np.full((height_px, width_px), np.inf, np.float32)
    for zone in zones.zones:
        if zone.limit is not None:
            inside = zone.render(width_px, height_px, (0, 0, width_px, height_px))
            limits[inside] = np.minimum(limits[inside], np.float32(zone.limit))
    limits[np.isinf(limits)] = 1.0
    limits.setflags(write=False)
    return limits
