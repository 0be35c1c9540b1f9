"""Turns pika's properties into messages and back."""

from datetime import UTC, datetime
from typing import Any

from pika import BasicProperties

from goldenpart.worker.bus.message import Delivery, Message


def to_delivery(method: Any, properties: BasicProperties, body: bytes) -> Delivery:
    """Reads a basic.deliver."""
    headers = dict(properties.headers or {})
    returns = headers.get("x-delivery-count")
    attempt = 1 + returns if isinstance(returns, int) else 1
    # Classic queues do not count; the flag alone says that it is not the first time.
    attempt = max(attempt, 2) if method.redelivered else attempt
    return Delivery(to_message(properties, body), method.exchange, method.routing_key, method.delivery_tag, attempt)


def to_message(properties: BasicProperties, body: bytes) -> Message:
    """Reads the content of a message. A timestamp no calendar has counts as none."""
    sent_at = None
    if isinstance(properties.timestamp, int):
        try:
            sent_at = datetime.fromtimestamp(properties.timestamp, UTC)
        except (OverflowError, OSError, ValueError):
            sent_at = None
    return Message(
        body=body,
        headers=dict(properties.headers or {}),
        content_type=properties.content_type or "",
        content_encoding=properties.content_encoding or "",
        message_id=properties.message_id or "",
        correlation_id=properties.correlation_id or "",
        reply_to=properties.reply_to or "",
        sent_at=sent_at,
        persistent=properties.delivery_mode == 2,
    )


def to_properties(message: Message) -> BasicProperties:
    """Writes the properties of a message."""
    return BasicProperties(
        content_type=message.content_type or None,
        content_encoding=message.content_encoding or None,
        headers=dict(message.headers) or None,
        delivery_mode=2 if message.persistent else 1,
        correlation_id=message.correlation_id or None,
        reply_to=message.reply_to or None,
        message_id=message.message_id or None,
        timestamp=int(message.sent_at.timestamp()) if message.sent_at else None,
    )
