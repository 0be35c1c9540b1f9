"""Metrics of heat maps against masks, exact in the steps of 16-bit maps, in memory that does not grow with the number of pixels.

Scores are integers 0..65,535, so histograms hold all there is to know; maps are added one by one and forgotten.

- ROC, precision-recall, F1, intersection over union: all pixels of all images together.
- PRO, per-region overlap (Bergmann et al., IJCV 2021, section 5.1): the share of each connected region (8-neighbourhood) at or above a
  threshold, averaged over all regions, over the share of normal pixels there; the area under it up to a limit, divided by the limit.
- PIMO, per-image overlap (Bertoldo et al., BMVC 2024, arXiv 2401.01984): the share of an image's mask at or above a threshold, over
  the mean share of the pixels of each *good image* there; the area under it over the logarithm of that rate between two bounds,
  divided by the width. The rate belongs to the lowest threshold that does not exceed it, so the curve is a step function and nothing
  is interpolated in the region between 0 and the first attainable rate.
"""

import math
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from goldenpart.client.evaluation.metrics.ranking import Floats, ScoreCounts
from goldenpart.client.evaluation.metrics.separation import separation

STEPS = 65_536
PRO_LIMITS = (0.3, 0.05)
PIMO_BOUNDS = (1e-5, 1e-4)
_EIGHT_NEIGHBOURS = np.ones((3, 3), np.int8)

Steps = npt.NDArray[np.uint16]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class PixelMetrics:
    """How well pixels are told apart.

    Attributes:
        auroc: Area under the ROC curve.
        average_precision: Area under the precision-recall curve as a sum of steps.
        f1_max: Best F1 over all thresholds.
        f1_max_step: From this step on a pixel counts as defective there.
        iou: Intersection over union at the limit.
        aupro: By the limits of the false-positive rate, each in [0, 1].
        pro_curve: (P, 2) float64: false-positive rate up to the largest limit, and overlap.
        aupimo: One value per defective image in the order they came; empty without good images.
        defective_share: Share of the pixels that are marked.
        saturated_share: Share of the pixels in the topmost step.
    """

    auroc: float
    average_precision: float
    f1_max: float
    f1_max_step: int
    iou: float
    aupro: dict[float, float]
    pro_curve: Floats
    aupimo: tuple[float, ...]
    defective_share: float
    saturated_share: float


@dataclass(frozen=True, slots=True, eq=False)
class ImageTally:
    """What one map holds, per step (STEPS,).

    Attributes:
        normal: int64, pixels outside of the mask.
        defective: int64, pixels inside.
        regions: float64, pixels inside, each weighing one over the size of its region.
        region_count: Connected regions (8-neighbourhood) of the mask; 0 = a good image.
    """

    normal: npt.NDArray[np.int64]
    defective: npt.NDArray[np.int64]
    regions: Floats
    region_count: int

    @classmethod
    def of_good(cls, steps: Steps) -> Self:
        """Count the map of a good image, (H, W) uint16; the larger, the less normal."""
        return cls(np.bincount(steps.reshape(-1), minlength=STEPS), np.zeros(STEPS, np.int64), np.zeros(STEPS), 0)

    @classmethod
    def of_defective(cls, steps: Steps, mask: Mask) -> Self:
        """Count the map of a defective image.

        Args:
            steps: (H, W) uint16; the larger, the less normal.
            mask: (H, W) bool, where the defect is; marks at least one pixel.

        Raises:
            ValueError: The shapes differ, or the mask is empty.
        """
        if steps.shape != mask.shape:
            raise ValueError(f"the map has shape {steps.shape} and its mask {mask.shape}; they must be equal")
        if not mask.any():
            raise ValueError("the mask marks no pixel; leave the image out")
        labels, regions = ndimage.label(mask, structure=_EIGHT_NEIGHBOURS)
        weights = 1.0 / np.maximum(np.bincount(labels.reshape(-1)), 1)  # a mask that marks everything leaves no background
        return cls(
            normal=np.bincount(steps[~mask], minlength=STEPS),
            defective=np.bincount(steps[mask], minlength=STEPS),
            regions=np.bincount(steps[mask], weights=weights[labels[mask]], minlength=STEPS).astype(np.float64),
            region_count=int(regions),
        )


