"""Fetches pictures that a message only names: files under allowed folders, objects of allowed S3 buckets.

A reference comes from outside, so it may only point to places the operator has listed.
"""

import asyncio
import importlib
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from goldenpart.worker.errors import ParkReason, SettingsError, UnreadableFrameError


class PictureSource(Protocol):
    """Reads pictures of one URI scheme. Called in a thread of the loop's pool, since reading blocks."""

    def read(self, uri: str, max_bytes: int) -> bytes:
        """Reads a picture.

        Raises:
            UnreadableFrameError: The place is not allowed, there is nothing, or it is larger than max_bytes.
        """


def _refuse(uri: str, why: str) -> UnreadableFrameError:
    return UnreadableFrameError(ParkReason.REFERENCE_REFUSED, f"image_uri {uri[:200]!r} {why}")


class FolderPictures:
    """Reads file: URIs below given folders; links are followed first, so that none leads out."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = [root.resolve() for root in roots]

    def read(self, uri: str, max_bytes: int) -> bytes:
        """See `PictureSource.read`."""
        parts = urlsplit(uri)
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            raise _refuse(uri, "must be file:///absolute/path")
        try:
            path = Path(unquote(parts.path)).resolve(strict=True)
        except (OSError, ValueError) as error:
            # The same words whether it is missing or forbidden would hide typing errors; outside the roots nothing is told.
            raise _refuse(uri, "names nothing that can be read") from error
        if not any(path.is_relative_to(root) for root in self._roots):
            raise _refuse(uri, "is not below an allowed folder (GOLDENPART_WORKER_IMAGE_ROOTS)")
        try:
            # O_NONBLOCK: opening a pipe must not wait for a writer. O_NOFOLLOW: the path was resolved, a link appearing now is an attack.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise _refuse(uri, f"cannot be opened: {error.strerror}") from error
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise _refuse(uri, "is not a regular file")
            if not 1 <= status.st_size <= max_bytes:
                raise _refuse(uri, f"has {status.st_size} bytes; 1 to {max_bytes} are allowed")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read(max_bytes)
        finally:
            os.close(descriptor)


class BucketPictures:
    """Reads s3://bucket/key of allowed buckets with boto3 (extra `s3`); credentials come from boto3's usual places."""

    def __init__(self, buckets: Sequence[str], endpoint_url: str | None = None) -> None:
        try:
            boto3: Any = importlib.import_module("boto3")  # an extra, loaded only where it is wanted; it has no types
        except ImportError as error:
            raise SettingsError("image_buckets is set but boto3 is missing: pip install 'goldenpart[worker,s3]'") from error
        self._buckets = frozenset(buckets)
        self._client = boto3.client("s3", endpoint_url=endpoint_url)

    def read(self, uri: str, max_bytes: int) -> bytes:
        """See `PictureSource.read`."""
        parts = urlsplit(uri)
        key = unquote(parts.path.removeprefix("/"))
        if parts.netloc not in self._buckets or not key:
            raise _refuse(uri, "is not in an allowed bucket (GOLDENPART_WORKER_IMAGE_BUCKETS)")
        try:
            answer = self._client.get_object(Bucket=parts.netloc, Key=key)
            with answer["Body"] as body:
                picture = bytes(body.read(max_bytes + 1))
        except Exception as error:  # boto3 makes its exception classes at run time
            raise _refuse(uri, f"cannot be read: {error}") from error
        if not 1 <= len(picture) <= max_bytes:
            raise _refuse(uri, f"has {answer['ContentLength']} bytes; 1 to {max_bytes} are allowed")
        return picture

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()


class Pictures:
    """Fetches pictures by the scheme of their URI. Owned by the loop."""

    def __init__(self, sources: Mapping[str, PictureSource], max_bytes: int) -> None:
        self._sources = sources
        self._max_bytes = max_bytes

    async def fetch(self, uri: str) -> bytes:
        """Fetches a picture.

        Raises:
            UnreadableFrameError: It may not or cannot be read.
        """
        scheme = uri.partition(":")[0].lower()
        source = self._sources.get(scheme)
        if source is None:
            raise _refuse(uri, f"has a scheme that is not allowed here; allowed: {', '.join(sorted(self._sources)) or 'none'}")
        return await asyncio.to_thread(source.read, uri, self._max_bytes)
