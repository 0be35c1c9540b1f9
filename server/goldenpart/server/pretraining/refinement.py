"""The second phase: patch distances are trained on drawn inspections, gently, and the result is averaged with what it started from.

It trains the network as it is shipped, BatchNorm folded. The average of the weights before and after (Wortsman et al., Robust fine-tuning
of zero-shot models, CVPR 2022) keeps what the first phase saw in photographs; the drawn parts alone would make it blind to sharp detail.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from tqdm import tqdm

from goldenpart.server.pretraining.augmentation import normalise, unit_range
from goldenpart.server.pretraining.episodes import draw_episode
from goldenpart.server.pretraining.export import write_weights
from goldenpart.server.pretraining.optimisation import bar_interval_s, mixed_precision, one_cycle, set_rate
from goldenpart.server.pretraining.separation import episode_loss
from goldenpart.server.vision.backbones.compact import SCALES, read_weights
from goldenpart.server.vision.backbones.compact_network import FEATURE_STAGES, CompactNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from goldenpart.server.pretraining.recipe import Refinement

CHECKPOINT = "refined.pt"
HISTORY = "refinement.jsonl"
REPORT_STEPS = 100


@dataclass(frozen=True, slots=True)
class RefinementReport:
    """Mean loss over the steps since the last report."""

    step: int
    separation: float
    seconds: float


class Refiner:
    """Trains one network further; owned by one thread, which `run` blocks for the whole phase.

    Args:
        phase: the numbers of the run.
        start: safetensors file of the first phase, see `write_weights`.
        photographs: (N, S, S, 3) uint8 RGB, S >= 152: details of them stand for parts.
        out: folder of the checkpoint and the history.
        device: where to compute; autocast to bfloat16 where that is native.
    """

    def __init__(self, phase: Refinement, start: Path, photographs: npt.NDArray[np.uint8], out: Path, device: torch.device) -> None:
        self._phase, self._photographs, self._out, self._device = phase, photographs, out, device
        content = start.read_bytes()
        self._start_sha256 = hashlib.sha256(content).hexdigest()
        self._start = read_weights(content, start)
        self._scales = [float(scale) for scale in self._start.pop(SCALES)]
        self._network = CompactNetwork(FEATURE_STAGES, folded=True).eval()
        self._network.load_state_dict(self._start)
        self._network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own hints lack this keyword
        # Folded filters differ in size by orders of magnitude; Adam's steps do not depend on it.
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=phase.peak_rate)
        self._done = 0

    def resume(self) -> bool:
        """Continue from the checkpoint in the out folder; False when there is none.

        Raises:
            ValueError: the checkpoint was made by another refinement, or from other weights.
        """
        path = self._out / CHECKPOINT
        if not path.exists():
            return False
        saved = torch.load(path, map_location=self._device, weights_only=True)
        if saved["refinement"] != asdict(self._phase):
            raise ValueError(f"{path} was trained as {saved['refinement']}; use the same recipe or another --out")
        if saved["start_sha256"] != self._start_sha256:
            raise ValueError(
                f"{path} started from weights {saved['start_sha256']}, these are {self._start_sha256}; remove it or use another --out"
            )
        self._network.load_state_dict(saved["network"])
        self._optimizer.load_state_dict(saved["optimizer"])
        self._done = saved["done"]
        return True

    def run(self) -> Iterator[RefinementReport]:
        """Train the remaining steps; a checkpoint and a history line are written before each report appears."""
        started, losses = time.monotonic(), list[float]()
        for step in tqdm(range(self._done, self._phase.steps), "refinement", self._phase.steps, self._done, mininterval=bar_interval_s()):
            set_rate(self._optimizer, one_cycle(step, self._phase.steps, self._phase.peak_rate, self._phase.warmup))
            losses.append(self._step(np.random.default_rng((self._phase.seed, step))))  # resuming draws what the unbroken run draws
            self._done = step + 1
            if self._done % REPORT_STEPS == 0 or self._done == self._phase.steps:
                report = RefinementReport(self._done, float(np.mean(losses)), round(time.monotonic() - started, 1))
                started, losses = time.monotonic(), []
                self._save(report)
                yield report

    def write(self, target: Path) -> str:
        """Write the average of the weights before and after the refinement, weighted by `Refinement.share`; return the file's sha256."""
        share, refined = self._phase.share, self._network.state_dict()
        mean = {key: (1 - share) * before + share * refined[key].cpu() for key, before in self._start.items()}
        return write_weights(mean, self._photographs, target)

    def _step(self, generator: np.random.Generator) -> float:
        """Update the weights once; return the loss."""
        episodes = [draw_episode(self._photographs, generator) for _ in range(self._phase.episodes)]
        views = torch.from_numpy(np.concatenate([episode.views for episode in episodes])).to(self._device)
        labels = torch.from_numpy(np.stack([episode.labels for episode in episodes])).to(self._device)
        self._optimizer.zero_grad(set_to_none=True)
        with mixed_precision(self._device):
            loss = episode_loss(self._network, normalise(unit_range(views)), labels, self._scales)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), self._phase.clip)
        self._optimizer.step()
        return float(loss.detach())

    def _save(self, report: RefinementReport) -> None:
        partial = self._out / f"{CHECKPOINT}.partial"
        torch.save(
            {
                "refinement": asdict(self._phase),
                "start_sha256": self._start_sha256,
                "done": self._done,
                "network": self._network.state_dict(),
                "optimizer": self._optimizer.state_dict(),
            },
            partial,
        )
        partial.replace(self._out / CHECKPOINT)
        with (self._out / HISTORY).open("a") as history:
            history.write(json.dumps(asdict(report)) + "\n")
