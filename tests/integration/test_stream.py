"""InspectStream: a camera that stays connected."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from held_device import held
from metrics_page import scrape
from small_server import MakeSettings
from tiny_category import draw_defect, draw_part, fit_category

from goldenpart.client import AsyncClient, DeadlineExceeded, Frame, Inspection, NotInspectedReason, Unavailable, Verdict
from goldenpart.server.app import App, running_server

FRAMES = 12


def frame(number: int, **options: object) -> Frame:
    return Frame(str(number), "part", draw_part(1, 100 + number), **options)  # type: ignore[arg-type]


async def until(reached: asyncio.Event, first: list[Frame]) -> AsyncIterator[Frame]:
    """Send frames, then stay connected without sending until told."""
    for one in first:
        yield one
    await reached.wait()


async def collect(stream: AsyncIterator[Inspection], results: list[Inspection]) -> None:
    async for result in stream:
        results.append(result)  # noqa: PERF401 - they count even if the stream breaks


async def ask_until_refused(client: AsyncClient) -> None:
    while True:
        await client.server_info()


async def test_every_frame_is_answered_once_after_the_client_has_sent_all(aio_client: AsyncClient) -> None:
    await fit_category(aio_client, "part", 1)
    frames = [*map(frame, range(FRAMES)), Frame("bad", "part", draw_defect(1, 7)), Frame("lost", "nowhere", draw_part(1, 1))]
    results = {result.frame_id: result async for result in aio_client.inspect_stream([*frames, Frame("junk", "part", b"text")])}
    assert {results[str(number)].verdict for number in range(FRAMES)} == {Verdict.PASS}
    assert results["bad"].verdict is Verdict.FAIL
    assert results["lost"].reason is NotInspectedReason.UNKNOWN_CATEGORY
    assert results["junk"].reason is NotInspectedReason.UNSUPPORTED_FORMAT
    assert len(results) == FRAMES + 3


async def test_results_come_while_the_camera_stays_connected(aio_client: AsyncClient) -> None:
    await fit_category(aio_client, "part", 1)
    leave = asyncio.Event()
    seen = []
    async for result in aio_client.inspect_stream(until(leave, [frame(1), frame(2)])):
        seen.append(result.frame_id)
        if len(seen) == 2:
            leave.set()
    assert sorted(seen) == ["1", "2"]


async def test_a_client_that_leaves_takes_its_frames_with_it(server: App, aio_client: AsyncClient) -> None:
    await fit_category(aio_client, "part", 1)
    async with held(server.executor) as let_go:
        stream: Any = aio_client.inspect_stream([Frame("junk", "part", b"text"), *map(frame, range(FRAMES))])
        assert (await anext(stream)).frame_id == "junk"
        await stream.aclose()
        while (await scrape(server.metrics_address)).value("goldenpart_requests_total", method="InspectStream", code="CANCELLED") < 1:
            pass
        page = await scrape(server.metrics_address)
        assert page.value("goldenpart_frames_in_server") == 0
        assert page.value("goldenpart_queue_frames") == 0
        let_go()
        assert (await aio_client.inspect([frame(1)]))[0].verdict is Verdict.PASS


async def test_the_deadline_of_the_call_ends_the_stream_and_its_frames(server: App, aio_client: AsyncClient) -> None:
    await fit_category(aio_client, "part", 1)
    async with held(server.executor):
        results: list[Inspection] = []
        stream = aio_client.inspect_stream(until(asyncio.Event(), [frame(1)]), timeout_s=0.3)
        with pytest.raises(DeadlineExceeded):
            await collect(stream, results)
        assert {result.reason for result in results} <= {NotInspectedReason.DEADLINE_PASSED}
        while (await scrape(server.metrics_address)).value("goldenpart_frames_in_server"):
            pass


@pytest.mark.parametrize("leaves", [False, True], ids=["deadline", "client leaves"])
async def test_a_camera_is_let_go_when_its_stream_is_over(aio_client: AsyncClient, leaves: bool) -> None:
    let_go = asyncio.Event()

    async def camera() -> AsyncIterator[Frame]:
        try:
            yield Frame("junk", "part", b"text")
            await asyncio.Event().wait()
        finally:
            let_go.set()

    stream: Any = aio_client.inspect_stream(camera(), timeout_s=1.0)
    assert (await anext(stream)).frame_id == "junk"
    if leaves:
        await stream.aclose()
    else:
        with pytest.raises(DeadlineExceeded):
            await anext(stream)
    assert let_go.is_set()


async def test_a_camera_that_never_waits_is_closed_with_its_stream(aio_client: AsyncClient) -> None:
    closed = asyncio.Event()

    async def camera() -> AsyncIterator[Frame]:
        try:
            while True:
                yield Frame("junk", "part", b"text")
        finally:
            closed.set()

    stream: Any = aio_client.inspect_stream(camera())
    await anext(stream)
    await stream.aclose()
    assert closed.is_set()


async def test_a_camera_that_does_not_let_go_keeps_nobody(aio_client: AsyncClient) -> None:
    leave = asyncio.Event()

    async def camera() -> AsyncIterator[Frame]:
        yield Frame("junk", "part", b"text")
        while not leave.is_set():
            with suppress(asyncio.CancelledError):
                await leave.wait()

    stream: Any = aio_client.inspect_stream(camera(), timeout_s=0.5)
    await anext(stream)
    with pytest.raises(DeadlineExceeded):
        await anext(stream)
    leave.set()


async def test_no_frame_of_a_long_stream_waits_longer_than_the_server_allows(make_settings: MakeSettings) -> None:
    async with running_server(make_settings(limits={"frame_wait_s": 0.2})) as app, AsyncClient(app.address) as client:
        await fit_category(client, "part", 1)
        for timeout_s in (None, 3600.0):
            async with held(app.executor):
                [result] = [result async for result in client.inspect_stream([frame(1)], timeout_s=timeout_s)]
            assert result.reason is NotInspectedReason.DEADLINE_PASSED


async def test_draining_answers_what_was_read_and_ends_the_stream_of_a_camera_that_stays(make_settings: MakeSettings) -> None:
    results: list[Inspection] = []
    reached = asyncio.Event()

    async def watch(client: AsyncClient) -> None:
        async for result in client.inspect_stream(until(asyncio.Event(), [*map(frame, range(4)), Frame("junk", "part", b"text")])):
            results.append(result)
            reached.set()

    running = AsyncExitStack()
    app = await running.enter_async_context(running_server(make_settings()))
    async with AsyncClient(app.address) as client:
        await fit_category(client, "part", 1)
        async with held(app.executor) as let_go:
            watching = asyncio.create_task(watch(client))
            await reached.wait()
            stopping = asyncio.create_task(running.aclose())
            with pytest.raises(Unavailable, match="shutting down"):
                await ask_until_refused(client)
            let_go()
        with pytest.raises(Unavailable, match="send what was not answered") as farewell:
            await watching
        await stopping
    assert farewell.value.reason == "DRAINING"
    assert sorted(result.frame_id for result in results) == ["0", "1", "2", "3", "junk"]
    assert {result.verdict for result in results if result.frame_id != "junk"} == {Verdict.PASS}
