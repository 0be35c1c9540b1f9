"""Starting, being ready, switching revisions under load, shutting down."""

import asyncio
import json
import signal
import socket
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from held_device import held
from server_command import outcome, ready_address, run_server
from small_server import MakeSettings
from tiny_category import RECIPE, draw_part, fit_category, golden_parts

from goldenpart.client import AsyncClient, Cancelled, Client, Frame, Inspection, Unavailable, Verdict
from goldenpart.server.app import App, running_server
from goldenpart.server.errors import StoreLockedError
from goldenpart.server.settings import Settings

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
INSPECTION = "goldenpart.v1.InspectionService"


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[tuple[App, AsyncExitStack, AsyncClient, Any]]:
    """Run a server; gives it, the stack whose closing stops it, and a connection that stays open."""
    running = AsyncExitStack()
    app = await running.enter_async_context(running_server(settings))
    async with running, AsyncClient(app.address) as client, grpc.aio.insecure_channel(app.address) as channel:
        yield app, running, client, health_pb2_grpc.HealthStub(channel)


async def test_drain_finishes_what_is_in_flight_and_refuses_what_is_new(make_settings: MakeSettings) -> None:
    async with connected(make_settings()) as (app, running, client, health):
        await fit_category(client, "part", 1)
        watch = health.Watch(health_pb2.HealthCheckRequest(service=INSPECTION))
        assert (await watch.read()).status == SERVING
        async with held(app.executor) as let_go:
            frames = [Frame(str(number), "part", draw_part(1, 100 + number)) for number in range(6)]
            in_flight = asyncio.create_task(client.inspect(frames))
            while app.executor.waiting < len(frames):
                await asyncio.sleep(0)
            stopping = asyncio.create_task(running.aclose())
            assert (await watch.read()).status == NOT_SERVING
            with pytest.raises(Unavailable, match="shutting down") as refusal:
                await client.inspect(frames)
            assert refusal.value.reason == "DRAINING"
            assert (await health.Check(health_pb2.HealthCheckRequest(service=INSPECTION))).status == NOT_SERVING
            assert not stopping.done()
            assert not in_flight.done()
            let_go()
            assert [result.verdict for result in await in_flight] == [Verdict.PASS] * 6
        await asyncio.wait_for(stopping, 10)  # neither the watcher nor the open connection holds it up
        assert await watch.read() is grpc.aio.EOF


async def test_drain_breaks_off_what_takes_too_long(make_settings: MakeSettings) -> None:
    async with connected(make_settings(drain_s=0.1)) as (app, running, client, _):
        await fit_category(client, "part", 1)
        async with held(app.executor) as let_go:
            in_flight = asyncio.create_task(client.inspect([Frame("1", "part", draw_part(1, 100))]))
            while app.executor.waiting < 1:
                await asyncio.sleep(0)
            stopping = asyncio.create_task(running.aclose())
            await asyncio.wait({in_flight})
            assert in_flight.exception() is not None
            let_go()
            await stopping


async def test_every_watcher_hears_of_the_drain_though_another_left(make_settings: MakeSettings) -> None:
    async with connected(make_settings()) as (_, running, _, health):
        watchers = [health.Watch(health_pb2.HealthCheckRequest(service=service)) for service in (INSPECTION, INSPECTION, "")]
        assert [(await watch.read()).status for watch in watchers] == [SERVING] * 3
        watchers[0].cancel()
        stopping = asyncio.create_task(running.aclose())
        assert [(await watch.read()).status for watch in watchers[1:]] == [NOT_SERVING] * 2
        await stopping


async def test_health_of_a_service_that_is_not_here(make_settings: MakeSettings) -> None:
    async with connected(make_settings()) as (_, _, _, health):
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await health.Check(health_pb2.HealthCheckRequest(service="no.Such"))
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
        watch = health.Watch(health_pb2.HealthCheckRequest(service="no.Such"))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


async def test_activating_under_load_keeps_the_category_available(make_settings: MakeSettings) -> None:
    async with connected(make_settings(limits={"bank_bytes": 1_400_000})) as (_, _, client, _):
        revisions = [(await fit_category(client, "part", 1)).revision.revision]
        for turn in range(3):  # each bank is some 620 kB: the budget holds two, so revisions are unloaded all the time
            report = await client.fit("part", golden_parts(1, prefix=f"turn{turn}"), recipe=RECIPE, stage_only=True)
            revisions.append(report.revision.revision)
        seen, done = set[str](), asyncio.Event()

        async def inspect() -> None:
            while not done.is_set():
                [result] = await client.inspect([Frame("1", "part", draw_part(1, 100))])
                assert result.verdict is Verdict.PASS, result.message
                seen.add(result.revision)

        cameras = [asyncio.create_task(inspect()) for _ in range(4)]
        for revision in (*revisions, *reversed(revisions)):
            await client.activate("part", revision)
            [result] = await client.inspect([Frame("2", "part", draw_part(1, 101))])
            assert result.revision == revision, "an answer after the activation comes from before it"
        done.set()
        await asyncio.gather(*cameras)
        assert len(seen) > 1


