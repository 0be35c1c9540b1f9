"""The events that left lately, so that a frame which comes again is answered with the same one."""

from collections import OrderedDict
from dataclasses import dataclass

from goldenpart.worker.bus import Message
from goldenpart.worker.events import DIGEST_HEADER, ROUTING_KEY_HEADER, SOURCE_HEADER

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RecentEvent:
    """Holds an event as it was published.

    Attributes:
        digest: sha256 of the frame's message body.
        routing_key: With which the event left.
        message: The event; sent again it is the same byte for byte.
    """

    digest: str
    routing_key: str
    message: Message


class RecentEvents:
    """Remembers events that the broker confirmed, the latest ones up to a number and a size. Not thread-safe."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._bytes = 0
        self._events: OrderedDict[Key, RecentEvent] = OrderedDict()

    def __len__(self) -> int:
        return len(self._events)

    def get(self, key: Key) -> RecentEvent | None:
        """Gets the event of a frame, None if it is not remembered."""
        return self._events.get(key)

    def remember(self, key: Key, event: RecentEvent) -> None:
        """Remembers an event; the first one of a frame stays."""
        if key in self._events:
            return
        self._events[key] = event
        self._bytes += len(event.message.body)
        while len(self._events) > self._max_events or (self._bytes > self._max_bytes and len(self._events) > 1):
            _, oldest = self._events.popitem(last=False)
            self._bytes -= len(oldest.message.body)

    def recall(self, message: Message) -> None:
        """Remembers an event read back from the broker. Anything else is ignored."""
        source, digest = message.headers.get(SOURCE_HEADER), message.headers.get(DIGEST_HEADER)
        routing_key = message.headers.get(ROUTING_KEY_HEADER)
        if isinstance(source, str) and isinstance(digest, str) and isinstance(routing_key, str) and message.message_id:
            self.remember((source, message.message_id), RecentEvent(digest, routing_key, message))
