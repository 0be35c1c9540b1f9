"""The thread that owns the device: what goes when, what fails alone, what happens when it ends."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from fitted_category import loaded, prepared

from goldenpart.server.errors import ExecutorDeadError, InternalError
from goldenpart.server.runtime.batch_queue import BatchQueue
from goldenpart.server.runtime.executor import BACKGROUND_EVERY, DeviceExecutor, JobAnswer


@dataclass
class Log:
    """What an executor reports."""

    batches: list[int] = field(default_factory=list)
    deaths: list[BaseException] = field(default_factory=list)


@asynccontextmanager
async def running(max_batch: int = 16) -> AsyncIterator[tuple[DeviceExecutor, Log]]:
    log = Log()
    queue = BatchQueue(max_batch, 0.0, time.monotonic)  # type: ignore[var-annotated]
    executor = DeviceExecutor(queue, lambda frames, _: log.batches.append(frames), log.deaths.append)
    executor.start()
    try:
        yield executor, log
    finally:
        await asyncio.to_thread(executor.stop, 10)
        assert not executor.alive


@asynccontextmanager
async def held(executor: DeviceExecutor) -> AsyncIterator[Callable[[], None]]:
    loop, busy, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def wait() -> None:
        loop.call_soon_threadsafe(busy.set)
        assert release.wait(60)

    work = asyncio.create_task(executor.run_slice(wait))
    await busy.wait()
    try:
        yield release.set
    finally:
        release.set()
        await work


def inspect(executor: DeviceExecutor, *numbers: int) -> list[asyncio.Task[JobAnswer]]:
    return [asyncio.create_task(executor.inspect(loaded(), prepared(number), None)) for number in numbers]


async def waiting(executor: DeviceExecutor, count: int) -> None:
    while executor.waiting != count:
        await asyncio.sleep(0)


async def test_a_slice_gives_its_result_or_its_error() -> None:
    async with running() as (executor, log):
        assert await executor.run_slice(lambda: threading.current_thread().name) == "device-executor"
        with pytest.raises(ZeroDivisionError):
            await executor.run_slice(lambda: 1 // 0)
        assert await executor.run_slice(lambda: 2) == 2
    assert log.deaths == []


async def test_frames_that_wait_together_go_together() -> None:
    async with running() as (executor, log):
        alone = [await executor.inspect(loaded(), prepared(number), None) for number in (7, 8, 9)]
        async with held(executor) as let_go:
            asking = inspect(executor, 7, 8, 9)
            await waiting(executor, 3)
            let_go()
            together = await asyncio.gather(*asking)
    assert log.batches == [1, 1, 1, 3]
    assert {answer.batch_size for answer in together} == {3}
    for one, other in zip(alone, together, strict=True):
        assert other.scored.scored.score == pytest.approx(one.scored.scored.score, abs=1e-5)


async def test_a_frame_that_breaks_the_computation_fails_alone() -> None:
    async with running() as (executor, log):
        good = (await executor.inspect(loaded(), prepared(7), None)).scored.scored.score
        broken = replace(prepared(8), inspected=np.ones((3, 3), np.bool_))  # not the grid of its pixels
        async with held(executor) as let_go:
            before, after = inspect(executor, 7, 7), inspect(executor, 7, 7, 7)
            bad = asyncio.create_task(executor.inspect(loaded(), broken, None))
            await waiting(executor, 6)
            let_go()
            answers = await asyncio.gather(*before, *after)
            with pytest.raises(InternalError, match="broke the computation"):
                await bad
        assert [answer.scored.scored.score for answer in answers] == pytest.approx([good] * 5, abs=1e-5)
        assert executor.alive
    assert log.deaths == []


async def test_a_cancelled_frame_leaves_the_queue_at_once_and_is_not_worked_on() -> None:
    async with running() as (executor, log):
        async with held(executor) as let_go:
            asking = inspect(executor, 7, 8, 9)
            await waiting(executor, 3)
            asking[1].cancel()
            await asyncio.wait({asking[1]})
            assert executor.waiting == 2
            let_go()
            await asyncio.gather(asking[0], asking[2])
        assert asking[1].cancelled()
    assert log.batches == [2]


async def test_a_cancelled_slice_is_not_run() -> None:
    ran: list[str] = []
    async with running() as (executor, _), held(executor) as let_go:
        slices = [asyncio.create_task(executor.run_slice(lambda name=name: ran.append(name))) for name in "abc"]  # type: ignore[misc]
        await asyncio.sleep(0)
        slices[1].cancel()
        await asyncio.wait({slices[1]})
        let_go()
        await asyncio.gather(slices[0], slices[2])
    assert ran == ["a", "c"]


async def test_onboarding_gets_a_slice_after_so_many_batches_and_no_sooner() -> None:
    async with running(max_batch=1) as (executor, log), held(executor) as let_go:
        asking = inspect(executor, *[7] * (2 * BACKGROUND_EVERY + 1))
        done_before = [asyncio.create_task(executor.run_slice(lambda: len(log.batches))) for _ in range(3)]
        await waiting(executor, len(asking))
        let_go()
        assert await asyncio.gather(*done_before) == [BACKGROUND_EVERY, 2 * BACKGROUND_EVERY, 2 * BACKGROUND_EVERY + 1]
        await asyncio.gather(*asking)


@pytest.mark.parametrize("error", [torch.AcceleratorError("CUDA error: device lost", 700), SystemExit("gone")], ids=["accelerator", "exit"])
async def test_death_fails_everybody_who_waits_and_everybody_after(error: BaseException) -> None:
    def die() -> None:
        raise error

    async with running() as (executor, log):
        async with held(executor) as let_go:
            dying = asyncio.create_task(executor.run_slice(die))
            later = [asyncio.create_task(executor.run_slice(lambda: None)) for _ in range(3)]
            await asyncio.sleep(0)
            let_go()
        answers = await asyncio.gather(dying, *later, return_exceptions=True)
        assert [type(answer) for answer in answers] == [ExecutorDeadError] * 4
        assert log.deaths == [error]
        assert not executor.alive
        with pytest.raises(ExecutorDeadError):
            await executor.run_slice(lambda: None)
        with pytest.raises(ExecutorDeadError):
            await executor.inspect(loaded(), prepared(7), None)


async def test_death_fails_the_frames_in_the_queue() -> None:
    async with running() as (executor, log):
        loop, busy, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        def wait_and_die() -> None:
            loop.call_soon_threadsafe(busy.set)
            assert release.wait(60)
            raise torch.AcceleratorError("CUDA error: device lost", 700)

        dying = asyncio.create_task(executor.run_slice(wait_and_die))
        await busy.wait()
        asking = inspect(executor, 7, 8)
        await waiting(executor, 2)
        release.set()
        answers = await asyncio.gather(dying, *asking, return_exceptions=True)
        assert [type(answer) for answer in answers] == [ExecutorDeadError] * 3
        assert executor.waiting == 0
    assert len(log.deaths) == 1


async def test_stop_fails_what_waits_and_is_no_death() -> None:
    async with running() as (executor, log):
        async with held(executor) as let_go:
            asking = inspect(executor, 7)
            await waiting(executor, 1)
            stopping = asyncio.create_task(asyncio.to_thread(executor.stop, 10))
            while True:
                try:
                    await asyncio.wait_for(executor.run_slice(lambda: None), 0.001)
                except TimeoutError:
                    continue
                except ExecutorDeadError:
                    break
            let_go()
        await stopping
        with pytest.raises(ExecutorDeadError):
            await asking[0]
    assert log.deaths == []
