"""What both training phases share: the optimizer, its schedule and the accuracy on held-out images."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import numpy as np
import torch

from goldenpart.server.pretraining.augmentation import normalise, unit_range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from goldenpart.server.pretraining.packs import LabelledImages


def sgd(model: nn.Module, weight_decay: float, momentum: float) -> torch.optim.Optimizer:
    """Return Nesterov SGD that decays convolution and head weights, not BatchNorm and biases; the rate is set at every step."""
    decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    plain = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=0.1, momentum=momentum, nesterov=True)


def mixed_precision(device: torch.device) -> torch.autocast:
    """Autocast to bfloat16 where the device computes in it, else compute in float32: emulated bfloat16 takes more than twice as long."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = has_bfloat16(torch.cpu.get_capabilities())
    return torch.autocast(device.type, torch.bfloat16, enabled=native)


def has_bfloat16(capabilities: Mapping[str, object]) -> bool:
    """Tell from the capabilities of a processor, as `torch.cpu.get_capabilities` names them, whether it computes in bfloat16."""
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))  # x86, x86, ARM


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Use this learning rate from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def one_cycle(step: int, steps: int, peak_rate: float, warmup: float) -> float:
    """Rise linearly to the peak, then fall along half a cosine to zero (one cycle, Smith, arXiv:1708.07120).

    Args:
        step: 0-based.
        steps: of the whole schedule.
        peak_rate: highest rate.
        warmup: fraction of the steps spent rising.
    """
    rise = max(1.0, warmup * steps)
    if step < rise:
        return peak_rate * (step + 1) / (rise + 1)
    return peak_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))


@torch.inference_mode()
def accuracy(model: nn.Module, validation: LabelledImages, device: torch.device) -> float:
    """Measure the fraction of images whose highest score is their class; leaves the model in evaluation mode."""
    model.eval()
    correct = 0
    for start in range(0, len(validation), 250):
        pixels = torch.from_numpy(np.array(validation.pixels[start : start + 250])).to(device)
        with mixed_precision(device):
            scores = model(normalise(unit_range(pixels)))
        correct += int((scores.argmax(dim=1).cpu().numpy() == validation.labels[start : start + 250]).sum())
    return correct / len(validation)


def bar_interval_s() -> float:
    """Return how often a progress bar is drawn: a log file needs fewer lines than a terminal."""
    return 0.5 if sys.stderr.isatty() else 15.0
