"""One shift on the line: a worker, cameras that send every part once, and a gateway that sees what comes of it."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from goldenpart.client.cli.inspection_view import InspectionView
from goldenpart.client.demo.flanges import Flange
from goldenpart.client.report import InspectedPart
from goldenpart.client.results import Inspection
from goldenpart.worker.broker import URL_VARIABLE
from goldenpart.worker.bus.rabbitmq import RabbitBus
from goldenpart.worker.demo.errors import BrokerInUseError
from goldenpart.worker.demo.gateway import DemoGateway
from goldenpart.worker.demo.worker_process import running_worker
from goldenpart.worker.labels import Address, Want
from goldenpart.worker.simulate.camera import CameraPlan, SimulatedCamera
from goldenpart.worker.simulate.ledger import Balance, Key, Ledger, SentFrame, Verdict
from goldenpart.worker.simulate.pictures import Picture
from goldenpart.worker.topology import INSPECT_QUEUE, line_topology

# Beyond the last frame's budget: for an event that comes late, so that it is called late and not missing.
GRACE_S = 10.0


@dataclass(frozen=True, slots=True)
class LinePlan:
    """Holds how the parts come.

    Attributes:
        category: An onboarded category.
        cameras: How many cameras share the parts, >= 1.
        rate: Parts per second of all cameras together, > 0; arrivals scatter like independent ones.
        budget_s: Verdicts are wanted within this time after the picture was taken.
    """

    category: str
    cameras: int = 2
    rate: float = 5.0
    budget_s: float = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class LineOutcome:
    """Holds what came of it.

    Attributes:
        parts: Parts that have a verdict, in the order of their verdicts.
        balance: Frames and verdicts.
        unreadable: Events that the gateway could not read.
        frames_per_s: Parts with a verdict per second, from the first picture to the last verdict.
    """

    parts: tuple[InspectedPart, ...]
    balance: Balance
    unreadable: int
    frames_per_s: float

    @property
    def kept(self) -> bool:
        """Tells whether every frame got exactly one verdict, in time and in order."""
        return self.balance.kept and not (self.balance.repeats or self.balance.late or self.unreadable)


async def claim_broker(amqp_url: str) -> None:
    """Declares what a line needs and makes sure that nobody else uses it.

    Raises:
        BrokerInUseError: Somebody else's frames wait in the inspect queue, or another worker takes them.
        BusError: The broker is not reachable or set up otherwise.
    """
    session = await RabbitBus([amqp_url], "demo").connect()
    try:
        await session.declare(line_topology())
        state = await session.state_of(INSPECT_QUEUE)
    finally:
        await session.close()
    if state.ready or state.consumers:
        raise BrokerInUseError(
            f"the broker's queue {INSPECT_QUEUE} has {state.ready} waiting frames and {state.consumers} consumers, but the demo needs "
            f"it for itself. Name another broker in {URL_VARIABLE}, or unset it and the demo starts its own."
        )


class DemoLine:
    """Runs one shift. Belongs to one loop, used once.

    Args:
        amqp_url: Broker, claimed.
        server: Address of a gRPC server that knows the category.
        plan: How the parts come.
        shift: The parts, at least one; camera k sees every cameras-th of them, beginning with the k-th.
    """

    def __init__(self, amqp_url: str, server: str, plan: LinePlan, shift: Sequence[Flange]) -> None:
        self._amqp_url = amqp_url
        self._server = server
        self._plan = plan
        self._shift = shift
        self._run = uuid.uuid4().hex[:8]
        self._line = f"demo-{self._run}"
        self._ledger = Ledger()
        self._flanges: dict[Key, Flange] = {}
        self._parts: dict[Key, InspectedPart] = {}
        self._complete = asyncio.Event()
        self._last_event_s = 0.0

    async def run(self, view: InspectionView, log_file: Path) -> LineOutcome:
        """Starts a worker, sends all parts, waits for their verdicts and stops the worker.

        Args:
            view: Shows each verdict; entered while cameras send.
            log_file: Gets the worker's log.

        Raises:
            WorkerProcessError: The worker did not start, crashed, or did not end as it should.
            BusError: The broker is not reachable.
        """
        session = await self._bus("demo").connect()
        gateway = DemoGateway(self._bus("gateway"), self._line, lambda *event: self._on_event(view, *event))
        try:
            async with gateway.opened(), running_worker(session, self._amqp_url, self._server, log_file):
                start_s = time.monotonic()
                with view:
                    await self._send_and_wait()
        finally:
            await session.close()
        frames_per_s = len(self._parts) / max(self._last_event_s - start_s, 1e-9)
        return LineOutcome(tuple(self._parts.values()), self._ledger.balance(), gateway.unreadable, frames_per_s)

    async def _send_and_wait(self) -> None:
        patience_s = 2 * len(self._shift) / self._plan.rate + self._plan.budget_s + GRACE_S
        with contextlib.suppress(TimeoutError):  # the balance tells what is missing
            async with asyncio.timeout(patience_s), asyncio.TaskGroup() as sending:
                for index in range(self._plan.cameras):
                    sending.create_task(self._camera(index).run())
                await self._complete.wait()

    def _camera(self, index: int) -> SimulatedCamera:
        flanges = self._shift[index :: self._plan.cameras]
        pictures = [Picture(flange.name, flange.jpeg, "image/jpeg") for flange in flanges]
        plan = CameraPlan(
            address=Address(self._line, "station1", f"cam{index + 1}"),
            category=self._plan.category,
            frames=len(flanges),
            rate=self._plan.rate / self._plan.cameras,
            poisson=True,
            budget_s=self._plan.budget_s,
            want=Want.REGIONS.value,
            run=self._run,
        )

        def on_sent(frame: SentFrame) -> None:
            self._ledger.sent(frame)
            self._flanges[frame.source, frame.frame_id] = flanges[frame.number]

        return SimulatedCamera(self._bus(plan.address.camera), plan, pictures, on_sent)

    def _on_event(self, view: InspectionView, verdict: Verdict, inspection: Inspection, at: datetime) -> None:
        self._ledger.received(verdict, at)
        flange = self._flanges.get(verdict.key)
        if flange is None or verdict.key in self._parts:
            return  # booked as unexpected or repeated
        self._last_event_s = time.monotonic()
        self._parts[verdict.key] = InspectedPart(flange.name, inspection, flange.label, kind=flange.kind)
        camera = verdict.key[0].rpartition("/")[2]
        view.add(f"{camera} {flange.name} {flange.kind or 'good'}", inspection)
        if len(self._parts) == len(self._shift):
            self._complete.set()

    def _bus(self, name: str) -> RabbitBus:
        return RabbitBus([self._amqp_url], f"{self._line} {name}")
