"""Messages as the bus carries them: AMQP 0-9-1 content without the library it came through."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

NO_HEADERS: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True)
class Message:
    """Holds a body and the properties that matter on the line.

    Attributes:
        body: The content, any bytes.
        headers: AMQP header table; values are str, bytes, int, bool, float, datetime, None, or lists and tables of these.
        content_type: MIME type of the body, "" if the sender gave none.
        content_encoding: Compression of the body, "" for none.
        message_id: The sender's id for the message.
        correlation_id: Echoed in an answer.
        reply_to: Queue that wants an answer; "" for none.
        sent_at: AMQP timestamp property, whole seconds, aware; None if not given.
        persistent: Whether the broker keeps it on disk (delivery mode 2).
    """

    body: bytes
    headers: Mapping[str, object] = field(default_factory=lambda: NO_HEADERS)
    content_type: str = ""
    content_encoding: str = ""
    message_id: str = ""
    correlation_id: str = ""
    reply_to: str = ""
    sent_at: datetime | None = None
    persistent: bool = True


@dataclass(frozen=True, slots=True)
class Delivery:
    """Holds a message handed to a consumer, to be acked in the session it came from.

    Attributes:
        message: The message.
        exchange: Where it was published; "" for the default exchange.
        routing_key: With which key.
        tag: Delivery tag; means nothing outside its session.
        attempt: 1 for the first delivery; a message that comes again has 2 or more (quorum queues count in x-delivery-count).
    """

    message: Message
    exchange: str
    routing_key: str
    tag: int
    attempt: int = 1

    @property
    def redelivered(self) -> bool:
        """Tells whether an earlier delivery of this message was not acked."""
        return self.attempt > 1


@dataclass(frozen=True, slots=True)
class QueueState:
    """Tells how a queue is at this moment.

    Attributes:
        ready: Messages that no consumer has.
        consumers: Consumers, standing by or not.
    """

    ready: int
    consumers: int
