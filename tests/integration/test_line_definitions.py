"""deploy/rabbitmq: what it declares is what the worker declares, and each user may do its work and nothing else."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from goldenpart.worker.broker import PrivateBroker
from goldenpart.worker.bus import Binding, BusError, LineSession, Message, Queue, Topology, TopologyConflictError
from goldenpart.worker.bus.rabbitmq import RabbitBus
from goldenpart.worker.simulate.gateway import gateway_queue
from goldenpart.worker.topology import EVENTS_EXCHANGE, FRAMES_EXCHANGE, INSPECT_QUEUE, PARKED_QUEUE, line_topology

FOLDER = Path(__file__).parents[2] / "deploy" / "rabbitmq"
DEFINITIONS = json.loads((FOLDER / "definitions.json").read_text())
PASSWORD = "only-for-this-test"
USERS = ("goldenpart-camera", "goldenpart-worker", "goldenpart-gateway")


def test_definitions_declare_what_the_worker_declares() -> None:
    topology = line_topology()
    assert {(e["name"], e["type"]) for e in DEFINITIONS["exchanges"]} == {(e.name, e.kind) for e in topology.exchanges}
    assert {q["name"]: q["arguments"] for q in DEFINITIONS["queues"]} == {q.name: dict(q.arguments) for q in topology.queues}
    assert {(b["source"], b["destination"], b["routing_key"]) for b in DEFINITIONS["bindings"]} == {
        (b.exchange, b.queue, b.routing_key) for b in topology.bindings
    }


def test_definitions_hold_no_password() -> None:
    assert [user["password_hash"] for user in DEFINITIONS["users"]] == ["", "", ""]


@pytest.fixture(scope="module")
def broker() -> Iterator[PrivateBroker]:
    with PrivateBroker(definitions=FOLDER / "definitions.json") as broker:
        for user in USERS:
            broker.control("change_password", user, PASSWORD)
        broker.control("add_user", "goldenpart-admin", PASSWORD)
        broker.control("set_permissions", "goldenpart-admin", ".*", ".*", ".*")
        yield broker


class Sessions:
    """Opens a session per user."""

    def __init__(self, broker: PrivateBroker) -> None:
        self._broker = broker
        self._opened: list[LineSession] = []

    async def of(self, user: str) -> LineSession:
        session = await RabbitBus([self._broker.url_for(f"goldenpart-{user}", PASSWORD)], "definitions test").connect()
        self._opened.append(session)
        return session

    async def close(self) -> None:
        for session in self._opened:
            await session.close()


@pytest.fixture
async def sessions(broker: PrivateBroker) -> AsyncIterator[Sessions]:
    opened = Sessions(broker)
    yield opened
    await opened.close()


async def test_each_user_may_do_its_work(sessions: Sessions) -> None:
    camera, worker, gateway = await sessions.of("camera"), await sessions.of("worker"), await sessions.of("gateway")
    await worker.declare(line_topology())
    await worker.declare(line_topology("goldenpart.inspect.line7", ("line7.*.*",)))
    own = "goldenpart.gateway.plc1"
    await gateway.declare(Topology((), (gateway_queue(own),), (Binding(EVENTS_EXCHANGE, own, "#.FAIL"),)))
    await camera.publish(FRAMES_EXCHANGE, "l.s.c", Message(b"frame", message_id="m1"), mandatory=True)
    await worker.publish(EVENTS_EXCHANGE, "l.s.c.FAIL", Message(b"event", message_id="m2"), mandatory=True)
    await worker.publish("", PARKED_QUEUE, Message(b"parked", message_id="m3"), mandatory=True)
    await worker.consume(INSPECT_QUEUE, 1, lambda _: None)
    await gateway.consume(own, 1, lambda _: None)


@pytest.mark.parametrize(
    ("user", "queue"), [("camera", INSPECT_QUEUE), ("camera", PARKED_QUEUE), ("gateway", INSPECT_QUEUE), ("worker", "goldenpart.gateway.x")]
)
async def test_nobody_reads_what_is_not_theirs(sessions: Sessions, user: str, queue: str) -> None:
    gateway = await sessions.of("gateway")
    await gateway.declare(Topology((), (gateway_queue("goldenpart.gateway.x"),), ()))
    session = await sessions.of(user)
    with pytest.raises(BusError, match="ACCESS_REFUSED"):
        await session.consume(queue, 1, lambda _: None)


@pytest.mark.parametrize(("user", "exchange"), [("camera", EVENTS_EXCHANGE), ("gateway", FRAMES_EXCHANGE), ("gateway", EVENTS_EXCHANGE)])
async def test_nobody_sends_what_is_not_theirs(sessions: Sessions, user: str, exchange: str) -> None:
    session = await sessions.of(user)
    with pytest.raises(BusError):
        await session.publish(exchange, "l.s.c", Message(b"", message_id="m"))
    assert "ACCESS_REFUSED" in str(session.lost.result())


@pytest.mark.parametrize("user", ["camera", "gateway"])
async def test_nobody_else_declares_queues(sessions: Sessions, user: str) -> None:
    session = await sessions.of(user)
    with pytest.raises(TopologyConflictError, match="access to queue"):
        await session.declare(Topology((), (Queue("goldenpart.inspect.mine"),), ()))


async def test_frames_that_no_queue_takes_go_to_the_parking_lot(sessions: Sessions, broker: PrivateBroker) -> None:
    camera, admin = await sessions.of("camera"), await sessions.of("admin")
    await admin.declare(line_topology())
    exchange = '{resource, <<"/">>, exchange, <<"goldenpart.frames">>}'
    queue = '{resource, <<"/">>, queue, <<"goldenpart.inspect">>}'
    binding = f'{{binding, {exchange}, <<"#">>, {queue}, []}}'
    broker.control("eval", f'rabbit_binding:remove({binding}, <<"test">>).')
    before = (await admin.state_of(PARKED_QUEUE)).ready
    await camera.publish(FRAMES_EXCHANGE, "nobodys.own.camera", Message(b"stray", message_id="m"), mandatory=True)
    assert (await admin.state_of(PARKED_QUEUE)).ready == before + 1
    await admin.declare(line_topology())
