"""A revision as one tar file (POSIX.1-1988 ustar headers, sizes beyond 8 GiB as GNU tar writes them), manifest first.

A reader takes nothing from the file but what the manifest announces: plain files of exactly those names and sizes. Headers are read
block by block, without the extensions of pax and GNU tar, so that no link, device, long name or sparse file ever means anything.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from goldenpart.server.errors import ArchiveError, RevisionDamagedError
from goldenpart.server.registry.durable_files import CHUNK_BYTES, make_folders, sync_folders, write_file
from goldenpart.server.registry.manifest import MANIFEST_FILE, Manifest
from goldenpart.server.registry.revision_folder import MAX_MANIFEST_BYTES, RevisionFolder

_BLOCK = tarfile.BLOCKSIZE
_RECORD = tarfile.RECORDSIZE


def archive_chunks(folder: RevisionFolder, manifest: Manifest) -> Iterator[bytes]:
    """Yield the tar file of a revision in chunks of at most 1 MiB, verifying while reading; the same revision gives the same bytes.

    Raises:
        RevisionDamagedError: a file is not what the manifest says; what was yielded is then no complete archive.
    """
    text, written = manifest.to_json().encode(), 0
    modified_s = int(manifest.create_time.timestamp())
    yield _header(MANIFEST_FILE, len(text), modified_s) + text + _padding(len(text))
    written += _BLOCK + len(text) + len(_padding(len(text)))
    for name, digest in sorted(manifest.files.items()):
        yield _header(name, digest.size_bytes, modified_s)
        yield from folder.file_chunks(manifest, name)
        yield _padding(digest.size_bytes)
        written += _BLOCK + digest.size_bytes + len(_padding(digest.size_bytes))
    yield bytes(2 * _BLOCK + -(written + 2 * _BLOCK) % _RECORD)


def unpack_archive(file: BinaryIO, path: Path, max_bytes: int) -> Manifest:
    """Write the files of an archive, but for its manifest, into an empty folder, synced and verified. Blocks.

    Args:
        file: the archive; read forward only.
        path: the folder; what is in it after an error means nothing.
        max_bytes: most the archive may take, judged by what it announces before anything is written.

    Raises:
        ArchiveError: it is no such archive, is damaged, or too large.
    """
    reader = _Reader(file, max_bytes)
    manifest = _read_manifest(reader)
    announced = sum(digest.size_bytes for digest in manifest.files.values())
    if announced > max_bytes:
        raise ArchiveError(f"The archive announces {announced} bytes; the limit is {max_bytes}.", bytes=announced, max_bytes=max_bytes)
    make_folders(path, manifest.files)
    missing = dict(manifest.files)
    while missing:
        name, size = reader.member(f"{len(missing)} files, for example {min(missing)}, are missing")
        expected = missing.pop(name, None)
        if expected is None:
            raise ArchiveError(f"The archive holds {name[:200]!r}, which its manifest does not list, or lists once only.", file=name[:200])
        if size != expected.size_bytes:
            raise ArchiveError(f"{name} in the archive has {size} bytes, its manifest says {expected.size_bytes}.", file=name)
        if write_file(path / name, reader.content(size)) != expected:
            raise ArchiveError(f"{name} in the archive does not match its digest; the file was damaged on its way.", file=name)
    reader.check_end()
    sync_folders(path)
    return manifest


class _Reader:
    """Reads members of a tar file in order; counts the bytes."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        self._file = file
        self._left_bytes = max_bytes
        self._max_bytes = max_bytes

    def member(self, if_none: str) -> tuple[str, int]:
        """Return the name and the size in bytes of the next member, a plain file."""
        block = self._read(_BLOCK)
        if not any(block):
            raise ArchiveError(f"The archive ends early: {if_none}.")
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.HeaderError, ValueError) as error:
            raise ArchiveError(f"This is no tar file as ExportRevision writes it: {error}.") from error
        if header.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            raise ArchiveError(f"{header.name[:200]!r} in the archive is no plain file (type {header.type!r}).", file=header.name[:200])
        return header.name, header.size

    def content(self, size: int) -> Iterator[bytes]:
        """Yield the bytes of the member that was just named."""
        left = size
        while left:
            chunk = self._read(min(left, CHUNK_BYTES))
            left -= len(chunk)
            yield chunk
        self._read(len(_padding(size)))

    def check_end(self) -> None:
        """Refuse anything but zeros after the last member."""
        block = self._read(_BLOCK)
        while block:
            if any(block):
                raise ArchiveError("The archive holds more than its manifest lists.")
            block = self._read_some(_RECORD)

    def _read(self, size: int) -> bytes:
        data = self._read_some(size)
        if len(data) < size:
            raise ArchiveError("The archive is truncated; was the whole file sent?")
        return data

    def _read_some(self, size: int) -> bytes:
        parts, left = [], size
        while left and (part := self._file.read(left)):
            parts.append(part)
            left -= len(part)
        self._left_bytes -= size - left
        if self._left_bytes < 0:
            raise ArchiveError(f"The archive is larger than {self._max_bytes} bytes, the limit.", max_bytes=self._max_bytes)
        return b"".join(parts)


def _read_manifest(reader: _Reader) -> Manifest:
    name, size = reader.member("it is empty")
    if name != MANIFEST_FILE or not 0 < size <= MAX_MANIFEST_BYTES:
        raise ArchiveError(
            f"The archive starts with {name[:200]!r} of {size} bytes, not with {MANIFEST_FILE} of 1 to {MAX_MANIFEST_BYTES}; "
            "it is not an exported revision.",
            file=name[:200],
        )
    try:
        return Manifest.from_json(b"".join(reader.content(size)).decode())
    except (RevisionDamagedError, UnicodeDecodeError) as error:
        raise ArchiveError(f"The archive cannot be used: {error}", file=MANIFEST_FILE) from error


def _header(name: str, size: int, modified_s: int) -> bytes:
    header = tarfile.TarInfo(name)
    header.size, header.mtime, header.mode = size, modified_s, 0o644
    return header.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)
