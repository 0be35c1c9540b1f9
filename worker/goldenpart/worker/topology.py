"""The exchanges and queues of a line, see docs/line.md for the drawing.

Every argument in which RabbitMQ 3.10 and 4.x have different defaults is given explicitly; deploy/rabbitmq/README.md lists them.
deploy/rabbitmq/definitions.json declares the same for an operator who does not let the worker declare; a test keeps both equal.
"""

from goldenpart.worker.bus import Binding, Exchange, Queue, Topology

FRAMES_EXCHANGE = "goldenpart.frames"
EVENTS_EXCHANGE = "goldenpart.events"
UNROUTED_EXCHANGE = "goldenpart.frames.unrouted"
INSPECT_QUEUE = "goldenpart.inspect"
PARKED_QUEUE = "goldenpart.frames.parked"
RECENT_EVENTS_STREAM = "goldenpart.events.recent"

# The crash net: the worker itself parks a frame long before (settings.attempt_limit). RabbitMQ 4 has 20 by default, 3.x no limit.
DELIVERY_LIMIT = 20
PARKED_BYTES = 1 << 30
RECENT_EVENTS_BYTES = 512 << 20
RECENT_EVENTS_AGE = "1h"
RECENT_EVENTS_SEGMENT_BYTES = 32 << 20


def inspect_queue(name: str = INSPECT_QUEUE) -> Queue:
    """Describes the queue that workers take frames from.

    One worker is active and the others stand by (single active consumer), which keeps the order of a camera's frames; to share the
    load, give each line its own queue. A frame delivered too often goes to the parking lot, at least once.
    """
    return Queue(
        name,
        {
            "x-queue-type": "quorum",
            "x-single-active-consumer": True,
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-overflow": "reject-publish",  # at-least-once dead-lettering demands it
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": PARKED_QUEUE,
            "x-dead-letter-strategy": "at-least-once",
        },
    )


def line_topology(queue: str = INSPECT_QUEUE, frame_bindings: tuple[str, ...] = ("#",)) -> Topology:
    """Describes all a worker needs.

    Args:
        queue: Name of the queue it takes frames from.
        frame_bindings: Topic patterns of the frames it is for, for example "line1.*.*".
    """
    parked = Queue(PARKED_QUEUE, {"x-queue-type": "quorum", "x-max-length-bytes": PARKED_BYTES})
    recent = Queue(
        RECENT_EVENTS_STREAM,
        {
            "x-queue-type": "stream",
            "x-max-age": RECENT_EVENTS_AGE,
            "x-max-length-bytes": RECENT_EVENTS_BYTES,
            "x-stream-max-segment-size-bytes": RECENT_EVENTS_SEGMENT_BYTES,
        },
    )
    bindings = [Binding(FRAMES_EXCHANGE, queue, pattern) for pattern in frame_bindings]
    return Topology(
        exchanges=(Exchange(FRAMES_EXCHANGE), Exchange(EVENTS_EXCHANGE), Exchange(UNROUTED_EXCHANGE, "fanout")),
        queues=(inspect_queue(queue), parked, recent),
        bindings=(*bindings, Binding(EVENTS_EXCHANGE, RECENT_EVENTS_STREAM, "#"), Binding(UNROUTED_EXCHANGE, PARKED_QUEUE, "#")),
    )
