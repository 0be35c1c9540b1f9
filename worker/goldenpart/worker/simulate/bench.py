"""What the line costs: frames per second and latency through RabbitMQ against direct calls, same server, same batch size, same run."""

import asyncio
import math
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from goldenpart.client.channel import Connection
from goldenpart.v1 import image_pb2
from goldenpart.worker.broker import PrivateBroker
from goldenpart.worker.bus.rabbitmq import RabbitBus
from goldenpart.worker.frames import LineFrame
from goldenpart.worker.grpc_inspector import GrpcInspector
from goldenpart.worker.labels import Address, FrameLabel
from goldenpart.worker.simulate.camera import CameraPlan, SimulatedCamera
from goldenpart.worker.simulate.gateway import OnVerdict, SimulatedGateway
from goldenpart.worker.simulate.ledger import Ledger, Verdict
from goldenpart.worker.simulate.pictures import Picture
from goldenpart.worker.simulate.processes import RestartableServer, SupervisedWorker
from goldenpart.worker.topology import line_topology

BUDGET_S = 3600.0
WARM_UP_CALLS = 4
POLL_S = 0.05
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class BenchPlan:
    """Holds what is measured.

    Attributes:
        category: An onboarded category.
        backlog: Frames that wait when the worker starts: ten minutes of a camera with backlog / 600 frames per second.
        batch_frames: Frames per call, in both ways.
        calls_in_flight: Calls at once, in both ways.
    """

    category: str
    backlog: int = 1200
    batch_frames: int = 16
    calls_in_flight: int = 2


@dataclass(frozen=True, slots=True)
class BenchFigures:
    """Holds what came out.

    Attributes:
        direct_rate: Frames per second of direct Inspect calls; mean of a run before and one after the line's.
        line_rate: Frames per second of the line while it drains the backlog, from its first to its last event.
        drain_s: From the start of the worker process to the last event of the backlog.
        direct_latency_s: Median and 99th percentile of direct calls with that many in flight.
        line_latency_s: Median and 99th percentile from capture to event, at half of the line's rate, Poisson arrivals.
    """

    direct_rate: float
    line_rate: float
    drain_s: float
    direct_latency_s: tuple[float, float]
    line_latency_s: tuple[float, float]

    @property
    def ratio(self) -> float:
        """Line over direct, frames per second."""
        return self.line_rate / self.direct_rate


