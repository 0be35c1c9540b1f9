"""The supervisor of a worker process: whatever the order of kill, restart and stop, `stop` returns and no process is left."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from goldenpart.worker.broker import free_ports
from goldenpart.worker.simulate.processes import SupervisedWorker

WAIT_S = 60.0


def supervised(folder: Path, stop_timeout_s: float = WAIT_S) -> SupervisedWorker:
    """Prepares a worker that finds no broker and goes on trying."""
    nobody = f"amqp://guest:guest@127.0.0.1:{free_ports(1)[0]}/%2F"
    return SupervisedWorker({"GOLDENPART_WORKER_AMQP_URLS": nobody}, folder / "worker.log", stop_timeout_s)


async def until_started(worker: SupervisedWorker, times: int) -> None:
    while worker.starts < times:
        await asyncio.sleep(0.01)


async def until_logged(folder: Path, word: bytes) -> None:
    while word not in (folder / "worker.log").read_bytes():
        await asyncio.sleep(0.01)


async def test_worker_that_is_killed_right_before_it_is_stopped_is_not_started_again(tmp_path: Path) -> None:
    """The trap: SIGTERM went to the dead process, and then the supervisor waited for its successor for ever."""
    worker = supervised(tmp_path)
    async with asyncio.timeout(WAIT_S):
        await worker.start()
        await worker.kill()
        assert await worker.stop() == -signal.SIGKILL
    assert worker.starts == 1


async def test_worker_that_just_came_back_is_stopped(tmp_path: Path) -> None:
    worker = supervised(tmp_path)
    async with asyncio.timeout(WAIT_S):
        await worker.start()
        first = worker._process.pid
        await worker.kill()
        await until_started(worker, 2)
        assert worker._process.pid != first
        assert await worker.stop() in (0, -signal.SIGTERM)
    with pytest.raises(ProcessLookupError):
        os.kill(worker._process.pid, 0)


async def test_worker_without_a_broker_is_not_running_and_stops_in_an_orderly_way(tmp_path: Path) -> None:
    worker = supervised(tmp_path)
    async with asyncio.timeout(WAIT_S):
        await worker.start()
        await until_logged(tmp_path, b"broker_lost")
        assert not await worker.until_running(timeout_s=0.1)
        assert await worker.stop() == 0


async def test_worker_that_hangs_is_killed(tmp_path: Path) -> None:
    worker = supervised(tmp_path, stop_timeout_s=0.2)
    async with asyncio.timeout(WAIT_S):
        await worker.start()
        await until_logged(tmp_path, b"broker_lost")  # from then on SIGTERM is its own affair, and a stopped process does not get to it
        os.kill(worker._process.pid, signal.SIGSTOP)
        assert await worker.stop() == -signal.SIGKILL
