"""Worker and server as processes that can be killed and come back, as under systemd or Kubernetes."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from goldenpart.client.demo.process import ServerProcess
from goldenpart.worker.broker import free_ports

RESTART_PAUSE_S = 0.1


class SupervisedWorker:
    """Keeps a `goldenpart-worker` running: whenever it ends, it is started again, until `stop`. Belongs to one loop."""

    def __init__(self, settings: Mapping[str, str], log_file: Path) -> None:
        """Prepares a worker.

        Args:
            settings: GOLDENPART_WORKER_* variables.
            log_file: Gets its log.
        """
        self._environment = {**os.environ, **settings}
        self._log_file = log_file
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False
        self.starts = 0

    async def start(self) -> None:
        """Starts the worker and its supervisor."""
        await self._start_process()
        self._keeper = asyncio.create_task(self._keep())

    async def _start_process(self) -> None:
        with self._log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "goldenpart.worker", env=self._environment, stderr=log, start_new_session=True
            )
        self.starts += 1

    async def _keep(self) -> None:
        while True:
            assert self._process is not None
            await self._process.wait()
            if self._stopping:
                return
            await asyncio.sleep(RESTART_PAUSE_S)
            await self._start_process()

    def kill(self) -> None:
        """Kills the worker as kill -9 does; its supervisor starts another."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()

    async def stop(self) -> int:
        """Asks the worker to finish (SIGTERM) and returns its exit status."""
        assert self._process is not None
        assert self._keeper is not None
        self._stopping = True
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        await self._keeper
        return await self._process.wait()


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
        self._process = ServerProcess(self._settings)

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
