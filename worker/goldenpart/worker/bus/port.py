"""The line bus as the worker sees it.

Two implementations pass the same contract tests: `memory.MemoryBus` for unit tests and `rabbitmq.RabbitBus` for everything else.
All methods are called from the one asyncio loop that opened the session; nothing here is thread-safe.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from goldenpart.worker.bus.errors import BusError
from goldenpart.worker.bus.message import Delivery, Message, QueueState
from goldenpart.worker.bus.shape import Topology

OnDelivery = Callable[[Delivery], None]


class LineSession(Protocol):
    """Talks to the broker until it is lost or closed. A lost session stays lost; open a new one."""

    @property
    def lost(self) -> asyncio.Future[BusError]:
        """Gets its result, the reason, when the session breaks; closing it on purpose counts. Never raises, must not be cancelled."""

    @property
    def blocked(self) -> bool:
        """Tells whether the broker takes no messages at the moment (memory or disk alarm)."""

    async def declare(self, topology: Topology) -> None:
        """Declares what is missing and checks what is there.

        Raises:
            TopologyConflictError: Something is there with other properties, or this user may not declare it.
            SessionLostError: The session broke meanwhile.
        """

    async def state_of(self, queue: str) -> QueueState:
        """Asks how an existing queue is now; the broker's own statistics may be seconds old."""

    async def consume(self, queue: str, prefetch: int, on_delivery: OnDelivery) -> str:
        """Starts a consumer and returns its name.

        Args:
            queue: An existing queue; a stream is read with `read_back` instead.
            prefetch: Deliveries the broker may have outstanding, >= 1.
            on_delivery: Called in the loop for each delivery, maybe before this method returns; must not block nor raise.

        Raises:
            SessionLostError: The broker did not begin; the session is lost then, even if its connections live.
        """

    async def cancel(self, consumer: str) -> None:
        """Stops a consumer. What it delivered stays unacked and can still be acked."""

    def ack(self, delivery: Delivery) -> None:
        """Tells the broker that a delivery is done with. Does nothing in a lost session: the broker delivers it again anyhow."""

    def publish(self, exchange: str, routing_key: str, message: Message, *, mandatory: bool = False) -> asyncio.Future[None]:
        """Hands a message over at once and in the order of calls; the future is done when the broker has confirmed it.

        Args:
            exchange: "" is the default exchange, which routes by queue name.
            routing_key: At most 255 bytes.
            message: The message; a mandatory one needs a message_id unique among those in flight.
            mandatory: Whether it is an error that no queue takes it.

        Returns:
            A future that fails with PublishRefusedError, UnroutableError or SessionLostError.
        """

    async def read_back(self, stream: str, since: datetime) -> list[Message]:
        """Reads what a stream got from a point in time until now, without taking it away.

        Args:
            stream: A queue of type stream.
            since: Aware time; earlier messages may come along, since the broker seeks by chunk.
        """

    async def close(self) -> None:
        """Ends the session; unacked deliveries go back. Idempotent."""


class LineBus(Protocol):
    """Opens sessions with a broker."""

    async def connect(self) -> LineSession:
        """Opens a session: one connection that consumes, one that publishes with confirms.

        Raises:
            BrokerUnreachableError: It could not be opened.
        """