class LineBench:
    """Measures one line. Belongs to one loop."""

    def __init__(self, broker: PrivateBroker, server: RestartableServer, folder: Path, pictures: Sequence[Picture]) -> None:
        self._broker = broker
        self._server = server
        self._folder = folder
        self._pictures = pictures

    async def run(self, plan: BenchPlan) -> BenchFigures:
        """Measures: direct, line, latency at half of the line's rate, direct again.

        Raises:
            TimeoutError: The line gave no verdict for PATIENCE_S.
        """
        before, latencies_s = await self._direct(plan)
        line_rate, drain_s, worker = await self._drain(plan)
        try:
            line_latency_s = await self._latency(plan, line_rate / 2)
        finally:
            await worker.stop()
        after, more_s = await self._direct(plan)
        return BenchFigures((before + after) / 2, line_rate, drain_s, _percentiles(latencies_s + more_s), line_latency_s)

    async def _direct(self, plan: BenchPlan) -> tuple[float, list[float]]:
        inspector = GrpcInspector(Connection(self._server.address))
        label = FrameLabel(Address("bench", "direct", "cam"), "f", plan.category)
        frames = [LineFrame(label, image_pb2.Image(encoded=picture.encoded), "", "") for picture in self._pictures]
        batches = [[frames[(call * plan.batch_frames + n) % len(frames)] for n in range(plan.batch_frames)] for call in range(len(frames))]
        left = iter(range(max(plan.backlog // plan.batch_frames // 2, plan.calls_in_flight)))
        latencies_s: list[float] = []

        async def call_on() -> None:
            for call in left:
                started = time.perf_counter()
                await inspector.inspect(batches[call % len(batches)], [BUDGET_S] * plan.batch_frames)
                latencies_s.append(time.perf_counter() - started)

        for call in range(WARM_UP_CALLS):
            await inspector.inspect(batches[call % len(batches)], [BUDGET_S] * plan.batch_frames)
        started = time.perf_counter()
        await asyncio.gather(*(call_on() for _ in range(plan.calls_in_flight)))
        rate = len(latencies_s) * plan.batch_frames / (time.perf_counter() - started)
        await inspector.close()
        return rate, latencies_s

    async def _drain(self, plan: BenchPlan) -> tuple[float, float, SupervisedWorker]:
        """Fills the queue while there is no worker, starts one, and watches it catch up."""
        session = await RabbitBus([self._broker.url], "bench").connect()
        await session.declare(line_topology())
        await session.close()
        ledger, events = Ledger(), list[float]()

        def book(verdict: Verdict, at: datetime) -> None:
            ledger.received(verdict, at)
            events.append(time.perf_counter())

        async with self._gateway(book).opened():
            await self._camera(plan, ledger, plan.backlog, math.inf).run()
            started = time.perf_counter()
            settings = {
                "GOLDENPART_WORKER_AMQP_URLS": self._broker.url,
                "GOLDENPART_WORKER_SERVER": self._server.address,
                "GOLDENPART_WORKER_BATCH_FRAMES": str(plan.batch_frames),
                "GOLDENPART_WORKER_CALLS_IN_FLIGHT": str(plan.calls_in_flight),
            }
            worker = SupervisedWorker(settings, self._folder / "worker.log")
            await worker.start()
            try:
                await _until_answered(ledger)
            except BaseException:
                await worker.stop()
                raise
        # The first batches are the start of the worker, the careful first frame and the first call.
        skipped = 2 * plan.batch_frames
        return (len(events) - skipped) / (events[-1] - events[skipped - 1]), events[-1] - started, worker

    async def _latency(self, plan: BenchPlan, rate: float) -> tuple[float, float]:
        ledger = Ledger()
        async with self._gateway(ledger.received).opened():
            await self._camera(plan, ledger, plan.backlog // 2, rate).run()
            await _until_answered(ledger)
        return ledger.balance().latency_s

    def _gateway(self, on_verdict: OnVerdict) -> SimulatedGateway:
        return SimulatedGateway(RabbitBus([self._broker.url], "gateway"), f"goldenpart.gateway.{uuid.uuid4().hex[:8]}", "#", on_verdict)

    def _camera(self, plan: BenchPlan, ledger: Ledger, frames: int, rate: float) -> SimulatedCamera:
        address = Address("bench", "station1", "cam1")
        poisson = math.isfinite(rate)
        camera = CameraPlan(address, plan.category, frames, rate, poisson, BUDGET_S, "verdict", uuid.uuid4().hex[:8])
        return SimulatedCamera(RabbitBus([self._broker.url], "camera"), camera, self._pictures, ledger.sent)


async def _until_answered(ledger: Ledger) -> None:
    answered, moved = ledger.answered, time.monotonic()
    while ledger.open_frames:
        await asyncio.sleep(POLL_S)
        if ledger.answered > answered:
            answered, moved = ledger.answered, time.monotonic()
        if time.monotonic() - moved > PATIENCE_S:
            raise TimeoutError(f"no verdict came for {PATIENCE_S:.0f} s; {ledger.open_frames} frames are open")


def _percentiles(latencies_s: list[float]) -> tuple[float, float]:
    ranked = sorted(latencies_s)
    return ranked[len(ranked) // 2], ranked[min(len(ranked) - 1, math.ceil(len(ranked) * 0.99) - 1)]


def to_text(plan: BenchPlan, figures: BenchFigures) -> str:
    """Writes the figures for people."""
    direct, line = figures.direct_latency_s, figures.line_latency_s
    return "\n".join(
        (
            f"same server, {plan.batch_frames} frames per call, {plan.calls_in_flight} calls in flight",
            f"direct Inspect   {figures.direct_rate:8.1f} frames/s   call p50 {direct[0] * 1e3:.0f} ms, p99 {direct[1] * 1e3:.0f} ms",
            f"through RabbitMQ {figures.line_rate:8.1f} frames/s   at half of that: p50 {line[0] * 1e3:.0f} ms, p99 {line[1] * 1e3:.0f} ms",
            f"ratio            {figures.ratio:8.2f}",
            f"a backlog of {plan.backlog} frames (ten minutes at {plan.backlog / 600:g}/s) was drained in {figures.drain_s:.1f} s, "
            "worker start included",
        )
    )
