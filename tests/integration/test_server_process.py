"""A server that belongs to another process ends with it."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from goldenpart.client.demo.process import ServerProcess


def children() -> set[str]:
    return {pid for tasks in Path("/proc/self/task").glob("*/children") for pid in tasks.read_text().split()}


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
        while not born:
            born.update(children() - before)
        os.kill(os.getpid(), interrupt)

    watcher = threading.Thread(target=interrupt_at_birth)
    watcher.start()
    with pytest.raises(KeyboardInterrupt):
        ServerProcess()
    watcher.join()
    assert not [pid for pid in born if Path("/proc", pid).exists()]
