"""Exchanges, queues and bindings as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Exchange:
    """Names a durable exchange.

    Attributes:
        name: Its name.
        kind: "topic" or "fanout".
    """

    name: str
    kind: str = "topic"


@dataclass(frozen=True, slots=True)
class Queue:
    """Names a durable queue.

    Attributes:
        name: Its name.
        arguments: Its x-arguments. The broker refuses a declaration whose arguments differ from the queue that is there.
    """

    name: str
    arguments: Mapping[str, str | int | bool] = field(default_factory=dict)

    @property
    def is_stream(self) -> bool:
        """Tells whether messages stay in it after they were read."""
        return self.arguments.get("x-queue-type") == "stream"


@dataclass(frozen=True, slots=True)
class Binding:
    """Routes messages of an exchange to a queue.

    Attributes:
        exchange: From.
        queue: To.
        routing_key: Topic pattern: * is one word, # any number of words.
    """

    exchange: str
    queue: str
    routing_key: str


@dataclass(frozen=True, slots=True)
class Topology:
    """Holds everything that has to be there before a line can run."""

    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...]
