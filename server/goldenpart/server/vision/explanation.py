"""What a region looks like, measured: its shape, and how its colour differs from what is around it or from a golden part.

Colours are CIE 1976 L*a*b* (ISO/CIE 11664-4) under D65: L* is lightness in 0..100, a* runs from green to red, b* from blue to yellow; a
difference of 2 to 3 is just visible.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from goldenpart.server.vision.image import Rgb8
from goldenpart.server.vision.regions import Region
from goldenpart.server.vision.zones import BoolGrid

Lab = npt.NDArray[np.float32]
"""(H, W, 3) or (N, 3) float32: L*, a*, b*."""
Box = tuple[int, int, int, int]

_MOST_PX = 512  # longest side that is measured; larger crops are reduced
_LEAST_MARGIN_PX, _MOST_MARGIN_PX = 8, 96
_THIN = 2.5  # elongation
_OUTLIER = 4.0  # robust standard deviations from which on a pixel differs from its surroundings
_LEAST_SCATTER = np.array([2.0, 1.5, 1.5], np.float32)  # of L*, a*, b*: sensor noise and JPEG
_LEAST_CORE_PX = 6
_LEAST_CORE_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Shape:
    """Shape of a set of pixels.

    Attributes:
        length_px, width_px: sides of the smallest rectangle around it at any angle, length >= width >= 1, in pixels of the frame.
        orientation_deg: of its long axis by second moments, counter-clockwise from the horizontal, in [0, 180).
        elongation: ratio of the standard deviations along and across that axis, >= 1.
        x_px, y_px: centroid in pixels of the frame.
        area_px: pixels of the frame.
    """

    length_px: float
    width_px: float
    orientation_deg: float
    elongation: float
    x_px: float
    y_px: float
    area_px: float


@dataclass(frozen=True, slots=True)
class Tone:
    """Difference of two mean colours, first minus second.

    Attributes:
        lightness: of L*, positive = brighter, in -100..100.
        red: of a*, positive = redder, negative = greener.
        yellow: of b*, positive = yellower, negative = bluer.
    """

    lightness: float
    red: float
    yellow: float

    @property
    def hue_shift(self) -> float:
        """Length of the difference of a* and b*."""
        return math.hypot(self.red, self.yellow)


@dataclass(frozen=True, slots=True)
class Appearance:
    """What a region looks like.

    Attributes:
        shape: of the pixels that differ from the surroundings, or of the region where none stand out.
        tone: those pixels against the surroundings; 0 where none stand out and the surroundings vary more than the region differs.
        outlined: whether pixels were found that stand out; if not, the region differs in texture or structure.
    """

    shape: Shape
    tone: Tone
    outlined: bool


def measure_appearance(image: Rgb8, region: Region, worst: Box | None = None) -> Appearance:
    """Measure a region in its picture. Any thread; OpenCV releases the GIL.

    The heat map is as coarse as its patches, so the defect is looked for inside the region: pixels that lie more than 4 robust standard
    deviations (median absolute deviation) from the median colour of the surroundings, joined to areas; of these the one that differs
    most in total, among those that touch the worst patch if any do. Where the surroundings are too varied for that, for example at an
    edge of the part, a thin line that stands out from the rest of the region is looked for.

    Args:
        image: (H, W, 3) uint8, the frame.
        region: in its pixels.
        worst: box of the region's worst patch.
    """
    window, scale = _window(region, image.shape[1], image.shape[0])
    x, y, width, height = window
    lab = to_lab(_reduce(image[y : y + height, x : x + width], scale))
    inside = np.zeros((height, width), np.uint8)
    inside[region.y_px - y : region.y_px - y + region.height_px, region.x_px - x : region.x_px - x + region.width_px] = region.pixels
    mask = cv2.resize(inside, (lab.shape[1], lab.shape[0]), interpolation=cv2.INTER_NEAREST).astype(np.bool_)
    if not mask.any():  # a speck that the reduction lost
        mask = np.ones_like(mask)
    around = lab[~mask] if not mask.all() else lab[mask]
    place = None if worst is None else _scaled(worst, window, scale)
    core, reference = _find_core(lab, mask, around, place), around
    if core is None:
        core, reference = _find_core(lab, mask, lab[mask], place), lab[mask]
        if core is not None and measure_shape(core).elongation < _THIN:  # what is left of good surface inside a stain stands out as well
            core = None
    if core is None:
        return Appearance(measure_shape(mask, x, y, scale), _clear_difference(lab[mask], around), outlined=False)
    return Appearance(measure_shape(core, x, y, scale), difference(lab[core], np.median(reference, axis=0)[None]), outlined=True)


def measure_shape(pixels: BoolGrid, x_px: int = 0, y_px: int = 0, scale: float = 1.0) -> Shape:
    """Measure a set of pixels by its second moments and its smallest rectangle.

    Args:
        pixels: (h, w) bool with at least one True.
        x_px: left edge of the set in the frame.
        y_px: its upper edge there.
        scale: its pixels per pixel of the frame.
    """
    rows, columns = np.nonzero(pixels)
    points = np.column_stack([columns, rows]).astype(np.float32)
    sides = cv2.minAreaRect(points)[1]
    centre = points.mean(axis=0)
    # A pixel is a square, not a point: it has a variance of 1/12 along each axis.
    spread = np.cov(points.T, bias=True).reshape(2, 2) + np.eye(2) / 12 if len(points) > 1 else np.eye(2) / 12
    variances, axes = np.linalg.eigh(spread)
    along = axes[:, 1]
    angle = math.degrees(math.atan2(-along[1], along[0])) % 180.0
    return Shape(
        length_px=(max(sides) + 1) / scale,
        width_px=(min(sides) + 1) / scale,
        orientation_deg=0.0 if angle >= 179.95 else angle,
        elongation=math.sqrt(variances[1] / variances[0]),
        x_px=x_px + (float(centre[0]) + 0.5) / scale,
        y_px=y_px + (float(centre[1]) + 0.5) / scale,
        area_px=len(points) / scale**2,
    )


def difference(first: Lab, second: Lab) -> Tone:
    """Return the mean colour (N, 3) of one set of pixels minus that of another."""
    delta = first.reshape(-1, 3).mean(axis=0, dtype=np.float64) - second.reshape(-1, 3).mean(axis=0, dtype=np.float64)
    return Tone(*(float(value) for value in delta))


def to_lab(image: Rgb8) -> Lab:
    """Convert (H, W, 3) uint8 sRGB to L*a*b*, (H, W, 3) float32."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / np.float32(255.0), cv2.COLOR_RGB2LAB), np.float32)


