"""Downloads of checkpoints from a real HTTP server on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import io
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import torch
from filelock import FileLock

from goldenpart.server.errors import BackboneUnavailableError, WeightsDigestError
from goldenpart.server.vision.backbones.checkpoints import PublishedCheckpoint, load_checkpoint, obtain_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from goldenpart.server.vision.backbones.checkpoints import Checkpoint

TENSORS = {"cls_token": torch.randn(1, 1, 384), "blocks.0.mlp.fc1.weight": torch.randn(1536, 384)}  # 2.4 MB


class WeightsServer(ThreadingHTTPServer):
    """Serves one file at every path.

    Attributes:
        content: bytes of the file.
        breaks: for each request to come, after how many body bytes the connection is cut; empty means never.
        ranges: whether Range requests are honoured.
        requests: Range header of each request so far.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), WeightsHandler)
        self.content = content
        self.breaks: list[int] = []
        self.ranges = True
        self.requests: list[str | None] = []


class WeightsHandler(BaseHTTPRequestHandler):
    server: WeightsServer

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.requests.append(wanted)
        if self.path.startswith("/absent"):
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.ranges else 0
        size = len(self.server.content)
        if start >= size:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        end = start + self.server.breaks.pop(0) if self.server.breaks else size
        self.wfile.write(self.server.content[start:end])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WeightsServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    buffer = io.BytesIO()
    torch.save(TENSORS, buffer)
    with WeightsServer(buffer.getvalue()) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def published(server: WeightsServer) -> PublishedCheckpoint:
    url = f"http://127.0.0.1:{server.server_port}/model_pretrain.pth"
    return PublishedCheckpoint("model", url, hashlib.sha256(server.content).hexdigest())


def files_in(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir() if path.suffix != ".lock"}


def assert_obtained(checkpoint: Checkpoint, published: PublishedCheckpoint) -> None:
    assert checkpoint.digest == f"sha256:{published.sha256}"
    assert checkpoint.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(checkpoint.tensors[name], TENSORS[name]) for name in TENSORS)


