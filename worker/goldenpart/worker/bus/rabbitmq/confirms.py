"""Matches the broker's confirms with what was published."""

import asyncio
from typing import Any

from pika import spec

from goldenpart.worker.bus.errors import BusError, PublishRefusedError, SessionLostError, UnroutableError
from goldenpart.worker.bus.message import Message
from goldenpart.worker.bus.rabbitmq.connection import Channel
from goldenpart.worker.bus.rabbitmq.content import to_properties


class ConfirmingPublisher:
    """Publishes on a channel in confirm mode with streaming confirms: many messages are on their way at once."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._next_tag = 1
        # In order of tags, since dicts keep insertion order and tags only grow.
        self._waiting: dict[int, tuple[asyncio.Future[None], str]] = {}
        self._returned: dict[str, str] = {}
        self._moved_at = asyncio.get_running_loop().time()

    async def start(self) -> None:
        """Switches the channel to confirm mode."""
        self._channel.raw.add_on_return_callback(self._on_return)
        await self._channel.call("confirm_delivery", ack_nack_callback=self._on_confirm)

    def publish(self, exchange: str, routing_key: str, message: Message, *, mandatory: bool) -> asyncio.Future[None]:
        """Sends a message now; the future is done when the broker has it."""
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._channel.raw.is_open:
            confirmed.set_exception(SessionLostError("the publishing channel is closed"))
            return confirmed
        if not self._waiting:
            self.touch()
        self._channel.raw.basic_publish(exchange, routing_key, message.body, to_properties(message), mandatory=mandatory)
        self._waiting[self._next_tag] = (confirmed, message.message_id if mandatory else "")
        self._next_tag += 1
        return confirmed

    @property
    def silent_s(self) -> float:
        """Tells for how many seconds messages have waited without a single confirm; 0 if none waits."""
        return asyncio.get_running_loop().time() - self._moved_at if self._waiting else 0.0

    def touch(self) -> None:
        """Notes that the broker cannot be blamed for the silence so far."""
        self._moved_at = asyncio.get_running_loop().time()

    def fail(self, reason: BusError) -> None:
        """Fails everything that waits: nobody knows whether the broker has it."""
        waiting, self._waiting = self._waiting, {}
        for confirmed, _ in waiting.values():
            if not confirmed.done():
                confirmed.set_exception(SessionLostError(f"not confirmed: {reason}"))

    def _on_return(self, _channel: object, method: Any, properties: Any, _body: bytes) -> None:
        # basic.return carries no delivery tag and comes before the confirm, so the message id has to tell.
        self._returned[properties.message_id or ""] = f"{method.reply_code} {method.reply_text} for {method.routing_key!r}"

    def _on_confirm(self, frame: Any) -> None:
        self.touch()
        last: int = frame.method.delivery_tag
        tags = [tag for tag in self._waiting if tag <= last] if frame.method.multiple else [last]
        for tag in tags:
            if tag not in self._waiting:  # `fail` was faster
                continue
            confirmed, message_id = self._waiting.pop(tag)
            returned = self._returned.pop(message_id, None) if message_id else None
            if confirmed.done():  # its waiter was cancelled
                continue
            if isinstance(frame.method, spec.Basic.Nack):
                confirmed.set_exception(PublishRefusedError("the broker refused a message (basic.nack): is a bounded queue full?"))
            elif returned is not None:
                confirmed.set_exception(UnroutableError(f"no queue takes the message: {returned}"))
            else:
                confirmed.set_result(None)
