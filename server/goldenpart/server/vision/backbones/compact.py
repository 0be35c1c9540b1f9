"""The embedded backbone: a small residual network whose weights ship inside the package, for machines without a network or a GPU."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import safetensors.torch
import torch
import torch.nn.functional as F
from safetensors import SafetensorError

from goldenpart.server.vision.backbones.compact_network import FEATURE_STAGES, MEAN, STD, WIDTHS, CompactNetwork
from goldenpart.server.vision.backbones.precision import Precision, torch_dtype

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goldenpart.server.vision.backbones.base import Rgb

COMPACT_WEIGHTS = Path(__file__).with_name("weights") / "compact.safetensors"
COMPACT_SHA256 = "8771c56f77c31ae0add85364f9d067cab1106a56f7e038cc0d16bede393a06ea"
COMPACT_PATCH_SIZE = 8
DEFAULT_LAYERS = (1, 2, 3)
_BORDER = COMPACT_PATCH_SIZE  # pixels that are mirrored around the image
SCALES = "stage_scales"  # key of the (3,) float32 tensor that brings every stage to the same mean token length

_CPU = torch.device("cpu")


class CompactBackbone:
    """Reads stages 1 to 3 of the network (strides 4, 8, 16) as one grid of tokens at stride 8.

    As in PatchCore (Roth et al., CVPR 2022, 3.1) each stage is averaged over its 3x3 neighbourhood and the stages are concatenated;
    unlike there, each stage is first scaled by a constant stored with the weights, so that no stage dominates the distance.

    Implements `goldenpart.server.vision.backbones.base.Backbone`. Calls belong to one thread at a time, construction to any.

    Args:
        weights: safetensors file written by `goldenpart.server.pretraining`; None takes the packaged one and verifies its digest.
        device: where to compute.
        precision: arithmetic of the convolutions; tokens are float32 in any case. "fp16" is meant for CUDA;
            "bf16" takes half the time of "fp32" on processors with AVX512-BF16 or AMX.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the packaged file is not the one this version was released with, or the file holds something else.
    """

    def __init__(self, weights: Path | None = None, device: torch.device = _CPU, precision: Precision = "fp32") -> None:
        content = weights.read_bytes() if weights else read_released(COMPACT_WEIGHTS, COMPACT_SHA256)
        self._sha256 = hashlib.sha256(content).hexdigest()
        tensors = read_weights(content, weights or COMPACT_WEIGHTS)
        self._scales = [float(scale) for scale in tensors.pop(SCALES)]
        network = CompactNetwork(FEATURE_STAGES, folded=True).eval().requires_grad_(requires_grad=False)
        network.load_state_dict(tensors)
        self._device, self._dtype = device, torch_dtype(precision)
        self._network = network.to(device, self._dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own hints lack it

    @property
    def name(self) -> str:
        """Return ``compact``."""
        return "compact"

    @property
    def digest(self) -> str:
        """Return ``sha256:<hex>`` of the weights file."""
        return f"sha256:{self._sha256}"

    @property
    def patch_size(self) -> int:
        """Return 8: tokens lie at stride 8, image sides may be any multiple of it."""
        return COMPACT_PATCH_SIZE

    @property
    def mean(self) -> Rgb:
        """Return the ImageNet mean."""
        return MEAN

    @property
    def std(self) -> Rgb:
        """Return the ImageNet standard deviation."""
        return STD

    @property
    def device(self) -> torch.device:
        """Return where the weights live."""
        return self._device

    def dimension(self, layers: tuple[int, ...] = ()) -> int:
        """Sum the widths of the given stages (1 to 3; empty means all): 48, 96 and 192."""
        return sum(WIDTHS[layer - 1] for layer in _checked(layers))

    @torch.inference_mode()
    def patch_tokens(self, images: torch.Tensor, layers: tuple[int, ...] = ()) -> torch.Tensor:
        """Extract patch tokens; see `Backbone.patch_tokens`.

        Args:
            images: (B, 3, H, W) float32 RGB on `device`, normalised with `mean` and `std`; H and W multiples of 8.
            layers: stages to read, 1 (fine) to 3 (coarse), in this order along the last axis; empty means all three.

        Returns:
            (B, H / 8, W / 8, D) float32 on `device`; token (y, x) stands for the 8 x 8 pixels from (8 y, 8 x).
            Read-only for autograd: the result is an inference tensor.

        Raises:
            ValueError: the shape is another one, a side is not a positive multiple of 8, or a layer does not exist.
        """
        wanted = _checked(layers)
        _check_shape(images)
        grid = patch_grid(self._network, images.to(self._dtype), self._scales, wanted)
        return grid.permute(0, 2, 3, 1).contiguous()


def patch_grid(
    network: CompactNetwork, images: torch.Tensor, scales: Sequence[float], layers: tuple[int, ...] = DEFAULT_LAYERS
) -> torch.Tensor:
    """Read the stages of a network as one grid; differentiable, as pretraining needs it.

    Args:
        network: with at least `FEATURE_STAGES` stages.
        images: (B, 3, H, W), normalised, in the network's arithmetic; H and W multiples of 8.
        scales: factor of each stage.
        layers: stages to read, checked.

    Returns:
        (B, D, H / 8, W / 8) float32.
    """
    # Mirrored borders keep the zeros that convolutions pad with out of the tokens that are kept. Strided convolutions trained on
    # mirrored pictures of even size answer about half a stride late, so token (y, x) of the middle stage lies where a defect lies.
    mirror = "reflect" if min(images.shape[2:]) > _BORDER else "replicate"  # a picture of one patch is too small to be mirrored
    framed = F.pad(images, (_BORDER,) * 4, mode=mirror).contiguous(memory_format=torch.channels_last)
    grids = network(framed)
    rows, columns = framed.shape[2] // COMPACT_PATCH_SIZE, framed.shape[3] // COMPACT_PATCH_SIZE
    chosen = [_on_patch_grid(grids[layer - 1], layer, rows, columns) * scales[layer - 1] for layer in layers]
    return torch.cat(chosen, dim=1)[:, :, 1:-1, 1:-1]


def read_released(path: Path, sha256: str) -> bytes:
    """Read a file that must be exactly the released one.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: its sha256 (hexadecimal) is another one.
    """
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path} has sha256 {found}, this version was released with {sha256}: "
            "the installation is damaged or the file was replaced; reinstall goldenpart, or pass your own file as `weights`"
        )
    return content


def _on_patch_grid(grid: torch.Tensor, layer: int, rows: int, columns: int) -> torch.Tensor:
    """Average over 3x3 neighbours and resample a stage to stride 8: (B, C, rows, columns) float32."""
    stride = 2 if layer == 1 else 1
    if layer == 3:
        # Corner-aligned from n to 2 n - 1: every other token is one of the coarse grid's, the others lie midway.
        grid = F.interpolate(grid, size=(2 * grid.shape[2] - 1, 2 * grid.shape[3] - 1), mode="bilinear", align_corners=True)
        grid = F.pad(grid, (0, columns - grid.shape[3], 0, rows - grid.shape[2]), mode="replicate")
    return F.avg_pool2d(grid.float(), 3, stride, padding=1, count_include_pad=False)


def read_weights(content: bytes, path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file: the state of the folded network and, under `SCALES`, its scales; all float32.

    Raises:
        ValueError: `path`, whose content it is, holds something else.
    """
    try:
        tensors = safetensors.torch.load(content)
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file ({error}); write one with python -m goldenpart.server.pretraining") from error
    expected = {key: tuple(value.shape) for key, value in CompactNetwork(FEATURE_STAGES, folded=True).state_dict().items()}
    expected[SCALES] = (FEATURE_STAGES,)
    found = {key: tuple(value.shape) for key, value in tensors.items()}
    if found != expected:
        odd = sorted(key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key))
        raise ValueError(f"{path} does not hold the compact network: {len(odd)} tensors differ, first {odd[0]}; train it again")
    return {key: value.float() for key, value in tensors.items()}


def _checked(layers: tuple[int, ...]) -> tuple[int, ...]:
    wrong = [layer for layer in layers if not 1 <= layer <= FEATURE_STAGES]
    if wrong:
        raise ValueError(f"compact has no layer {wrong[0]}; its layers are 1 to {FEATURE_STAGES}")
    return layers or DEFAULT_LAYERS


def _check_shape(images: torch.Tensor) -> None:
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"images have shape {tuple(images.shape)}; compact takes (B, 3, H, W)")
    height, width = images.shape[2:]
    if height % COMPACT_PATCH_SIZE or width % COMPACT_PATCH_SIZE or not height or not width:
        raise ValueError(f"images are {width}x{height} pixels; compact takes sides that are multiples of {COMPACT_PATCH_SIZE}, pad them")
