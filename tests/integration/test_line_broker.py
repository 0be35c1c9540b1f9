"""The worker's promises towards a real RabbitMQ and a real server: restarts, kills, alarms, half-open networks, drain."""

import asyncio
import json
import signal
import urllib.request
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from line_plant import PICTURE, WAIT_S, Plant, start_worker

from goldenpart.v1 import image_pb2, line_pb2
from goldenpart.worker.broker import PrivateBroker, free_ports, shared_broker
from goldenpart.worker.bus import Binding, Message, Queue, Topology
from goldenpart.worker.simulate.onboarding import CATEGORY, onboard_flange
from goldenpart.worker.simulate.processes import RestartableServer
from goldenpart.worker.topology import FRAMES_EXCHANGE, inspect_queue


@pytest.fixture(scope="module")
def broker() -> PrivateBroker:
    return shared_broker()


@pytest.fixture(scope="module")
def server() -> Iterator[RestartableServer]:
    running = RestartableServer({"GOLDENPART_THREADS": "1"})
    try:
        running.start()
        onboard_flange(running.address)
        yield running
    finally:
        running.close()


@pytest.fixture
async def plant(broker: PrivateBroker, server: RestartableServer) -> AsyncIterator[Plant]:
    async with Plant.opened(broker, server.address) as plant:
        yield plant


@pytest.fixture
async def plant_with_images(broker: PrivateBroker, server: RestartableServer, tmp_path: Path) -> AsyncIterator[Plant]:
    async with Plant.opened(broker, server.address, image_roots=str(tmp_path)) as plant:
        yield plant


def camera_frame(frame_id: str, image: bytes) -> bytes:
    return line_pb2.CameraFrame(frame_id=frame_id, category=CATEGORY, image=image_pb2.Image(encoded=image)).SerializeToString()


async def test_frames_in_all_forms_are_inspected(plant_with_images: Plant, tmp_path: Path) -> None:
    plant = plant_with_images
    (tmp_path / "1.jpg").write_bytes(PICTURE.encoded)
    reference = {"frame_id": "json", "category": CATEGORY, "image_uri": (tmp_path / "1.jpg").as_uri(), "want": "regions"}
    async with plant.working():
        await plant.send("picture", want="heatmap", part_id="part1", job_id="job1")
        await plant.publish(Message(camera_frame("protobuf", PICTURE.encoded), content_type="application/x-protobuf"))
        await plant.publish(Message(json.dumps(reference).encode(), content_type="application/json"))
        await plant.until(events=3)
    assert plant.outcomes() == [("picture", "PASS", None), ("protobuf", "PASS", None), ("json", "PASS", None)]
    first = plant.events[0]
    assert first.routing_key == f"{plant.name}.station1.cam1.PASS"
    assert (first.message.message_id, first.message.persistent) == ("picture", True)
    data = plant.read()[0]["data"]
    assert isinstance(data, dict)
    assert data["heatmap"]["png_base64"].startswith("iVBORw0KGgo")
    assert "heatmap" not in plant.read()[1]["data"]  # type: ignore[operator]
    scores = [event["data"]["score"] for event in plant.read()]  # type: ignore[index]
    assert scores == pytest.approx([scores[0]] * 3), "the same picture has the same score, however it came"


async def test_table_of_bad_messages(plant_with_images: Plant) -> None:
    """What is sent, what event it gets, and why it is parked, if it is."""
    plant, picture = plant_with_images, PICTURE.encoded
    uri = {"frame_id": "outside", "category": CATEGORY, "image_uri": "file:///etc/passwd"}
    table: list[tuple[Message, tuple[str, str] | None, str | None]] = [
        (Message(picture, {}, "image/jpeg"), None, "NO_FRAME_ID"),
        (Message(picture, {"category": CATEGORY}, "image/jpeg"), None, "NO_FRAME_ID"),
        (Message(picture, {"frame_id": "text", "category": CATEGORY}, "text/plain"), ("text", "UNSUPPORTED_FORMAT"), "WRONG_CONTENT_TYPE"),
        (Message(picture[:900], {"frame_id": "cut", "category": CATEGORY}, "image/jpeg"), ("cut", "UNDECODABLE"), None),
        (Message(b"no picture", {"frame_id": "noise", "category": CATEGORY}, "image/jpeg"), ("noise", "UNSUPPORTED_FORMAT"), None),
        (Message(picture, {"frame_id": "unknown", "category": "nosuch"}, "image/jpeg"), ("unknown", "UNKNOWN_CATEGORY"), None),
        (Message(bytes(20 << 20), {"frame_id": "20MB", "category": CATEGORY}, "image/png"), ("20MB", "IMAGE_TOO_LARGE"), "BODY_TOO_LARGE"),
        (Message(b"\xff\xff", {"frame_id": "pb"}, "application/x-protobuf"), ("pb", "INVALID_FRAME"), "WRONG_BODY"),
        (Message(b"\xff\xff", {}, "application/x-protobuf"), None, "WRONG_BODY"),
        (Message(json.dumps(uri).encode(), {}, "application/json"), ("outside", "INVALID_FRAME"), "REFERENCE_REFUSED"),
        (Message(picture, {"frame_id": "twice", "category": CATEGORY}, "image/jpeg"), ("twice", ""), None),
        (Message(picture + b"x", {"frame_id": "twice", "category": CATEGORY}, "image/jpeg"), None, "FRAME_ID_REUSED"),
        (Message(picture, {"frame_id": "good", "category": CATEGORY}, "image/jpeg"), ("good", ""), None),
    ]
    expected_events = [event for _, event, _ in table if event]
    expected_parked = [reason for _, _, reason in table if reason]
    async with plant.working() as line:
        for message, _, _ in table:
            await plant.publish(message)
        await plant.until(len(expected_events), len(expected_parked))
        await plant.until_queue_is_empty(line)
    assert [(event_id, reason or "") for event_id, _, reason in plant.outcomes()] == expected_events
    assert [parked.message.headers["goldenpart-reason"] for parked in plant.parked] == expected_parked
    by_reason = {parked.message.headers["goldenpart-reason"]: parked.message for parked in plant.parked}
    assert len(by_reason["BODY_TOO_LARGE"].body) == 20 << 20
    assert "not below an allowed folder" in str(by_reason["REFERENCE_REFUSED"].headers["goldenpart-reason-text"])


