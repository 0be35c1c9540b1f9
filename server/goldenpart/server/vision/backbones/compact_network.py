"""The residual network behind the `compact` backbone: as a classifier for pretraining and as a folded feature extractor.

A small ResNet (He et al., Deep Residual Learning, CVPR 2016) with a stride-4 convolutional stem and four stages at strides 4, 8, 16 and 32.
The last stage and the head serve the classifier only; anomaly detection reads the first three.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, cast

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTHS = (48, 96, 192, 288)
BLOCKS = (2, 2, 2, 1)
FEATURE_STAGES = 3  # how many stages the shipped extractor keeps
MEAN = (0.485, 0.456, 0.406)  # of ImageNet's RGB in [0, 1], as the network is trained with
STD = (0.229, 0.224, 0.225)


class ConvNorm(nn.Sequential):
    """A square convolution without bias and its BatchNorm, or, folded, the one convolution with bias that equals both."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, *, folded: bool) -> None:
        layers = OrderedDict[str, nn.Module](conv=nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=folded))
        if not folded:
            layers["norm"] = nn.BatchNorm2d(outputs)
        super().__init__(layers)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut; the first may halve the grid (odd sides round up)."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, folded: bool) -> None:
        super().__init__()
        self.first = ConvNorm(inputs, outputs, 3, stride, folded=folded)
        self.second = ConvNorm(outputs, outputs, 3, 1, folded=folded)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else ConvNorm(inputs, outputs, 1, stride, folded=folded)

    def forward(self, grid: torch.Tensor) -> torch.Tensor:
        """Map (B, inputs, H, W) to (B, outputs, ceil(H / stride), ceil(W / stride))."""
        inner = torch.relu(self.first(grid))
        return torch.relu(self.second(inner) + self.shortcut(grid))


class CompactNetwork(nn.Module):
    """Stem and stages; `forward` returns the output of every stage.

    Args:
        stages: how many of the four stages to build.
        folded: True builds convolutions with bias and no BatchNorm, as the shipped weights need it.
    """

    def __init__(self, stages: int = len(WIDTHS), *, folded: bool = False) -> None:
        super().__init__()
        half = WIDTHS[0] // 2
        self.stem = nn.Sequential(
            ConvNorm(3, half, 3, 2, folded=folded), nn.ReLU(), ConvNorm(half, WIDTHS[0], 3, 2, folded=folded), nn.ReLU()
        )
        self.stages = nn.ModuleList(_stage(index, folded=folded) for index in range(stages))

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Map (B, 3, H, W) to one grid per stage: (B, WIDTHS[i], ceil(H / 2**(i + 2)), ceil(W / 2**(i + 2)))."""
        grid = self.stem(images)
        grids = []
        for stage in self.stages:
            grid = stage(grid)
            grids.append(grid)
        return grids


class CompactClassifier(nn.Module):
    """The network with average pooling and a linear head, as pretraining optimises it."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.network = CompactNetwork()
        self.head = nn.Linear(WIDTHS[-1], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, ResidualBlock):
                # A block that starts as its shortcut trains at a high rate from the first step (Goyal et al., arXiv:1706.02677, 5.1).
                nn.init.zeros_(cast("nn.BatchNorm2d", module.second.norm).weight)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map (B, 3, H, W) to class scores (B, classes)."""
        return cast("torch.Tensor", self.head(self.network(images)[-1].mean(dim=(2, 3))))


def fold_batch_norm(trained: Mapping[str, torch.Tensor], stages: int = FEATURE_STAGES, epsilon: float = 1e-5) -> dict[str, torch.Tensor]:
    """Turn the state of an unfolded `CompactNetwork` into that of a folded one with `stages` stages.

    Every BatchNorm(conv(x)) with running statistics is one convolution with weight w * gamma / sigma and bias beta - mu * gamma / sigma.
    """
    folded: dict[str, torch.Tensor] = {}
    for key in CompactNetwork(stages, folded=True).state_dict():
        prefix, kind = key.rsplit(".conv.", 1)
        norm = {name: trained[f"{prefix}.norm.{name}"].double() for name in ("weight", "bias", "running_mean", "running_var")}
        gain = norm["weight"] / torch.sqrt(norm["running_var"] + epsilon)
        value = (
            trained[f"{prefix}.conv.weight"].double() * gain[:, None, None, None]
            if kind == "weight"
            else norm["bias"] - norm["running_mean"] * gain
        )
        folded[key] = value.float().contiguous()
    return folded


def _stage(index: int, *, folded: bool) -> nn.Sequential:
    inputs = WIDTHS[max(index - 1, 0)]
    first = ResidualBlock(inputs, WIDTHS[index], 1 if index == 0 else 2, folded=folded)
    rest = (ResidualBlock(WIDTHS[index], WIDTHS[index], 1, folded=folded) for _ in range(BLOCKS[index] - 1))
    return nn.Sequential(first, *rest)
