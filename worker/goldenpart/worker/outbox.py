"""Sends what is to be said about a frame and acks it when the broker has it all."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime

import structlog

from goldenpart.worker.backoff import Backoff
from goldenpart.worker.bus import LineSession, Message, PublishRefusedError, SessionLostError
from goldenpart.worker.clock import Clock
from goldenpart.worker.job_table import JobTable
from goldenpart.worker.jobs import Job, Ticket
from goldenpart.worker.metrics import WorkerMetrics
from goldenpart.worker.parking import to_parked
from goldenpart.worker.recent import RecentEvent
from goldenpart.worker.topology import EVENTS_EXCHANGE, PARKED_QUEUE

_log = structlog.get_logger(__name__)


class Outbox:
    """Publishes events in the order of `send` and acks behind the confirms. One per session."""

    def __init__(self, session: LineSession, table: JobTable, clock: Clock, metrics: WorkerMetrics, on_acked: Callable[[], None]) -> None:
        self._session = session
        self._table = table
        self._clock = clock
        self._metrics = metrics
        self._on_acked = on_acked
        self._settling: set[asyncio.Task[None]] = set()

    def send(self, ticket: Ticket) -> None:
        """Sends what belongs to a ready ticket: its event, a copy for reply_to, the message for the parking lot."""
        job = ticket.job
        event = self._table.event_of(job) if job is not None else ticket.answer
        if job is not None and job.park_reason is not None:
            ticket.parked = to_parked(ticket.delivery, job.park_reason, _text_of(job), self._clock.now())
            self._metrics.parked.labels(job.park_reason.value).inc()
        promises = [(publish, publish()) for publish in self._publications(ticket, event)]
        settling = asyncio.create_task(self._settle(ticket, event, promises))
        self._settling.add(settling)
        settling.add_done_callback(self._settling.discard)

    async def stop(self) -> None:
        """Stops waiting for confirms; what is not acked comes again."""
        for settling in self._settling:
            settling.cancel()
        await asyncio.gather(*self._settling, return_exceptions=True)

    def _publications(self, ticket: Ticket, event: RecentEvent | None) -> list[Callable[[], "asyncio.Future[None]"]]:
        publications: list[Callable[[], asyncio.Future[None]]] = []
        if ticket.parked is not None:
            parked = ticket.parked
            publications.append(lambda: self._session.publish("", PARKED_QUEUE, parked, mandatory=True))
        if event is not None:
            publications.append(lambda: self._session.publish(EVENTS_EXCHANGE, event.routing_key, event.message))
        return publications

    async def _settle(
        self,
        ticket: Ticket,
        event: RecentEvent | None,
        promises: list[tuple[Callable[[], asyncio.Future[None]], asyncio.Future[None]]],
    ) -> None:
        published = self._clock.monotonic()
        try:
            for publish, confirmed in promises:
                await self._confirm(publish, confirmed)
            reply_to = ticket.delivery.message.reply_to
            if event is not None and reply_to:
                await self._reply(reply_to, ticket.delivery.message.correlation_id, event.message)
        except SessionLostError:
            return  # not acked, so the frame comes again and gets the same event
        self._metrics.confirm.observe(self._clock.monotonic() - published)
        if event is not None:
            self._count(ticket, event)
        self._session.ack(ticket.delivery)
        self._on_acked()

    async def _confirm(self, publish: Callable[[], asyncio.Future[None]], confirmed: asyncio.Future[None]) -> None:
        """Waits for a confirm; a refused message is sent again until it is taken, since it may not get lost."""
        backoff = Backoff()
        while True:
            try:
                await confirmed
            except PublishRefusedError as error:
                wait_s = backoff.failed()
                _log.warning("publish_refused", error=str(error), retry_in_s=round(wait_s, 3))
                await asyncio.sleep(wait_s)
                confirmed = publish()
            else:
                return

    async def _reply(self, reply_to: str, correlation_id: str, event: Message) -> None:
        # The one who asked may be gone, and that is its own business: the event itself has left.
        copy = Message(event.body, event.headers, event.content_type, message_id=event.message_id, correlation_id=correlation_id)
        with contextlib.suppress(PublishRefusedError):
            await self._session.publish("", reply_to, copy)

    def _count(self, ticket: Ticket, event: RecentEvent) -> None:
        job = ticket.job
        if job is None or job.outcome is None:
            return
        key = job.frame.label.key
        if self._table.recent.get(key) is None:
            outcome, now = job.outcome, self._clock.now()
            self._metrics.events.labels(outcome.verdict, outcome.reason).inc()
            self._metrics.latency.observe(_seconds(outcome.captured_at, now))
            self._metrics.queue_wait.observe(_seconds(outcome.captured_at, outcome.queued_at))
            if now > outcome.deadline:
                self._metrics.late.inc()
                self._metrics.lateness.observe(_seconds(outcome.deadline, now))
        self._table.confirmed(key, event)


def _text_of(job: Job) -> str:
    return job.outcome.result.message if job.outcome is not None else ""


def _seconds(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds())
