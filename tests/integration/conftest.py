"""Servers to test against: one in the test's own event loop, and one that is a process."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import grpc
import pytest
from bad_requests import CATEGORY, GOOD_PNG, SEED, Stubs
from small_server import MakeSettings, small_settings
from tiny_category import fit_category

from goldenpart.client import AsyncClient, Client, Frame, Verdict
from goldenpart.client.demo.process import ServerProcess
from goldenpart.server.app import App, running_server
from goldenpart.v1 import category_pb2_grpc, inspection_pb2_grpc, onboarding_pb2_grpc


@pytest.fixture(autouse=True)
def no_error_unseen(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test during which asyncio or gRPC logged an error: a task whose exception nobody took, a handler that broke."""
    yield
    records = [record for record in caplog.get_records("call") if record.name.startswith(("asyncio", "grpc"))]
    # grpc itself logs at error level that a result could not be sent to a client which has just left
    unseen = [record.getMessage() for record in records if "ExecuteBatchError" not in record.getMessage()]
    assert not unseen, unseen


@pytest.fixture
def make_settings(tmp_path: Path) -> MakeSettings:
    """Settings of a server on free ports whose store is this test's; keywords change them."""
    return partial(small_settings, tmp_path / "artifacts")


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


@pytest.fixture(scope="session")
def bad_input_category(server_process: ServerProcess) -> str:
    """A category of the server process for requests that must change nothing."""
    with Client(server_process.address) as client:
        fit_category(client, CATEGORY, SEED)
    return CATEGORY


@pytest.fixture
def server_goes_on(client: Client, bad_input_category: str) -> Iterator[None]:
    """After the test the server inspects as before, and the category is as it was."""
    before = client.get_category(bad_input_category)
    yield
    (result,) = client.inspect([Frame("good", bad_input_category, GOOD_PNG)])
    assert result.verdict is Verdict.PASS, result.message
    assert client.get_category(bad_input_category) == before


@pytest.fixture(scope="module")
def stubs(server_process: ServerProcess) -> Iterator[Stubs]:
    """Stubs of the server process that send what the client refuses to."""
    with grpc.insecure_channel(server_process.address) as channel:
        yield Stubs(
            inspection_pb2_grpc.InspectionServiceStub(channel),
            onboarding_pb2_grpc.OnboardingServiceStub(channel),
            category_pb2_grpc.CategoryServiceStub(channel),
        )
