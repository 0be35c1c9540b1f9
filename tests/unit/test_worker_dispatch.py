"""What is sent to the server, at the moments at which a frame may be given up."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from goldenpart.v1 import image_pb2, inspection_pb2
from goldenpart.worker.batches import BatchLimits
from goldenpart.worker.clock import SystemClock
from goldenpart.worker.dispatch import Dispatcher, DispatchLimits
from goldenpart.worker.errors import ParkReason
from goldenpart.worker.events import Outcome, not_inspected
from goldenpart.worker.frames import LineFrame
from goldenpart.worker.inspector import InspectorLimits, to_request
from goldenpart.worker.jobs import Job
from goldenpart.worker.labels import Address, FrameLabel
from goldenpart.worker.metrics import WorkerMetrics

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Requests:
    """An inspector that writes the requests it is asked for and answers PASS."""

    def __init__(self) -> None:
        self.written: list[inspection_pb2.InspectRequest] = []

    async def limits(self) -> InspectorLimits:
        return InspectorLimits(frames=32, bytes=1 << 20)

    async def inspect(self, frames: Sequence[LineFrame], budgets_s: Sequence[float]) -> Sequence[inspection_pb2.InspectionResult]:
        self.written.append(to_request(frames, budgets_s))
        return [inspection_pb2.InspectionResult(verdict=inspection_pb2.VERDICT_PASS) for _ in frames]

    async def reset(self) -> None:
        raise AssertionError("nothing is wrong with the connection")

    async def close(self) -> None:
        pass


def waiting(clock: SystemClock, frame_id: str) -> Job:
    label = FrameLabel(Address("line1", "station1", "cam1"), frame_id)
    return Job(LineFrame(label, image_pb2.Image(encoded=b"jpeg"), "", "digest"), NOW, NOW, clock.monotonic() + 60, 1)


def give_up(job: Job) -> None:
    """Decide a frame as its timer does: the picture is dropped."""
    result = not_inspected(job.frame.label, inspection_pb2.NOT_INSPECTED_REASON_DEADLINE_PASSED, "too late")
    job.outcome = Outcome(job.frame.label, result, job.frame.digest, NOW, NOW, NOW, 1)
    job.frame = LineFrame(job.frame.label, None, "", job.frame.digest)


async def decided_by(given_up: Sequence[int]) -> tuple[Requests, list[str]]:
    """Submit three frames and give some up after their batch was taken and before its call began."""
    inspector, clock, decided = Requests(), SystemClock(), list[str]()

    def on_decided(job: Job, _: inspection_pb2.InspectionResult, __: ParkReason | None) -> None:
        decided.append(job.frame.label.frame_id)

    limits = DispatchLimits(BatchLimits(max_age_s=0.0), calls_in_flight=1, server_deaths=3)
    dispatcher = Dispatcher(inspector, limits, clock, WorkerMetrics(), on_decided)
    jobs = [waiting(clock, f"f{number}") for number in range(3)]
    for job in jobs:
        dispatcher.submit(job)
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(0)  # the batch is taken, and its call is the next to run
    for number in given_up:
        give_up(jobs[number])
    while not dispatcher.idle:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return inspector, decided


async def test_a_frame_that_is_given_up_before_its_call_begins_leaves_the_others_alone() -> None:
    inspector, decided = await decided_by([1])
    assert [len(request.frames) for request in inspector.written] == [2]
    assert decided == ["f0", "f2"]


async def test_a_batch_that_is_given_up_before_its_call_begins_is_not_sent() -> None:
    inspector, decided = await decided_by([0, 1, 2])
    assert (inspector.written, decided) == ([], [])
