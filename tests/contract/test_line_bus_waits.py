"""No wait for RabbitMQ is without an end: a broker that takes connections and then keeps silent, wholly or about one thing."""

import asyncio
import contextlib
import struct
import uuid
from collections.abc import AsyncIterator

import pytest

from goldenpart.worker.broker import PrivateBroker, shared_broker
from goldenpart.worker.bus import BrokerUnreachableError, Message, Queue, SessionLostError, Topology
from goldenpart.worker.bus.rabbitmq import RabbitBus, RabbitTimeouts

WAIT_S = 20.0
# What the broker sends, as AMQP 0-9-1 numbers its methods.
CHANNEL_OPEN_OK, QUEUE_DECLARE_OK, BASIC_CONSUME_OK, BASIC_ACK = (20, 11), (50, 11), (60, 21), (60, 80)
_METHOD_FRAME = 1


@pytest.fixture(scope="module", autouse=True)
def broker() -> PrivateBroker:
    return shared_broker()


@contextlib.asynccontextmanager
async def broker_that_withholds(*methods: tuple[int, int]) -> AsyncIterator[int]:
    """Stands before the real broker and lets all pass, heartbeats too, but these methods of its answers; gives its port."""

    async def answers(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while True:
            head = await source.readexactly(7)
            kind, _, size = struct.unpack(">BHI", head)
            rest = await source.readexactly(size + 1)
            if kind != _METHOD_FRAME or struct.unpack(">HH", rest[:4]) not in methods:
                sink.write(head + rest)

    async def requests(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", shared_broker().ports.amqp)
        both = [asyncio.create_task(requests(reader, there_writer)), asyncio.create_task(answers(there_reader, writer))]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        for sink in (writer, there_writer):
            sink.close()
            with contextlib.suppress(ConnectionError):
                await sink.wait_closed()

    serving: list[asyncio.Task[None]] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.create_task(serve(reader, writer)))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*serving)  # each ends with its connection: the bus leaves none open


def impatient_bus(port: int, connect_s: float = WAIT_S) -> RabbitBus:
    url = f"amqp://guest:guest@127.0.0.1:{port}/%2F"
    return RabbitBus([url], "waits", RabbitTimeouts(connect_s=connect_s, answer_s=1.0, confirm_s=1.0))


async def test_broker_that_takes_connections_and_says_nothing_is_unreachable() -> None:
    """As between the opening of a listener and the first answer of a broker that is still booting."""
    taken: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(lambda _, writer: taken.append(writer), "127.0.0.1", 0) as silent:
        async with asyncio.timeout(2 * WAIT_S):
            with pytest.raises(BrokerUnreachableError):
                await impatient_bus(silent.sockets[0].getsockname()[1], connect_s=0.3).connect()
        assert taken
        for writer in taken:
            writer.close()


async def test_broker_that_opens_no_channel_is_unreachable() -> None:
    async with broker_that_withholds(CHANNEL_OPEN_OK) as port, asyncio.timeout(2 * WAIT_S):
        with pytest.raises(BrokerUnreachableError, match="no channel: the broker did not answer"):
            await impatient_bus(port).connect()


async def test_request_without_an_answer_fails() -> None:
    async with broker_that_withholds(QUEUE_DECLARE_OK) as port, asyncio.timeout(2 * WAIT_S):
        session = await impatient_bus(port).connect()
        queue = f"waits.{uuid.uuid4().hex}"
        with pytest.raises(SessionLostError, match="did not answer within"):
            await session.declare(Topology((), (Queue(queue),), ()))
        with pytest.raises(SessionLostError, match="did not answer within"):
            await session.state_of(queue)
        await session.close()


async def test_consumer_that_is_not_confirmed_loses_the_session() -> None:
    """A worker whose second, wider consumer never came would look connected and take nothing."""
    async with broker_that_withholds(BASIC_CONSUME_OK) as port, asyncio.timeout(2 * WAIT_S):
        session = await impatient_bus(port).connect()
        queue = f"waits.{uuid.uuid4().hex}"
        await session.declare(Topology((), (Queue(queue),), ()))
        with pytest.raises(SessionLostError, match="did not answer within"):
            await session.consume(queue, 1, lambda _: None)
        assert "did not answer within" in str(session.lost.result())
        await session.close()


async def test_consumer_that_is_refused_loses_the_session() -> None:
    session = await impatient_bus(shared_broker().ports.amqp).connect()
    with pytest.raises(SessionLostError, match="NOT_FOUND"):
        await session.consume(f"waits.{uuid.uuid4().hex}", 1, lambda _: None)
    assert "NOT_FOUND" in str(session.lost.result())
    await session.close()


async def test_confirm_that_never_comes_loses_the_session() -> None:
    async with broker_that_withholds(BASIC_ACK) as port, asyncio.timeout(2 * WAIT_S):
        session = await impatient_bus(port).connect()
        confirmed = session.publish("", f"waits.{uuid.uuid4().hex}", Message(b""))
        with pytest.raises(SessionLostError, match="confirmed nothing for"):
            await confirmed
        assert session.lost.done()
        await session.close()


async def test_session_in_which_nothing_is_published_is_kept() -> None:
    session = await impatient_bus(shared_broker().ports.amqp).connect()
    queue = f"waits.{uuid.uuid4().hex}"
    await session.declare(Topology((), (Queue(queue),), ()))
    await session.publish("", queue, Message(b"1"))
    done, _ = await asyncio.wait((session.lost,), timeout=2.0)  # twice confirm_s
    assert not done
    await session.publish("", queue, Message(b"2"))
    await session.close()
