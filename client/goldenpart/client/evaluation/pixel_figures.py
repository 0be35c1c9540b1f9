"""From heat maps to the figures of pixels, and to thumbnails."""

import io
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from goldenpart.client.evaluation.datasets import LabelledImage, read_mask
from goldenpart.client.evaluation.errors import EvaluationError
from goldenpart.client.evaluation.figures import CurvePoint, ImageValue, Interval, PixelFigures
from goldenpart.client.evaluation.metrics.pixel_bootstrap import PixelResampler
from goldenpart.client.evaluation.metrics.pixel_level import PRO_LIMITS, ImageTally, PixelTally
from goldenpart.client.evaluation.results import THUMBNAIL_SCALE
from goldenpart.client.results import Heatmap

_CURVE_POINTS = 200
_THUMBNAIL_PX = 192


def read_steps(heatmap: Heatmap) -> npt.NDArray[np.uint16]:
    """Decode a heat map to its (H, W) uint16 steps; one step is ``heatmap.scale`` thresholds.

    Raises:
        EvaluationError: It is no 16-bit grey PNG.
    """
    with Image.open(io.BytesIO(heatmap.png)) as picture:
        steps = np.asarray(picture)
    if steps.dtype != np.uint16 or steps.ndim != 2:
        raise EvaluationError(f"a heat map is {steps.dtype} with shape {steps.shape}; this client reads 16-bit grey ones, update it")
    return steps


class PixelRecorder:
    """Takes the heat maps of a run one by one and forgets them. Not for several threads at once.

    Attributes:
        left_out: Defective images so far without a mask that marks something.
    """

    def __init__(self) -> None:
        self._tally, self._resampler = PixelTally(), PixelResampler()
        self._scale: float | None = None
        self._images = 0
        self.left_out = 0
        self._marked: list[str] = []

    def add(self, image: LabelledImage, heatmap: Heatmap, steps: npt.NDArray[np.uint16]) -> None:
        """Take a heat map and its decoded steps.

        Raises:
            DatasetLayoutError: The mask cannot be read or has another size.
            EvaluationError: The scale is not that of the maps before.
        """
        if self._scale not in (None, heatmap.scale):
            raise EvaluationError(f"heat maps of one run have the scales {self._scale:g} and {heatmap.scale:g}; they cannot be compared")
        self._scale = heatmap.scale
        if not image.defective:
            self._take(ImageTally.of_good(steps))
            return
        rows, columns = steps.shape
        mask = read_mask(image.masks, columns, rows)
        if not mask.any():
            self.left_out += 1
            return
        self._take(ImageTally.of_defective(steps, mask))
        self._marked.append(image.name)

    def _take(self, tally: ImageTally) -> None:
        self._tally.add(tally)
        self._resampler.add(tally)
        self._images += 1

    def figures(self, *, bootstrap: int = 0) -> PixelFigures | None:
        """Measure what was taken, with intervals of so many replicates; None if no mask marked anything."""
        if not self._marked or self._scale is None:
            return None
        limit = math.ceil(1 / self._scale)
        found = self._tally.metrics(limit)
        ends = self._resampler.intervals(limit, found.aupimo, replicates=bootstrap) if bootstrap else {}
        curve = found.pro_curve[_spread(len(found.pro_curve))]
        values = tuple(ImageValue(name, value) for name, value in zip(self._marked, found.aupimo, strict=bool(found.aupimo)))
        return PixelFigures(
            images=self._images,
            left_out=self.left_out,
            defective_share=found.defective_share,
            saturated_share=found.saturated_share,
            auroc=found.auroc,
            average_precision=found.average_precision,
            f1_max=found.f1_max,
            f1_max_heat=found.f1_max_step * self._scale,
            iou=found.iou,
            aupro=found.aupro[PRO_LIMITS[0]],
            aupro_005=found.aupro[PRO_LIMITS[1]],
            aupimo=float(np.mean(found.aupimo)) if found.aupimo else None,
            aupimo_images=values,
            pro_curve=tuple(CurvePoint(float(x), float(y)) for x, y in curve),
            intervals={name: Interval(*pair) for name, pair in ends.items()},
        )


def _spread(count: int) -> npt.NDArray[np.intp]:
    return np.unique(np.linspace(0, count - 1, min(count, _CURVE_POINTS)).round().astype(np.intp))


def write_thumbnail(path: Path, steps: npt.NDArray[np.uint16], scale: float) -> None:
    """Write a small 8-bit picture of a heat map, ``THUMBNAIL_SCALE`` thresholds per grey level.

    Args:
        path: PNG file to write; its folder is made.
        steps: (H, W) uint16.
        scale: Thresholds per step.
    """
    rows, columns = steps.shape
    factor = max(1.0, max(rows, columns) / _THUMBNAIL_PX)
    small = Image.fromarray(steps.astype(np.float32)).resize(
        (max(1, round(columns / factor)), max(1, round(rows / factor))), Image.Resampling.BOX
    )
    grey = np.clip(np.asarray(small) * (scale / THUMBNAIL_SCALE), 0, 255).round().astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grey).save(path)
