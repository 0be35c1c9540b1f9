"""Files that are on the disk when a call returns, and folders that appear whole or not at all.

A rename is atomic for readers but may reach the disk before the bytes it names; hence each file is synced before its folder, and a
folder before it is renamed (fsync(2): syncing a file does not sync the folder entry that names it).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from goldenpart.server.registry.manifest import FileDigest

CHUNK_BYTES = 1 << 20


def write_file(path: Path, chunks: Iterable[bytes]) -> FileDigest:
    """Write a new file and sync it; its folder is not synced. Blocks.

    Raises:
        FileExistsError: there is one of that name.
        OSError: the disk refuses; the file may be there in part.
    """
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        file.flush()
        os.fsync(file.fileno())
    return FileDigest(digest.hexdigest(), size)


def replace_file(path: Path, data: bytes, incoming: Path) -> None:
    """Put new content in place of a small file, or none: after a crash it is either the old or the new. Blocks.

    Args:
        path: the file.
        data: its new content.
        incoming: folder on the same file system for the new content until it is complete.

    Raises:
        OSError: the disk refuses; the old file stands.
    """
    temporary = incoming / uuid.uuid4().hex
    try:
        write_file(temporary, [data])
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def link_file(source: Path, target: Path) -> None:
    """Give a file that is never written again a second name, or copy it where the file system has no hard links. Blocks."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        with source.open("rb") as file:
            write_file(target, iter(lambda: file.read(CHUNK_BYTES), b""))


def move_folder(source: Path, target: Path) -> None:
    """Give a folder, synced with all it holds, another place on the same file system; `target` does not exist. Blocks."""
    source.rename(target)
    sync_folder(target.parent)


def remove_folder(path: Path, incoming: Path) -> None:
    """Make a folder vanish at once, then free its space; after a crash it is there whole, or not there. Blocks.

    Raises:
        OSError: the disk refuses; the folder stands.
    """
    doomed = incoming / uuid.uuid4().hex
    path.rename(doomed)
    sync_folder(path.parent)
    shutil.rmtree(doomed, ignore_errors=True)  # the next start cleans what resists


def make_folders(path: Path, files: Iterable[str]) -> None:
    """Make the folders inside an empty one that `files`, paths relative to it, lie in. Blocks."""
    for folder in {name.rpartition("/")[0] for name in files} - {""}:
        (path / folder).mkdir()


def sync_folders(path: Path) -> None:
    """Make the entries of the folders inside a folder durable; the folder's own are not synced. Blocks."""
    for folder in path.iterdir():
        if folder.is_dir():
            sync_folder(folder)


def sync_folder(path: Path) -> None:
    """Make a folder's entries durable. Blocks."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def staging_folder(incoming: Path) -> Iterator[Path]:
    """Make a folder to fill and to move elsewhere; what was not moved is removed at the end of the block."""
    path = incoming / uuid.uuid4().hex
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)  # gone if it was moved; the next start cleans what resists
