"""Worker and server as processes that can be killed and come back, as under systemd or Kubernetes."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from goldenpart.client.demo.process import ServerProcess
from goldenpart.worker.broker import free_ports

RESTART_PAUSE_S = 0.1
# A drain is bounded by the worker's own drain_s (20 s); what takes longer than this hangs.
STOP_TIMEOUT_S = 60.0
# Loading torch on a busy machine takes most of a minute.
START_TIMEOUT_S = 120.0
POLL_S = 0.05
RUNNING = b"line_running"
"""What a worker logs as soon as it takes frames; by then it heeds SIGTERM."""


class SupervisedWorker:
    """Keeps a `goldenpart-worker` running: whenever it ends, it is started again, until `stop`. Belongs to one loop.

    Attributes:
        starts: Processes started so far.
    """

    def __init__(self, settings: Mapping[str, str], log_file: Path, stop_timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Prepares a worker.

        Args:
            settings: GOLDENPART_WORKER_* variables.
            log_file: Gets its log.
            stop_timeout_s: A worker that needs longer after SIGTERM is killed.
        """
        self._environment = {**os.environ, **settings}
        self._log_file = log_file
        self._stop_timeout_s = stop_timeout_s
        self._process: asyncio.subprocess.Process
        self._log_start = 0
        self._stopping = asyncio.Event()
        self._keeper: asyncio.Task[int] | None = None
        self.starts = 0

    async def start(self) -> None:
        """Starts the worker and its supervisor."""
        await self._start_process()
        self._keeper = asyncio.create_task(self._keep())

    async def _start_process(self) -> None:
        with self._log_file.open("ab") as log:
            self._log_start = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "goldenpart.worker", env=self._environment, stderr=log, start_new_session=True
            )
        self.starts += 1

    async def _keep(self) -> int:
        # The only one that starts and ends processes: so no order of `kill`, restart and `stop` leaves one behind.
        stopping = asyncio.create_task(self._stopping.wait())
        ended = asyncio.create_task(self._process.wait())
        while not self._stopping.is_set():
            await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
            if ended.done() and not (await asyncio.wait((stopping,), timeout=RESTART_PAUSE_S))[0]:
                await self._start_process()
                ended = asyncio.create_task(self._process.wait())
        return await self._end(ended)

    async def _end(self, ended: "asyncio.Task[int]") -> int:
        if not ended.done():
            self._signal(signal.SIGTERM)
            await asyncio.wait((ended,), timeout=self._stop_timeout_s)
        if not ended.done():
            self._signal(signal.SIGKILL)
        return await ended

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself a moment ago
            self._process.send_signal(number)

    async def until_running(self, timeout_s: float) -> bool:
        """Waits until the present process takes frames, and tells whether it does. One that was killed does not count."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if self._process.returncode is None and RUNNING in self._log_file.read_bytes()[self._log_start :]:
                return True
            await asyncio.sleep(POLL_S)
        return False

    async def kill(self) -> None:
        """Kills the worker as kill -9 does and returns when it is dead; its supervisor starts another."""
        process = self._process
        if process.returncode is None:
            self._signal(signal.SIGKILL)
            await process.wait()

    async def stop(self) -> int:
        """Asks the worker to finish (SIGTERM) and returns its exit status; negative if it was killed or had to be. Idempotent."""
        assert self._keeper is not None
        self._stopping.set()
        return await self._keeper


class RestartableServer:
    """A `goldenpart-server` on one port with one store, which may be killed and started again. Calls block; use a thread."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="goldenpart-store-")
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        own = {"GOLDENPART_LISTEN": self.address, "GOLDENPART_ARTIFACTS": str(Path(self._folder.name) / "artifacts")}
        self._settings = {**own, **(settings or {})}
        self._process: ServerProcess | None = None

    def start(self) -> None:
        """Starts the server and waits until it listens."""
        self._process = ServerProcess(self._settings, start_timeout_s=START_TIMEOUT_S)

    def kill(self) -> None:
        """Kills the server as kill -9 does. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def stop(self) -> None:
        """Stops the server in an orderly way. Idempotent."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def close(self) -> None:
        """Ends the server and removes its store."""
        self.kill()
        self._folder.cleanup()
