"""The first phase, classification: one-cycle SGD, a checkpoint per epoch, the same result for the same seed."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from goldenpart.server.pretraining.augmentation import augment
from goldenpart.server.pretraining.optimisation import accuracy, bar_interval_s, mixed_precision, one_cycle, set_rate, sgd
from goldenpart.server.vision.backbones.compact_network import CompactClassifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import nn

    from goldenpart.server.pretraining.packs import LabelledImages
    from goldenpart.server.pretraining.recipe import Recipe

CHECKPOINT = "checkpoint.pt"
HISTORY = "history.jsonl"


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What one epoch achieved; the accuracy is a fraction of the validation images."""

    epoch: int
    side: int
    loss: float
    accuracy: float
    seconds: float


class Trainer:
    """Trains one classifier; owned by one thread, which `run` blocks for the whole training.

    Args:
        recipe: the numbers of the run.
        epochs: how many epochs to train; also stretches the schedule.
        training: images to learn from.
        validation: images to measure accuracy on, of the same classes.
        out: folder of the checkpoint and the history.
        device: where to compute; autocast to bfloat16 where that is native.
    """

    def __init__(
        self, recipe: Recipe, epochs: int, training: LabelledImages, validation: LabelledImages, out: Path, device: torch.device
    ) -> None:
        torch.manual_seed(recipe.seed)
        self._recipe, self._epochs, self._out, self._device = recipe, epochs, out, device
        self._training, self._validation = training, validation
        self._model: nn.Module = CompactClassifier(training.classes).to(device)
        self._model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own hints lack this keyword
        self._optimizer = sgd(self._model, recipe.weight_decay, recipe.momentum)
        self._done = 0
        self._steps_per_epoch = max(1, len(training) // recipe.batch)

    def resume(self) -> bool:
        """Continue from the checkpoint in the out folder; False when there is none.

        Raises:
            ValueError: the checkpoint was made by another recipe or another number of epochs.
        """
        path = self._out / CHECKPOINT
        if not path.exists():
            return False
        saved = torch.load(path, map_location=self._device, weights_only=True)
        if (saved["recipe"], saved["epochs"]) != (_plain(self._recipe), self._epochs):
            raise ValueError(f"{path} was trained as {saved['recipe']} for {saved['epochs']} epochs; use the same or another --out")
        self._model.load_state_dict(saved["model"])
        self._optimizer.load_state_dict(saved["optimizer"])
        self._done = saved["done"]
        return True

    def run(self) -> Iterator[EpochReport]:
        """Train the remaining epochs, one per item; a checkpoint and a history line are written before the item appears."""
        self._out.mkdir(parents=True, exist_ok=True)
        for epoch in range(self._done, self._epochs):
            started = time.monotonic()
            side = self._recipe.side(epoch, self._epochs)
            loss = self._train(epoch, side)
            right = accuracy(self._model, self._validation, self._device)
            report = EpochReport(epoch, side, loss, right, round(time.monotonic() - started, 1))
            self._done = epoch + 1
            self._save(report)
            yield report

    def _train(self, epoch: int, side: int) -> float:
        self._model.train()
        generator = torch.Generator().manual_seed(self._recipe.seed * 100_003 + epoch)  # resuming draws what the unbroken run draws
        total = 0.0
        batches = tqdm(self._batches(generator), f"epoch {epoch + 1}/{self._epochs}", self._steps_per_epoch, mininterval=bar_interval_s())
        for step, (pixels, labels) in enumerate(batches):
            done, steps = epoch * self._steps_per_epoch + step, self._epochs * self._steps_per_epoch
            set_rate(self._optimizer, one_cycle(done, steps, self._recipe.peak_rate, self._recipe.warmup))
            total += self._step(augment(pixels, side, self._recipe, generator), labels)
        return total / self._steps_per_epoch

    def _step(self, images: torch.Tensor, labels: torch.Tensor) -> float:
        with mixed_precision(self._device):
            scores = self._model(images.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(scores.float(), labels, label_smoothing=self._recipe.label_smoothing)
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self._optimizer.step()
        return float(loss.detach())

    def _batches(self, generator: torch.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = torch.randperm(len(self._training), generator=generator).numpy()
        for index in range(self._steps_per_epoch):
            chosen = np.sort(order[index * self._recipe.batch : (index + 1) * self._recipe.batch])
            pixels = torch.from_numpy(self._training.pixels[chosen]).to(self._device)
            yield pixels, torch.from_numpy(self._training.labels[chosen]).to(self._device)

    def _save(self, report: EpochReport) -> None:
        partial = self._out / f"{CHECKPOINT}.partial"
        torch.save(
            {
                "recipe": _plain(self._recipe),
                "epochs": self._epochs,
                "done": self._done,
                "model": self._model.state_dict(),
                "optimizer": self._optimizer.state_dict(),
            },
            partial,
        )
        partial.replace(self._out / CHECKPOINT)
        with (self._out / HISTORY).open("a") as history:
            history.write(json.dumps(asdict(report)) + "\n")


def _plain(recipe: Recipe) -> dict[str, object]:
    """Return the recipe as JSON-like values, so that it survives a checkpoint unchanged."""
    plain: dict[str, object] = json.loads(json.dumps(asdict(recipe)))
    return plain
