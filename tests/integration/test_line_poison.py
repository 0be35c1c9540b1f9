"""A frame that kills the worker each time, and one that kills the server, on the real broker with its own count of deliveries."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
from line_plant import PICTURE, WAIT_S, Plant

from goldenpart.v1 import inspection_pb2
from goldenpart.worker.broker import free_ports, shared_broker
from goldenpart.worker.bus.rabbitmq import RabbitBus
from goldenpart.worker.frames import LineFrame
from goldenpart.worker.inspector import InspectorLimits
from goldenpart.worker.line import Line
from goldenpart.worker.references import Pictures
from goldenpart.worker.simulate.onboarding import onboard_flange
from goldenpart.worker.simulate.processes import RestartableServer

# Behind the end of a JPEG, where no decoder looks; repeated, so that no border between two HTTP/2 frames cuts through all of it.
POISON = b"<deadly>" * 64


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


class Executioner:
    """Stands between the worker and a real server, and kills the server with SIGKILL each time it gets the poisoned frame.

    While the server is down nobody listens, as after a crash; a supervisor then starts it again under the same address.
    """

    def __init__(self, server: RestartableServer) -> None:
        self._server = server
        self._port = free_ports(1)[0]
        self._listener: asyncio.Server
        self._serving: set[asyncio.Task[None]] = set()
        self._restart: asyncio.Task[None] | None = None
        self.kills = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Executioner"]:
        await self._listen()
        try:
            yield self
        finally:
            if self._restart is not None:
                await self._restart
            self._listener.close()
            await self._hang_up()

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._server.address.split(":"))
        ways = [asyncio.create_task(self._requests(reader, there_writer)), asyncio.create_task(self._answers(there_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for sink in (writer, there_writer):
                sink.close()
                with contextlib.suppress(ConnectionError):
                    await sink.wait_closed()

    async def _requests(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
            if POISON[:16] in data and (self._restart is None or self._restart.done()):
                self._restart = asyncio.create_task(self._kill_and_restart())
                return

    async def _answers(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)

    async def _kill_and_restart(self) -> None:
        self.kills += 1
        self._listener.close()
        await asyncio.to_thread(self._server.kill)
        await self._hang_up()
        await asyncio.to_thread(self._server.start)
        await self._listen()

    async def _hang_up(self) -> None:
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)


@pytest.fixture
def server() -> Iterator[RestartableServer]:
    running = RestartableServer({"GOLDENPART_THREADS": "1"})
    try:
        running.start()
        onboard_flange(running.address)
        yield running
    finally:
        running.close()


@pytest.mark.timeout(240)
async def test_frame_that_kills_the_real_server_is_parked_with_its_event_and_its_neighbours_are_judged(server: RestartableServer) -> None:
    deaths = 3
    async with (
        Executioner(server).listening() as executioner,
        Plant.opened(shared_broker(), executioner.address, budget_s=600, server_death_limit=deaths) as plant,
        plant.working(),
    ):
        for n in range(8):
            await plant.send(f"f{n}", PICTURE.encoded + (POISON if n == 3 else b""))
        async with asyncio.timeout(180):
            while len(plant.events) < 8 or not plant.parked:
                await asyncio.sleep(0.05)
        await plant.send("last")
        await plant.until(events=9)
    outcomes = plant.outcomes()
    assert executioner.kills == deaths
    assert outcomes[3] == ("f3", "NOT_INSPECTED", "SERVER_ERROR")
    assert outcomes == [(name, "PASS", None) if name != "f3" else outcomes[3] for name in (*(f"f{n}" for n in range(8)), "last")]
    (parked,) = plant.parked
    assert parked.message.headers["frame_id"] == "f3"
    assert parked.message.headers["goldenpart-reason"] == "ATTEMPTS_SPENT"
    assert parked.message.body == PICTURE.encoded + POISON
