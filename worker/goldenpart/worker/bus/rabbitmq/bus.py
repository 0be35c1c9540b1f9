"""Opens sessions with RabbitMQ."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from pika import URLParameters

from goldenpart.worker.bus.errors import BrokerUnreachableError, BusError, SessionLostError
from goldenpart.worker.bus.rabbitmq.connection import Connection
from goldenpart.worker.bus.rabbitmq.session import RabbitSession


@dataclass(frozen=True, slots=True)
class RabbitTimeouts:
    """Holds how long to wait for the broker.

    Attributes:
        connect_s: For TCP, TLS and the AMQP handshake together.
        heartbeat_s: A connection without a sign of life for this long and 5 s more counts as broken.
        blocked_s: A connection that the broker's alarm blocked for this long is given up. Long on purpose: giving up makes the broker
            deliver everything again, and each delivery counts towards the frame's limit.
        answer_s: For one request, such as declaring a queue.
        confirm_s: A broker that confirms nothing for so long, though messages wait for it and no alarm blocks it, is left and tried anew.
    """

    connect_s: float = 5.0
    heartbeat_s: int = 10
    blocked_s: float = 900.0
    answer_s: float = 30.0
    confirm_s: float = 60.0


class RabbitBus:
    """Implements `bus.LineBus` on RabbitMQ."""

    def __init__(self, urls: Sequence[str], name: str, timeouts: RabbitTimeouts | None = None) -> None:
        """Takes the addresses of the broker's nodes.

        Args:
            urls: amqp:// or amqps:// URLs, tried in turn; each session starts with the next one.
            name: Shown in the broker's list of connections.
            timeouts: How long to wait; None for the defaults.
        """
        self._urls = list(urls)
        self._name = name
        self._timeouts = timeouts or RabbitTimeouts()
        self._next = 0

    async def connect(self) -> RabbitSession:
        """See `LineBus.connect`."""
        url = self._urls[self._next % len(self._urls)]
        self._next += 1
        session = RabbitSession(self._timeouts.confirm_s)
        opened: list[Connection] = []
        try:
            opened.append(await self._open(url, "consume", session))
            opened.append(await self._open(url, "publish", session))
            await session.start(opened[0], opened[1])
        except (BusError, asyncio.CancelledError) as error:
            await asyncio.gather(*(connection.close() for connection in opened))
            if isinstance(error, SessionLostError):
                raise BrokerUnreachableError(str(error)) from error
            raise
        return session

    async def _open(self, url: str, role: str, session: RabbitSession) -> Connection:
        return await Connection.open(self._parameters(url, role), session.lose, self._timeouts.answer_s)

    def _parameters(self, url: str, role: str) -> URLParameters:
        parameters = URLParameters(url)
        parameters.heartbeat = self._timeouts.heartbeat_s
        parameters.blocked_connection_timeout = self._timeouts.blocked_s
        parameters.socket_timeout = parameters.stack_timeout = self._timeouts.connect_s
        parameters.connection_attempts = 1
        parameters.client_properties = {"connection_name": f"{self._name} {role}"}
        return parameters
