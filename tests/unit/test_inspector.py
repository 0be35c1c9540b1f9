"""The path of a frame: one outcome each, room given back on every way out, everything counted once."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from fitted_category import frame, loaded

from goldenpart.server.errors import (
    DeadlinePassedError,
    DrainingError,
    GoldenpartError,
    ImageError,
    InternalError,
    InvalidFrameError,
    OverloadedError,
    UnknownCategoryError,
)
from goldenpart.server.runtime.admission import Admission, Load
from goldenpart.server.runtime.batch_queue import BatchQueue
from goldenpart.server.runtime.executor import DeviceExecutor, DeviceJob
from goldenpart.server.runtime.inspection import Frame, Inspection, NotInspected, Outcome
from goldenpart.server.runtime.inspector import Inspector
from goldenpart.server.runtime.loaded import LoadedRevision, LoadedRevisions
from goldenpart.server.vision.image import EncodedImage


class Shelf(LoadedRevisions):
    """Holds one revision and knows some categories that are trouble."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def get(self, category: str, revision: str = "") -> LoadedRevision:
        self.asked.set()
        if category == "slow":
            await asyncio.Event().wait()
        if category == "timeout":
            raise TimeoutError("the network was slow")
        if category == "broken":
            raise KeyError(category)
        if category != "part":
            raise UnknownCategoryError(f"There is no category {category}.")
        return loaded(category, revision or "r0001")


@dataclass
class Tally:
    outcomes: list[Outcome] = field(default_factory=list)
    refused: list[tuple[str, int]] = field(default_factory=list)
    admission: Admission = field(default_factory=lambda: Admission(4, 10**9))
    shelf: Shelf = field(default_factory=Shelf)

    def refuse(self, error: GoldenpartError, frames: int) -> None:
        self.refused.append((error.reason, frames))


def inspector(pool: ThreadPoolExecutor, executor: DeviceExecutor | None = None) -> tuple[Inspector, Tally]:
    tally = Tally()
    device = executor or DeviceExecutor(BatchQueue(4, 0.0, time.monotonic), lambda *_: None, lambda _: None)
    return Inspector(tally.shelf, device, tally.admission, pool, 10**6, tally.outcomes.append, tally.refuse), tally


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def device() -> Iterator[DeviceExecutor]:
    queue: BatchQueue[DeviceJob] = BatchQueue(4, 0.0, time.monotonic)
    executor = DeviceExecutor(queue, lambda *_: None, lambda _: None)
    executor.start()
    yield executor
    executor.stop(10)


def reasons(outcomes: list[Outcome]) -> list[str | None]:
    return [outcome.error.reason if isinstance(outcome, NotInspected) else None for outcome in outcomes]


async def test_every_frame_gets_its_outcome_in_order(pool: ThreadPoolExecutor, device: DeviceExecutor) -> None:
    subject, tally = inspector(pool, device)
    wrong = NotInspected("wrong", "part", InvalidFrameError("no id"), 0.0)
    junk = Frame("junk", "part", EncodedImage(b"text"), frame(0).wanted, "", None)
    frames: list[Frame | NotInspected] = [frame(0), wrong, frame(1, category="nowhere"), junk, frame(2, category="broken"), frame(3)]
    outcomes = await subject.inspect(frames)
    assert reasons(outcomes) == [None, "INVALID_FRAME", "UNKNOWN_CATEGORY", "UNSUPPORTED_FORMAT", "SERVER_ERROR", None]
    assert [outcome.frame.frame_id for outcome in outcomes if isinstance(outcome, Inspection)] == ["0", "3"]
    assert tally.outcomes == outcomes
    assert tally.refused == []
    assert tally.admission.held == Load(0, 0)


async def test_timings_add_up(pool: ThreadPoolExecutor, device: DeviceExecutor) -> None:
    [outcome] = await inspector(pool, device)[0].inspect([frame(0)])
    assert isinstance(outcome, Inspection)
    timings = outcome.timings
    parts = timings.queue_s + timings.decode_s + timings.backbone_s + timings.search_s + timings.post_s
    assert 0 < timings.backbone_s < parts <= timings.total_s * 1.01
    assert timings.batch_size == 1


async def test_a_deadline_that_has_passed_costs_nothing(pool: ThreadPoolExecutor) -> None:
    subject, tally = inspector(pool)  # its executor was never started: whatever reaches it would wait for ever
    [outcome] = await subject.inspect([frame(0, deadline=time.monotonic() - 1)])
    assert isinstance(outcome, NotInspected)
    assert isinstance(outcome.error, DeadlinePassedError)
    assert tally.admission.held == Load(0, 0)


@pytest.mark.parametrize("category", ["slow", "part"], ids=["while loading", "in the queue"])
async def test_a_deadline_ends_the_wait_wherever_the_frame_is(pool: ThreadPoolExecutor, category: str) -> None:
    subject, tally = inspector(pool)
    [outcome] = await subject.inspect([frame(0, category=category, deadline=time.monotonic() + 0.05)])
    assert isinstance(outcome, NotInspected)
    assert isinstance(outcome.error, DeadlinePassedError)
    assert tally.admission.held == Load(0, 0)


async def test_a_time_out_of_ours_is_no_deadline_of_theirs(pool: ThreadPoolExecutor) -> None:
    [outcome] = await inspector(pool)[0].inspect([frame(0, category="timeout", deadline=time.monotonic() + 60)])
    assert isinstance(outcome, NotInspected)
    assert isinstance(outcome.error, InternalError)


async def test_a_call_without_room_is_refused_whole_and_counted_once(pool: ThreadPoolExecutor) -> None:
    subject, tally = inspector(pool)
    with pytest.raises(OverloadedError):
        await subject.inspect([frame(number) for number in range(5)])
    assert tally.refused == [("OVERLOADED", 5)]
    assert tally.outcomes == []
    assert tally.admission.held == Load(0, 0)


async def test_a_frame_of_a_stream_without_room_is_an_outcome_and_counted_once(pool: ThreadPoolExecutor) -> None:
    subject, tally = inspector(pool)
    tally.admission.drain()
    outcome = await subject.inspect_one(frame(0))
    assert reasons([outcome]) == ["DRAINING"]
    assert tally.outcomes == [outcome]
    assert tally.refused == []
    with pytest.raises(DrainingError):
        await subject.inspect([frame(0)])
    assert tally.refused == [("DRAINING", 1)]


async def test_a_cancelled_call_gives_its_room_back(pool: ThreadPoolExecutor) -> None:
    subject, tally = inspector(pool)
    asking = asyncio.create_task(subject.inspect([frame(0, category="slow"), frame(1, category="slow")]))
    await tally.shelf.asked.wait()
    assert tally.admission.held.frames == 2
    asking.cancel()
    await asyncio.wait({asking})
    assert asking.cancelled()
    assert tally.admission.held == Load(0, 0)


async def test_a_picture_that_is_too_large_takes_no_room(pool: ThreadPoolExecutor) -> None:
    tally = Tally()
    device = DeviceExecutor(BatchQueue(4, 0.0, time.monotonic), lambda *_: None, lambda _: None)
    subject = Inspector(tally.shelf, device, tally.admission, pool, 64 * 64 - 1, tally.outcomes.append, tally.refuse)
    [outcome] = await subject.inspect([frame(0)])
    assert isinstance(outcome, NotInspected)
    assert isinstance(outcome.error, ImageError)
    assert not tally.shelf.asked.is_set()
