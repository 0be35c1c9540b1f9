"""From golden parts to a Gaussian at each place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from goldenpart.server.errors import InvalidArgumentError, RecipeError
from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.detectors.gaussian import SHRINKAGE, Gaussian, GaussianContent
from goldenpart.server.vision.detectors.golden_vectors import GoldenVectors
from goldenpart.server.vision.features import Vectors
from goldenpart.server.vision.fitting import Progress, Shown, Stage
from goldenpart.server.vision.recipe import Recipe

MAX_SAMPLE_BYTES = 512 << 20
PLACES_PER_STEP = 512


class GaussianBuilder:
    """Fits a `Gaussian`; see `DetectorBuilder`. Every angle of every golden part is a sample at each place it covers.

    Args:
        backbone: the network.
        recipe: all knobs.
        golden_parts: in order.

    Raises:
        InvalidArgumentError: the golden parts do not all have one shape.
        RecipeError: the samples would not fit into memory.
    """

    def __init__(self, backbone: Backbone, recipe: Recipe, golden_parts: Sequence[Shown]) -> None:
        self._golden = GoldenVectors(backbone, recipe, golden_parts)
        self._recipe = recipe
        self._device = backbone.device
        self._shape = _only_shape(golden_parts)
        chosen = np.random.default_rng(recipe.seed).permutation(self._golden.dimension)[: recipe.gaussian_dimensions]
        self._dimensions = np.sort(chosen).astype(np.int32)
        self._present = np.stack([picture.inspected.reshape(-1) for picture in self._golden.pictures], axis=1)  # (P, n)
        _check_size(4 * self._present.size * len(self._dimensions))
        self._samples: Vectors = np.zeros((0, 0, 0), np.float32)
        self._scale = np.ones(1, np.float32)
        self._detector: Gaussian | None = None

    @property
    def patches(self) -> int:
        """See `DetectorBuilder.patches`."""
        return self._golden.patches

    def steps(self) -> Iterator[Progress]:
        """See `DetectorBuilder.steps`."""
        self._samples = np.zeros((*self._present.shape, len(self._dimensions)), np.float32)  # (P, n, d)
        yield from self._golden.read(self._take)
        self._scale_samples()
        fitted: list[tuple[Vectors, Vectors]] = []
        for start in range(0, len(self._samples), PLACES_PER_STEP):
            places = slice(start, start + PLACES_PER_STEP)
            fitted.append(_fit_places(self._samples[places], self._present[places]))
            yield Progress(Stage.TRAINING, min(places.stop, len(self._samples)), len(self._samples))
        self._detector = self._assemble(fitted)

    @property
    def detector(self) -> Gaussian:
        """See `DetectorBuilder.detector`."""
        assert self._detector is not None, "steps come first"
        return self._detector

    @property
    def leaves_out(self) -> bool:
        """Whether there are two golden parts."""
        return self._golden.parts > 1

    def without(self, golden: int) -> Gaussian:
        """See `LeavesOut.without`: fitted to the samples of the others. Scale and centre stay those of all parts."""
        if not self.leaves_out:
            raise InvalidArgumentError("Without its only golden part a Gaussian is nothing; give at least 2.", field="images")
        others = np.arange(self._present.shape[1]) // self._golden.angles != golden
        return self._assemble([_fit_places(self._samples[:, others], self._present[:, others])])

    def _take(self, place: int, vectors: Vectors) -> None:
        self._samples[self._present[:, place], place] = vectors[:, self._dimensions]

    def _scale_samples(self) -> None:
        """Bring the mean variance of a dimension over all golden patches to 1, so that the shrinkage has a unit."""
        seen = self._samples[self._present]
        variance = float(seen.var(axis=0, dtype=np.float64).mean())
        self._scale = np.array([1.0 if variance <= 0 else variance**-0.5], np.float32)
        self._samples *= self._scale

    def _assemble(self, fitted: Sequence[tuple[Vectors, Vectors]]) -> Gaussian:
        mean = np.concatenate([mean for mean, _ in fitted]).reshape(*self._shape, -1)
        axes = np.concatenate([axes for _, axes in fitted])
        content = GaussianContent(self._dimensions, self._scale, mean, axes.reshape(*self._shape, *axes.shape[1:]), self._golden.centre)
        return Gaussian(content, self._recipe, self._device)


def _fit_places(samples: Vectors, present: npt.NDArray[np.bool_]) -> tuple[Vectors, Vectors]:
    """Return mean (P, d) and axes (P, r, d) of samples (P, n, d), of which those count that are `present` (P, n)."""
    values = torch.from_numpy(samples).to(torch.float64)
    weights = torch.from_numpy(present).to(torch.float64)
    count = weights.sum(dim=1)  # (P,)
    mean = (values * weights[:, :, None]).sum(dim=1) / count.clamp_min(1.0)[:, None]
    offset = (values - mean[:, None, :]) * weights[:, :, None]
    _, singular, axes = torch.linalg.svd(offset, full_matrices=False)
    variance = singular.square() / (count - 1.0).clamp_min(1.0)[:, None]  # (P, r)
    axes = axes * (variance / (variance + SHRINKAGE)).sqrt()[:, :, None]
    return mean.to(torch.float32).numpy(), axes.to(torch.float32).numpy()


def _only_shape(golden_parts: Sequence[Shown]) -> tuple[int, int]:
    parts: dict[tuple[int, int], list[int]] = {}
    for golden, shown in enumerate(golden_parts):
        rows, columns = shown[0].inspected.shape
        parts.setdefault((rows, columns), []).append(golden)
    if len(parts) > 1:
        shapes = "; ".join(f"{rows} x {columns} patches: golden part {_some(places)}" for (rows, columns), places in parts.items())
        raise InvalidArgumentError(
            f"The detector gaussian belongs to one patch grid, and the golden parts have {len(parts)}: {shapes}. "
            "Send pictures of one aspect, or set resize to stretch, or choose another detector.",
            field="image",
        )
    return next(iter(parts))


def _some(places: Sequence[int]) -> str:
    shown = ", ".join(map(str, places[:5]))
    return shown if len(places) <= 5 else f"{shown} and {len(places) - 5} more"


def _check_size(needed: int) -> None:
    if needed > MAX_SAMPLE_BYTES:
        raise RecipeError(
            f"The detector gaussian needs {needed / 2**20:.0f} MiB for these golden parts; the limit is {MAX_SAMPLE_BYTES >> 20} MiB. "
            "Lower resolution_px or gaussian_dimensions, or admit fewer angles.",
            field="recipe.gaussian_dimensions",
        )
