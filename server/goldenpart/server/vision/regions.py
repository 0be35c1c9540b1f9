"""Connected areas of heat at or above the limit: where a part differs, how much, and in which zone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from goldenpart.server.vision.heatmap import Heat
from goldenpart.server.vision.zones import BoolGrid, Zone, ZoneKind, Zones

MAX_REGIONS = 64
_SHOWN_LEVEL, _JUDGED_LEVEL = 0.9, 0.5  # of the highest heat
_MOST_MEASURED = 2048  # a heat map of noise has tens of thousands of areas; the largest and the hottest are enough to judge by


@dataclass(frozen=True, slots=True)
class Region:
    """A connected area of heat.

    Attributes:
        x_px, y_px, width_px, height_px: bounding box in pixels of the original picture.
        area_px: its pixels.
        peak: highest heat inside.
        excess: highest ratio of heat to limit inside; equals `peak` without zones.
        zone: name of the zone it belongs to: a critical one whose limit it reaches, else the one at its hottest place; empty if none.
        limit: heat that is the limit there; the smallest of all its pixels if it reaches none.
        critical_excess: highest ratio of heat to limit inside the critical zone whose limit it reaches; 0 = it reaches none.
        minimum_area_px: pixels it must have to fail the part; 0 = any size does.
        mask: (height_px, width_px) bool, which pixels of the box belong to it; None means all.
    """

    x_px: int
    y_px: int
    width_px: int
    height_px: int
    area_px: int
    peak: float
    excess: float = 0.0
    zone: str = ""
    limit: float = 1.0
    critical_excess: float = 0.0
    minimum_area_px: float = 0.0
    mask: BoolGrid | None = field(default=None, repr=False, compare=False)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x, y, width, height in pixels of the original picture."""
        return self.x_px, self.y_px, self.width_px, self.height_px

    @property
    def critical(self) -> bool:
        """Whether it reaches the limit inside a critical zone."""
        return self.critical_excess > 0

    @property
    def pixels(self) -> BoolGrid:
        """(height_px, width_px) bool, True = belongs to it."""
        return np.ones((self.height_px, self.width_px), np.bool_) if self.mask is None else self.mask

    @property
    def tolerance(self) -> str:
        """Why it does not fail the part, in words; empty if it may."""
        if self.area_px < self.minimum_area_px:
            return f"{self.area_px} px, less than the {self.minimum_area_px:.4g} px that fail"
        if self.limit > 1 and self.excess < 1:
            return f"{self.peak:.2f} of the threshold, less than the limit {self.limit:g} here"
        return ""


def find_regions(heat: Heat, *, failed: bool, zones: Zones | None = None) -> tuple[Region, ...]:
    """Find connected areas (8-neighbourhood) at or above the limit, highest excess first; the verdict of zones may hang on each.

    Args:
        heat: (H, W) float32.
        failed: the image as a whole is above its threshold. Such a part always has a region to look at: should the deviation be spread
            out, or blurring have lowered every peak below the limit, the level is lowered to 90 % of the peak. Where zones judge, the
            level is never above half of the highest heat, at which the width of what was blurred is measured (full width at half
            maximum): what only just reaches the limit would look small, however wide it is.
        zones: with limits of their own; None means 1.0 everywhere.
    """
    labels, stats = _label(heat, zones, failed=failed)
    measured = [_measure(heat, labels, stats[label], label, zones) for label in _choose(heat, labels, stats[:, cv2.CC_STAT_AREA])]
    return tuple(sorted(measured, key=lambda region: -region.excess))


def reported(regions: Sequence[Region], min_area_px: int, *, failed: bool) -> tuple[Region, ...]:
    """Choose the regions to show, in their order, at most `MAX_REGIONS`.

    Args:
        regions: of `find_regions`.
        min_area_px: smaller ones are left out, unless they reach the limit of a critical zone.
        failed: as there; should all be too small, the hottest is kept.
    """
    kept = [region for region in regions if region.area_px >= min_area_px or region.critical]
    if failed and not kept:
        kept = [max(regions, key=lambda region: region.peak)]
    return tuple(kept[:MAX_REGIONS])


