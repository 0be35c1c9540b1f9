"""Servers to test against: one in the test's own event loop, and one that is a process."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from goldenpart.client import AsyncClient, Client
from goldenpart.client.demo.process import ServerProcess
from goldenpart.server.app import App, running_server
from goldenpart.server.settings import Settings

MakeSettings = Callable[..., Settings]


@pytest.fixture
def make_settings(tmp_path: Path) -> MakeSettings:
    """Settings of a server on free ports whose store is this test's; keywords change them."""

    def make(**changes: Any) -> Settings:
        own = {"listen": "127.0.0.1:0", "metrics_listen": "127.0.0.1:0", "artifacts": tmp_path / "artifacts", "threads": 1}
        return Settings(**(own | changes))

    return make


@pytest.fixture
async def server(make_settings: MakeSettings) -> AsyncIterator[App]:
    """A server in the loop of the test; talk to it with `aio_client`, a blocking client would wait for ever."""
    async with running_server(make_settings()) as app:
        yield app


@pytest.fixture
async def aio_client(server: App) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.address) as client:
        yield client


@pytest.fixture(scope="session")
def server_process() -> Iterator[ServerProcess]:
    """A server of its own process, shared by all tests that leave it as it was but for categories of their own."""
    with ServerProcess({"GOLDENPART_THREADS": "1"}) as process:
        yield process


@pytest.fixture
def client(server_process: ServerProcess) -> Iterator[Client]:
    """A blocking client of the server process."""
    with Client(server_process.address) as client:
        yield client
