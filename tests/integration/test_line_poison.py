"""A frame that kills the worker each time, on the real broker with its own count of deliveries."""

import asyncio
from collections.abc import Sequence

from line_plant import WAIT_S, Plant

from goldenpart.v1 import inspection_pb2
from goldenpart.worker.broker import shared_broker
from goldenpart.worker.bus.rabbitmq import RabbitBus
from goldenpart.worker.frames import LineFrame
from goldenpart.worker.inspector import InspectorLimits
from goldenpart.worker.line import Line
from goldenpart.worker.references import Pictures


class DeadlyInspector:
    """Passes everything, but reports the death of its worker when the poisoned frame comes, and never answers that call."""

    def __init__(self) -> None:
        self.died = asyncio.Event()

    async def limits(self) -> InspectorLimits:
        return InspectorLimits(frames=16, bytes=1 << 20)

    async def inspect(self, frames: Sequence[LineFrame], budgets_s: Sequence[float]) -> Sequence[inspection_pb2.InspectionResult]:
        if any(frame.label.frame_id == "poison" for frame in frames):
            self.died.set()
            await asyncio.Event().wait()
        return [
            inspection_pb2.InspectionResult(verdict=inspection_pb2.VERDICT_PASS, score=0.5, threshold=1.0, revision="r1") for _ in frames
        ]

    async def reset(self) -> None:
        """There is no connection."""

    async def close(self) -> None:
        """There is no connection."""


async def crash_once(plant: Plant) -> bool:
    """Runs a worker until the poison kills it or all frames are answered; tells whether it was killed."""
    inspector = DeadlyInspector()
    line = Line(RabbitBus([plant.broker.url], "doomed"), inspector, Pictures({}, 1), plant.settings)
    running = asyncio.create_task(line.run())
    waiting = [asyncio.create_task(inspector.died.wait()), asyncio.create_task(plant.until(events=9, parked=1))]
    await asyncio.wait(waiting, timeout=WAIT_S, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    # Cancelling ends the session without a drain: what was not acked is delivered again, as after kill -9.
    running.cancel()
    await asyncio.gather(running, *waiting, return_exceptions=True)
    return inspector.died.is_set()


async def test_poisoned_frame_is_parked_after_its_attempts_and_its_neighbours_are_judged() -> None:
    async with Plant.opened(shared_broker(), "127.0.0.1:1", budget_s=600) as plant:
        for n in range(8):
            await plant.send("poison" if n == 3 else f"f{n}")
        await plant.send("last")
        crashes = 0
        while await crash_once(plant):
            crashes += 1
            assert crashes <= plant.settings.attempt_limit
        verdicts = {event_id: verdict for event_id, verdict, _ in plant.outcomes()}
    assert crashes == plant.settings.attempt_limit
    assert verdicts == {**{f"f{n}": "PASS" for n in range(8) if n != 3}, "poison": "NOT_INSPECTED", "last": "PASS"}
    assert [parked.message.headers["frame_id"] for parked in plant.parked] == ["poison"]
    assert plant.parked[0].message.headers["goldenpart-reason"] == "ATTEMPTS_SPENT"
