"""From golden parts to a network that redraws them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from goldenpart.server.errors import FailedPreconditionError
from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.detectors.autoencoder import Autoencoder, AutoencoderContent, as_input, layer_shapes, redraw
from goldenpart.server.vision.fitting import Progress, Shown, Stage
from goldenpart.server.vision.recipe import Recipe

CROP_PX = 128
"""Largest side of what is cut from golden parts; smaller parts are shown whole along their shorter side."""
BATCH_CROPS = 4
LEARNING_RATE = 3e-3
HOLE_PX = (4, 17)
HOLES = 4


class AutoencoderBuilder:
    """Trains an `Autoencoder`; see `DetectorBuilder`. One step of Adam (Kingma & Ba, ICLR 2015) between two signs of progress.

    Crops of golden parts in which patches were greyed are to be restored. Everything random comes from the recipe's seed and is drawn on
    the CPU. Training is deterministic on one machine with one number of threads; elsewhere sums are rounded otherwise.

    Args:
        backbone: gives the device; its features are not read.
        recipe: steps and seed.
        golden_parts: in order.
    """

    def __init__(self, backbone: Backbone, recipe: Recipe, golden_parts: Sequence[Shown]) -> None:
        self._recipe = recipe
        self._device = backbone.device
        self._pictures = [picture for shown in golden_parts for picture in shown]
        self._side = min(CROP_PX, *(side for picture in self._pictures for side in as_input(picture).shape[1:]))
        self._random = np.random.default_rng(recipe.seed)
        self._weights = {name: weight.to(self._device).requires_grad_() for name, weight in _draw_weights(self._random).items()}
        self._detector: Autoencoder | None = None

    @property
    def patches(self) -> int:
        """See `DetectorBuilder.patches`."""
        return sum(int(picture.inspected.sum()) for picture in self._pictures)

    def steps(self) -> Iterator[Progress]:
        """See `DetectorBuilder.steps`."""
        steps = self._recipe.autoencoder_steps
        optimizer = torch.optim.Adam(self._weights.values(), lr=LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=LEARNING_RATE, total_steps=steps)
        for step in range(steps):
            self._train(optimizer)
            schedule.step()
            yield Progress(Stage.TRAINING, step + 1, steps)
        content = AutoencoderContent({name: weight.detach().cpu().numpy() for name, weight in self._weights.items()})
        self._detector = Autoencoder(content, self._recipe, self._device)

    @property
    def detector(self) -> Autoencoder:
        """See `DetectorBuilder.detector`."""
        assert self._detector is not None, "steps come first"
        return self._detector

    @property
    def leaves_out(self) -> bool:
        """False: it would take as many trainings as there are golden parts."""
        return False

    def without(self, golden: int) -> Autoencoder:
        """See `LeavesOut.without`; refused.

        Raises:
            FailedPreconditionError: always.
        """
        raise FailedPreconditionError(
            f"An autoencoder without golden part {golden} would have to be trained anew; run Calibrate with normal images instead."
        )

    def _train(self, optimizer: torch.optim.Optimizer) -> None:
        crops = torch.from_numpy(np.stack([self._crop() for _ in range(BATCH_CROPS)]))
        wanted = crops.to(self._device)
        given = torch.from_numpy(np.stack([self._with_holes(crop) for crop in crops.numpy()])).to(self._device)
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
            loss = (redraw(self._weights, given) - wanted).square().mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    def _crop(self) -> npt.NDArray[np.float32]:
        """Cut a square from a golden part, as large for all."""
        image = as_input(self._pictures[self._random.integers(len(self._pictures))])
        height, width = image.shape[1:]
        side = self._side
        top, left = self._random.integers(0, height - side + 1), self._random.integers(0, width - side + 1)
        return np.ascontiguousarray(image[:, top : top + side, left : left + side])

    def _with_holes(self, crop: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        holed = crop.copy()
        for _ in range(HOLES):
            height, width = self._random.integers(*HOLE_PX, size=2)
            top, left = self._random.integers(0, self._side - height + 1), self._random.integers(0, self._side - width + 1)
            holed[:, top : top + height, left : left + width] = self._random.random((3, 1, 1), np.float32)
        return holed


def _draw_weights(random: np.random.Generator) -> dict[str, torch.Tensor]:
    """Draw parameters as He et al. (ICCV 2015) do for rectifiers; biases are 0."""
    weights = {}
    for name, shape in layer_shapes().items():
        deviation = 0.0 if len(shape) == 1 else (2.0 / np.prod(shape[1:])) ** 0.5
        weights[name] = torch.from_numpy((random.standard_normal(shape) * deviation).astype(np.float32))
    return weights
