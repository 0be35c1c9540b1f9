"""The bound on what is in the server: exact, answered in a way a client can act on, and counted once."""

import asyncio

import grpc
import pytest
from held_device import held
from metrics_page import scrape
from small_server import MakeSettings
from tiny_category import SIDE_PX, draw_part, fit_category

from goldenpart.client import AsyncClient, Frame, Inspection, InvalidArgument, NotInspectedReason, Overloaded, Verdict
from goldenpart.server.app import running_server

LIMIT = 8


def frames(count: int, start: int = 0) -> list[Frame]:
    return [Frame(str(number), "part", draw_part(1, 100 + number)) for number in range(start, start + count)]


async def inspect_one(client: AsyncClient, number: int) -> Inspection:
    [result] = await client.inspect(frames(1, number))
    return result


async def refusals(calls: set[asyncio.Task[Inspection]], count: int) -> list[Overloaded]:
    """Wait until so many calls were refused; none may end in another way meanwhile."""
    found: list[Overloaded] = []
    while len(found) < count:
        done, calls = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        for call in done:
            error = call.exception()
            assert isinstance(error, Overloaded)
            found.append(error)
    return found


async def test_the_bound_refuses_exactly_the_surplus_and_the_metric_agrees(make_settings: MakeSettings) -> None:
    async with running_server(make_settings(limits={"frames_in_server": LIMIT})) as app, AsyncClient(app.address) as client:
        await fit_category(client, "part", 1)
        await inspect_one(client, 0)
        async with held(app.executor) as let_go:
            calls = {asyncio.create_task(inspect_one(client, number)) for number in range(20)}
            refused = await refusals(calls, 20 - LIMIT)
            assert (await scrape(app.metrics_address)).value("goldenpart_frames_in_server") == LIMIT
            let_go()
            answers = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(answer, Inspection) and answer.verdict is Verdict.PASS for answer in answers) == LIMIT
        assert sum(isinstance(answer, Overloaded) for answer in answers) == 20 - LIMIT
        for error in refused:
            assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
            assert error.retry_after_s is not None
            assert 0 < error.retry_after_s <= 10
            assert error.details["frames_limit"] == str(LIMIT)
        page = await scrape(app.metrics_address)
        assert page.value("goldenpart_rejected_total", reason="OVERLOADED") == 20 - LIMIT
        assert page.value("goldenpart_requests_total", method="Inspect", code="RESOURCE_EXHAUSTED") == 20 - LIMIT
        assert page.value("goldenpart_verdicts_total", category="part", verdict="PASS") == LIMIT + 1
        assert page.value("goldenpart_frames_in_server") == 0


async def test_a_call_gets_in_whole_or_not_at_all(make_settings: MakeSettings) -> None:
    async with running_server(make_settings(limits={"frames_in_server": LIMIT})) as app, AsyncClient(app.address) as client:
        await fit_category(client, "part", 1)
        async with held(app.executor) as let_go:
            calls = {asyncio.create_task(client.inspect(frames(5))), asyncio.create_task(client.inspect(frames(5, 5)))}
            [refused], [admitted] = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            assert isinstance(refused.exception(), Overloaded)
            filling = asyncio.create_task(client.inspect(frames(LIMIT - 5, 20)))
            [too_many], _ = await asyncio.wait({asyncio.create_task(client.inspect(frames(4, 30))), filling}, return_when="FIRST_COMPLETED")
            assert isinstance(too_many.exception(), Overloaded)
            let_go()
            assert [len(await call) for call in (admitted, filling)] == [5, LIMIT - 5]
        assert (await scrape(app.metrics_address)).value("goldenpart_rejected_total", reason="OVERLOADED") == 5 + 4


async def test_pixels_are_bounded_too(make_settings: MakeSettings) -> None:
    limits = {"pixels_in_server": 3 * SIDE_PX**2}
    async with running_server(make_settings(limits=limits)) as app, AsyncClient(app.address) as client:
        await fit_category(client, "part", 1)
        async with held(app.executor) as let_go:
            calls = {asyncio.create_task(inspect_one(client, number)) for number in range(5)}
            assert [error.details["pixels_limit"] for error in await refusals(calls, 2)] == [str(3 * SIDE_PX**2)] * 2
            let_go()
            answers = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(answer, Inspection) for answer in answers) == 3


async def test_a_stream_gets_its_surplus_as_outcomes_counted_once(make_settings: MakeSettings) -> None:
    async with running_server(make_settings(limits={"frames_in_server": LIMIT})) as app, AsyncClient(app.address) as client:
        await fit_category(client, "part", 1)
        refused: list[Inspection] = []
        inspected: list[Inspection] = []
        async with held(app.executor) as let_go:
            async for result in client.inspect_stream(frames(20)):
                (refused if result.reason is NotInspectedReason.OVERLOADED else inspected).append(result)
                if len(refused) == 20 - LIMIT:
                    let_go()
        assert {result.verdict for result in inspected} == {Verdict.PASS}
        assert sorted(int(result.frame_id) for result in refused + inspected) == list(range(20))
        page = await scrape(app.metrics_address)
        assert page.value("goldenpart_rejected_total", reason="OVERLOADED") == 20 - LIMIT
        assert page.total("goldenpart_verdicts_total") == 20


async def test_a_call_that_can_never_fit_is_told_so(make_settings: MakeSettings) -> None:
    async with running_server(make_settings(limits={"frames_in_server": LIMIT})) as app, AsyncClient(app.address) as client:
        assert (await client.server_info()).limits.frames_per_call == LIMIT
        with pytest.raises(InvalidArgument, match=f"9 frames; it must have 1 to {LIMIT}"):
            await client.inspect(frames(LIMIT + 1))


async def test_cancelled_calls_give_their_room_back_while_the_device_is_busy(make_settings: MakeSettings) -> None:
    async with running_server(make_settings(limits={"frames_in_server": LIMIT})) as app, AsyncClient(app.address) as client:
        await fit_category(client, "part", 1)
        async with held(app.executor) as let_go:
            calls = {asyncio.create_task(inspect_one(client, number)) for number in range(LIMIT + 1)}
            await refusals(calls, 1)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            filling = [asyncio.create_task(inspect_as_told(client, number)) for number in range(LIMIT)]
            with pytest.raises(Overloaded):
                await inspect_on_and_on(client)  # until they are in, and there is no room for one more
            assert app.executor.waiting <= LIMIT
            let_go()
            assert {(await call).verdict for call in filling} == {Verdict.PASS}


async def inspect_on_and_on(client: AsyncClient) -> None:
    while True:
        await client.inspect([Frame("x", "part", draw_part(1, 1), budget_ms=1)])


async def inspect_as_told(client: AsyncClient, number: int) -> Inspection:
    """Inspect, waiting as long as the server says each time it has no room."""
    while True:
        try:
            return await inspect_one(client, number)
        except Overloaded as error:
            await asyncio.sleep(error.retry_after_s or 0)
