"""The promises of the line bus, kept by the bus in memory and by RabbitMQ alike."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from goldenpart.worker.broker import URL_VARIABLE, shared_broker
from goldenpart.worker.bus import (
    Binding,
    BrokerUnreachableError,
    Delivery,
    Exchange,
    LineBus,
    LineSession,
    Message,
    Queue,
    QueueState,
    SessionLostError,
    Topology,
    TopologyConflictError,
    UnroutableError,
)
from goldenpart.worker.bus.memory import MemoryBus, matches
from goldenpart.worker.bus.rabbitmq import RabbitBus
from goldenpart.worker.topology import line_topology

WAIT_S = 20.0


def broker_url() -> str:
    return os.environ.get(URL_VARIABLE) or shared_broker().url


@pytest.fixture(params=["memory", "rabbitmq"])
def bus(request: pytest.FixtureRequest) -> LineBus:
    return MemoryBus() if request.param == "memory" else RabbitBus([broker_url()], "contract")


@pytest.fixture
async def session(bus: LineBus) -> AsyncIterator[LineSession]:
    opened = await bus.connect()
    yield opened
    await opened.close()


@pytest.fixture
def names() -> Callable[[str], str]:
    """Makes names no other test has: the real broker remembers."""
    run = uuid.uuid4().hex[:8]
    return lambda name: f"contract.{run}.{name}"


class Inbox:
    """Collects deliveries and waits for them."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self._arrived = asyncio.Event()

    def __call__(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        self._arrived.set()

    async def wait_for(self, count: int) -> list[Delivery]:
        async with asyncio.timeout(WAIT_S):
            while len(self.deliveries) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.deliveries


def quorum(name: str, **arguments: str | int | bool) -> Queue:
    return Queue(name, {"x-queue-type": "quorum", **arguments})


async def barrier(session: LineSession, queue: str) -> None:
    """Waits until the broker has done all that was asked in this session before."""
    await session.declare(Topology((), (quorum(queue),), ()))


async def test_message_arrives_with_all_its_properties(session: LineSession, names: Callable[[str], str]) -> None:
    queue, exchange = names("inspect"), names("frames")
    await session.declare(Topology((Exchange(exchange),), (quorum(queue),), (Binding(exchange, queue, "line1.#"),)))
    sent = Message(
        body=bytes(range(256)) * 1024,
        headers={"frame_id": "f1", "budget_ms": 500, "simulated": True, "note": None, "at": datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)},
        content_type="image/png",
        content_encoding="",
        message_id="m1",
        correlation_id="c1",
        reply_to="answers",
        sent_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    inbox = Inbox()
    await session.consume(queue, 10, inbox)
    await session.publish(exchange, "line1.station2.cam3", sent)
    (got,) = await inbox.wait_for(1)
    assert got.message == sent
    assert (got.exchange, got.routing_key, got.attempt, got.redelivered) == (exchange, "line1.station2.cam3", 1, False)


async def test_messages_arrive_in_the_order_of_publish_calls(session: LineSession, names: Callable[[str], str]) -> None:
    queue = names("inspect")
    await session.declare(Topology((), (quorum(queue),), ()))
    inbox = Inbox()
    confirms = [session.publish("", queue, Message(str(n).encode())) for n in range(300)]
    await asyncio.gather(*confirms)
    await session.consume(queue, 1000, inbox)
    assert [int(d.message.body) for d in await inbox.wait_for(300)] == list(range(300))


async def test_state_of_a_queue_tells_ready_messages_and_consumers(session: LineSession, names: Callable[[str], str]) -> None:
    queue = names("inspect")
    await session.declare(Topology((), (quorum(queue),), ()))
    assert await session.state_of(queue) == QueueState(0, 0)
    await asyncio.gather(*(session.publish("", queue, Message(b"")) for _ in range(3)))
    inbox = Inbox()
    await session.consume(queue, 1, inbox)
    await inbox.wait_for(1)
    assert await session.state_of(queue) == QueueState(2, 1)


async def test_prefetch_bounds_what_is_outstanding_and_acks_make_room(session: LineSession, names: Callable[[str], str]) -> None:
    queue = names("inspect")
    await session.declare(Topology((), (quorum(queue),), ()))
    await asyncio.gather(*(session.publish("", queue, Message(str(n).encode())) for n in range(5)))
    inbox = Inbox()
    await session.consume(queue, 2, inbox)
    first = list(await inbox.wait_for(2))
    await barrier(session, names("barrier"))
    assert len(inbox.deliveries) == 2
    for delivery in first:
        session.ack(delivery)
    assert [int(d.message.body) for d in await inbox.wait_for(4)] == [0, 1, 2, 3]


async def test_unacked_deliveries_come_again_in_order_with_a_count(bus: LineBus, names: Callable[[str], str]) -> None:
    queue = names("inspect")
    first = await bus.connect()
    await first.declare(Topology((), (quorum(queue, **{"x-delivery-limit": 20}),), ()))
    await asyncio.gather(*(first.publish("", queue, Message(str(n).encode())) for n in range(4)))
    inbox = Inbox()
    await first.consume(queue, 10, inbox)
    first.ack((await inbox.wait_for(4))[1])
    await first.close()
    second = await bus.connect()
    again = Inbox()
    await second.consume(queue, 10, again)
    deliveries = await again.wait_for(3)
    assert [(int(d.message.body), d.attempt, d.redelivered) for d in deliveries] == [(0, 2, True), (2, 2, True), (3, 2, True)]
    await second.close()


async def test_ack_in_a_closed_session_does_nothing(bus: LineBus, names: Callable[[str], str]) -> None:
    queue = names("inspect")
    first = await bus.connect()
    await first.declare(Topology((), (quorum(queue),), ()))
    await first.publish("", queue, Message(b"1"))
    inbox = Inbox()
    await first.consume(queue, 10, inbox)
    (stale,) = await inbox.wait_for(1)
    await first.close()
    first.ack(stale)
    second = await bus.connect()
    again = Inbox()
    await second.consume(queue, 10, again)
    assert (await again.wait_for(1))[0].message.body == b"1"
    await second.close()


async def test_message_past_the_delivery_limit_goes_to_the_dead_letter_queue(bus: LineBus, names: Callable[[str], str]) -> None:
    queue, parked = names("inspect"), names("parked")
    arguments: dict[str, str | int | bool] = {
        "x-delivery-limit": 1,
        "x-overflow": "reject-publish",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": parked,
        "x-dead-letter-strategy": "at-least-once",
    }
    topology = Topology((), (quorum(parked), quorum(queue, **arguments)), ())
    setup = await bus.connect()
    await setup.declare(topology)
    await setup.publish("", queue, Message(b"poison"))
    for attempt in (1, 2):
        session = await bus.connect()
        inbox = Inbox()
        await session.consume(queue, 1, inbox)
        assert (await inbox.wait_for(1))[0].attempt == attempt
        await session.close()
    inbox = Inbox()
    await setup.consume(parked, 1, inbox)
    assert (await inbox.wait_for(1))[0].message.body == b"poison"
    await setup.close()


async def test_cancelled_consumer_gets_nothing_more_but_may_ack(session: LineSession, names: Callable[[str], str]) -> None:
    queue = names("inspect")
    await session.declare(Topology((), (quorum(queue),), ()))
    inbox = Inbox()
    consumer = await session.consume(queue, 10, inbox)
    await session.publish("", queue, Message(b"1"))
    (delivery,) = await inbox.wait_for(1)
    await session.cancel(consumer)
    await session.publish("", queue, Message(b"2"))
    session.ack(delivery)
    wider = Inbox()
    await session.consume(queue, 10, wider)
    assert [d.message.body for d in await wider.wait_for(1)] == [b"2"]
    assert len(inbox.deliveries) == 1


async def test_one_consumer_is_active_and_the_next_takes_over(bus: LineBus, names: Callable[[str], str]) -> None:
    queue = names("inspect")
    first, second = await bus.connect(), await bus.connect()
    await first.declare(Topology((), (quorum(queue, **{"x-single-active-consumer": True}),), ()))
    inbox, standby = Inbox(), Inbox()
    await first.consume(queue, 10, inbox)
    await second.consume(queue, 10, standby)
    for n in range(4):
        await second.publish("", queue, Message(str(n).encode()))
    for delivery in (await inbox.wait_for(4))[:3]:
        first.ack(delivery)
    await barrier(first, names("barrier"))
    assert standby.deliveries == []
    await first.close()
    assert [d.message.body for d in await standby.wait_for(1)] == [b"3"]
    await second.close()


async def test_mandatory_message_without_a_queue_is_an_error(session: LineSession, names: Callable[[str], str]) -> None:
    exchange = names("events")
    await session.declare(Topology((Exchange(exchange),), (), ()))
    with pytest.raises(UnroutableError, match=r"no queue takes"):
        await session.publish(exchange, "a.b.c", Message(b"", message_id="m1"), mandatory=True)
    await session.publish(exchange, "a.b.c", Message(b"", message_id="m2"))


async def test_conflicting_declaration_is_an_error_and_the_session_lives_on(session: LineSession, names: Callable[[str], str]) -> None:
    queue, exchange = names("inspect"), names("frames")
    await session.declare(Topology((Exchange(exchange),), (quorum(queue, **{"x-delivery-limit": 20}),), ()))
    await session.declare(Topology((Exchange(exchange),), (quorum(queue, **{"x-delivery-limit": 20}),), ()))
    with pytest.raises(TopologyConflictError, match=queue):
        await session.declare(Topology((), (quorum(queue, **{"x-delivery-limit": 3}),), ()))
    with pytest.raises(TopologyConflictError, match=exchange):
        await session.declare(Topology((Exchange(exchange, "fanout"),), (), ()))
    await session.publish("", queue, Message(b"still here", message_id="m"), mandatory=True)


async def test_stream_is_read_back_without_taking_anything_away(session: LineSession, names: Callable[[str], str]) -> None:
    stream, exchange = names("recent"), names("events")
    queue = Queue(stream, {"x-queue-type": "stream", "x-max-age": "1h"})
    await session.declare(Topology((Exchange(exchange),), (queue,), (Binding(exchange, stream, "#"),)))
    assert await session.read_back(stream, datetime.now(UTC) - timedelta(minutes=1)) == []
    for n in range(40):
        await session.publish(exchange, "a.b.c.PASS", Message(b"x" * 1000, headers={"n": n}, message_id=f"f{n}"))
    for _ in range(2):
        messages = await session.read_back(stream, datetime.now(UTC) - timedelta(minutes=1))
        assert [m.headers["n"] for m in messages] == list(range(40))
    assert messages[7].message_id == "f7"


async def test_closing_settles_lost_and_fails_what_is_published_afterwards(bus: LineBus, names: Callable[[str], str]) -> None:
    session = await bus.connect()
    assert not session.lost.done()
    await session.close()
    await session.close()
    assert isinstance(session.lost.result(), SessionLostError)
    with pytest.raises(SessionLostError):
        await session.publish("", names("nowhere"), Message(b""))
    with pytest.raises(SessionLostError):
        await session.declare(Topology((), (quorum(names("nowhere")),), ()))


async def test_topology_of_the_line_can_be_declared_twice(bus: LineBus) -> None:
    for _ in range(2):
        session = await bus.connect()
        await session.declare(line_topology())
        await session.close()


@pytest.mark.parametrize("broken", ["amqp://guest:guest@127.0.0.1:1/%2F", "wrong password"])
async def test_unreachable_broker_is_an_error(broken: str) -> None:
    url = broken if broken.startswith("amqp") else broker_url().replace("guest:guest", "guest:wrong")
    with pytest.raises(BrokerUnreachableError, match="no connection to"):
        await RabbitBus([url], "contract").connect()


@pytest.mark.parametrize(
    ("pattern", "routing_key", "expected"),
    [
        ("#", "", True),
        ("#", "a.b.c", True),
        ("*.*.*", "a.b.c", True),
        ("*.*.*", "a.b", False),
        ("line1.#", "line1", True),
        ("line1.#", "line1.x.y", True),
        ("line1.*.cam", "line1.s.cam", True),
        ("line1.*.cam", "line2.s.cam", False),
        ("#.PASS", "a.b.c.PASS", True),
        ("#.PASS", "a.b.c.FAIL", False),
    ],
)
async def test_topic_patterns(pattern: str, routing_key: str, *, expected: bool, names: Callable[[str], str]) -> None:
    assert matches(pattern, routing_key) == expected
    session = await RabbitBus([broker_url()], "contract").connect()
    exchange, queue = names("e"), names("q")
    await session.declare(Topology((Exchange(exchange),), (quorum(queue),), (Binding(exchange, queue, pattern),)))
    publish = session.publish(exchange, routing_key, Message(b"", message_id="m"), mandatory=True)
    if expected:
        await publish
    else:
        with pytest.raises(UnroutableError):
            await publish
    await session.close()
