"""Download of one published file, resumable and verified."""

from __future__ import annotations

import hashlib
import http.client
import sys
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import TYPE_CHECKING

from tqdm import tqdm

from goldenpart.server.errors import BackboneUnavailableError, WeightsDigestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK_BYTES = 1 << 20
_ATTEMPTS = 5
_TIMEOUT_S = 30.0


def sha256_hex(path: Path) -> str:
    """Hash a file without loading it as a whole. Blocks; raises OSError when the file cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(url: str, sha256: str, target: Path, *, timeout_s: float = _TIMEOUT_S) -> None:
    """Fetch a file, continuing an earlier broken transfer.

    Bytes arrive in ``<target>.part`` and move to `target` in one rename, only after their digest was found right. A transfer
    that breaks is continued by an HTTP Range request (RFC 9110, section 14), a few times within this call and again in the next.
    A progress bar is shown where stderr is a terminal. Blocks; one process at a time may write `target`.

    Args:
        url: http or https address; proxies are taken from the environment.
        sha256: lower-case hex digest the whole file must have.
        target: file to write; its folder exists.
        timeout_s: longest silence of the network, in seconds.

    Raises:
        BackboneUnavailableError: the address cannot be reached, refuses, or keeps breaking off.
        WeightsDigestError: other bytes arrived; they have been removed.
        OSError: the file cannot be written.
    """
    partial = target.with_name(target.name + ".part")
    for _ in range(_ATTEMPTS):
        digest = _attempt(url, partial, timeout_s)
        if digest is not None:
            break
    else:
        have = partial.stat().st_size
        raise BackboneUnavailableError(f"{url} broke off {_ATTEMPTS} times, {have} bytes are kept in {partial}; try again to continue.")
    if digest != sha256:
        partial.unlink()
        raise WeightsDigestError(f"{url} has sha256 {digest}, expected {sha256}; the download was removed. Try again, or check the proxy.")
    partial.replace(target)


def _attempt(url: str, partial: Path, timeout_s: float) -> str | None:
    """Continue `partial`; return its hex digest once the file is complete, None when the connection broke."""
    have = partial.stat().st_size if partial.exists() else 0
    try:
        response = _open(url, have, timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
                return sha256_hex(partial)  # nothing is left to send: the digest tells whether we have it all
            raise BackboneUnavailableError(f"{url} answers HTTP {error.code} {error.reason}.") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise BackboneUnavailableError(f"{url} cannot be reached: {reason}.") from error
    with response:
        if response.status != HTTPStatus.PARTIAL_CONTENT:
            have = 0  # a server without ranges starts over
        total = _total_bytes(response, have)
        received = _receive(response, partial, have, total)
    return sha256_hex(partial) if total is None or received == total else None


def _open(url: str, start: int, timeout_s: float) -> http.client.HTTPResponse:
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"The address {url} is neither http nor https.")
    request = urllib.request.Request(url, headers={"User-Agent": "goldenpart"})  # noqa: S310 - the scheme is checked above
    if start:
        request.add_header("Range", f"bytes={start}-")
    response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=timeout_s)  # noqa: S310 - likewise
    return response


def _total_bytes(response: http.client.HTTPResponse, have: int) -> int | None:
    length = response.headers.get("Content-Length")
    return have + int(length) if length is not None and length.isdecimal() else None


def _receive(response: http.client.HTTPResponse, partial: Path, have: int, total: int | None) -> int:
    """Append the body to `partial`, of which the first `have` bytes stay; return the bytes it then holds."""
    with (
        partial.open("r+b" if have else "wb") as file,
        tqdm(total=total, initial=have, desc=partial.stem, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar,
    ):
        file.seek(have)
        for chunk in _chunks(response):
            file.write(chunk)
            bar.update(len(chunk))
        return file.tell()


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield the body; a connection that breaks ends it early, which the byte count then shows."""
    while True:
        try:
            chunk = response.read(_CHUNK_BYTES)
        except (OSError, http.client.HTTPException):
            return
        if not chunk:
            return
        yield chunk