@dataclass(slots=True, eq=False)
class PixelTally:
    """Takes maps one by one. Not for several threads at once.

    Holds four histograms of 65,536 steps, and per defective image the distinct steps inside its mask.
    """

    _normal: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(STEPS, np.int64), init=False)
    _defective: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(STEPS, np.int64), init=False)
    _regions: Floats = field(default_factory=lambda: np.zeros(STEPS), init=False)
    _region_count: int = field(default=0, init=False)
    _good_images: Floats = field(default_factory=lambda: np.zeros(STEPS), init=False)
    _good_count: int = field(default=0, init=False)
    _masked: list[tuple[Steps, Floats]] = field(default_factory=list, init=False)

    def add(self, image: ImageTally) -> None:
        """Take what a map holds."""
        self._normal += image.normal
        if not image.region_count:
            self._good_images += image.normal / image.normal.sum()
            self._good_count += 1
            return
        self._defective += image.defective
        self._regions += image.regions
        self._region_count += image.region_count
        present = np.flatnonzero(image.defective)
        self._masked.append((present.astype(np.uint16), image.defective[present] / image.defective.sum()))

    def metrics(self, limit_step: int) -> PixelMetrics:
        """Measure what was added so far.

        Args:
            limit_step: From this step on a pixel counts as defective for intersection over union.

        Raises:
            ValueError: No defective image was added, or its masks mark everything there is.
        """
        if not self._masked or not self._normal.any():
            raise ValueError(f"pixels of both classes are needed; {len(self._masked)} defective images were added")
        counts = ScoreCounts(np.arange(STEPS, dtype=np.float64), self._normal.astype(np.float64), self._defective.astype(np.float64))
        found = separation(counts)
        hits, false_alarms = int(self._defective[limit_step:].sum()), int(self._normal[limit_step:].sum())
        defective, total = int(self._defective.sum()), int(self._defective.sum() + self._normal.sum())
        curve = self._pro_curve()
        return PixelMetrics(
            auroc=found.auroc,
            average_precision=found.average_precision,
            f1_max=found.f1_max,
            f1_max_step=int(found.f1_max_score),
            iou=hits / (defective + false_alarms),
            aupro={limit: area_up_to(curve, limit) for limit in PRO_LIMITS},
            pro_curve=_cut(curve, max(PRO_LIMITS)),
            aupimo=self._aupimo(),
            defective_share=defective / total,
            saturated_share=int(self._normal[-1] + self._defective[-1]) / total,
        )

    def _pro_curve(self) -> Floats:
        """Return (P, 2): false-positive rate and mean overlap from the highest threshold to the lowest, starting in (0, 0)."""
        present = np.flatnonzero(self._normal + self._defective)[::-1]
        rates = np.cumsum(self._normal[present]) / self._normal.sum()
        overlaps = np.cumsum(self._regions[present]) / self._region_count
        return np.concatenate([np.zeros((1, 2)), np.stack([rates, overlaps], axis=1)])

    def _aupimo(self) -> tuple[float, ...]:
        """Sum the overlap over the thresholds, each weighted by the logarithmic range of rates that it serves."""
        if not self._good_count:
            return ()
        low, high = PIMO_BOUNDS
        rates = np.cumsum(self._good_images[::-1])[::-1] / self._good_count  # (STEPS,), falling
        until = np.concatenate([[np.inf], rates[:-1]])  # a threshold serves the rates from its own to that of the next lower one
        served = np.log(np.clip(until, low, high)) - np.log(np.clip(rates, low, high))
        reached = np.cumsum(served) / math.log(high / low)  # (STEPS,): what a pixel of this step contributes
        return tuple(min(1.0, float(np.sum(reached[steps] * shares))) for steps, shares in self._masked)  # rounding may exceed 1


def area_up_to(curve: Floats, limit: float) -> float:
    """Return the trapezoidal area under a curve up to ``limit``, divided by it.

    Args:
        curve: (P, 2), x rising (not strictly) from 0 to at least ``limit``.
        limit: In (0, 1].
    """
    cut = _cut(curve, limit)
    return float(np.trapezoid(cut[:, 1], cut[:, 0])) / limit


def _cut(curve: Floats, limit: float) -> Floats:
    """Return the part of a curve with x <= ``limit``, with a last point interpolated at it."""
    end = int(np.searchsorted(curve[:, 0], limit, side="right"))
    if end == len(curve):
        return curve
    (x0, y0), (x1, y1) = curve[end - 1], curve[end]
    return np.concatenate([curve[:end], [[limit, y0 + (y1 - y0) * (limit - x0) / (x1 - x0)]]])
