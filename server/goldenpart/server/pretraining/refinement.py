"""The second phase: patch distances are trained on drawn inspections while the classifier goes on learning, so that nothing is lost."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from goldenpart.server.pretraining.augmentation import augment, normalise, unit_range
from goldenpart.server.pretraining.episodes import draw_episode
from goldenpart.server.pretraining.export import stage_scales
from goldenpart.server.pretraining.optimisation import accuracy, bar_interval_s, mixed_precision, one_cycle, set_rate, sgd
from goldenpart.server.pretraining.separation import episode_loss

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt
    from torch import nn

    from goldenpart.server.pretraining.packs import LabelledImages
    from goldenpart.server.pretraining.recipe import Plan, Recipe
    from goldenpart.server.vision.backbones.compact_network import CompactClassifier

CHECKPOINT = "refined.pt"
HISTORY = "refinement.jsonl"
REPORT_STEPS = 100


@dataclass(frozen=True, slots=True)
class RefinementReport:
    """Means over the steps since the last report; accuracy is a fraction of the validation images, measured at the end only."""

    step: int
    separation: float
    classification: float
    seconds: float
    accuracy: float | None = None


class Refiner:
    """Trains one classifier further; owned by one thread, which `run` blocks for the whole phase.

    BatchNorm uses batch statistics for the labelled images, as before, and its running ones for the drawn inspections, as the shipped
    network will.

    Args:
        plan: with a refinement.
        model: the outcome of the first phase; changed in place.
        training, validation: labelled images of the first phase.
        photographs: (N, S, S, 3) uint8 RGB, S >= 152: details of them stand for parts.
        out: folder of the checkpoint and the history.
        device: where to compute; autocast to bfloat16 where that is native.
    """

    def __init__(
        self,
        plan: Plan,
        model: nn.Module,
        training: LabelledImages,
        validation: LabelledImages,
        photographs: npt.NDArray[np.uint8],
        out: Path,
        device: torch.device,
    ) -> None:
        if plan.refinement is None:
            raise ValueError("the plan has no refinement")
        self._recipe: Recipe = plan.classification
        self._phase = plan.refinement
        self._model = cast("CompactClassifier", model)
        self._training, self._validation, self._photographs = training, validation, photographs
        self._out, self._device = out, device
        self._optimizer = sgd(model, self._recipe.weight_decay, self._recipe.momentum)
        self._scales = stage_scales(self._model.eval().network, photographs)
        self._done = 0

    def resume(self) -> bool:
        """Continue from the checkpoint in the out folder; False when there is none.

        Raises:
            ValueError: the checkpoint was made by another refinement.
        """
        path = self._out / CHECKPOINT
        if not path.exists():
            return False
        saved = torch.load(path, map_location=self._device, weights_only=True)
        if saved["refinement"] != asdict(self._phase):
            raise ValueError(f"{path} was trained as {saved['refinement']}; use the same recipe or another --out")
        self._model.load_state_dict(saved["model"])
        self._optimizer.load_state_dict(saved["optimizer"])
        self._done, self._scales = saved["done"], saved["scales"]
        return True

    def run(self) -> Iterator[RefinementReport]:
        """Train the remaining steps; a checkpoint and a history line are written before each report appears."""
        started, separation, classification = time.monotonic(), 0.0, 0.0
        steps = range(self._done, self._phase.steps)
        for step in tqdm(steps, "refinement", self._phase.steps, initial=self._done, mininterval=bar_interval_s()):
            set_rate(self._optimizer, one_cycle(step, self._phase.steps, self._phase.peak_rate, self._phase.warmup))
            losses = self._step(np.random.default_rng((self._phase.seed, step)))  # resuming draws what the unbroken run draws
            separation, classification = separation + losses[0], classification + losses[1]
            self._done = step + 1
            last = self._done == self._phase.steps
            if self._done % REPORT_STEPS == 0 or last:
                count = (self._done - 1) % REPORT_STEPS + 1
                final = accuracy(self._model, self._validation, self._device) if last else None
                seconds = round(time.monotonic() - started, 1)
                report = RefinementReport(self._done, separation / count, classification / count, seconds, final)
                started, separation, classification = time.monotonic(), 0.0, 0.0
                self._save(report)
                yield report

    def _step(self, generator: np.random.Generator) -> tuple[float, float]:
        """Update the weights once; return the separation and the classification loss."""
        self._optimizer.zero_grad(set_to_none=True)
        classification = self._classification(generator)
        torch.autograd.backward(classification)
        separation = self._separation(generator)
        torch.autograd.backward(self._phase.weight * separation)
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), self._phase.clip)
        self._optimizer.step()
        return float(separation.detach()), float(classification.detach())

    def _classification(self, generator: np.random.Generator) -> torch.Tensor:
        chosen = np.sort(generator.choice(len(self._training), min(self._phase.images, len(self._training)), replace=False))
        pixels = torch.from_numpy(self._training.pixels[chosen]).to(self._device)
        labels = torch.from_numpy(self._training.labels[chosen]).to(self._device)
        chance = torch.Generator().manual_seed(int(generator.integers(2**62)))
        images = augment(pixels, self._phase.side, self._recipe, chance)
        self._model.train()
        with mixed_precision(self._device):
            scores = self._model(images.contiguous(memory_format=torch.channels_last))
        return F.cross_entropy(scores.float(), labels, label_smoothing=self._recipe.label_smoothing)

    def _separation(self, generator: np.random.Generator) -> torch.Tensor:
        episodes = [draw_episode(self._photographs, generator) for _ in range(self._phase.episodes)]
        views = torch.from_numpy(np.concatenate([episode.views for episode in episodes])).to(self._device)
        labels = torch.from_numpy(np.stack([episode.labels for episode in episodes])).to(self._device)
        self._model.eval()
        with mixed_precision(self._device):
            return episode_loss(self._model.network, normalise(unit_range(views)), labels, self._scales)

    def _save(self, report: RefinementReport) -> None:
        partial = self._out / f"{CHECKPOINT}.partial"
        torch.save(
            {
                "refinement": asdict(self._phase),
                "done": self._done,
                "scales": self._scales,
                "model": self._model.state_dict(),
                "optimizer": self._optimizer.state_dict(),
            },
            partial,
        )
        partial.replace(self._out / CHECKPOINT)
        with (self._out / HISTORY).open("a") as history:
            history.write(json.dumps(asdict(report)) + "\n")
