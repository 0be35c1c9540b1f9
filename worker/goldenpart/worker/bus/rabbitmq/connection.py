"""pika's callbacks as awaitables: connections and channels on the running asyncio loop.

AsyncioConnection is one of the two adapters that pika keeps (BlockingConnection, Tornado, Twisted and Gevent go in 2.0). A pika
connection belongs to the loop that made it; nothing here may be called from another thread.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from pika.adapters.asyncio_connection import AsyncioConnection
from pika.connection import Parameters

from goldenpart.worker.bus.errors import BrokerUnreachableError, BusError, SessionLostError

# Long enough for a busy broker to say goodbye, short enough for a drain.
CLOSE_TIMEOUT_S = 2.0


T = TypeVar("T")


def settle(future: asyncio.Future[T], value: T) -> None:
    """Gives a future its result unless it has one: pika may call twice, and a waiter may have been cancelled."""
    if not future.done():
        future.set_result(value)


class Channel:
    """Makes the calls of one AMQP channel awaitable. They fail when the channel or its connection closes."""

    def __init__(self, channel: Any) -> None:
        self.raw = channel
        self.closed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        channel.add_on_close_callback(self._on_close)

    def _on_close(self, _channel: object, reason: Exception) -> None:
        settle(self.closed, reason)

    async def call(self, method: str, **arguments: object) -> Any:
        """Calls a method of pika's channel that takes a callback, and returns the broker's answer.

        Raises:
            SessionLostError: The channel closed instead of answering; __cause__ says why.
        """
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.closed.done():
            raise SessionLostError(f"{method}: the channel is closed: {self.closed.result()!r}") from self.closed.result()
        getattr(self.raw, method)(**arguments, callback=lambda frame: settle(answer, frame))
        await asyncio.wait((answer, self.closed), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        raise SessionLostError(f"{method}: the channel closed: {self.closed.result()!r}") from self.closed.result()

    async def close(self) -> None:
        """Closes the channel and waits for it. Idempotent."""
        if self.raw.is_open:
            self.raw.close()
        await asyncio.wait((self.closed,), timeout=CLOSE_TIMEOUT_S)


class Connection:
    """Holds one AMQP connection."""

    def __init__(self, connection: AsyncioConnection, on_lost: Callable[[BusError], None]) -> None:
        self._connection = connection
        self._on_lost = on_lost
        self.blocked = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        connection.add_on_close_callback(self._on_close)
        connection.add_on_connection_blocked_callback(lambda *_: self._set_blocked(blocked=True))
        connection.add_on_connection_unblocked_callback(lambda *_: self._set_blocked(blocked=False))

    @classmethod
    async def open(cls, parameters: Parameters, on_lost: Callable[[BusError], None]) -> "Connection":
        """Opens a connection.

        Raises:
            BrokerUnreachableError: It could not be opened within parameters.stack_timeout.
        """
        outcome: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        raw = AsyncioConnection(
            parameters,
            on_open_callback=lambda _: settle(outcome, None),
            on_open_error_callback=lambda _, error: settle(outcome, _as_exception(error)),
        )
        try:
            error = await outcome
        except asyncio.CancelledError:
            if not raw.is_closed:
                raw.close()
            raise
        if error is not None:
            raise BrokerUnreachableError(f"no connection to {parameters.host}:{parameters.port}: {_root_of(error)!r}") from error
        return cls(raw, on_lost)

    async def channel(self) -> Channel:
        """Opens a channel.

        Raises:
            SessionLostError: The connection closed instead.
        """
        if not self._connection.is_open:
            raise SessionLostError("the connection is closed")
        opened: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
        self._connection.channel(on_open_callback=lambda raw: settle(opened, Channel(raw)))
        await asyncio.wait((opened, self.closed), return_when=asyncio.FIRST_COMPLETED)
        if not opened.done():
            raise SessionLostError("the connection closed before the channel was open")
        return opened.result()

    async def close(self) -> None:
        """Closes the connection; on a half-open network it is left to its heartbeat after CLOSE_TIMEOUT_S. Idempotent."""
        if self._connection.is_open:
            self._connection.close()
        await asyncio.wait((self.closed,), timeout=CLOSE_TIMEOUT_S)

    def _on_close(self, _connection: object, reason: BaseException) -> None:
        settle(self.closed, None)
        self._on_lost(SessionLostError(f"connection closed: {reason!r}"))

    def _set_blocked(self, *, blocked: bool) -> None:
        self.blocked = blocked


def _root_of(error: BaseException) -> BaseException:
    """Digs out what really happened: pika wraps it in the failures of its connection workflow."""
    while error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    tries = getattr(error, "exceptions", None)
    if tries:
        return _root_of(tries[-1])
    cause = getattr(error, "exception", None)
    return _root_of(cause) if isinstance(cause, BaseException) else error


def _as_exception(error: object) -> BaseException:
    return error if isinstance(error, BaseException) else BusError(str(error))
