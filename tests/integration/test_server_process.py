"""A server that belongs to another process ends with it."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from goldenpart.client.demo.process import ServerProcess


def children() -> set[str]:
    found: set[str] = set()
    for tasks in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # threads end while one looks
            found.update(tasks.read_text().split())
    return found


@pytest.fixture
def interrupt() -> Iterator[signal.Signals]:
    """A signal that interrupts as Ctrl-C does; SIGINT itself is ignored where tests run in worker processes."""
    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    yield signal.SIGUSR1
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("_", range(8))
def test_an_interrupt_while_the_server_is_being_started_leaves_none(interrupt: signal.Signals, _: int) -> None:
    before = children()
    born: set[str] = set()

    def interrupt_at_birth() -> None:
        end_s = time.monotonic() + 30
        while not born and time.monotonic() < end_s:
            born.update(children() - before)
        os.kill(os.getpid(), interrupt)

    watcher = threading.Thread(target=interrupt_at_birth, daemon=True)
    watcher.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            ServerProcess()
    finally:
        watcher.join()
        left = [pid for pid in born if Path("/proc", pid).exists()]
        for pid in left:
            os.kill(int(pid), signal.SIGKILL)
    assert born
    assert not left
