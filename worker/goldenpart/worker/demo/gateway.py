"""The gateway of the demo: hands on everything an event says, where the simulated gateway books the verdict alone."""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime

from goldenpart.client.results import Inspection
from goldenpart.worker.bus import Binding, Delivery, LineBus, LineSession, Queue, Topology
from goldenpart.worker.demo.reading import inspection_of
from goldenpart.worker.simulate.gateway import PREFETCH, gateway_queue
from goldenpart.worker.simulate.ledger import Verdict
from goldenpart.worker.simulate.link import Link
from goldenpart.worker.topology import EVENTS_EXCHANGE

# Queues of the demo go by themselves on a broker that stays.
EXPIRY_MS = 600_000

OnEvent = Callable[[Verdict, Inspection, datetime], None]


class DemoGateway:
    """Consumes the events of one line. Belongs to one loop.

    Attributes:
        unreadable: Events that could not be read.
    """

    def __init__(self, bus: LineBus, line: str, on_event: OnEvent) -> None:
        """Takes what to listen to.

        Args:
            bus: The broker.
            line: Name of the line.
            on_event: Called in the loop for each event, with the time of its arrival.
        """
        queue = gateway_queue(f"goldenpart.gateway.{line}")
        self._queue = Queue(queue.name, {**queue.arguments, "x-expires": EXPIRY_MS})
        self._binding = Binding(EVENTS_EXCHANGE, queue.name, f"{line}.#")
        self._on_event = on_event
        self._link = Link(bus, self._on_session)
        self.unreadable = 0

    def opened(self) -> contextlib.AbstractAsyncContextManager[Link]:
        """Listens while it is entered; from the moment it is, no event is missed."""
        return self._link.opened()

    async def _on_session(self, session: LineSession) -> None:
        await session.declare(Topology((), (self._queue,), (self._binding,)))

        def take(delivery: Delivery) -> None:
            self._read(delivery)
            session.ack(delivery)

        await session.consume(self._queue.name, PREFETCH, take)

    def _read(self, delivery: Delivery) -> None:
        try:
            event = json.loads(delivery.message.body)
            verdict = Verdict.from_event(event)
            if verdict is None:
                return
            inspection = inspection_of(event)
        except (ValueError, KeyError):
            self.unreadable += 1
        else:
            self._on_event(verdict, inspection, datetime.now(UTC))
