"""A ``goldenpart-server`` of one's own, as a process."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

_POLL_S = 0.05
_LOG_TAIL_BYTES = 4000


class ServerProcessError(RuntimeError):
    """The server did not start, or did not end as it should."""


class ServerProcess:
    """A running server; a context manager that stops it. Belongs to one thread.

    The server listens on a free port of 127.0.0.1 and keeps its revisions in a temporary folder, unless the settings say otherwise.
    It runs in a session of its own: an interrupt at the terminal reaches the caller alone, who then stops the server properly.

    Args:
        settings: Environment of the server on top of the caller's, for example ``{"GOLDENPART_DEFAULT_BACKBONE": "compact"}``.
        start_timeout_s: Longest wait for the server to announce its port; loading may go on after that.

    Raises:
        ServerProcessError: It ended at once or announced nothing in time; the message has the end of its log.
    """

    def __init__(self, settings: Mapping[str, str] | None = None, *, start_timeout_s: float = 60.0) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="goldenpart-server-")
        folder = Path(self._folder.name)
        self._port_file, self.log_file = folder / "port", folder / "server.log"
        own = {
            "GOLDENPART_LISTEN": "127.0.0.1:0",
            "GOLDENPART_ARTIFACTS": str(folder / "artifacts"),
            "GOLDENPART_METRICS_LISTEN": "",
        }
        try:
            # In a thread, because an interrupt comes to the main thread alone: here it would leave a server that nobody knows of.
            with ThreadPoolExecutor(1) as starter:
                starter.submit(bool).result()  # from here on there is a thread, which leaving this block waits for
                starter.submit(self._start, {**os.environ, **own, **(settings or {})}).result()
            self.address = self._announced_address(start_timeout_s)
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.stop()
        else:
            self.kill()

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._process.pid

    def log_tail(self) -> str:
        """Return the end of the server's log."""
        return self.log_file.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace") if self.log_file.exists() else ""

    def stop(self, timeout_s: float = 30.0) -> None:
        """Ask the server to finish what is in flight and end, and wait for that. Stopping twice is fine.

        Raises:
            ServerProcessError: It did not end in time (and was killed), or not with status 0.
        """
        if not self.log_file.exists():  # the folder goes with the process
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            problem: str | None = f"did not end within {timeout_s:g} s after SIGTERM"
        else:
            problem = f"ended with status {status}" if status else None
        tail = self.log_tail()
        self.kill()
        if problem:
            raise ServerProcessError(f"the server {problem}; end of its log:\n{tail}")

    def kill(self) -> None:
        """End the server at once and remove its folder."""
        if hasattr(self, "_process") and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def _start(self, environment: Mapping[str, str]) -> None:
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own module
                [sys.executable, "-m", "goldenpart.server"],
                env={**environment, "GOLDENPART_PORT_FILE": str(self._port_file)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _announced_address(self, timeout_s: float) -> str:
        end_s = time.monotonic() + timeout_s
        while not (address := self._port_file.read_text().strip() if self._port_file.exists() else ""):
            if time.monotonic() > end_s:
                raise ServerProcessError(f"the server announced no port within {timeout_s:g} s; end of its log:\n{self.log_tail()}")
            try:
                status = self._process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                continue
            raise ServerProcessError(f"the server ended at once with status {status}; end of its log:\n{self.log_tail()}")
        return address