def reflection_stub(channel: Any) -> Any:
    return reflection_pb2_grpc.ServerReflectionStub(channel)  # its types know blocking channels alone


@pytest.mark.parametrize("offered", [False, True], ids=["off by default", "on by flag"])
async def test_reflection(make_settings: MakeSettings, offered: bool) -> None:
    settings = make_settings(reflection=True) if offered else make_settings()
    async with running_server(settings) as app, grpc.aio.insecure_channel(app.address) as channel:
        call = reflection_stub(channel).ServerReflectionInfo()
        if not offered:
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await call.read()
            assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED
            return
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        answer = await call.read()
        names = {service.name for service in answer.list_services_response.service}
        assert {INSPECTION, "goldenpart.v1.OnboardingService", "goldenpart.v1.CategoryService", "grpc.health.v1.Health"} <= names
        await call.done_writing()


async def test_a_store_serves_one_server_at_a_time_and_then_the_next(make_settings: MakeSettings) -> None:
    async with running_server(make_settings()) as app, AsyncClient(app.address) as client:
        await fit_category(client, "part", 1)
        with pytest.raises(StoreLockedError):
            async with running_server(make_settings()):
                pass
    async with running_server(make_settings()) as app, AsyncClient(app.address) as client:
        assert (await client.inspect([Frame("1", "part", draw_part(1, 100))]))[0].verdict is Verdict.PASS


async def test_nothing_is_left_of_a_server(make_settings: MakeSettings) -> None:
    before = set(threading.enumerate())
    async with running_server(make_settings()) as app, AsyncClient(app.address) as client:
        await fit_category(client, "part", 1)
        await client.inspect([Frame("1", "part", draw_part(1, 100))])
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not {name for name in left if "device-executor" in name or "serve_forever" in name}
    assert len(asyncio.all_tasks()) == 1


async def test_a_busy_port_is_named_and_nothing_keeps_running(make_settings: MakeSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match=f"metrics_listen {address} cannot be listened on"):
            async with running_server(make_settings(metrics_listen=address)):
                pass
    async with running_server(make_settings()) as app:  # the store is free again
        assert app.executor.alive


def test_the_command_says_which_port_is_busy_and_ends_with_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with run_server(tmp_path, ["--listen", address, "--metrics-listen", "", "--log-format", "json"]) as process:
            status, log = outcome(process)
    assert status == 2, log
    assert "server_cannot_start" in log.splitlines()[-1]
    assert address in log.splitlines()[-1]
    assert "Traceback" not in log


def inspect_on_and_on(address: str, answered: threading.Event) -> list[Inspection]:
    """Inspect until the server refuses; returns what it answered."""
    frames = [Frame(str(number), "part", draw_part(1, 100 + number)) for number in range(32)]
    results: list[Inspection] = []
    with Client(address) as client:
        while True:
            try:
                results += client.inspect(frames)
            except (Unavailable, Cancelled):  # gRPC drops a call that comes while the server ends, as CANCELLED
                return results
            answered.set()


def test_sigterm_answers_all_frames_in_flight_and_ends_with_0(tmp_path: Path) -> None:
    flags = ["--listen", "127.0.0.1:0", "--metrics-listen", "", "--log-format", "json", "--threads", "1"]
    with run_server(tmp_path, flags) as process, ThreadPoolExecutor(4) as pool:
        address, answered = ready_address(process), threading.Event()
        with Client(address) as client:
            client.fit("part", golden_parts(1), recipe=RECIPE)
        cameras = [pool.submit(inspect_on_and_on, address, answered) for _ in range(4)]
        assert answered.wait(30)
        process.send_signal(signal.SIGTERM)
        status, log = outcome(process)
        results = [result for camera in cameras for result in camera.result(30)]
    assert status == 0, log
    events = {event["event"]: event for event in map(json.loads, log.splitlines())}
    assert events["server_draining"]["calls"] > 0
    assert events["server_drained"]["calls_broken_off"] == 0
    assert {result.verdict for result in results} == {Verdict.PASS}
