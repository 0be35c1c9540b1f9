"""Many clients at once: every frame gets one outcome, by one revision, as if it had come alone."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from held_device import held
from metrics_page import scrape
from small_server import MakeSettings
from tiny_category import RECIPE, draw_defect, draw_part, fit_category, golden_parts

from goldenpart.client import (
    AsyncClient,
    DeadlineExceeded,
    Frame,
    Inspection,
    NotInspectedReason,
    Overloaded,
    Revision,
    ThresholdRequest,
    Verdict,
)
from goldenpart.server.app import App, running_server

SEED = 20_260_301
CLIENTS, CHANNELS, CALLS = 64, 4, 6
CATEGORIES = ("casting", "gasket", "plate")


@dataclass
class Tally:
    """What became of the frames of all clients."""

    sent: int = 0
    answered: int = 0
    cancelled: int = 0
    too_late: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Known:
    """What a revision alone would say of each picture."""

    revision: Revision
    scores: Sequence[float]


async def teach(client: AsyncClient, name: str, seed: int) -> list[Revision]:
    """Fit two revisions whose golden parts, thresholds and scores differ; the first is active in the end."""
    first = (await fit_category(client, name, seed)).revision
    other = golden_parts(seed + 50, prefix="other")
    second = (await client.fit(name, other, recipe=RECIPE, threshold=ThresholdRequest(false_reject_rate=0.2))).revision
    await client.activate(name, first.revision)
    return [first, second]


async def learn_scores(client: AsyncClient, name: str, revision: Revision, pictures: Sequence[Frame]) -> Known:
    frames = [Frame(str(place), name, picture.image, revision=revision.revision) for place, picture in enumerate(pictures)]
    return Known(revision, [result.score for frame in frames for result in await client.inspect([frame])])


def check(result: Inspection, known: dict[tuple[str, str], Known], place: int) -> None:
    """Assert that all that is said about a frame belongs to the revision that is said to have judged it."""
    expected = known[result.category, result.revision]
    calibration = expected.revision.calibration
    assert calibration is not None
    assert result.threshold == calibration.threshold
    assert result.score == pytest.approx(expected.scores[place], rel=1e-4)
    assert result.verdict is (Verdict.FAIL if result.score > calibration.threshold else Verdict.PASS)
    assert result.nearest is not None
    assert result.nearest.golden_name in {part.name for part in expected.revision.golden_parts}


async def test_64_clients_with_cancellations_and_deadlines_while_revisions_are_switched(make_settings: MakeSettings) -> None:
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(running_server(make_settings(limits={"frames_in_server": 96})))
        clients = [await stack.enter_async_context(AsyncClient(app.address)) for _ in range(CHANNELS)]
        pictures = [Frame(str(place), "", (draw_defect if place % 4 == 3 else draw_part)(1, 100 + place)) for place in range(8)]
        revisions = {name: await teach(clients[0], name, seed) for seed, name in enumerate(CATEGORIES, 1)}
        known = {
            (name, each.revision): await learn_scores(clients[0], name, each, pictures) for name in CATEGORIES for each in revisions[name]
        }
        tally, judged, switching = Tally(), Counter[tuple[str, str]](), asyncio.Event()

        async def switch() -> None:
            turn = 0
            while not switching.is_set():
                turn += 1
                for name in CATEGORIES:
                    await clients[turn % CHANNELS].activate(name, revisions[name][turn % 2].revision)

        async def camera(number: int) -> None:
            chance = random.Random(SEED + number)
            for call in range(CALLS):
                places = chance.choices(range(len(pictures)), k=chance.randint(1, 4))
                frames = [
                    Frame(f"{number}-{call}-{index}", chance.choice(CATEGORIES), pictures[place].image, budget_ms=chance.choice((0, 0, 40)))
                    for index, place in enumerate(places)
                ]
                tally.sent += len(frames)
                fate = chance.random()
                timeout_s = chance.uniform(0.005, 0.2) if fate < 0.2 else 30.0
                asking = asyncio.create_task(clients[number % CHANNELS].inspect(frames, timeout_s=timeout_s))
                if 0.2 <= fate < 0.4:
                    await asyncio.wait({asking}, timeout=chance.uniform(0, 0.2))
                    asking.cancel()
                try:
                    results = await asking
                except Overloaded as error:
                    tally.refused += len(frames)
                    await asyncio.sleep(error.retry_after_s or 0)
                except DeadlineExceeded:
                    tally.too_late += len(frames)
                except asyncio.CancelledError:
                    tally.cancelled += len(frames)
                else:
                    assert [result.frame_id for result in results] == [frame.frame_id for frame in frames]
                    tally.answered += len(results)
                    for result, place in zip(results, places, strict=True):
                        if result.verdict is Verdict.NOT_INSPECTED:
                            assert result.reason is NotInspectedReason.DEADLINE_PASSED, result.message
                        else:
                            judged[result.category, result.revision] += 1
                            check(result, known, place)

        switcher = asyncio.create_task(switch())
        await asyncio.gather(*map(camera, range(CLIENTS)))
        switching.set()
        await switcher
        assert tally.answered + tally.cancelled + tally.too_late + tally.refused == tally.sent
        assert min(tally.answered, tally.cancelled, tally.too_late) > 0
        assert all(judged[key] for key in known), judged
        page = await scrape(app.metrics_address)
        assert page.value("goldenpart_rejected_total", reason="OVERLOADED") >= tally.refused
        for name in CATEGORIES:
            await clients[0].activate(name, revisions[name][0].revision)
            [result] = await clients[0].inspect([Frame("after", name, pictures[0].image)])
            check(result, known, 0)
        assert await settled(app), "frames were left in the server"


async def settled(app: App) -> bool:
    """Wait until nothing is in the server any more: a client learns of its own cancellation first."""
    async with asyncio.timeout(10):
        while (page := await scrape(app.metrics_address)).value("goldenpart_frames_in_server"):
            pass
    return page.value("goldenpart_queue_frames") == 0


async def test_frames_score_the_same_alone_and_in_batches_of_mixed_categories(server: App, aio_client: AsyncClient) -> None:
    for seed, name in enumerate(CATEGORIES, 1):
        await fit_category(aio_client, name, seed)
    frames = [
        Frame(f"{name}-{number}", name, (draw_defect if number % 2 else draw_part)(seed, 100 + number))
        for number in range(4)
        for seed, name in enumerate(CATEGORIES, 1)
    ]
    alone = [result for frame in frames for result in await aio_client.inspect([frame])]
    async with held(server.executor) as let_go:
        asking = asyncio.create_task(aio_client.inspect(frames))
        while server.executor.waiting < len(frames):
            await asyncio.sleep(0)
        let_go()
        together = await asking
    assert {result.timings.batch_size for result in alone} == {1}
    assert {result.timings.batch_size for result in together} == {len(frames)}
    for one, other in zip(alone, together, strict=True):
        assert other.score == pytest.approx(one.score, rel=1e-4)
        assert (other.verdict, other.nearest and other.nearest.golden_name) == (one.verdict, one.nearest and one.nearest.golden_name)


async def test_a_budget_ends_in_time_although_the_device_is_busy(server: App, aio_client: AsyncClient) -> None:
    await fit_category(aio_client, "part", 1)
    await aio_client.inspect([Frame("0", "part", draw_part(1, 100))])
    async with held(server.executor) as let_go:
        hasty, patient = Frame("1", "part", draw_part(1, 101), budget_ms=150), Frame("2", "part", draw_part(1, 102))
        waiting = asyncio.create_task(aio_client.inspect([patient]))
        [late] = await aio_client.inspect([hasty])
        assert not waiting.done(), "the device was not busy"
        let_go()
        [good] = await waiting
    assert (late.verdict, late.reason) == (Verdict.NOT_INSPECTED, NotInspectedReason.DEADLINE_PASSED)
    assert 0.15 <= late.timings.total_s < 5
    assert good.verdict is Verdict.PASS


async def test_a_deadline_of_the_call_ends_in_time_although_the_device_is_busy(server: App, aio_client: AsyncClient) -> None:
    await fit_category(aio_client, "part", 1)
    async with held(server.executor):
        try:
            [result] = await aio_client.inspect([Frame("1", "part", draw_part(1, 101))], timeout_s=0.2)
        except DeadlineExceeded:  # whether the answer or the end comes first is a matter of microseconds
            pass
        else:
            assert result.reason is NotInspectedReason.DEADLINE_PASSED
        assert await settled(server)


async def test_one_bad_frame_of_a_call_fails_alone(aio_client: AsyncClient) -> None:
    await fit_category(aio_client, "part", 1)
    good, bad = draw_part(1, 100), b"\x89PNG\r\n\x1a\n" + bytes(8)
    frames = [Frame("a", "part", good), Frame("b", "part", bad), Frame("c", "nowhere", good), Frame("d", "part", good)]
    results = await aio_client.inspect(frames)
    assert [result.verdict for result in results] == [Verdict.PASS, Verdict.NOT_INSPECTED, Verdict.NOT_INSPECTED, Verdict.PASS]
    assert [results[1].reason, results[2].reason] == [NotInspectedReason.UNDECODABLE, NotInspectedReason.UNKNOWN_CATEGORY]
