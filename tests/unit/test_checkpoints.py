from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

from goldenpart.server.errors import BackboneUnavailableError, WeightsDigestError
from goldenpart.server.vision.backbones.checkpoints import load_checkpoint, save_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

TENSORS = {
    "cls_token": torch.arange(6, dtype=torch.float32).view(1, 1, 6),
    "blocks.0.norm1.weight": torch.full((4,), 0.5, dtype=torch.bfloat16),
    "scalar": torch.tensor(3.0),
}
SOURCE = "a" * 64


class Intruder:
    """Creates a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.trace,)


def digest_of(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) and found[name].dtype == expected[name].dtype for name in expected)


def pickle_plainly(state: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(state, protocol=2))


def unpickle_plainly(path: Path) -> object:
    return pickle.loads(path.read_bytes())


def torch_load_with_code(path: Path) -> object:
    return torch.load(path, weights_only=False)


@pytest.mark.parametrize(
    ("pack", "unpack_trusting"), [(torch.save, torch_load_with_code), (pickle_plainly, unpickle_plainly)], ids=["torch", "pickle"]
)
def test_a_checkpoint_that_carries_code_is_refused_and_the_code_never_runs(
    tmp_path: Path, pack: Callable[[object, Path], None], unpack_trusting: Callable[[Path], object]
) -> None:
    trace, path = tmp_path / "intruder-was-here", tmp_path / "weights.pth"
    pack({"cls_token": torch.zeros(1), "extra": Intruder(trace)}, path)
    with pytest.raises(BackboneUnavailableError, match=r"weights\.pth is not a state dict of plain tensors and was not used"):
        load_checkpoint(path)
    assert not trace.exists()
    unpack_trusting(path)
    assert trace.exists()  # the trap is a real one


def test_a_torch_checkpoint_is_known_by_the_digest_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(TENSORS, path)
    checkpoint = load_checkpoint(path)
    assert checkpoint.digest == digest_of(path)
    assert_same(checkpoint.tensors, TENSORS)


@pytest.mark.parametrize("content", [{"teacher": {"cls_token": torch.zeros(1)}}, {"epoch": 3}, [torch.zeros(1)], torch.zeros(1)])
def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(BackboneUnavailableError, match="not a state dict of plain tensors"):
        load_checkpoint(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", bytes(100)])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(BackboneUnavailableError, match="not a state dict"):
        load_checkpoint(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    (torch.save if suffix == ".pth" else save_file)(TENSORS, path)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(BackboneUnavailableError, match="not a state dict"):
        load_checkpoint(path)


@pytest.mark.parametrize("name", ["absent.pth", "absent.safetensors"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(BackboneUnavailableError, match=f"{name} does not exist"):
        load_checkpoint(tmp_path / name)


def test_a_folder_is_no_weights_file(tmp_path: Path) -> None:
    with pytest.raises(BackboneUnavailableError, match=r"cannot be read.*directory"):
        load_checkpoint(tmp_path)


def test_foreign_safetensors_are_known_by_the_digest_of_their_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(TENSORS, path)
    checkpoint = load_checkpoint(path)
    assert checkpoint.digest == digest_of(path)
    assert_same(checkpoint.tensors, TENSORS)


def test_kept_weights_remember_the_file_they_came_from(tmp_path: Path) -> None:
    base = torch.arange(12.0).view(3, 4)
    shared = {"columns": base.T, "rows": base}  # one storage, one view not contiguous: safetensors alone would refuse both
    path = tmp_path / "kept.safetensors"
    save_checkpoint(shared, SOURCE, path)
    checkpoint = load_checkpoint(path)
    assert checkpoint.digest == f"sha256:{SOURCE}"
    assert_same(checkpoint.tensors, shared)
    assert list(tmp_path.iterdir()) == [path]


def test_one_flipped_bit_in_kept_weights_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "kept.safetensors"
    save_checkpoint(TENSORS, SOURCE, path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        WeightsDigestError, match=r"kept\.safetensors is damaged: its tensors have sha256 [0-9a-f]{64}, expected [0-9a-f]{64}"
    ):
        load_checkpoint(path)


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "kept.safetensors"
    path.mkdir()  # renaming a file onto a folder fails after everything has been written
    with pytest.raises(OSError, match="kept"):
        save_checkpoint(TENSORS, SOURCE, path)
    assert list(tmp_path.iterdir()) == [path]
