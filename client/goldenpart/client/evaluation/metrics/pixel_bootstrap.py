"""How far the figures of pixels would move with other test images.

Pixels of one image are anything but independent, so whole images are drawn with replacement (cluster bootstrap; Field and Welsh, JRSS B
2007), good and defective ones apart as for images. Replicates are made of coarse histograms of every image, so that a thousand of them
are one matrix product; bins are single steps at the lowest heat, eight steps up to a quarter of the range, and wider above.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from goldenpart.client.evaluation.metrics.pixel_level import PRO_LIMITS, STEPS, ImageTally, area_up_to
from goldenpart.client.evaluation.metrics.ranking import Floats, ScoreCounts

_SINGLE, _FINE = STEPS // 64, STEPS // 4  # up to here a bin is one step, eight steps; above it is 64
_BIN_STARTS = np.concatenate([np.arange(_SINGLE), np.arange(_SINGLE, _FINE, 8), np.arange(_FINE, STEPS, 64)])
_AT_ONCE = 200  # replicates, so that their histograms stay below some 100 MB

Intervals = dict[str, tuple[float, float]]
"""Lower and upper end by the name of the figure: auroc, average_precision, f1_max, iou, aupro, aupro_005, aupimo."""


@dataclass(frozen=True, slots=True, eq=False)
class _Coarse:
    """Counts of one image by bin, (B,) float32 each; see `ImageTally`."""

    normal: npt.NDArray[np.float32]
    defective: npt.NDArray[np.float32]
    regions: npt.NDArray[np.float32]
    region_count: int

    @classmethod
    def of(cls, tally: ImageTally) -> Self:
        normal, defective, regions = (
            np.add.reduceat(counts, _BIN_STARTS).astype(np.float32) for counts in (tally.normal, tally.defective, tally.regions)
        )
        return cls(normal, defective, regions, tally.region_count)


class PixelResampler:
    """Keeps coarse counts of every image, some 45 kB each. Not for several threads at once."""

    def __init__(self) -> None:
        self._good: list[_Coarse] = []
        self._defective: list[_Coarse] = []

    def add(self, tally: ImageTally) -> None:
        """Take the counts of an image."""
        (self._defective if tally.region_count else self._good).append(_Coarse.of(tally))

    def intervals(self, limit_step: int, aupimo: Sequence[float], *, replicates: int, confidence: float = 0.95, seed: int = 0) -> Intervals:
        """Return percentile intervals of the figures; none where no replicate has a normal pixel.

        A replicate without one, as masks that mark everything give it, has no figures and is left out.

        Args:
            limit_step: From this step on a pixel counts as defective for intersection over union.
            aupimo: A value per defective image in the order they came; empty = no interval of the mean. The good images that set its
                false-positive rates are taken as they are.
            replicates: >= 1.
            confidence: In (0, 1).
            seed: The same one gives the same intervals.

        Raises:
            ValueError: There are no defective images, or no replicates.
        """
        if replicates < 1 or not self._defective:
            raise ValueError(
                f"{replicates} replicates of {len(self._defective)} defective images were asked for; at least 1 is needed of each"
            )
        found = [block for block in self._replicates(limit_step, aupimo, replicates, seed) if len(block["auroc"])]
        if not found:
            return {}
        tail = 100 * (1 - confidence) / 2
        ends = {name: np.percentile(np.concatenate([block[name] for block in found]), [tail, 100 - tail]) for name in found[0]}
        return {name: (float(low), float(high)) for name, (low, high) in ends.items()}

    def _replicates(self, limit_step: int, aupimo: Sequence[float], replicates: int, seed: int) -> Iterator[dict[str, Floats]]:
        rng = np.random.default_rng(seed)
        images = [*self._good, *self._defective]
        normal, defective, regions = (
            np.stack([getattr(image, name) for image in images]).astype(np.float64) for name in ("normal", "defective", "regions")
        )
        region_counts = np.array([image.region_count for image in images], np.float64)
        for start in range(0, replicates, _AT_ONCE):
            size = min(_AT_ONCE, replicates - start)
            weights = np.concatenate([_draws(rng, len(self._good), size), _draws(rng, len(self._defective), size)], axis=1)
            weights = weights[(weights @ normal.sum(axis=1)) > 0]
            counts = ScoreCounts(_BIN_STARTS.astype(np.float64), weights @ normal, weights @ defective)
            overlap = (weights @ regions) / (weights @ region_counts)[:, None]
            found = {
                "auroc": counts.auroc(),
                "average_precision": counts.average_precision(),
                "f1_max": counts.f1().max(axis=-1),
                "iou": _iou(counts, limit_step),
                **_aupro(counts.normal, overlap),
            }
            if aupimo:
                found["aupimo"] = weights[:, len(self._good) :] @ np.asarray(aupimo) / len(aupimo)
            yield found


def _draws(rng: np.random.Generator, images: int, size: int) -> Floats:
    """Return (size, images): how often each image is drawn."""
    if not images:
        return np.zeros((size, 0))
    return rng.multinomial(images, np.full(images, 1 / images), size=size).astype(np.float64)


def _iou(counts: ScoreCounts, limit_step: int) -> Floats:
    first = int(np.searchsorted(_BIN_STARTS, limit_step))
    hits, alarms = (one[:, first:].sum(axis=-1) for one in (counts.defective, counts.normal))
    shares: Floats = hits / (counts.defective.sum(axis=-1) + alarms)
    return shares


def _aupro(normal: Floats, overlap: Floats) -> dict[str, Floats]:
    rates = np.cumsum(normal[:, ::-1], axis=-1) / normal.sum(axis=-1, keepdims=True)
    overlaps = np.cumsum(overlap[:, ::-1], axis=-1)
    curves = np.concatenate([np.zeros((len(rates), 1, 2)), np.stack([rates, overlaps], axis=-1)], axis=1)  # (R, B + 1, 2)
    areas = np.array([[area_up_to(curve, limit) for limit in PRO_LIMITS] for curve in curves]).reshape(-1, len(PRO_LIMITS))
    return {"aupro": areas[:, 0], "aupro_005": areas[:, 1]}