async def test_frame_without_an_address_is_parked(plant: Plant) -> None:
    await plant.session.declare(Topology((), (), (Binding(FRAMES_EXCHANGE, plant.queue, f"odd.{plant.name}"),)))
    async with plant.working():
        message = Message(PICTURE.encoded, {"frame_id": "f1", "category": CATEGORY}, "image/jpeg")
        await plant.session.publish(FRAMES_EXCHANGE, f"odd.{plant.name}", message)
        await plant.until(parked=1)
    assert plant.parked[0].message.headers["goldenpart-reason"] == "NO_ADDRESS"


async def test_frames_without_a_server_are_answered_in_time_and_it_resumes_alone(plant: Plant, server: RestartableServer) -> None:
    await asyncio.to_thread(server.kill)
    async with plant.working() as line:
        for n in range(100):
            await plant.send(f"f{n}", captured_at=datetime.now(UTC).isoformat(), budget_ms=1500)
        await plant.until(events=100)
        await plant.until_queue_is_empty(line)
        assert {reason for _, _, reason in plant.outcomes()} == {"DEADLINE_PASSED"}
        assert not any(event["data"]["late"] for event in plant.read())  # type: ignore[index]
        await asyncio.to_thread(server.start)
        await plant.send("after", budget_ms=60_000)
        await plant.until(events=101)
    assert plant.outcomes()[-1] == ("after", "PASS", None)


async def test_overloaded_server_is_not_hammered_and_loses_nothing(broker: PrivateBroker, server: RestartableServer) -> None:
    await asyncio.to_thread(server.stop)
    server._settings["GOLDENPART_LIMITS__FRAMES_IN_SERVER"] = "4"
    try:
        await asyncio.to_thread(server.start)
        async with Plant.opened(broker, server.address, batch_frames=4, calls_in_flight=4) as plant, plant.working() as line:
            for n in range(40):
                await plant.send(f"f{n}", budget_ms=60_000)
            await plant.until(events=40)
            refused = line.metrics.call_failures.labels("ServerOverloadedError")._value.get()
    finally:
        await asyncio.to_thread(server.stop)
        del server._settings["GOLDENPART_LIMITS__FRAMES_IN_SERVER"]
        await asyncio.to_thread(server.start)
    assert plant.outcomes() == [(f"f{n}", "PASS", None) for n in range(40)]
    assert refused > 0, "the server was never overloaded, so this test showed nothing"


async def test_server_that_is_replaced_in_an_orderly_way_loses_nothing(plant: Plant, server: RestartableServer) -> None:
    """SIGTERM: the server drains, answers what it has, refuses the rest, ends; and another one begins under its address."""
    async with plant.working():
        for n in range(120):
            await plant.send(f"f{n}", budget_ms=120_000)
        await plant.until(events=1)
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        await plant.until(events=120)
    assert plant.outcomes() == [(f"f{n}", "PASS", None) for n in range(120)]
    assert plant.parked == []