def _label(heat: Heat, zones: Zones | None, *, failed: bool) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Number the areas: (H, W) int32, 0 = none, and OpenCV's table of them."""
    level = np.float32(1.0) if zones is None else np.minimum(zones.limits(heat.shape[1], heat.shape[0]), np.float32(1.0))
    if failed and zones is not None and zones.judge:
        level = np.minimum(level, np.float32(_JUDGED_LEVEL * float(heat.max())))
    hot = heat >= level
    if failed and not hot.any():
        hot = heat >= np.float32(_SHOWN_LEVEL * float(heat.max()))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(hot.astype(np.uint8), connectivity=8)
    return np.asarray(labels, np.int32), np.asarray(stats, np.int32)


def _choose(heat: Heat, labels: npt.NDArray[np.int32], areas: npt.NDArray[np.int32]) -> list[int]:
    """Return the numbers of the areas to measure."""
    numbers = np.arange(1, len(areas))
    if len(numbers) <= _MOST_MEASURED:
        return [int(number) for number in numbers]
    peaks = np.asarray(ndimage.maximum(heat, labels, numbers))
    rankings = (np.argsort(-peaks, kind="stable"), np.argsort(-areas[1:], kind="stable"))
    return sorted({int(place) + 1 for ranking in rankings for place in ranking[:_MOST_MEASURED]})


def _measure(heat: Heat, labels: npt.NDArray[np.int32], stats: npt.NDArray[np.int32], label: int, zones: Zones | None) -> Region:
    x, y, width, height, area = (int(value) for value in stats)
    box = np.s_[y : y + height, x : x + width]
    mask: BoolGrid = labels[box] == label
    peak = float(heat[box][mask].max())
    region = Region(x, y, width, height, area, peak, excess=peak, mask=mask)
    return region if zones is None else _place(region, heat, zones)


def _place(region: Region, heat: Heat, zones: Zones) -> Region:
    """Say which zone a region belongs to, and by which limit and area it is judged: the strictest of all zones it touches."""
    height, width = heat.shape
    window = np.s_[region.y_px : region.y_px + region.height_px, region.x_px : region.x_px + region.width_px]
    inside, limits = heat[window], zones.limits(width, height)[window]
    ratio = np.where(region.pixels, inside / limits, np.float32(-1.0))
    hottest = divmod(int(ratio.argmax()), region.width_px)
    touched = _touched(region, zones, width, height)
    critical = [(zone, part) for zone, part in touched if zone.kind is ZoneKind.CRITICAL]
    reached = [(float((inside[part] / np.float32(zone.limit or 1.0)).max()), zone) for zone, part in critical]
    worst = max((found for found in reached if found[0] >= 1), key=lambda found: found[0], default=None)
    here = next((zone for zone, part in touched if part[hottest]), None)
    covered = np.logical_or.reduce([part for _, part in touched]) if touched else np.zeros_like(region.pixels)
    areas = [zones.minimum_area(zone) for zone, _ in touched]
    if not covered[region.pixels].all():
        areas.append(zones.minimum_area(None))
    critical_excess, zone = worst if worst is not None else (0.0, here)
    limit = zone.limit if worst is not None and zone is not None and zone.limit is not None else float(limits[hottest])
    if ratio[hottest] < 1:  # below every limit: a tolerant zone must not answer for what lies outside it
        limit = float(limits[region.pixels].min())
    return replace(
        region,
        excess=float(ratio[hottest]),
        zone="" if zone is None else zone.name,
        limit=limit,
        critical_excess=critical_excess,
        minimum_area_px=min(areas),
    )


def _touched(region: Region, zones: Zones, width_px: int, height_px: int) -> list[tuple[Zone, BoolGrid]]:
    """Return the zones that a region overlaps, with the overlap in its box; critical ones first, ignored ones left out."""
    judging = sorted(
        (zone for zone in zones.zones if zone.kind is not ZoneKind.IGNORE), key=lambda zone: zone.kind is not ZoneKind.CRITICAL
    )
    parts = ((zone, zone.render(width_px, height_px, region.box) & region.pixels) for zone in judging)
    return [(zone, part) for zone, part in parts if part.any()]
