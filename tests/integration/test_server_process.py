"""A server that belongs to another process ends with it."""

import os
import signal
import threading
from pathlib import Path

import pytest

from goldenpart.client.demo.process import ServerProcess


def children() -> set[str]:
    return {pid for tasks in Path("/proc/self/task").glob("*/children") for pid in tasks.read_text().split()}


@pytest.mark.parametrize("_", range(5))
def test_an_interrupt_while_the_server_is_being_started_leaves_none(_: int) -> None:
    before = children()
    born: set[str] = set()

    def interrupt_at_birth() -> None:
        while not born:
            born.update(children() - before)
        os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=interrupt_at_birth)
    watcher.start()
    with pytest.raises(KeyboardInterrupt):
        ServerProcess()
    watcher.join()
    assert not [pid for pid in born if Path("/proc", pid).exists()]
