"""A session with RabbitMQ: one connection that consumes, one that publishes.

They are apart because a broker in memory or disk alarm stops reading from connections that publish; acks and heartbeats of the
consuming one must still get through.
"""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

from pika import exceptions

from goldenpart.worker.bus.errors import BusError, SessionLostError, TopologyConflictError
from goldenpart.worker.bus.message import Delivery, Message, QueueState
from goldenpart.worker.bus.port import OnDelivery
from goldenpart.worker.bus.rabbitmq.confirms import ConfirmingPublisher
from goldenpart.worker.bus.rabbitmq.connection import Channel, Connection, settle
from goldenpart.worker.bus.rabbitmq.content import to_delivery, to_message
from goldenpart.worker.bus.shape import Topology

# Messages of a stream on their way while it is read back; acked one by one.
READ_BACK_PREFETCH = 500
_ACCESS_REFUSED, _PRECONDITION_FAILED = 403, 406


class RabbitSession:
    """Implements `bus.LineSession`. Made by `RabbitBus.connect`."""

    def __init__(self, confirm_s: float) -> None:
        """Prepares a session; `start` begins it.

        Args:
            confirm_s: A broker that confirms nothing for so long is given up, unless an alarm blocks it.
        """
        self._confirm_s = confirm_s
        self.lost: asyncio.Future[BusError] = asyncio.get_running_loop().create_future()
        self._consuming: Connection | None = None
        self._publishing: Connection | None = None
        self._publisher: ConfirmingPublisher | None = None
        self._consumers: dict[str, Channel] = {}
        # Delivery tags belong to a channel, so each consumer's deliveries carry the channel in the high bits of their tag.
        self._channels: list[Channel] = []

    async def start(self, consuming: Connection, publishing: Connection) -> None:
        """Opens the publishing channel; both connections are the session's from now on."""
        self._consuming, self._publishing = consuming, publishing
        channel = await publishing.channel()
        channel.closed.add_done_callback(lambda closed: self.lose(SessionLostError(f"publishing channel closed: {closed.result()!r}")))
        self._publisher = ConfirmingPublisher(channel)
        await self._publisher.start()
        self._watch_confirms()

    def _watch_confirms(self) -> None:
        # A confirm that gets lost in the broker would hold its frame, and in the end the whole prefetch, for ever.
        if self.lost.done() or self._publisher is None:
            return
        if self.blocked:
            self._publisher.touch()
        if self._publisher.silent_s > self._confirm_s:
            self.lose(SessionLostError(f"the broker confirmed nothing for {self._confirm_s:g} s"))
        else:
            asyncio.get_running_loop().call_later(self._confirm_s / 4, self._watch_confirms)

    def lose(self, reason: BusError) -> None:
        """Marks the session as lost and fails what waits. Idempotent."""
        settle(self.lost, reason)
        if self._publisher is not None:
            self._publisher.fail(reason)

    @property
    def blocked(self) -> bool:
        """See `LineSession.blocked`."""
        return self._publishing is not None and self._publishing.blocked

    async def declare(self, topology: Topology) -> None:
        """See `LineSession.declare`."""
        for exchange in topology.exchanges:
            await self._declare(
                f"exchange {exchange.name!r}", "exchange_declare", exchange=exchange.name, exchange_type=exchange.kind, durable=True
            )
        for queue in topology.queues:
            await self._declare(f"queue {queue.name!r}", "queue_declare", queue=queue.name, durable=True, arguments=dict(queue.arguments))
        for binding in topology.bindings:
            what = f"binding {binding.exchange!r} -> {binding.queue!r}"
            await self._declare(what, "queue_bind", queue=binding.queue, exchange=binding.exchange, routing_key=binding.routing_key)

    async def _declare(self, what: str, method: str, **arguments: object) -> None:
        # A refused declaration closes its channel, so each has its own.
        channel = await self._open_channel()
        try:
            await channel.call(method, **arguments)
        except SessionLostError as error:
            cause = error.__cause__
            # Anything else, such as a queue whose leader is not up yet, passes.
            if isinstance(cause, exceptions.ChannelClosedByBroker) and cause.reply_code in (_ACCESS_REFUSED, _PRECONDITION_FAILED):
                raise TopologyConflictError(
                    f"{what} cannot be declared: {cause.reply_text}. Delete it if it may go, or give "
                    "the worker another queue (docs/line.md, Settings)."
                ) from error
            raise
        await channel.close()

    async def state_of(self, queue: str) -> QueueState:
        """See `LineSession.state_of`."""
        channel = await self._open_channel()
        answer = await channel.call("queue_declare", queue=queue, passive=True)
        await channel.close()
        return QueueState(answer.method.message_count, answer.method.consumer_count)

    async def consume(self, queue: str, prefetch: int, on_delivery: OnDelivery) -> str:
        """See `LineSession.consume`."""
        channel = await self._open_channel()
        number = len(self._channels)
        self._channels.append(channel)

        def receive(_channel: object, method: Any, properties: Any, body: bytes) -> None:
            method.delivery_tag += number << 48
            on_delivery(to_delivery(method, properties, body))

        consumer = f"goldenpart-{uuid.uuid4().hex}"
        # The broker cancels a consumer whose queue goes away.
        channel.raw.add_on_cancel_callback(lambda _: self.lose(SessionLostError(f"the broker cancelled the consumer of {queue!r}")))
        await self._call_or_lose(channel, "basic_qos", prefetch_count=prefetch)
        await self._call_or_lose(channel, "basic_consume", queue=queue, on_message_callback=receive, consumer_tag=consumer)
        channel.closed.add_done_callback(lambda closed: self.lose(SessionLostError(f"consuming channel closed: {closed.result()!r}")))
        self._consumers[consumer] = channel
        return consumer

    async def cancel(self, consumer: str) -> None:
        """See `LineSession.cancel`."""
        await self._call_or_lose(self._consumers.pop(consumer), "basic_cancel", consumer_tag=consumer)

    async def _call_or_lose(self, channel: Channel, method: str, **arguments: object) -> None:
        """Calls; a session whose consumer could not be set up or ended is of no use, and must not look as if it were."""
        try:
            await channel.call(method, **arguments)
        except SessionLostError as error:
            self.lose(error)
            raise

    def ack(self, delivery: Delivery) -> None:
        """See `LineSession.ack`."""
        channel = self._channels[delivery.tag >> 48]
        if channel.raw.is_open and not self.lost.done():
            channel.raw.basic_ack(delivery.tag & ((1 << 48) - 1))

    def publish(self, exchange: str, routing_key: str, message: Message, *, mandatory: bool = False) -> asyncio.Future[None]:
        """See `LineSession.publish`."""
        assert self._publisher is not None
        return self._publisher.publish(exchange, routing_key, message, mandatory=mandatory)

    async def read_back(self, stream: str, since: datetime) -> list[Message]:
        """See `LineSession.read_back`. A marker is published last, since a stream does not say where it ends."""
        marker = f"goldenpart-marker-{uuid.uuid4().hex}"
        await self.publish("", stream, Message(b"", message_id=marker), mandatory=True)
        channel = await self._open_channel()
        messages: list[Message] = []
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def receive(_channel: object, method: Any, properties: Any, body: bytes) -> None:
            channel.raw.basic_ack(method.delivery_tag)
            if properties.message_id == marker:
                settle(reached, None)
            elif not str(properties.message_id or "").startswith("goldenpart-marker-"):
                messages.append(to_message(properties, body))

        try:
            await channel.call("basic_qos", prefetch_count=READ_BACK_PREFETCH)
            offset = {"x-stream-offset": since.astimezone(UTC)}
            await channel.call("basic_consume", queue=stream, on_message_callback=receive, arguments=offset)
            await asyncio.wait((reached, channel.closed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await channel.close()
        if not reached.done():
            raise SessionLostError(f"the channel closed while {stream!r} was read back: {channel.closed.result()!r}")
        return messages

    async def close(self) -> None:
        """See `LineSession.close`."""
        self.lose(SessionLostError("closed on purpose"))
        connections = [connection for connection in (self._consuming, self._publishing) if connection is not None]
        await asyncio.gather(*(connection.close() for connection in connections))

    async def _open_channel(self) -> Channel:
        assert self._consuming is not None
        return await self._consuming.channel()
