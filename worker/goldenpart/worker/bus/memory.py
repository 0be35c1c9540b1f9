"""The line bus in memory, for unit tests: the broker's promises without a broker.

Implements what the worker relies on: topic routing, prefetch, acks, redelivery with a count when a session ends, dead-lettering
past the delivery limit, single active consumer, confirms, mandatory returns, streams. Tests break sessions with `lose_sessions`,
make the broker vanish with `reachable`, and refuse publishes with `refusing`.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from goldenpart.worker.bus.errors import (
    BrokerUnreachableError,
    BusError,
    PublishRefusedError,
    SessionLostError,
    TopologyConflictError,
    UnroutableError,
)
from goldenpart.worker.bus.message import Delivery, Message, QueueState
from goldenpart.worker.bus.port import OnDelivery
from goldenpart.worker.bus.shape import Binding, Exchange, Queue, Topology


def matches(pattern: str, routing_key: str) -> bool:
    """Tells whether a topic pattern (* one word, # any number) matches a routing key."""
    return _match(pattern.split("."), routing_key.split(".") if routing_key else [])


def _match(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(_match(pattern[1:], words[n:]) for n in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and _match(pattern[1:], words[1:])


@dataclass(slots=True)
class _Consumer:
    session: "MemorySession"
    queue: "_Store"
    prefetch: int
    on_delivery: OnDelivery
    unacked: int = 0
    active: bool = True


@dataclass(slots=True)
class _Store:
    """A queue with its content. Entries are (delivery, times returned)."""

    queue: Queue
    ready: deque[tuple[Delivery, int]] = field(default_factory=deque)
    kept: list[tuple[datetime, Message]] = field(default_factory=list)
    consumers: list[_Consumer] = field(default_factory=list)


class MemoryBus:
    """Implements `bus.LineBus`; the object is the broker and outlives its sessions. Used from one loop."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.exchanges: dict[str, Exchange] = {}
        self.queues: dict[str, _Store] = {}
        self.bindings: list[Binding] = []
        self.sessions: list[MemorySession] = []
        self.reachable = True
        self.refusing = False
        self.blocked = False
        self.clock = clock

    async def connect(self) -> "MemorySession":
        """See `LineBus.connect`."""
        if not self.reachable:
            raise BrokerUnreachableError("the broker in memory is switched off")
        session = MemorySession(self)
        self.sessions.append(session)
        return session

    def lose_sessions(self) -> None:
        """Breaks every open session, as a restart of the broker does."""
        for session in list(self.sessions):
            session.lose(SessionLostError("the broker in memory restarted"))

    def waiting(self, queue: str) -> list[Message]:
        """Gets the messages of a queue that no consumer has."""
        return [delivery.message for delivery, _ in self.queues[queue].ready]

    def route(self, exchange: str, routing_key: str, message: Message) -> bool:
        """Puts a message where it belongs and tells whether it found a queue."""
        if exchange:
            names = [b.queue for b in self.bindings if b.exchange == exchange and self._routes(b, routing_key)]
        else:
            names = [routing_key] if routing_key in self.queues else []
        for name in dict.fromkeys(names):
            store = self.queues[name]
            if store.queue.is_stream:
                store.kept.append((self.clock(), message))
            else:
                store.ready.append((Delivery(message, exchange, routing_key, 0), 0))
                self.pump(store)
        return bool(names)

    def _routes(self, binding: Binding, routing_key: str) -> bool:
        return self.exchanges[binding.exchange].kind == "fanout" or matches(binding.routing_key, routing_key)

    def give_back(self, store: _Store, returned: list[tuple[Delivery, int]]) -> None:
        """Puts unacked deliveries back in front, or to the dead-letter queue when they came too often."""
        limit = store.queue.arguments.get("x-delivery-limit")
        for delivery, returns in reversed(returned):
            if isinstance(limit, int) and returns + 1 > limit:
                self.route("", str(store.queue.arguments.get("x-dead-letter-routing-key", "")), delivery.message)
            else:
                store.ready.appendleft((delivery, returns + 1))
        self.pump(store)

    def pump(self, store: _Store) -> None:
        """Schedules deliveries to the consumers that have room."""
        consumers = store.consumers[:1] if store.queue.arguments.get("x-single-active-consumer") else store.consumers
        for consumer in consumers:
            while store.ready and consumer.unacked < consumer.prefetch:
                delivery, returns = store.ready.popleft()
                consumer.session.hand_over(consumer, delivery, returns)


class MemorySession:
    """Implements `bus.LineSession`."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus
        self.lost: asyncio.Future[BusError] = asyncio.get_running_loop().create_future()
        self._consumers: dict[str, _Consumer] = {}
        self._unacked: dict[int, tuple[_Consumer, Delivery, int]] = {}
        self._tags = 0

    @property
    def blocked(self) -> bool:
        """See `LineSession.blocked`."""
        return self._bus.blocked

    async def declare(self, topology: Topology) -> None:
        """See `LineSession.declare`."""
        self._check_open()
        for exchange in topology.exchanges:
            if self._bus.exchanges.setdefault(exchange.name, exchange) != exchange:
                raise TopologyConflictError(f"exchange {exchange.name!r} exists with other properties")
        for queue in topology.queues:
            if self._bus.queues.setdefault(queue.name, _Store(queue)).queue != queue:
                raise TopologyConflictError(f"queue {queue.name!r} exists with other arguments")
        self._bus.bindings += [binding for binding in topology.bindings if binding not in self._bus.bindings]

    async def state_of(self, queue: str) -> QueueState:
        """See `LineSession.state_of`."""
        self._check_open()
        return QueueState(len(self._bus.queues[queue].ready), len(self._bus.queues[queue].consumers))

    async def consume(self, queue: str, prefetch: int, on_delivery: OnDelivery) -> str:
        """See `LineSession.consume`."""
        self._check_open()
        store = self._bus.queues[queue]
        consumer = _Consumer(self, store, prefetch, on_delivery)
        store.consumers.append(consumer)
        name = f"consumer-{len(self._consumers)}"
        self._consumers[name] = consumer
        self._bus.pump(store)
        await asyncio.sleep(0)  # as with a socket, the first deliveries are there before the answer is read
        return name

    async def cancel(self, consumer: str) -> None:
        """See `LineSession.cancel`."""
        self._check_open()
        cancelled = self._consumers[consumer]
        cancelled.active = False
        cancelled.queue.consumers.remove(cancelled)
        self._bus.pump(cancelled.queue)

    def hand_over(self, consumer: _Consumer, delivery: Delivery, returns: int) -> None:
        """Delivers in the next turn of the loop, as a socket would."""
        self._tags += 1
        delivery = replace(delivery, tag=self._tags, attempt=returns + 1)
        consumer.unacked += 1
        self._unacked[delivery.tag] = (consumer, delivery, returns)
        asyncio.get_running_loop().call_soon(lambda: None if self.lost.done() else consumer.on_delivery(delivery))

    def ack(self, delivery: Delivery) -> None:
        """See `LineSession.ack`."""
        if self.lost.done():
            return
        consumer, _, _ = self._unacked.pop(delivery.tag)
        consumer.unacked -= 1
        self._bus.pump(consumer.queue)

    def publish(self, exchange: str, routing_key: str, message: Message, *, mandatory: bool = False) -> asyncio.Future[None]:
        """See `LineSession.publish`."""
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.lost.done():
            confirmed.set_exception(SessionLostError("the session is lost"))
        elif self._bus.refusing:
            confirmed.set_exception(PublishRefusedError("the broker in memory refuses"))
        elif not self._bus.route(exchange, routing_key, message) and mandatory:
            confirmed.set_exception(UnroutableError(f"no queue takes {routing_key!r}"))
        else:
            confirmed.set_result(None)
        return confirmed

    async def read_back(self, stream: str, since: datetime) -> list[Message]:
        """See `LineSession.read_back`."""
        self._check_open()
        return [message for at, message in self._bus.queues[stream].kept if at >= since]

    async def close(self) -> None:
        """See `LineSession.close`."""
        self.lose(SessionLostError("closed on purpose"))

    def lose(self, reason: BusError) -> None:
        """Breaks the session: its unacked deliveries go back."""
        if self.lost.done():
            return
        self.lost.set_result(reason)
        self._bus.sessions.remove(self)
        stores = {id(c.queue): c.queue for c in self._consumers.values()}
        for consumer in self._consumers.values():
            if consumer.active:
                consumer.queue.consumers.remove(consumer)
        for store in stores.values():
            back = [(delivery, returns) for consumer, delivery, returns in self._unacked.values() if consumer.queue is store]
            self._bus.give_back(store, back)

    def _check_open(self) -> None:
        if self.lost.done():
            raise SessionLostError("the session is lost")
