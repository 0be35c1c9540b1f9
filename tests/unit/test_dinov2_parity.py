"""Parity of our ViT with transformers' DINOv2, real S and B shapes, random weights, through a checkpoint in the official format.

Transformers and the official code agree but for one thing. For the plain models the official `interpolate_pos_encoding` passes
`scale_factor = (side + 0.1) / 37` to the bicubic resampling (a relic kept because the weights were used with it), transformers passes
the exact size. Both read the same 37 x 37 embedding, at slightly other points: with the offset, output i samples at
`(i + 0.5) * 37 / (side + 0.1) - 0.5` instead of `(i + 0.5) * 37 / side - 0.5`. The official code is the truth. So transformers gets, for
the plain models, a position embedding that this test resamples itself in float64 with the official sampling points, and one further test
shows that with the offset switched off ours equals transformers untouched. The `_reg` models have no offset; nothing is replaced there.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from transformers import Dinov2Config, Dinov2Model, Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from goldenpart.server.vision.backbones.checkpoints import load_checkpoint
from goldenpart.server.vision.backbones.dinov2 import DinoV2Backbone, dinov2_config
from goldenpart.server.vision.backbones.vit import VisionTransformer, VitConfig, swiglu_width

if TYPE_CHECKING:
    from collections.abc import Mapping

Floats = npt.NDArray[np.floating[Any]]
Pair = tuple[Any, DinoV2Backbone, VitConfig]

SIZES = [(224, 224), (448, 448), (322, 518)]


def official_state_dict(model: Any) -> dict[str, torch.Tensor]:
    """Rename the weights of a transformers DINOv2 model to the keys of the official checkpoints; q, k, v become one matrix."""
    state = {key: tensor.detach().clone() for key, tensor in model.state_dict().items()}
    official = {}
    for fused, parts in (("attn.qkv", [f"attention.{p}_proj" for p in "qkv"]), ("mlp.w12", ["mlp.gate_proj", "mlp.up_proj"])):
        for key in [key for key in state if parts[0] in key]:
            rows = [state.pop(key.replace(parts[0], part)) for part in parts]
            official[_official(key.replace(parts[0], fused))] = torch.cat(rows)
    return official | {_official(key): tensor for key, tensor in state.items()}


def _official(key: str) -> str:
    for pattern, replacement in (
        (r"^embeddings\.position_embeddings", "pos_embed"),
        (r"^embeddings\.patch_embeddings\.projection", "patch_embed.proj"),
        (r"^embeddings\.", ""),
        (r"^encoder\.layer\.", "blocks."),
        (r"^layernorm\.", "norm."),
        (r"attention\.o_proj", "attn.proj"),
        (r"layer_scale(\d)\.lambda1", r"ls\1.gamma"),
        (r"mlp\.down_proj", "mlp.w3"),
    ):
        key = re.sub(pattern, replacement, key)
    return key


def official_position_encoding(stored: npt.NDArray[np.float32], rows: int, columns: int, offset: float = 0.1) -> npt.NDArray[np.float32]:
    """Resample a (1, 1 + n * n, D) position embedding as the official plain models do; (1, 1 + rows * columns, D) float32."""
    native = math.isqrt(stored.shape[1] - 1)
    if native == rows == columns:
        return stored
    grid = stored[0, 1:].astype(np.float64).reshape(native, native, -1)
    down, across = (_keys_matrix(native, side, native / (side + offset)) for side in (rows, columns))
    resampled = np.einsum("hi,ijd,wj->hwd", down, grid, across, optimize=True)
    return np.concatenate([stored[:, :1], resampled.reshape(1, rows * columns, -1).astype(np.float32)], axis=1)


def _keys_matrix(native: int, side: int, step: float) -> Floats:
    """Cubic convolution (Keys 1981) with a = -0.75 and repeated edges, as a (side, native) matrix."""
    matrix = np.zeros((side, native))
    for output in range(side):
        position = (output + 0.5) * step - 0.5
        for tap in range(math.floor(position) - 1, math.floor(position) + 3):
            matrix[output, min(max(tap, 0), native - 1)] += _keys(abs(position - tap))
    return matrix


def _keys(distance: float, a: float = -0.75) -> float:
    if distance <= 1:
        return (a + 2) * distance**3 - (a + 3) * distance**2 + 1
    if distance < 2:
        return a * (distance**3 - 5 * distance**2 + 8 * distance - 4)
    return 0.0


def forward_with_gates(state: dict[str, torch.Tensor], heads: int, image: Floats, position: Floats) -> Floats:
    """Run a DINOv2-g-like network on one (3, height, width) image, head by head in float64; (H * W, D) normalised patch tokens."""
    w = {key: tensor.numpy().astype(np.float64) for key, tensor in state.items()}
    height, width = image.shape[1:]
    patches = [image[:, y : y + 14, x : x + 14].reshape(-1) for y in range(0, height, 14) for x in range(0, width, 14)]
    tokens = np.stack(patches) @ w["patch_embed.proj.weight"].reshape(len(w["norm.bias"]), -1).T + w["patch_embed.proj.bias"]
    x = np.concatenate([w["cls_token"][0], tokens]) + position[0]
    registers = w["register_tokens"][0]
    x = np.concatenate([x[:1], registers, x[1:]])
    for block in range(1 + max(int(key.split(".")[1]) for key in w if key.startswith("blocks."))):
        b = {key.removeprefix(f"blocks.{block}."): value for key, value in w.items() if key.startswith(f"blocks.{block}.")}
        x = x + b["ls1.gamma"] * _attention(b, heads, _norm(x, b["norm1.weight"], b["norm1.bias"]))
        gate, value = np.split(_norm(x, b["norm2.weight"], b["norm2.bias"]) @ b["mlp.w12.weight"].T + b["mlp.w12.bias"], 2, axis=1)
        x = x + b["ls2.gamma"] * ((gate / (1 + np.exp(-gate)) * value) @ b["mlp.w3.weight"].T + b["mlp.w3.bias"])
    return _norm(x, w["norm.weight"], w["norm.bias"])[1 + len(registers) :]


def _attention(b: Mapping[str, Floats], heads: int, x: Floats) -> Floats:
    q, k, v = np.split(x @ b["attn.qkv.weight"].T + b["attn.qkv.bias"], 3, axis=1)
    outputs = []
    for qh, kh, vh in zip(*(np.split(part, heads, axis=1) for part in (q, k, v)), strict=True):
        logits = qh @ kh.T / math.sqrt(qh.shape[1])
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        outputs.append(weights / weights.sum(axis=1, keepdims=True) @ vh)
    return np.concatenate(outputs, axis=1) @ b["attn.proj.weight"].T + b["attn.proj.bias"]


def _norm(x: Floats, weight: Floats, bias: Floats) -> Floats:
    centred: Floats = x - x.mean(axis=1, keepdims=True)
    normalised: Floats = centred / np.sqrt(x.var(axis=1, keepdims=True) + 1e-6) * weight + bias
    return normalised


def transformers_model(config: VitConfig) -> Any:
    model: Any
    shape: dict[str, Any] = {
        "hidden_size": config.dimension,
        "num_hidden_layers": config.blocks,
        "num_attention_heads": config.heads,
        "patch_size": 14,
        "image_size": 518,
        "use_swiglu_ffn": config.swiglu,
    }
    with torch.device("meta"):
        if config.registers:
            model = Dinov2WithRegistersModel(Dinov2WithRegistersConfig(num_register_tokens=config.registers, **shape))
        else:
            model = Dinov2Model(Dinov2Config(**shape))
    model.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():  # fresh biases, gains and registers would be 0 or 1 and hide a weight that is ignored
        for name, parameter in model.named_parameters():
            is_gain = name.endswith(("norm1.weight", "norm2.weight", "layernorm.weight", "lambda1"))
            parameter.normal_(float(is_gain), 0.03 if name.endswith("weight") and not is_gain else 0.2, generator=generator)
    return model.eval()


@pytest.fixture(scope="module", params=["dinov2_vits14", "dinov2_vits14_reg", "dinov2_vitb14", "dinov2_vitb14_reg"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    config = dinov2_config(request.param)
    model = transformers_model(config)
    path = tmp_path_factory.mktemp("weights") / "official.pth"
    torch.save(official_state_dict(model), path)
    return model, DinoV2Backbone(request.param, load_checkpoint(path)), config


def use_official_positions(model: Any, config: VitConfig, rows: int, columns: int) -> None:
    if not config.registers:
        official = torch.from_numpy(official_position_encoding(model.embeddings.position_embeddings.detach().numpy(), rows, columns))
        model.embeddings.interpolate_pos_encoding = lambda *_: official


def relative_difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    assert ours.shape == theirs.shape
    return float(torch.linalg.vector_norm(ours - theirs) / torch.linalg.vector_norm(theirs))


def transformers_tokens(model: Any, config: VitConfig, images: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        tokens: torch.Tensor = model(images).last_hidden_state[:, 1 + config.registers :]
    return tokens.view(len(images), images.shape[2] // 14, images.shape[3] // 14, -1)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_patch_tokens_equal_those_of_transformers(pair: Pair, height: int, width: int) -> None:
    model, backbone, config = pair
    images = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(height))
    use_official_positions(model, config, height // 14, width // 14)
    assert relative_difference(backbone.patch_tokens(images), transformers_tokens(model, config, images)) < 1e-4


def test_offset_is_the_only_difference_from_transformers() -> None:
    config = VitConfig(dimension=48, blocks=2, heads=3, position_offset=0.0)
    model = transformers_model(config)
    ours = VisionTransformer(config)
    state = official_state_dict(model)
    del state["mask_token"]
    ours.load_state_dict(state)
    images = torch.randn(1, 3, 322, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert relative_difference(ours(images), transformers_tokens(model, config, images)) < 1e-5
        with_offset = VisionTransformer(VitConfig(dimension=48, blocks=2, heads=3))
        with_offset.load_state_dict(state)
        assert relative_difference(with_offset(images), transformers_tokens(model, config, images)) > 1e-3


def test_intermediate_blocks_equal_those_of_transformers(pair: Pair) -> None:
    model, backbone, config = pair
    images = torch.randn(1, 3, 70, 98, generator=torch.Generator().manual_seed(2))
    use_official_positions(model, config, 5, 7)
    with torch.inference_mode():
        hidden = model(images, output_hidden_states=True).hidden_states  # [0] is the embedding, [n] follows block n
        third, ninth = (model.layernorm(hidden[number])[:, 1 + config.registers :].view(1, 5, 7, -1) for number in (3, 9))
    tokens = backbone.patch_tokens(images, layers=(9, 3))
    assert backbone.dimension((9, 3)) == tokens.shape[-1] == 2 * config.dimension
    assert relative_difference(tokens, torch.cat([ninth, third], dim=-1)) < 1e-4
    np.testing.assert_array_equal(backbone.patch_tokens(images, layers=(9,)).numpy(), tokens[..., : config.dimension].numpy())


def test_gated_feed_forward_equals_transformers() -> None:
    config = VitConfig(dimension=48, blocks=2, heads=3, swiglu=True, position_offset=0.0)
    model = transformers_model(config)
    ours = VisionTransformer(config)
    state = official_state_dict(model)
    del state["mask_token"]
    ours.load_state_dict(state)
    images = torch.randn(2, 3, 56, 70, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        assert relative_difference(ours(images), transformers_tokens(model, config, images)) < 1e-5


def test_gated_network_with_registers_equals_a_plain_computation() -> None:
    config = VitConfig(dimension=40, blocks=2, heads=4, registers=3, swiglu=True, native_grid=5)
    assert swiglu_width(1536) == 4096  # the official g
    assert swiglu_width(40) == 112  # 106.67 rounded up to a multiple of 8
    torch.manual_seed(4)
    network = VisionTransformer(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    state = network.state_dict()
    image = torch.randn(1, 3, 42, 84, generator=torch.Generator().manual_seed(5))
    position = official_position_encoding(state["pos_embed"].numpy(), 3, 6)
    expected = forward_with_gates(state, config.heads, image[0].numpy(), position).reshape(1, 3, 6, 40)
    with torch.inference_mode():
        np.testing.assert_allclose(network(image).numpy(), expected, atol=2e-5)


GRIDS = [(16, 16), (32, 32), (23, 37), (37, 37), (48, 40), (37, 12), (1, 1)]


@pytest.mark.parametrize(("rows", "columns"), GRIDS)
def test_position_encoding_of_plain_models_samples_where_the_official_code_does(rows: int, columns: int) -> None:
    network = VisionTransformer(VitConfig(dimension=8, blocks=1, heads=2))
    torch.nn.init.normal_(network.pos_embed, generator=torch.Generator().manual_seed(6))
    expected = official_position_encoding(network.pos_embed.detach().numpy(), rows, columns)
    np.testing.assert_allclose(network.position_encoding(rows, columns).detach().numpy(), expected, atol=2e-5)


@pytest.mark.parametrize(("rows", "columns"), GRIDS)
def test_position_encoding_of_register_models_is_the_antialiased_bicubic_of_pillow(rows: int, columns: int) -> None:
    config = replace(dinov2_config("dinov2_vits14_reg"), dimension=8, blocks=1, heads=2)
    network = VisionTransformer(config)
    torch.nn.init.normal_(network.pos_embed, generator=torch.Generator().manual_seed(6))
    channels = network.pos_embed.detach()[0, 1:].view(37, 37, 8).numpy()
    resized = [np.asarray(Image.fromarray(channels[..., i].copy()).resize((columns, rows), Image.Resampling.BICUBIC)) for i in range(8)]
    encoding = network.position_encoding(rows, columns).detach()
    np.testing.assert_allclose(encoding[0, 1:].numpy(), np.stack(resized, axis=-1).reshape(rows * columns, 8), atol=2e-5)
    assert torch.equal(encoding[:, 0], network.pos_embed[:, 0])
