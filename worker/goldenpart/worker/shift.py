"""One session's work: takes deliveries, sends events and the parked, acks what the broker has confirmed."""

import asyncio
import contextlib
from dataclasses import dataclass

import structlog

from goldenpart.worker.bus import Delivery, LineSession, SessionLostError
from goldenpart.worker.clock import Clock
from goldenpart.worker.errors import ParkReason, UnreadableFrameError
from goldenpart.worker.frames import LineFrame, digest_of, read_frame
from goldenpart.worker.job_table import JobTable
from goldenpart.worker.jobs import Job, Lanes, Ticket
from goldenpart.worker.metrics import WorkerMetrics
from goldenpart.worker.outbox import Outbox
from goldenpart.worker.parking import to_parked
from goldenpart.worker.recall import Recall, RecallLimits
from goldenpart.worker.recent import RecentEvent

_log = structlog.get_logger(__name__)

# From this delivery on a frame is taken alone, so that frames beside it do not run into the limit with it.
CAREFUL_FROM_ATTEMPT = 3


@dataclass(frozen=True, slots=True)
class ShiftLimits:
    """Holds how frames are taken.

    Attributes:
        queue: Where from.
        prefetch: Most frames the broker may have outstanding here.
        max_body_bytes: Largest message body.
        attempt_limit: A frame delivered more often is parked unread.
        recall: How far back events are looked for.
    """

    queue: str
    prefetch: int
    max_body_bytes: int
    attempt_limit: int
    recall: RecallLimits


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A delivery that was read: its frame, and what is wrong with it if anything is."""

    ticket: Ticket
    frame: LineFrame
    fault: UnreadableFrameError | None


class Shift:
    """Works through one session. Belongs to the line's loop; of no use after the session is lost."""

    def __init__(self, session: LineSession, table: JobTable, limits: ShiftLimits, clock: Clock, metrics: WorkerMetrics) -> None:
        self._session = session
        self._table = table
        self._limits = limits
        self._clock = clock
        self._metrics = metrics
        self._lanes = Lanes()
        self._recall: Recall[_Arrival] = Recall(session, table.recent, limits.recall, clock, self._admit_recalled)
        self._outbox = Outbox(session, table, clock, metrics, self._on_acked)
        self._widening: asyncio.Task[None] | None = None
        self._consumer: str | None = None
        self._consuming = asyncio.Event()
        self._careful = True
        self._empty = asyncio.Event()
        self._held = 0
        table.on_decided = self._on_decided

    async def start(self) -> None:
        """Recalls recent events and begins to take frames, one at first.

        Raises:
            SessionLostError: The session broke.
        """
        await self._recall.begin()
        self._consumer = await self._session.consume(self._limits.queue, 1, self._on_delivery)
        self._consuming.set()

    async def drain(self) -> None:
        """Takes no more frames and waits until those here are answered, confirmed and acked; the caller bounds the time."""
        self._careful = False
        if self._widening is not None:
            await self._widening
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await self._session.cancel(consumer)
        while self._held:
            self._empty.clear()
            await self._empty.wait()

    async def end(self) -> None:
        """Stops all work; what is not acked comes again."""
        self._table.on_decided = lambda _: None
        if self._widening is not None:
            self._widening.cancel()
            await asyncio.gather(self._widening, return_exceptions=True)
        await self._recall.stop()
        await self._outbox.stop()
        self._table.session_ended()
        self._metrics.frames_held.set(0)

    # Taking frames

    def _on_delivery(self, delivery: Delivery) -> None:
        self._held += 1
        self._metrics.frames_held.set(self._held)
        if delivery.redelivered:
            self._metrics.redeliveries.inc()
        if self._careful and delivery.attempt < CAREFUL_FROM_ATTEMPT:
            self._careful = False
            self._widening = asyncio.create_task(self._widen())
        ticket = Ticket(delivery)
        self._lanes.append(delivery.routing_key, ticket)
        try:
            self._read(ticket)
        except Exception as error:  # noqa: BLE001 (an error here would end the consumer, and the frame would come again for ever)
            _log.exception("frame_reading_broke", routing_key=delivery.routing_key)
            self._park(ticket, ParkReason.WRONG_BODY, f"reading it broke: {error!r}")
        self._release(delivery.routing_key)

    async def _widen(self) -> None:
        """Takes many frames at once from now on; prefetch is a property of a consumer, so that takes a new one."""
        # The first frame may come before the consumer's name does.
        await self._consuming.wait()
        consumer, self._consumer = self._consumer, None
        assert consumer is not None
        # A session that breaks here is noticed by the line.
        with contextlib.suppress(SessionLostError):
            await self._session.cancel(consumer)
            self._consumer = await self._session.consume(self._limits.queue, self._limits.prefetch, self._on_delivery)

    def _read(self, ticket: Ticket) -> None:
        delivery = ticket.delivery
        fault = None
        try:
            frame = read_frame(delivery, self._limits.max_body_bytes)
        except UnreadableFrameError as error:
            if error.label is None:
                self._park(ticket, error.reason, str(error))
                return
            frame, fault = LineFrame(error.label, None, "", digest_of(delivery.message.body)), error
        self._admit(_Arrival(ticket, frame, fault), recalled=False)

    def _admit(self, arrival: _Arrival, *, recalled: bool) -> None:
        """Connects a frame with the event it already has, the job that runs for it, or a new one."""
        ticket, frame = arrival.ticket, arrival.frame
        known = self._table.find(frame.label.key)
        if known is not None and frame.digest != (known.digest if isinstance(known, RecentEvent) else known.frame.digest):
            self._park(ticket, ParkReason.FRAME_ID_REUSED, f"frame id {frame.label.frame_id!r} was used before for other content")
        elif isinstance(known, RecentEvent):
            self._metrics.repeated.inc()
            ticket.answer, ticket.settled = known, True
        elif ticket.delivery.redelivered and not recalled:
            # Another worker, or this one before it was killed, may have sent an event that was not acked any more.
            self._recall.wait_for(arrival, frame.label.captured_at)
        elif known is not None:
            known.orphaned = False
            ticket.job = known
        else:
            self._begin(arrival)

    def _admit_recalled(self, arrival: _Arrival) -> None:
        self._admit(arrival, recalled=True)
        self._release(arrival.ticket.delivery.routing_key)

    def _begin(self, arrival: _Arrival) -> None:
        delivery = arrival.ticket.delivery
        job = arrival.ticket.job = self._table.begin(arrival.frame, delivery.attempt)
        if arrival.fault is not None:
            self._table.refuse(job, arrival.fault.reason, str(arrival.fault))
        elif delivery.attempt > self._limits.attempt_limit:
            text = f"delivered for the {delivery.attempt}th time, {self._limits.attempt_limit} are allowed: does it kill the worker?"
            self._table.refuse(job, ParkReason.ATTEMPTS_SPENT, text)
        else:
            self._table.start(job)

    # Sending events

    def _on_decided(self, job: Job) -> None:
        self._release(job.frame.label.address.routing_key)

    def _park(self, ticket: Ticket, reason: ParkReason, text: str) -> None:
        ticket.parked = to_parked(ticket.delivery, reason, text, self._clock.now())
        ticket.settled = True
        self._metrics.parked.labels(reason.value).inc()
        _log.warning("frame_parked", reason=reason.value, text=text, routing_key=ticket.delivery.routing_key)

    def _release(self, lane: str) -> None:
        for ticket in self._lanes.release(lane):
            self._outbox.send(ticket)

    def _on_acked(self) -> None:
        self._held -= 1
        self._metrics.frames_held.set(self._held)
        if not self._held:
            self._empty.set()
