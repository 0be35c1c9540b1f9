"""DINOv2 backbones with the official weights (Oquab et al. 2023, arXiv 2304.07193; registers: arXiv 2309.16588)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from goldenpart.server.errors import BackboneUnavailableError
from goldenpart.server.vision.backbones.checkpoints import Checkpoint, PublishedCheckpoint
from goldenpart.server.vision.backbones.precision import Precision, torch_dtype
from goldenpart.server.vision.backbones.vit import VisionTransformer, VitConfig

if TYPE_CHECKING:
    from goldenpart.server.vision.backbones.base import Rgb

IMAGENET_MEAN: Rgb = (0.485, 0.456, 0.406)
IMAGENET_STD: Rgb = (0.229, 0.224, 0.225)

_SIZES = {
    "s": VitConfig(dimension=384, blocks=12, heads=6),
    "b": VitConfig(dimension=768, blocks=12, heads=12),
    "l": VitConfig(dimension=1024, blocks=24, heads=16),
    "g": VitConfig(dimension=1536, blocks=40, heads=24, swiglu=True),
}
_SHA256 = {
    "dinov2_vits14": "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9",
    "dinov2_vits14_reg": "f433177089a681826f849f194ece3bb48f4d63fb38d32fc837e3dc7a4e5641fb",
    "dinov2_vitb14": "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73",
    "dinov2_vitb14_reg": "73182a088cf94833c94b1666d1c99e02fe87e2007bff57b564fb6206e25dba71",
    "dinov2_vitl14": "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428",
    "dinov2_vitl14_reg": "36e4deffbaef061a2576705b0c36f93621e2ae20bf6274694821b0b492551b51",
    "dinov2_vitg14": "baf8467e50af277596bbbafa06887c177ee899ab46033649c383577d7e9309d3",
    "dinov2_vitg14_reg": "746ecb8c6301c645c5c855be91687d274587d6e48fdaec4a729753160b34a283",
}


def dinov2_names() -> tuple[str, ...]:
    """List the DINOv2 backbones, smallest first, each before its variant with registers."""
    return tuple(_SHA256)


def dinov2_config(name: str) -> VitConfig:
    """Give the shape of a DINOv2 backbone.

    Raises:
        KeyError: `name` is not one of `dinov2_names`.
    """
    if name not in _SHA256:
        raise KeyError(name)
    size = _SIZES[name.removeprefix("dinov2_vit")[0]]
    if not name.endswith("_reg"):
        return size
    return replace(size, registers=4, position_offset=0.0, position_antialias=True)


def dinov2_checkpoint(name: str) -> PublishedCheckpoint:
    """Tell where the official weights of a DINOv2 backbone are published.

    Raises:
        KeyError: `name` is not one of `dinov2_names`.
    """
    folder = name.removesuffix("_reg")
    file = f"{folder}_reg4_pretrain.pth" if name.endswith("_reg") else f"{folder}_pretrain.pth"
    return PublishedCheckpoint(name, f"https://dl.fbaipublicfiles.com/dinov2/{folder}/{file}", _SHA256[name])


class DinoV2Backbone:
    """A DINOv2 vision transformer; its tokens are the official ``x_norm_patchtokens``.

    Layers are 1-based block numbers, the last one by default. Owned by the device executor thread: construction may happen
    anywhere, calls happen there only.

    Args:
        name: one of `dinov2_names`.
        checkpoint: weights with the official key names, for example from `obtain_checkpoint`; its tensors are not changed.
        device: where to compute.
        precision: number format of patch projection and blocks; tokens come out as float32 in any case.

    Raises:
        BackboneUnavailableError: the checkpoint does not belong to this architecture.
        KeyError: `name` is not one of `dinov2_names`.
    """

    patch_size = 14
    mean = IMAGENET_MEAN
    std = IMAGENET_STD

    def __init__(self, name: str, checkpoint: Checkpoint, *, device: torch.device | None = None, precision: Precision = "fp32") -> None:
        self.name = name
        self.digest = checkpoint.digest
        self.precision = precision
        self.device = device or torch.device("cpu")
        self._network = _network(name, dinov2_config(name), checkpoint)
        self._network.compute_in(torch_dtype(precision))
        self._network.to(self.device)

    def dimension(self, layers: tuple[int, ...] = ()) -> int:
        """Length D of a token when the given blocks are concatenated.

        Raises:
            ValueError: a block does not exist.
        """
        self._network.check_layers(layers)
        return self._network.config.dimension * max(1, len(layers))

    @torch.inference_mode()
    def patch_tokens(self, images: torch.Tensor, layers: tuple[int, ...] = ()) -> torch.Tensor:
        """Extract patch tokens; see `Backbone.patch_tokens` and `VisionTransformer.forward`."""
        tokens: torch.Tensor = self._network(images, layers)
        return tokens


def _network(name: str, config: VitConfig, checkpoint: Checkpoint) -> VisionTransformer:
    with torch.device("meta"):  # no memory and no random numbers are spent on weights that are replaced at once
        network = VisionTransformer(config)
    tensors = {key: tensor.float() for key, tensor in checkpoint.tensors.items() if key != "mask_token"}  # used in training only
    try:
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise BackboneUnavailableError(
            f"The weights {checkpoint.digest} do not fit {name}: {_excerpt(str(error))}", backbone=name
        ) from error
    return network.eval().requires_grad_(False)


def _excerpt(message: str, characters: int = 400) -> str:
    """Put torch's listing of keys, hundreds for a wrong architecture, on one bounded line."""
    line = " ".join(message.split())
    return line if len(line) <= characters else f"{line[:characters]}..."