def test_weights_are_downloaded_once_and_kept_as_safetensors(
    server: WeightsServer, published: PublishedCheckpoint, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cache = tmp_path / "artifacts" / "backbones"
    assert_obtained(obtain_checkpoint(published, cache), published)
    assert_obtained(obtain_checkpoint(published, cache), published)
    assert server.requests == [None]
    assert files_in(cache) == {"model.safetensors"}
    assert "%" not in capfd.readouterr().err  # no progress bar in a log file


def test_a_terminal_shows_progress(published: PublishedCheckpoint, tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    with contextlib.redirect_stderr(Terminal()) as terminal:
        obtain_checkpoint(published, tmp_path)
    assert "model_pretrain.pth: 100%" in terminal.getvalue()


def test_a_broken_transfer_is_continued_where_it_broke(server: WeightsServer, published: PublishedCheckpoint, tmp_path: Path) -> None:
    server.breaks = [1_000_000, 500_001]
    assert_obtained(obtain_checkpoint(published, tmp_path), published)
    assert server.requests == [None, "bytes=1000000-", "bytes=1500001-"]


def test_a_transfer_that_keeps_breaking_is_continued_by_the_next_call(
    server: WeightsServer, published: PublishedCheckpoint, tmp_path: Path
) -> None:
    server.breaks = [1000] * 5
    with pytest.raises(BackboneUnavailableError, match=r"broke off 5 times, 5000 bytes are kept in .*model_pretrain\.pth\.part"):
        obtain_checkpoint(published, tmp_path)
    assert files_in(tmp_path) == {"model_pretrain.pth.part"}
    assert_obtained(obtain_checkpoint(published, tmp_path), published)
    assert server.requests[-1] == "bytes=5000-"
    assert files_in(tmp_path) == {"model.safetensors"}


def test_a_server_without_ranges_starts_over(server: WeightsServer, published: PublishedCheckpoint, tmp_path: Path) -> None:
    server.ranges = False
    server.breaks = [1_000_000]
    assert_obtained(obtain_checkpoint(published, tmp_path), published)
    assert server.requests == [None, "bytes=1000000-"]


def test_a_transfer_that_died_before_its_rename_is_finished(server: WeightsServer, published: PublishedCheckpoint, tmp_path: Path) -> None:
    (tmp_path / "model_pretrain.pth.part").write_bytes(server.content)
    assert_obtained(obtain_checkpoint(published, tmp_path), published)
    assert server.requests == [f"bytes={len(server.content)}-"]  # answered 416: nothing is left to send


def test_bytes_with_another_digest_are_removed(server: WeightsServer, published: PublishedCheckpoint, tmp_path: Path) -> None:
    found, expected = published.sha256, "0" * 64
    with pytest.raises(WeightsDigestError, match=f"{found}, expected {expected}"):
        obtain_checkpoint(replace(published, sha256=expected), tmp_path)
    assert files_in(tmp_path) == set()


def test_a_damaged_partial_file_is_removed_and_the_next_call_succeeds(
    server: WeightsServer, published: PublishedCheckpoint, tmp_path: Path
) -> None:
    (tmp_path / "model_pretrain.pth.part").write_bytes(b"rubbish")
    with pytest.raises(WeightsDigestError, match="the download was removed"):
        obtain_checkpoint(published, tmp_path)
    assert_obtained(obtain_checkpoint(published, tmp_path), published)
    assert server.requests == ["bytes=7-", None]


def test_offline_says_what_to_fetch_and_where_to_put_it(published: PublishedCheckpoint, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    unreachable = replace(published, url=f"http://127.0.0.1:{port}/model_pretrain.pth")
    with pytest.raises(BackboneUnavailableError) as caught:
        obtain_checkpoint(unreachable, tmp_path)
    message = str(caught.value)
    assert "refused" in message
    for part in (unreachable.url, published.sha256, str(tmp_path / "model_pretrain.pth")):
        assert part in message


def test_a_refusing_server_is_quoted(server: WeightsServer, published: PublishedCheckpoint, tmp_path: Path) -> None:
    with pytest.raises(BackboneUnavailableError, match="answers HTTP 404"):
        obtain_checkpoint(replace(published, url=published.url.replace("model_pretrain", "absent")), tmp_path)
    assert files_in(tmp_path) == set()


def test_a_file_put_there_by_hand_needs_no_network(server: WeightsServer, published: PublishedCheckpoint, tmp_path: Path) -> None:
    (tmp_path / "model_pretrain.pth").write_bytes(server.content)
    assert_obtained(obtain_checkpoint(published, tmp_path), published)
    assert server.requests == []
    assert files_in(tmp_path) == {"model.safetensors"}


def test_a_wrong_file_put_there_by_hand_is_refused_and_left_alone(
    server: WeightsServer, published: PublishedCheckpoint, tmp_path: Path
) -> None:
    by_hand = tmp_path / "model_pretrain.pth"
    by_hand.write_bytes(b"something else")
    found = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(WeightsDigestError, match=f"{found}, expected {published.sha256}; replace it"):
        obtain_checkpoint(published, tmp_path)
    assert by_hand.exists()
    assert server.requests == []


def test_a_kept_file_of_another_release_is_refused(published: PublishedCheckpoint, tmp_path: Path) -> None:
    obtain_checkpoint(published, tmp_path)
    with pytest.raises(WeightsDigestError, match=f"{published.sha256}, expected sha256:{'1' * 64}; delete it"):
        obtain_checkpoint(replace(published, sha256="1" * 64), tmp_path)


def test_a_copy_of_a_kept_file_is_the_same_backbone(published: PublishedCheckpoint, tmp_path: Path) -> None:
    obtain_checkpoint(published, tmp_path)
    copy = tmp_path / "elsewhere.safetensors"
    copy.write_bytes((tmp_path / "model.safetensors").read_bytes())
    assert_obtained(load_checkpoint(copy), published)


def test_callers_at_the_same_time_download_once(server: WeightsServer, published: PublishedCheckpoint, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        for checkpoint in pool.map(lambda _: obtain_checkpoint(published, tmp_path), range(4)):
            assert_obtained(checkpoint, published)
    assert server.requests == [None]


def test_a_lock_held_for_too_long_is_named(server: WeightsServer, published: PublishedCheckpoint, tmp_path: Path) -> None:
    with (
        FileLock(tmp_path / "model.lock"),
        pytest.raises(BackboneUnavailableError, match=r"Another process has held .*model\.lock"),
    ):
        obtain_checkpoint(published, tmp_path, lock_timeout_s=0)
    assert server.requests == []


def test_a_cache_that_cannot_be_written_is_named(published: PublishedCheckpoint, tmp_path: Path) -> None:
    occupied = tmp_path / "occupied"
    occupied.write_text("a file where the folder should be")
    with pytest.raises(BackboneUnavailableError, match=r"model cannot be kept in .*occupied.*choose a writable folder"):
        obtain_checkpoint(published, occupied)