def _window(region: Region, width: int, height: int) -> tuple[Box, float]:
    """Return the box around a region with its surroundings, and the scale at which it is measured."""
    margin = min(_MOST_MARGIN_PX, max(_LEAST_MARGIN_PX, max(region.width_px, region.height_px) // 2))
    left, top = max(0, region.x_px - margin), max(0, region.y_px - margin)
    right = min(width, region.x_px + region.width_px + margin)
    bottom = min(height, region.y_px + region.height_px + margin)
    return (left, top, right - left, bottom - top), min(1.0, _MOST_PX / max(right - left, bottom - top))


def _reduce(crop: Rgb8, scale: float) -> Rgb8:
    if scale == 1.0:
        return crop
    size = max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale))
    return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)


def _scaled(box: Box, window: Box, scale: float) -> Box:
    x, y = round((box[0] - window[0]) * scale), round((box[1] - window[1]) * scale)
    return x, y, max(1, round(box[2] * scale)), max(1, round(box[3] * scale))


def _clear_difference(inside: Lab, around: Lab) -> Tone:
    """Return the difference of the median colours where it exceeds the scatter of the surroundings, 0 elsewhere."""
    delta = np.median(inside, axis=0) - np.median(around, axis=0)
    clear = np.where(np.abs(delta) > _scatter(around), delta, 0.0)
    return Tone(*(float(value) for value in clear))


def _scatter(colours: Lab) -> Lab:
    """Return the robust standard deviation of each channel, 1.4826 * median absolute deviation, at least that of a sensor."""
    deviation = np.median(np.abs(colours - np.median(colours, axis=0)), axis=0)
    return np.asarray(np.maximum(1.4826 * deviation, _LEAST_SCATTER), np.float32)


def _find_core(lab: Lab, mask: BoolGrid, reference: Lab, worst: Box | None) -> BoolGrid | None:
    """Return the pixels of the mask that stand out from reference colours (N, 3); None if they are too few."""
    excess = (np.abs(lab - np.median(reference, axis=0)) / _scatter(reference)).max(axis=2)
    outliers = ((excess > _OUTLIER) & mask).astype(np.uint8)
    joined = cv2.morphologyEx(outliers, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    if count < 2:
        return None
    numbers = np.asarray(labels, np.int32)
    numbers[outliers == 0] = 0
    totals = np.bincount(numbers.ravel(), weights=excess.ravel(), minlength=count)
    totals[0] = 0.0
    if worst is not None:
        x, y, width, height = worst
        touching = np.unique(numbers[max(0, y) : y + height, max(0, x) : x + width])
        if touching.any():
            totals[np.setdiff1d(np.arange(count), touching)] = 0.0
    core: BoolGrid = numbers == int(totals.argmax())
    enough = max(_LEAST_CORE_PX, _LEAST_CORE_SHARE * float(mask.sum()))
    return core if core.sum() >= enough else None
