"""A simulated PLC gateway: takes the events as a machine would, and books them."""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime

from goldenpart.worker.bus import Binding, Delivery, LineBus, LineSession, Queue, Topology
from goldenpart.worker.simulate.ledger import Verdict
from goldenpart.worker.simulate.link import Link
from goldenpart.worker.topology import EVENTS_EXCHANGE

PREFETCH = 200

OnVerdict = Callable[[Verdict, datetime], None]


def gateway_queue(name: str) -> Queue:
    """Describes a gateway's own durable queue: it misses nothing while it is away."""
    return Queue(name, {"x-queue-type": "quorum", "x-delivery-limit": 20})


class SimulatedGateway:
    """Consumes events from a queue of its own. Belongs to one loop."""

    def __init__(self, bus: LineBus, queue: str, pattern: str, on_verdict: OnVerdict) -> None:
        """Takes what to listen to.

        Args:
            bus: The broker.
            queue: Name of its queue; declared if missing.
            pattern: Topic pattern of the events, for example "line1.#" or "#.FAIL".
            on_verdict: Called for each event.
        """
        self._queue = queue
        self._pattern = pattern
        self._on_verdict = on_verdict
        self._link = Link(bus, self._on_session)
        self.unreadable = 0

    def opened(self) -> contextlib.AbstractAsyncContextManager[Link]:
        """Listens while it is entered; from the moment it is, no event is missed."""
        return self._link.opened()

    async def _on_session(self, session: LineSession) -> None:
        binding = Binding(EVENTS_EXCHANGE, self._queue, self._pattern)
        await session.declare(Topology((), (gateway_queue(self._queue),), (binding,)))

        def take(delivery: Delivery) -> None:
            self._book(delivery)
            session.ack(delivery)

        await session.consume(self._queue, PREFETCH, take)

    def _book(self, delivery: Delivery) -> None:
        try:
            verdict = Verdict.from_event(json.loads(delivery.message.body))
        except (ValueError, KeyError):
            self.unreadable += 1
        else:
            if verdict is not None:
                self._on_verdict(verdict, datetime.now(UTC))
