"""Breaks worker, server and broker while cameras send, and books what becomes of the frames."""

import asyncio
import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from goldenpart.worker.broker import PrivateBroker
from goldenpart.worker.bus import BusError, QueueState
from goldenpart.worker.bus.rabbitmq import RabbitBus
from goldenpart.worker.labels import Address
from goldenpart.worker.simulate.camera import CameraPlan, SimulatedCamera
from goldenpart.worker.simulate.gateway import SimulatedGateway
from goldenpart.worker.simulate.ledger import Balance, Ledger, Verdict
from goldenpart.worker.simulate.pictures import Picture
from goldenpart.worker.simulate.processes import RestartableServer, SupervisedWorker
from goldenpart.worker.topology import INSPECT_QUEUE, PARKED_QUEUE

POLL_S = 0.1
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ChaosPlan:
    """Holds what is sent and what is broken.

    Attributes:
        category: An onboarded category.
        frames: Frames in all.
        cameras: How many cameras share them.
        rate: Frames per second of all cameras together.
        budget_s: Within what time each verdict is wanted.
        worker_kills: How often the worker is killed (SIGKILL).
        server_kills: How often the server is killed.
        broker_restarts: How often the broker is restarted.
        seed: Order of the disturbances.
        patience_s: A line that answers nothing for so long, while nothing is being restarted, has failed.
    """

    category: str
    frames: int = 2000
    cameras: int = 4
    rate: float = 40.0
    budget_s: float = 600.0
    worker_kills: int = 5
    server_kills: int = 3
    broker_restarts: int = 2
    seed: int = 1
    patience_s: float = 120.0


@dataclass(frozen=True, slots=True)
class ChaosOutcome:
    """Holds what came of it.

    Attributes:
        balance: Frames and verdicts.
        disturbances: What was broken, at how many answered frames.
        seconds: From the first frame to the last verdict.
        resent: Frames that cameras sent again because the broker had not confirmed them.
        worker_exit: Exit status of the worker after SIGTERM.
        left_in_queue: Messages in the inspect queue at the end.
        parked: Messages in the parking lot at the end.
    """

    balance: Balance
    disturbances: tuple[tuple[int, str], ...]
    seconds: float
    resent: int
    worker_exit: int
    left_in_queue: int
    parked: int

    @property
    def kept(self) -> bool:
        """Tells whether every promise was kept."""
        return self.balance.kept and self.worker_exit == 0 and self.left_in_queue == 0 and self.parked == 0


