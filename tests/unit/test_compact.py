"""The embedded backbone: grid geometry, folding, digest, determinism."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import safetensors.torch
import torch

from goldenpart.server.vision.backbones.compact import COMPACT_SHA256, COMPACT_WEIGHTS, SCALES, CompactBackbone, read_released
from goldenpart.server.vision.backbones.compact_network import FEATURE_STAGES, WIDTHS, CompactNetwork, fold_batch_norm

if TYPE_CHECKING:
    from pathlib import Path

    from goldenpart.server.vision.backbones.base import Backbone
    from goldenpart.server.vision.backbones.precision import Precision


@pytest.fixture(scope="module")
def compact() -> Backbone:
    return CompactBackbone()


def images(height: int, width: int, count: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("height", "width"), [(8, 8), (16, 16), (24, 40), (64, 48), (104, 8), (136, 120)])
def test_every_multiple_of_8_gives_one_token_per_patch(compact: Backbone, height: int, width: int) -> None:
    tokens = compact.patch_tokens(images(height, width, count=2))
    assert tokens.shape == (2, height // 8, width // 8, compact.dimension())
    assert tokens.dtype == torch.float32
    assert tokens.is_contiguous()
    assert tokens.isfinite().all()


@pytest.mark.parametrize(
    ("layers", "dimension"),
    [((), 336), ((1,), 48), ((2,), 96), ((3,), 192), ((1, 2), 144), ((2, 3), 288), ((1, 2, 3), 336)],
)
def test_layers_choose_columns(compact: Backbone, layers: tuple[int, ...], dimension: int) -> None:
    batch = images(40, 56)
    columns = torch.split_with_sizes(compact.patch_tokens(batch), WIDTHS[:FEATURE_STAGES], dim=3)
    assert compact.dimension(layers) == dimension
    expected = torch.cat([columns[layer - 1] for layer in layers or (1, 2, 3)], dim=3)
    torch.testing.assert_close(compact.patch_tokens(batch, layers), expected, rtol=0, atol=0)


@pytest.mark.parametrize("layers", [(0,), (4,), (1, -1)])
def test_missing_layer_is_refused(compact: Backbone, layers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="its layers are 1 to 3"):
        compact.patch_tokens(images(16, 16), layers)
    with pytest.raises(ValueError, match="its layers are 1 to 3"):
        compact.dimension(layers)


@pytest.mark.parametrize(
    ("shape", "message"),
    [((1, 3, 16, 12), "12x16"), ((1, 3, 9, 8), "multiples of 8"), ((1, 1, 8, 8), "B, 3"), ((3, 8, 8), "B, 3"), ((1, 3, 0, 8), "8x0")],
)
def test_other_shapes_are_refused(compact: Backbone, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compact.patch_tokens(torch.zeros(shape))


def test_the_answer_to_a_spot_lies_where_the_spot_is(compact: Backbone) -> None:
    places = np.mgrid[0:32, 0:32] * 8 + 3.5  # (2, 32, 32), middles of the patches
    chooser = np.random.default_rng(0)
    offsets = []
    for seed in range(12):
        torch.manual_seed(seed)
        plain = torch.randn(1, 3, 256, 256) * 0.3
        row, column = chooser.integers(80, 176, 2)
        spotted = plain.clone()
        spotted[:, :, row - 3 : row + 4, column - 3 : column + 4] = 2.5
        change = (compact.patch_tokens(spotted) - compact.patch_tokens(plain)).square().sum(dim=3)[0].numpy()
        offsets.append((places * change).sum(axis=(1, 2)) / change.sum() - (row, column))
    assert np.abs(np.mean(offsets, axis=0)).max() < 6.0, "less than a patch off"


def test_stages_weigh_about_the_same(compact: Backbone) -> None:
    smooth = torch.nn.functional.interpolate(images(32, 32, count=4), size=(128, 128), mode="bilinear")
    lengths = [stage.norm(dim=3).mean().item() for stage in torch.split_with_sizes(compact.patch_tokens(smooth), WIDTHS[:3], dim=3)]
    assert max(lengths) < 3 * min(lengths)


def trained_network(seed: int) -> CompactNetwork:
    """Build a network whose BatchNorm statistics are anything but neutral."""
    torch.manual_seed(seed)
    network = CompactNetwork().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            for values in (module.bias, module.running_mean):
                torch.nn.init.uniform_(values, -0.5, 0.5)
            for values in (module.weight, module.running_var):
                torch.nn.init.uniform_(values, 0.3, 1.7)
    return network


@torch.inference_mode()
def test_folded_network_equals_the_unfolded_one() -> None:
    network = trained_network(seed=3)
    folded = CompactNetwork(FEATURE_STAGES, folded=True).eval()
    folded.load_state_dict(fold_batch_norm(network.state_dict()))
    batch = images(72, 56, count=2)
    for found, expected in zip(folded(batch), network(batch)[:FEATURE_STAGES], strict=True):
        assert expected.abs().max() > 0.1
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_calls_and_instances_agree_bit_for_bit(compact: Backbone) -> None:
    batch = images(64, 64, count=2)
    first = compact.patch_tokens(batch)
    assert torch.equal(first, compact.patch_tokens(batch))
    assert torch.equal(first, CompactBackbone().patch_tokens(batch))


def test_an_image_means_the_same_in_any_batch(compact: Backbone) -> None:
    batch = images(64, 64, count=5)
    torch.testing.assert_close(compact.patch_tokens(batch)[3:4], compact.patch_tokens(batch[3:4]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_reduced_precision_stays_close(compact: Backbone, precision: Precision) -> None:
    batch = images(64, 64)
    reduced = CompactBackbone(precision=precision).patch_tokens(batch)
    assert reduced.dtype == torch.float32
    similarity = torch.cosine_similarity(reduced, compact.patch_tokens(batch), dim=3)
    assert similarity.min() > 0.995


def test_packaged_weights_name_their_digest(compact: Backbone) -> None:
    assert (compact.name, compact.digest, compact.patch_size) == ("compact", f"sha256:{COMPACT_SHA256}", 8)
    assert COMPACT_WEIGHTS.stat().st_size <= 8_000_000


@pytest.mark.parametrize("position", [0, 5_000, -1])
def test_one_flipped_byte_is_refused(tmp_path: Path, position: int) -> None:
    content = bytearray(COMPACT_WEIGHTS.read_bytes())
    content[position] ^= 1
    damaged = tmp_path / "compact.safetensors"
    damaged.write_bytes(content)
    with pytest.raises(ValueError, match="the installation is damaged"):
        read_released(damaged, COMPACT_SHA256)


def test_own_weights_have_their_own_digest(tmp_path: Path, compact: Backbone) -> None:
    tensors = safetensors.torch.load_file(COMPACT_WEIGHTS)
    tensors[SCALES] *= 2
    path = tmp_path / "own.safetensors"
    safetensors.torch.save_file(tensors, path)
    own = CompactBackbone(path)
    assert own.digest != compact.digest
    batch = images(16, 16)
    torch.testing.assert_close(own.patch_tokens(batch), 2 * compact.patch_tokens(batch))


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(b"not weights")
    with pytest.raises(ValueError, match="no safetensors file"):
        CompactBackbone(path)
    safetensors.torch.save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match="does not hold the compact network"):
        CompactBackbone(path)
    with pytest.raises(FileNotFoundError):
        CompactBackbone(tmp_path / "absent.safetensors")
