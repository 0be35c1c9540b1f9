"""The line worker: keeps a session with the broker and the server busy, through restarts of either."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import TypeVar

import structlog

from goldenpart.v1 import inspection_pb2
from goldenpart.worker.backoff import Backoff
from goldenpart.worker.batches import BatchLimits
from goldenpart.worker.bus import BrokerUnreachableError, LineBus, LineSession, SessionLostError
from goldenpart.worker.clock import Clock, SystemClock
from goldenpart.worker.dispatch import Dispatcher, DispatchLimits
from goldenpart.worker.drift import LineDrift
from goldenpart.worker.errors import InspectorError, ParkReason
from goldenpart.worker.inspector import Inspector
from goldenpart.worker.job_table import Budgets, JobTable
from goldenpart.worker.jobs import Job
from goldenpart.worker.metrics import WorkerMetrics
from goldenpart.worker.recall import RecallLimits
from goldenpart.worker.recent import RecentEvents
from goldenpart.worker.references import Pictures
from goldenpart.worker.settings import WorkerSettings
from goldenpart.worker.shift import Shift, ShiftLimits
from goldenpart.worker.topology import line_topology

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class Line:
    """Takes frames from the bus, has them inspected, sends the events.

    Attributes:
        metrics: What it counts.
    """

    def __init__(
        self, bus: LineBus, inspector: Inspector, pictures: Pictures, settings: WorkerSettings, clock: Clock | None = None
    ) -> None:
        self.metrics = WorkerMetrics()
        self._bus = bus
        self._inspector = inspector
        self._settings = settings
        self._clock = clock or SystemClock()
        budgets = Budgets(settings.budget_s, settings.reserve_s)
        self._table = JobTable(RecentEvents(settings.recent_events, settings.recent_bytes), pictures, budgets, self._clock)
        batch = BatchLimits(frames=settings.batch_frames, max_age_s=settings.batch_age_s)
        limits = DispatchLimits(batch, settings.calls_in_flight, settings.server_death_limit)
        self._drift = LineDrift(settings.drift_limits, settings.drift_watches, self.metrics.registry, self._clock)
        self._dispatcher = Dispatcher(inspector, limits, self._clock, self.metrics, self._decide)
        self._table.dispatcher = self._dispatcher
        self._stopping = asyncio.Event()
        self._session: LineSession | None = None

    @property
    def ready(self) -> bool:
        """Tells whether frames are taken from the broker."""
        return self._session is not None and not self._stopping.is_set()

    @property
    def server_reachable(self) -> bool:
        """Tells whether the last Inspect call succeeded."""
        return self._dispatcher.reachable

    @property
    def broker_blocked(self) -> bool:
        """Tells whether the broker takes no events at the moment (memory or disk alarm)."""
        return self._session is not None and self._session.blocked

    def stop(self) -> None:
        """Asks `run` to finish what it has and to return. Callable from a signal handler of the loop."""
        self._stopping.set()

    async def run(self) -> None:
        """Works until `stop`.

        Raises:
            TopologyConflictError: The broker has exchanges or queues of other properties; only a person can help.
        """
        tasks = [asyncio.create_task(self._dispatcher.run()), asyncio.create_task(self._learn_limits())]
        try:
            backoff = Backoff(first_s=0.2, limit_s=2.0)
            while not self._stopping.is_set():
                try:
                    session = await self._unless_stopped(self._bus.connect())
                    if session is not None:
                        await self._work(session, backoff)
                except (BrokerUnreachableError, SessionLostError) as error:
                    if backoff.failures == 0:  # one line when it goes, one when it is back
                        _log.warning("broker_lost", error=str(error))
                    await self._pause(backoff.failed())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._table.close()
            await self._inspector.close()

    async def _work(self, session: LineSession, backoff: Backoff) -> None:
        """Works through one session.

        Raises:
            SessionLostError: It broke.
        """
        shift = Shift(session, self._table, self._shift_limits(), self._clock, self.metrics)
        alarms = asyncio.create_task(self._drift.publish(session))
        try:
            if not await self._unless_stopped(self._begin(shift, session)):
                return
            backoff.succeeded()
            self._session = session
            self.metrics.sessions.inc()
            self.metrics.connected.set(1)
            _log.info("line_running", queue=self._settings.queue, prefetch=self._settings.effective_prefetch)
            await self._until_stopped_or_lost(session)
            await self._drain(shift, session)
        finally:
            self._session = None
            self.metrics.connected.set(0)
            alarms.cancel()
            await asyncio.gather(alarms, return_exceptions=True)
            await shift.end()
            await session.close()

    async def _begin(self, shift: Shift, session: LineSession) -> bool:
        if self._settings.declare_topology:
            await session.declare(line_topology(self._settings.queue, self._settings.frame_bindings))
        await shift.start()
        return True

    async def _unless_stopped(self, work: Coroutine[object, object, T]) -> T | None:
        """Waits for work with the broker, which may be slow; a stop cancels it and gives None, so that SIGTERM need not wait for it."""
        working, stopping = asyncio.create_task(work), asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            return await working if working.done() else None
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    async def _until_stopped_or_lost(self, session: LineSession) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((stopping, session.lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            await asyncio.gather(stopping, return_exceptions=True)
        if session.lost.done():
            raise session.lost.result()

    async def _drain(self, shift: Shift, session: LineSession) -> None:
        _log.info("draining", at_most_s=self._settings.drain_s)
        drained = asyncio.create_task(shift.drain())
        try:
            await asyncio.wait((drained, session.lost), timeout=self._settings.drain_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            done = drained.done()
            drained.cancel()
            await asyncio.gather(drained, return_exceptions=True)
        _log.info("drained" if done else "drain_cut_short", consequence="" if done else "the frames left go back to the queue")

    def _decide(self, job: Job, result: inspection_pb2.InspectionResult, park_reason: ParkReason | None) -> None:
        """Gives a frame the server's verdict, and the drift watch what the server saw."""
        self._table.decide(job, result, park_reason)
        if job.outcome is not None:
            self._drift.observe(job.outcome)

    async def _learn_limits(self) -> None:
        """Asks the server what one call may hold, as soon as there is one."""
        backoff = Backoff()
        while True:
            try:
                self._dispatcher.learn_limits(await self._inspector.limits())
            except InspectorError:
                await asyncio.sleep(backoff.failed())
            else:
                return

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _shift_limits(self) -> ShiftLimits:
        settings = self._settings
        return ShiftLimits(
            queue=settings.queue,
            prefetch=settings.effective_prefetch,
            max_body_bytes=settings.max_body_bytes,
            attempt_limit=settings.attempt_limit,
            recall=RecallLimits(settings.recall_s, settings.recall_timeout_s),
        )
