"""Checkpoints: where weights come from, how they are kept, and how they are told apart.

Downloaded weights are kept as safetensors, which hold numbers only. Two digests travel in the header of such a file:
`goldenpart.source_sha256`, of the published file the tensors came from, and `goldenpart.tensors_sha256`, of the tensors
themselves, which shows damage. Pickled files are read with `weights_only=True`, which never runs code from the file.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from goldenpart.server.errors import BackboneUnavailableError, WeightsDigestError
from goldenpart.server.vision.backbones.download import download, sha256_hex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_SOURCE_KEY = "goldenpart.source_sha256"
_TENSORS_KEY = "goldenpart.tensors_sha256"
_LOCK_TIMEOUT_S = 3600.0  # the largest checkpoint has 4.5 GB

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PublishedCheckpoint:
    """A weights file somebody publishes.

    Attributes:
        name: backbone it belongs to.
        url: address of the file.
        sha256: lower-case hex digest of the file.
    """

    name: str
    url: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Last part of the address; the name the file has when it is put into the cache by hand."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights in memory.

    Attributes:
        tensors: state dict on the CPU.
        digest: ``sha256:<hex>`` of the file they were published in.
    """

    tensors: dict[str, torch.Tensor]
    digest: str


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a weights file: safetensors, or a state dict saved by `torch.save`.

    A safetensors file out of a Goldenpart cache keeps the digest of the file it was made from, so that a copy of it is the same
    backbone; any other file is known by its own digest. Blocks; any thread.

    Raises:
        BackboneUnavailableError: there is no such file, or it is no state dict of plain tensors.
        WeightsDigestError: the tensors of a cached file are damaged.
    """
    try:
        return _load_safetensors(path) if path.suffix == ".safetensors" else _load_torch(path)
    except FileNotFoundError as error:
        raise BackboneUnavailableError(f"The weights file {path} does not exist.") from error
    except OSError as error:
        raise BackboneUnavailableError(f"The weights file {path} cannot be read: {error}.") from error
    except (pickle.UnpicklingError, SafetensorError, EOFError, RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise BackboneUnavailableError(f"{path} is not a state dict of plain tensors and was not used: {reason}") from error


def obtain_checkpoint(published: PublishedCheckpoint, cache: Path, *, lock_timeout_s: float = _LOCK_TIMEOUT_S) -> Checkpoint:
    """Load a published checkpoint from the cache folder, after downloading it there if need be.

    Looks for ``<name>.safetensors``, then for the published file put there by hand, then downloads. A published file is verified,
    converted to ``<name>.safetensors`` and removed. Blocks, minutes for a download; any thread and process, one at a time works.

    Raises:
        BackboneUnavailableError: the weights can neither be found nor downloaded, or another process holds the lock for too long.
        WeightsDigestError: a file does not have the digest it must have; it was not used.
    """
    kept = cache / f"{published.name}.safetensors"
    if not kept.exists():  # a filled cache may be read-only, so nothing is locked there
        with _lock(published, cache, lock_timeout_s):
            if not kept.exists():
                _convert(_published_file(published, cache), published, kept)
    checkpoint = load_checkpoint(kept)
    if checkpoint.digest != f"sha256:{published.sha256}":
        raise WeightsDigestError(
            f"{kept} was made from {checkpoint.digest}, expected sha256:{published.sha256}; delete it to fetch it again."
        )
    return checkpoint


def save_checkpoint(tensors: Mapping[str, torch.Tensor], source_sha256: str, path: Path) -> None:
    """Write tensors as safetensors, in one rename, with the digests that `load_checkpoint` reads.

    Args:
        tensors: state dict; made contiguous, never shared.
        source_sha256: lower-case hex digest of the file the tensors came from.
        path: file to write, ending in ``.safetensors``; its folder exists.

    Raises:
        OSError: the file cannot be written.
    """
    separate = {name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        save_file(separate, temporary, metadata={_SOURCE_KEY: source_sha256, _TENSORS_KEY: _tensors_sha256(separate)})
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _load_safetensors(path: Path) -> Checkpoint:
    if not path.is_file():
        raise FileNotFoundError(path)
    with safe_open(path, framework="pt", device="cpu") as file:
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no mapping
    if _SOURCE_KEY not in metadata:
        return Checkpoint(tensors, f"sha256:{sha256_hex(path)}")
    found, expected = _tensors_sha256(tensors), metadata.get(_TENSORS_KEY)
    if found != expected:
        raise WeightsDigestError(f"{path} is damaged: its tensors have sha256 {found}, expected {expected}; delete it to fetch it again.")
    return Checkpoint(tensors, f"sha256:{metadata[_SOURCE_KEY]}")


def _load_torch(path: Path) -> Checkpoint:
    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise ValueError("it holds other things than named tensors")
    return Checkpoint(dict(state), f"sha256:{sha256_hex(path)}")


def _tensors_sha256(tensors: Mapping[str, torch.Tensor]) -> str:
    """Digest names, dtypes, shapes and bytes, whatever the order of the tensors."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _published_file(published: PublishedCheckpoint, cache: Path) -> Path:
    path = cache / published.file_name
    if path.exists():
        found = sha256_hex(path)
        if found != published.sha256:
            raise WeightsDigestError(f"{path} has sha256 {found}, expected {published.sha256}; replace it or delete it.")
        return path
    _log.info("weights_download_started", backbone=published.name, url=published.url, path=str(path))
    try:
        download(published.url, published.sha256, path)
    except BackboneUnavailableError as error:
        raise BackboneUnavailableError(
            f"{error} Without network: fetch {published.url} elsewhere, check that its sha256 is {published.sha256}, "
            f"and put it at {path}; or name a local file as the weights of {published.name}.",
            backbone=published.name,
            url=published.url,
            sha256=published.sha256,
            path=path,
        ) from error
    return path


def _convert(source: Path, published: PublishedCheckpoint, kept: Path) -> None:
    save_checkpoint(load_checkpoint(source).tensors, published.sha256, kept)
    source.unlink()
    _log.info("weights_kept", backbone=published.name, path=str(kept), source_sha256=published.sha256)


@contextmanager
def _lock(published: PublishedCheckpoint, cache: Path, timeout_s: float) -> Iterator[None]:
    """Keep other processes from fetching the same weights; a process that dies lets go."""
    path = cache / f"{published.name}.lock"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(path, timeout=timeout_s):
            yield
    except Timeout as error:
        raise BackboneUnavailableError(f"Another process has held {path} for {timeout_s:.0f} s while fetching {published.name}.") from error
    except OSError as error:
        raise BackboneUnavailableError(f"{published.name} cannot be kept in {cache}: {error}; choose a writable folder.") from error