async def test_broker_in_memory_alarm_loses_nothing(plant: Plant, broker: PrivateBroker) -> None:
    async with plant.working() as line:
        await plant.send("before")
        await plant.until(events=1)
        await asyncio.to_thread(broker.control, "set_vm_memory_high_watermark", "0.00001")
        try:
            # The camera's connection is blocked as well: this frame arrives when the alarm is over.
            sending = asyncio.create_task(plant.send("during"))
            async with asyncio.timeout(WAIT_S):
                while not plant.session.blocked:
                    await asyncio.sleep(0.01)
            assert not sending.done()
        finally:
            await asyncio.to_thread(broker.control, "set_vm_memory_high_watermark", "0.6")
        await sending
        await plant.until(events=2)
        assert line.metrics.sessions._value.get() == 1, "an alarm must not cost the session: redeliveries count"
    assert plant.outcomes() == [("before", "PASS", None), ("during", "PASS", None)]


class StallingProxy:
    """Forwards TCP to the broker until it stalls: then it goes on accepting bytes and forwards none, as a half-open network does."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def stall(self) -> None:
        self._flowing.clear()

    def heal(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._flowing.set()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._flowing.wait()
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

    async def close(self) -> None:
        self.heal()
        self._server.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_half_open_network_is_noticed_and_left(broker: PrivateBroker, server: RestartableServer) -> None:
    proxy = StallingProxy(broker.ports.amqp)
    url = f"amqp://guest:guest@127.0.0.1:{await proxy.start()}/%2F"
    async with Plant.opened(broker, server.address, amqp_urls=url) as plant, plant.working() as line:
        await plant.send("before")
        await plant.until(events=1)
        proxy.stall()
        await plant.send("during", budget_ms=60_000)
        async with asyncio.timeout(WAIT_S):
            while line.ready:
                await asyncio.sleep(0.05)
        proxy.heal()
        await plant.until(events=2)
    await proxy.close()
    assert plant.outcomes()[:2] == [("before", "PASS", None), ("during", "PASS", None)]


async def test_sigterm_drains_and_exits_0_and_probes_tell_the_state(plant: Plant) -> None:
    port = free_ports(1)[0]
    process = await start_worker(plant, GOLDENPART_WORKER_HEALTH_PORT=str(port))
    for n in range(60):
        await plant.send(f"f{n}", budget_ms=60_000)
    await plant.until(events=1)

    def get(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    assert json.loads(await asyncio.to_thread(get, "/readyz")) == {
        "broker_connected": True,
        "broker_blocked": False,
        "server_reachable": True,
    }
    assert "goldenpart_worker_events_total" in await asyncio.to_thread(get, "/metrics")
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(WAIT_S):
        _, log = await process.communicate()
    assert process.returncode == 0, log.decode()
    answered = [event_id for event_id, _, _ in plant.outcomes()]
    assert answered == [f"f{n}" for n in range(len(answered))]
    assert len(answered) + await plant.depth() == 60, "what was not answered is back in the queue"


async def test_killed_worker_leaves_one_verdict_per_frame(plant: Plant) -> None:
    process = await start_worker(plant)
    for n in range(80):
        await plant.send(f"f{n}", budget_ms=60_000)
    await plant.until(events=10)
    process.kill()
    await process.communicate()
    async with plant.working() as line:
        await plant.until_answered(80)  # what the killed worker held comes back in the broker's own time
        await plant.until_queue_is_empty(line)
    verdicts: dict[object, set[object]] = {}
    for event_id, verdict, _ in plant.outcomes():
        verdicts.setdefault(event_id, set()).add(verdict)
    assert verdicts == {f"f{n}": {"PASS"} for n in range(80)}


async def test_worker_refuses_a_broker_that_is_set_up_otherwise(plant: Plant) -> None:
    odd = f"odd.{plant.name}"
    await plant.session.declare(Topology((), (Queue(odd, {"x-queue-type": "quorum"}),), ()))
    process = await start_worker(plant, GOLDENPART_WORKER_QUEUE=odd)
    async with asyncio.timeout(WAIT_S):
        _, log = await process.communicate()
    assert process.returncode == 3
    assert odd in log.decode()
    assert "Traceback" not in log.decode()


async def test_redelivered_frame_past_its_time_gets_the_event_it_already_had(plant: Plant) -> None:
    """The trap: PASS left in time, the worker died before its ack, and the frame comes again when its time is up."""
    process = await start_worker(plant)
    await plant.send("f1", captured_at=datetime.now(UTC).isoformat(), budget_ms=60_000)
    await plant.until(events=1)
    process.kill()
    await process.communicate()
    event = plant.events[0].message
    stale = Message(
        PICTURE.encoded,
        {"frame_id": "f1", "category": CATEGORY, "captured_at": (datetime.now(UTC) - timedelta(hours=1)).isoformat(), "budget_ms": 1},
        "image/jpeg",
    )
    await plant.publish(stale)
    async with plant.working():
        await plant.until(events=2)
    assert plant.events[1].message.body == event.body


def test_queue_arguments_are_explicit() -> None:
    """Where RabbitMQ 3.10 and 4.x differ, the arguments decide."""
    assert inspect_queue().arguments["x-delivery-limit"] == 20
    assert inspect_queue().arguments["x-queue-type"] == "quorum"
