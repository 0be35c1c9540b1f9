"""Events reach a gateway that speaks MQTT, through RabbitMQ's own plugin."""

import asyncio
import itertools
import json
import queue
import sys
import threading
import uuid
from datetime import UTC, datetime

from goldenpart.v1 import inspection_pb2
from goldenpart.worker.broker import shared_broker
from goldenpart.worker.bus import Exchange, Topology
from goldenpart.worker.bus.rabbitmq import RabbitBus
from goldenpart.worker.events import Outcome, to_message
from goldenpart.worker.labels import Address, FrameLabel
from goldenpart.worker.simulate.ledger import Verdict
from goldenpart.worker.simulate.mqtt import MqttAddress, MqttGateway
from goldenpart.worker.topology import EVENTS_EXCHANGE

WAIT_S = 20.0


def outcome(line: str, frame_id: str, verdict: inspection_pb2.Verdict) -> Outcome:
    now = datetime.now(UTC)
    result = inspection_pb2.InspectionResult(frame_id=frame_id, verdict=verdict, revision="r1", score=1.0, threshold=1.0)
    return Outcome(FrameLabel(Address(line, "station1", "cam1"), frame_id, "bolt"), result, "00" * 32, now, now, now, 1)


async def test_gateway_gets_the_events_it_subscribed_to_also_those_from_while_it_was_away() -> None:
    broker = shared_broker()
    line, client_id = f"m{uuid.uuid4().hex[:8]}", f"plc-{uuid.uuid4().hex[:8]}"
    received: queue.Queue[Verdict] = queue.Queue()
    address = MqttAddress("127.0.0.1", broker.ports.mqtt, "guest", "guest")
    session = await RabbitBus([broker.url], "mqtt test").connect()
    await session.declare(Topology((Exchange(EVENTS_EXCHANGE),), (), ()))

    async def send(frame_id: str, verdict: inspection_pb2.Verdict) -> None:
        event = outcome(line, frame_id, verdict)
        await session.publish(EVENTS_EXCHANGE, event.routing_key, to_message(event, datetime.now(UTC)))

    def listen() -> MqttGateway:
        subscribed = threading.Event()
        gateway = MqttGateway(address, client_id, f"{line}/+/+/FAIL", lambda verdict, _: received.put(verdict))
        gateway.start(subscribed.set)
        assert subscribed.wait(WAIT_S)
        return gateway

    first = listen()
    await send("passes", inspection_pb2.VERDICT_PASS)
    await send("fails", inspection_pb2.VERDICT_FAIL)
    assert received.get(timeout=WAIT_S) == Verdict((f"/goldenpart/{line}/station1/cam1", "fails"), "FAIL", "", 1)
    first.stop()
    await send("missed", inspection_pb2.VERDICT_FAIL)
    second = listen()
    assert received.get(timeout=WAIT_S).key[1] == "missed"
    second.stop()
    assert received.empty()
    await session.close()


async def test_simulated_gateway_books_events_by_mqtt() -> None:
    broker = shared_broker()
    line = f"m{uuid.uuid4().hex[:8]}"
    command = [sys.executable, "-m", "goldenpart.worker.simulate", "gateway", "--amqp-url", broker.url, "--frames", "2"]
    command += ["--mqtt", f"127.0.0.1:{broker.ports.mqtt}", "--queue", f"plc-{line}", "--pattern", f"{line}.*.*.*"]
    session = await RabbitBus([broker.url], "mqtt test").connect()
    await session.declare(Topology((Exchange(EVENTS_EXCHANGE),), (), ()))
    gateway = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    ended = asyncio.create_task(gateway.communicate())
    async with asyncio.timeout(6 * WAIT_S):
        for number in itertools.count():  # it books nothing before it has subscribed, and does not say when that is
            event = outcome(line, f"f{number}", inspection_pb2.VERDICT_FAIL)
            await session.publish(EVENTS_EXCHANGE, event.routing_key, to_message(event, datetime.now(UTC)))
            if (await asyncio.wait((ended,), timeout=0.2))[0]:
                break
    await session.close()
    printed, _ = ended.result()
    assert gateway.returncode == 0
    summary = json.loads(printed)
    assert summary["unexpected"] >= 2, "nobody told it what was sent"
    assert summary["conflicts"] == 0
