from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch

from goldenpart.server.errors import BackboneUnavailableError, UnknownBackboneError
from goldenpart.server.vision.backbones import Precision, backbone_names, open_backbone
from goldenpart.server.vision.backbones.checkpoints import Checkpoint, save_checkpoint
from goldenpart.server.vision.backbones.dinov2 import DinoV2Backbone, dinov2_checkpoint, dinov2_config, dinov2_names
from goldenpart.server.vision.backbones.vit import VisionTransformer

CPU = torch.device("cpu")


def random_state(name: str) -> dict[str, torch.Tensor]:
    """A state dict of the real shape, mask token included, as the official files have it."""
    config = dinov2_config(name)
    with torch.device("meta"):
        shapes = {key: tensor.shape for key, tensor in VisionTransformer(config).state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    state = {key: 0.05 * torch.randn(shape, generator=generator) for key, shape in shapes.items()}
    for key in state:
        if key.endswith((".gamma", "norm1.weight", "norm2.weight", "norm.weight")):
            state[key] += 1.0
    return state | {"mask_token": torch.zeros(1, config.dimension)}


@pytest.fixture(scope="module")
def small() -> Checkpoint:
    return Checkpoint(random_state("dinov2_vits14_reg"), "sha256:" + "5" * 64)


@pytest.fixture(scope="module")
def backbone(small: Checkpoint) -> DinoV2Backbone:
    return DinoV2Backbone("dinov2_vits14_reg", small)


@pytest.mark.parametrize(
    ("name", "dimension", "parameters"),
    [  # parameter counts of the published models, mask token included
        ("dinov2_vits14", 384, 22_056_576),
        ("dinov2_vitb14", 768, 86_580_480),
        ("dinov2_vitl14", 1024, 304_368_640),
        ("dinov2_vitg14", 1536, 1_136_480_768),
        ("dinov2_vits14_reg", 384, 22_056_576 + 4 * 384),
        ("dinov2_vitg14_reg", 1536, 1_136_480_768 + 4 * 1536),
    ],
)
def test_shapes_are_those_of_the_published_models(name: str, dimension: int, parameters: int) -> None:
    with torch.device("meta"):
        network = VisionTransformer(dinov2_config(name))
    assert sum(parameter.numel() for parameter in network.parameters()) + dimension == parameters


def test_every_published_file_has_its_own_address_and_digest() -> None:
    published = [dinov2_checkpoint(name) for name in dinov2_names()]
    assert len({entry.url for entry in published}) == len({entry.sha256 for entry in published}) == 8
    assert all(len(entry.sha256) == 64 for entry in published)
    assert dinov2_checkpoint("dinov2_vitb14_reg").url == (
        "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitb14/dinov2_vitb14_reg4_pretrain.pth"
    )
    assert dinov2_checkpoint("dinov2_vits14").file_name == "dinov2_vits14_pretrain.pth"


def test_tokens_of_an_image_do_not_depend_on_its_batch(backbone: DinoV2Backbone) -> None:
    images = torch.randn(3, 3, 56, 84, generator=torch.Generator().manual_seed(1))
    together = backbone.patch_tokens(images)
    assert together.shape == (3, 4, 6, 384)
    assert together.dtype == torch.float32
    torch.testing.assert_close(backbone.patch_tokens(images[1:2]), together[1:2], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=0.1)


def test_no_layers_means_the_last_block(backbone: DinoV2Backbone) -> None:
    images = torch.randn(1, 3, 28, 28, generator=torch.Generator().manual_seed(1))
    assert torch.equal(backbone.patch_tokens(images), backbone.patch_tokens(images, layers=(12,)))
    assert backbone.dimension() == backbone.dimension((4,)) == 384


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_stays_close_to_full(backbone: DinoV2Backbone, small: Checkpoint, precision: Precision) -> None:
    images = torch.randn(1, 3, 112, 112, generator=torch.Generator().manual_seed(1))
    before = {key: tensor.clone() for key, tensor in small.tensors.items()}
    full, half = backbone.patch_tokens(images), DinoV2Backbone("dinov2_vits14_reg", small, precision=precision).patch_tokens(images)
    assert half.dtype == torch.float32
    assert 0 < torch.linalg.vector_norm(half - full) / torch.linalg.vector_norm(full) < 0.03
    assert all(torch.equal(tensor, before[key]) for key, tensor in small.tensors.items())


@pytest.mark.parametrize(
    ("shape", "layers", "message"),
    [
        ((1, 3, 28, 30), (), "30 x 28 px.*multiples of 14"),
        ((1, 3, 0, 28), (), "28 x 0 px"),
        ((1, 1, 28, 28), (), r"\(1, 1, 28, 28\).*expected \(B, 3"),
        ((3, 28, 28), (), "expected"),
        ((1, 3, 28, 28), (0,), "Block 0 does not exist.* 1 to 12"),
        ((1, 3, 28, 28), (3, 13), "Block 13 does not exist"),
        ((1, 3, 28, 28), (-1,), "Block -1 does not exist"),
    ],
)
def test_wrong_images_and_layers_are_named(backbone: DinoV2Backbone, shape: tuple[int, ...], layers: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        backbone.patch_tokens(torch.zeros(shape), layers)


def test_weights_of_another_model_are_refused_in_a_short_message(small: Checkpoint) -> None:
    with pytest.raises(BackboneUnavailableError, match=r"sha256:5555.* do not fit dinov2_vitb14") as caught:
        DinoV2Backbone("dinov2_vitb14", small)
    assert len(str(caught.value)) < 600


def test_a_missing_tensor_is_named(small: Checkpoint) -> None:
    tensors = {key: tensor for key, tensor in small.tensors.items() if key != "blocks.3.ls1.gamma"}
    with pytest.raises(BackboneUnavailableError, match=r"blocks\.3\.ls1\.gamma"):
        DinoV2Backbone("dinov2_vits14_reg", Checkpoint(tensors, small.digest))


def test_open_backbone_takes_a_local_file_and_touches_no_cache(small: Checkpoint, backbone: DinoV2Backbone, tmp_path: Path) -> None:
    weights = tmp_path / "mine.safetensors"
    save_checkpoint(small.tensors, "5" * 64, weights)
    opened = open_backbone("dinov2_vits14_reg", weights=weights, cache=tmp_path / "cache", device=CPU, precision="fp32")
    images = torch.randn(1, 3, 28, 28, generator=torch.Generator().manual_seed(1))
    assert torch.equal(opened.patch_tokens(images), backbone.patch_tokens(images))
    assert (opened.name, opened.digest, opened.patch_size, opened.device) == ("dinov2_vits14_reg", small.digest, 14, CPU)
    assert (opened.mean, opened.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", ["dinov2_vitb16", "identity", ""])
def test_an_unknown_backbone_is_answered_with_the_names_there_are(name: str) -> None:
    with pytest.raises(UnknownBackboneError, match="unknown; choose one of compact, dinov2_vits14, dinov2_vits14_reg, dinov2_vitb14"):
        open_backbone(name, weights=None, cache=Path("unused"), device=CPU, precision="fp32")


def test_an_unknown_precision_is_answered_with_the_precisions_there_are() -> None:
    with pytest.raises(ValueError, match="'int8' is unknown; choose one of fp32, bf16, fp16"):
        open_backbone("dinov2_vits14", weights=None, cache=Path("unused"), device=CPU, precision=cast("Precision", "int8"))


@pytest.mark.parametrize("name", backbone_names())
def test_missing_local_weights_are_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(BackboneUnavailableError, match=r"absent\.safetensors"):
        open_backbone(name, weights=tmp_path / "absent.safetensors", cache=tmp_path, device=CPU, precision="fp32")
