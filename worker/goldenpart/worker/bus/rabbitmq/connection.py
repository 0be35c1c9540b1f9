"""pika's callbacks as awaitables: connections and channels on the running asyncio loop.

AsyncioConnection is one of the two adapters that pika keeps (BlockingConnection, Tornado, Twisted and Gevent go in 2.0). A pika
connection belongs to the loop that made it; nothing here may be called from another thread.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from pika.adapters.asyncio_connection import AsyncioConnection
from pika.connection import Parameters
from pika.exceptions import AMQPConnectionError, AMQPError

from goldenpart.worker.bus.errors import BrokerUnreachableError, BusError, SessionLostError

# Long enough for a busy broker to say goodbye, short enough for a drain.
CLOSE_TIMEOUT_S = 2.0
# pika bounds all of a connection's beginning but this.
RESOLVE_TIMEOUT_S = 15.0


T = TypeVar("T")


def settle(future: asyncio.Future[T], value: T) -> None:
    """Gives a future its result unless it has one: pika may call twice, and a waiter may have been cancelled."""
    if not future.done():
        future.set_result(value)


class Channel:
    """Makes the calls of one AMQP channel awaitable. They fail when the channel or its connection closes, or nobody answers."""

    def __init__(self, channel: Any, answer_s: float) -> None:
        self.raw = channel
        self._answer_s = answer_s
        self.closed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        channel.add_on_close_callback(self._on_close)

    def _on_close(self, _channel: object, reason: Exception) -> None:
        settle(self.closed, reason)

    async def call(self, method: str, **arguments: object) -> Any:
        """Calls a method of pika's channel that takes a callback, and returns the broker's answer.

        Raises:
            SessionLostError: The channel closed instead of answering, then __cause__ says why; or the broker did not answer in time.
        """
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.closed.done():
            raise SessionLostError(f"{method}: the channel is closed: {self.closed.result()!r}") from self.closed.result()
        try:
            getattr(self.raw, method)(**arguments, callback=lambda frame: settle(answer, frame))
        except AMQPError as error:
            raise SessionLostError(f"{method}: {error!r}") from error
        # Heartbeats tell that the broker lives, not that it gets on: a quorum queue without a leader may keep a request for ever.
        await asyncio.wait((answer, self.closed), timeout=self._answer_s, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        if not self.closed.done():
            raise SessionLostError(f"{method}: the broker did not answer within {self._answer_s:g} s")
        raise SessionLostError(f"{method}: the channel closed: {self.closed.result()!r}") from self.closed.result()

    async def close(self) -> None:
        """Closes the channel and waits for it. Idempotent."""
        if self.raw.is_open:
            self.raw.close()
        await asyncio.wait((self.closed,), timeout=CLOSE_TIMEOUT_S)


class Connection:
    """Holds one AMQP connection."""

    def __init__(self, connection: AsyncioConnection, on_lost: Callable[[BusError], None], answer_s: float) -> None:
        self._connection = connection
        self._on_lost = on_lost
        self._answer_s = answer_s
        self.blocked = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        connection.add_on_close_callback(self._on_close)
        connection.add_on_connection_blocked_callback(lambda *_: self._set_blocked(blocked=True))
        connection.add_on_connection_unblocked_callback(lambda *_: self._set_blocked(blocked=False))

    @classmethod
    async def open(cls, parameters: Parameters, on_lost: Callable[[BusError], None], answer_s: float) -> "Connection":
        """Opens a connection.

        Args:
            parameters: Where to and how; stack_timeout bounds everything but the resolution of the name.
            on_lost: Called once when the open connection closes, for whatever reason.
            answer_s: For one request on a channel.

        Raises:
            BrokerUnreachableError: It could not be opened within parameters.stack_timeout.
        """
        outcome: asyncio.Future[Connection | BaseException] = asyncio.get_running_loop().create_future()
        raw = AsyncioConnection(
            parameters,
            # Wrapped in the callback itself: a connection that breaks before the waiter below runs must not break unnoticed.
            on_open_callback=lambda opened: settle(outcome, cls(opened, on_lost, answer_s)),
            on_open_error_callback=lambda _, error: settle(outcome, _as_exception(error)),
        )
        try:
            async with asyncio.timeout((parameters.stack_timeout or 0) + RESOLVE_TIMEOUT_S):
                opened = await asyncio.shield(outcome)
        except (asyncio.CancelledError, TimeoutError) as error:
            await _abandon(raw, outcome)
            if isinstance(error, TimeoutError):
                raise BrokerUnreachableError(f"no connection to {parameters.host}:{parameters.port}: is its name resolved?") from error
            raise
        if isinstance(opened, BaseException):
            raise BrokerUnreachableError(f"no connection to {parameters.host}:{parameters.port}: {_root_of(opened)!r}") from opened
        return opened

    async def channel(self) -> Channel:
        """Opens a channel.

        Raises:
            SessionLostError: The connection closed instead, or the broker did not answer in time.
        """
        if not self._connection.is_open:
            raise SessionLostError("the connection is closed")
        opened: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
        self._connection.channel(on_open_callback=lambda raw: settle(opened, Channel(raw, self._answer_s)))
        await asyncio.wait((opened, self.closed), timeout=self._answer_s, return_when=asyncio.FIRST_COMPLETED)
        if not opened.done():
            why = "the connection closed" if self.closed.done() else f"the broker did not answer within {self._answer_s:g} s"
            raise SessionLostError(f"no channel: {why}")
        return opened.result()

    async def close(self) -> None:
        """Closes the connection; one that is not closed in an orderly way within CLOSE_TIMEOUT_S is cut off. Idempotent."""
        if self._connection.is_open:
            self._connection.close()
        await asyncio.wait((self.closed,), timeout=CLOSE_TIMEOUT_S)
        if not self.closed.done():
            # pika waits for the broker, and for channels that never opened, without an end. It has no public way to stop that;
            # this is what its own heartbeat does to a dead connection (pika.heartbeat.HeartbeatChecker).
            self._connection._terminate_stream(AMQPConnectionError("not closed in time"))  # noqa: SLF001
            await asyncio.wait((self.closed,), timeout=CLOSE_TIMEOUT_S)

    def _on_close(self, _connection: object, reason: BaseException) -> None:
        settle(self.closed, None)
        self._on_lost(SessionLostError(f"connection closed: {reason!r}"))

    def _set_blocked(self, *, blocked: bool) -> None:
        self.blocked = blocked


async def _abandon(raw: AsyncioConnection, outcome: "asyncio.Future[Connection | BaseException]") -> None:
    """Gives up a connection that is being opened: pika breaks when it is closed in its handshake, so that may end first."""
    await asyncio.wait((outcome,), timeout=CLOSE_TIMEOUT_S)
    if outcome.done() and isinstance(opened := outcome.result(), Connection):
        await opened.close()
    elif not (raw.is_closing or raw.is_closed):
        raw.close()


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
