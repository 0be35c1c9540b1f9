"""The device is gone for good: everybody who waits is told, health says so, the process ends with 1."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import grpc
import pytest
import torch
from grpc_health.v1 import health_pb2, health_pb2_grpc
from held_device import held
from metrics_page import scrape
from server_command import outcome, ready_address, run_server
from small_server import MakeSettings
from tiny_category import draw_part, fit_category

from goldenpart.client import AsyncClient, Frame, Internal, NotInspectedReason, Verdict
from goldenpart.server.app import running_server
from goldenpart.server.errors import ExecutorDeadError

NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def lose_device() -> None:
    raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered", 700)


async def test_every_waiting_frame_and_fit_is_answered_and_health_follows(make_settings: MakeSettings) -> None:
    async with (
        running_server(make_settings()) as app,
        AsyncClient(app.address) as client,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        await fit_category(client, "part", 1)
        health: Any = health_pb2_grpc.HealthStub(channel)
        watch = health.Watch(health_pb2.HealthCheckRequest(service=""))
        assert (await watch.read()).status != NOT_SERVING
        async with held(app.executor) as let_go:
            dying = asyncio.create_task(app.executor.run_slice(lose_device))
            await asyncio.sleep(0)  # it is the next slice from here on
            fitting = asyncio.create_task(fit_category(client, "other", 2))
            asking = asyncio.create_task(client.inspect([Frame(str(number), "part", draw_part(1, 100)) for number in range(3)]))
            while app.executor.waiting < 3:
                await asyncio.sleep(0)
            for task in (asking, fitting):
                assert not task.done()
            asking_more = [asyncio.create_task(app.executor.run_slice(lambda: None)) for _ in range(3)]
            await asyncio.sleep(0)
            let_go()
        with pytest.raises(ExecutorDeadError):
            await dying
        for slice_ in asking_more:
            with pytest.raises(ExecutorDeadError):
                await slice_
        with pytest.raises(Internal, match="device executor") as broken:
            await fitting
        assert broken.value.reason == "SERVER_ERROR"
        results = await asking  # judged before the device was lost, or told that it is
        assert {(result.verdict, result.reason) for result in results} <= {
            (Verdict.PASS, None),
            (Verdict.NOT_INSPECTED, NotInspectedReason.SERVER_ERROR),
        }
        assert (await watch.read()).status == NOT_SERVING
        assert app.died.is_set()
        [refused] = await client.inspect([Frame("late", "part", draw_part(1, 100))])
        assert (refused.verdict, refused.reason) == (Verdict.NOT_INSPECTED, NotInspectedReason.SERVER_ERROR)
        assert (await scrape(app.metrics_address)).value("goldenpart_executor_up") == 0


async def test_frames_in_the_queue_of_a_device_that_dies_are_answered(make_settings: MakeSettings) -> None:
    async with running_server(make_settings()) as app, AsyncClient(app.address) as client:
        await fit_category(client, "part", 1)
        loop, busy, die = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

        def wait_and_lose_device() -> None:
            loop.call_soon_threadsafe(busy.set)
            asyncio.run_coroutine_threadsafe(die.wait(), loop).result(60)
            lose_device()

        dying = asyncio.create_task(app.executor.run_slice(wait_and_lose_device))
        await busy.wait()
        asking = asyncio.create_task(client.inspect([Frame(str(number), "part", draw_part(1, 100)) for number in range(5)]))
        while app.executor.waiting < 5:
            await asyncio.sleep(0)
        die.set()
        results = await asking
        assert [result.reason for result in results] == [NotInspectedReason.SERVER_ERROR] * 5
        assert all("device executor" in result.message for result in results)
        with pytest.raises(ExecutorDeadError):
            await dying


SCRIPT = """
import asyncio, signal
from contextlib import asynccontextmanager
import torch
from goldenpart.server import __main__ as command

running_server = command.running_server

def lose_device():
    raise torch.AcceleratorError("CUDA error: device lost", 700)

@asynccontextmanager
async def doomed(settings):
    async with running_server(settings) as app:
        lost = lambda: asyncio.ensure_future(app.executor.run_slice(lose_device))
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lost)
        yield app

command.running_server = doomed
command.main()
"""


def test_the_process_ends_with_1(tmp_path: Path) -> None:
    flags = ["--listen", "127.0.0.1:0", "--metrics-listen", "", "--log-format", "json"]
    with run_server(tmp_path, flags, script=SCRIPT) as process:
        assert ready_address(process)
        process.send_signal(signal.SIGUSR1)
        status, log = outcome(process, 30)
    assert status == 1, log
    assert "device_executor_died" in log
