"""The parking lot: messages that could not be inspected, kept with the reason for a person to look at."""

import uuid
from datetime import datetime

from goldenpart.worker.bus import Delivery, Message
from goldenpart.worker.errors import ParkReason

REASON_HEADER = "goldenpart-reason"
TEXT_HEADER = "goldenpart-reason-text"
ADDRESS_HEADER = "goldenpart-parked-routing-key"
# Header tables travel in one frame; a message must not be refused for the length of its excuse.
MAX_TEXT_CHARACTERS = 500


def to_parked(delivery: Delivery, reason: ParkReason, text: str, now: datetime) -> Message:
    """Makes the message for the parking lot: body and headers as they came, and why it is there.

    Published to goldenpart.frames with the key in goldenpart-parked-routing-key, without our headers, it is the frame again.
    """
    headers = {
        **{name: value for name, value in delivery.message.headers.items() if not name.startswith("x-")},
        REASON_HEADER: reason.value,
        TEXT_HEADER: text[:MAX_TEXT_CHARACTERS],
        ADDRESS_HEADER: delivery.routing_key,
    }
    return Message(
        body=delivery.message.body,
        headers=headers,
        content_type=delivery.message.content_type,
        content_encoding=delivery.message.content_encoding,
        message_id=f"parked-{uuid.uuid4().hex}",
        sent_at=now.replace(microsecond=0),
    )