@dataclass(slots=True)
class ChaosRun:
    """One run against a broker, a server and a worker of its own. Belongs to one loop.

    Attributes:
        broker: Running.
        server: Running, with the category.
        folder: Gets the worker's log.
        say: Tells people what happens.
    """

    broker: PrivateBroker
    server: RestartableServer
    folder: Path
    say: Say
    ledger: Ledger = field(default_factory=Ledger)
    _last_event: float = 0.0
    _quiet_since: float = 0.0
    _disturbing: bool = False

    async def run(self, plan: ChaosPlan, pictures: Sequence[Picture]) -> ChaosOutcome:
        """Sends, breaks, waits, stops; see `ChaosOutcome`."""
        worker = SupervisedWorker(self.worker_settings(), self.folder / "worker.log")
        await worker.start()
        try:
            return await self._run(plan, worker, pictures)
        finally:
            await worker.stop()

    async def _run(self, plan: ChaosPlan, worker: SupervisedWorker, pictures: Sequence[Picture]) -> ChaosOutcome:
        run = uuid.uuid4().hex[:8]
        await self._until(plan, lambda queue: queue.consumers > 0)
        gateway = SimulatedGateway(self._bus("gateway"), f"goldenpart.gateway.{run}", "#", self._on_verdict)
        self._last_event = self._quiet_since = started = time.monotonic()
        disturbances: list[tuple[int, str]] = []
        async with gateway.opened():
            cameras = [self._camera(plan, run, index, pictures) for index in range(plan.cameras)]
            sending = [asyncio.create_task(camera.run()) for camera in cameras]
            breaking = asyncio.create_task(self._break(plan, worker, disturbances))
            try:
                await self._until_answered(plan, [breaking, *sending])
                breaking.cancel()  # nothing more is broken, also if the line was given up
                # The last kill may have come after the last verdict: the worker has to be back to finish what that left, and to stop.
                await worker.until_running(plan.patience_s)
                await self._until(plan, lambda queue: queue.ready == 0)
            finally:
                for task in (breaking, *sending):
                    task.cancel()
                await asyncio.gather(breaking, *sending, return_exceptions=True)
                seconds = self._last_event - started
                worker_exit = await worker.stop()
        resent = sum(camera.resent for camera in cameras)
        parked, left = (await self._state_of(PARKED_QUEUE)).ready, (await self._state_of(INSPECT_QUEUE)).ready
        return ChaosOutcome(self.ledger.balance(), tuple(disturbances), seconds, resent, worker_exit, left, parked)

    def worker_settings(self) -> dict[str, str]:
        """Gives the worker's settings for this broker and server."""
        return {"GOLDENPART_WORKER_AMQP_URLS": self.broker.url, "GOLDENPART_WORKER_SERVER": self.server.address}

    def _bus(self, name: str) -> RabbitBus:
        return RabbitBus([self.broker.url], name)

    def _camera(self, plan: ChaosPlan, run: str, index: int, pictures: Sequence[Picture]) -> SimulatedCamera:
        frames = plan.frames // plan.cameras + (index < plan.frames % plan.cameras)
        address = Address("line1", f"station{index % 2 + 1}", f"cam{index + 1}")
        camera = CameraPlan(address, plan.category, frames, plan.rate / plan.cameras, True, plan.budget_s, "verdict", run)
        return SimulatedCamera(self._bus(f"camera {index + 1}"), camera, pictures[index :: plan.cameras], self.ledger.sent)

    def _on_verdict(self, verdict: Verdict, at: datetime) -> None:
        self.ledger.received(verdict, at)
        self._last_event = self._quiet_since = time.monotonic()

    async def _break(self, plan: ChaosPlan, worker: SupervisedWorker, done: list[tuple[int, str]]) -> None:
        """Breaks something each time another share of the frames is answered."""
        kinds = ["worker"] * plan.worker_kills + ["server"] * plan.server_kills + ["broker"] * plan.broker_restarts
        random.Random(plan.seed).shuffle(kinds)  # noqa: S311 (no secret)
        for position, kind in enumerate(kinds):
            threshold = plan.frames * (position + 1) // (len(kinds) + 1)
            while self.ledger.answered < threshold:  # noqa: ASYNC110 (progress of a whole line has no event)
                await asyncio.sleep(POLL_S)
            done.append((self.ledger.answered, kind))
            self.say(f"{self.ledger.answered} of {plan.frames} answered: {_DEEDS[kind]}")
            self._disturbing = True
            await self._disturb(kind, worker)
            self._disturbing = False

    async def _disturb(self, kind: str, worker: SupervisedWorker) -> None:
        if kind == "worker":
            await worker.kill()
        elif kind == "server":
            await asyncio.to_thread(self.server.kill)
            await asyncio.to_thread(self.server.start)
        else:
            await asyncio.to_thread(self.broker.restart)

    async def _until_answered(self, plan: ChaosPlan, tasks: "list[asyncio.Task[None]]") -> None:
        while self.ledger.answered < plan.frames or not all(task.done() for task in tasks):
            for task in tasks:
                if task.done():
                    task.result()
            if self._disturbing:  # silence while something restarts is not the line's
                self._quiet_since = time.monotonic()
            if time.monotonic() - self._quiet_since > plan.patience_s:
                self.say(f"nothing was answered for {plan.patience_s:.0f} s; {self.ledger.open_frames} frames are open")
                return
            await asyncio.sleep(POLL_S)

    async def _until(self, plan: ChaosPlan, condition: Callable[[QueueState], bool]) -> None:
        """Waits for a state of the inspect queue: a worker that listens, or nothing left of what cameras sent twice."""
        end = time.monotonic() + plan.patience_s
        while time.monotonic() < end:
            try:
                if condition(await self._state_of(INSPECT_QUEUE)):
                    return
            except BusError:
                pass  # the worker has not declared it yet
            await asyncio.sleep(POLL_S)

    async def _state_of(self, queue: str) -> QueueState:
        session = await self._bus("observer").connect()
        try:
            return await session.state_of(queue)
        finally:
            await session.close()


_DEEDS = {"worker": "kill -9 the worker", "server": "kill -9 the server and start it again", "broker": "restart the broker"}
