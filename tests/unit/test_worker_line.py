"""The line on a broker in memory and an inspector in memory: what it promises when either misbehaves."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MethodType

import jsonschema
import pytest

from goldenpart.v1 import inspection_pb2, line_pb2
from goldenpart.worker.bus import Binding, Message, Queue, Topology
from goldenpart.worker.bus.memory import MemoryBus, MemorySession
from goldenpart.worker.errors import (
    CallTooLargeError,
    InspectorError,
    ServerDiedError,
    ServerOverloadedError,
    ServerUnavailableError,
)
from goldenpart.worker.events import JSON_CONTENT_TYPE
from goldenpart.worker.frames import LineFrame
from goldenpart.worker.inspector import InspectorLimits
from goldenpart.worker.line import Line
from goldenpart.worker.references import FolderPictures, Pictures
from goldenpart.worker.settings import WorkerSettings
from goldenpart.worker.topology import EVENTS_EXCHANGE, FRAMES_EXCHANGE, INSPECT_QUEUE, PARKED_QUEUE, line_topology

WAIT_S = 10.0
GATEWAY_QUEUE = "gateway"
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schemas" / "inspection-event.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

Judge = Callable[[Sequence[LineFrame]], InspectorError | None]


class MemoryInspector:
    """Judges by the first letter of the picture: p passes, f fails, e is a server error. A judge may raise instead."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.error: Callable[[list[str]], InspectorError | None] = lambda _: None
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = self.most_running = self.resets = 0

    async def limits(self) -> InspectorLimits:
        return InspectorLimits(frames=32, bytes=1 << 20)

    async def inspect(self, frames: Sequence[LineFrame], budgets_s: Sequence[float]) -> Sequence[inspection_pb2.InspectionResult]:
        self.calls.append([frame.label.frame_id for frame in frames])
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            error = self.error(self.calls[-1])
            if error is not None:
                raise error
            await self.gate.wait()
            return [self.judge(frame) for frame in frames]
        finally:
            self.running -= 1

    def judge(self, frame: LineFrame) -> inspection_pb2.InspectionResult:
        assert frame.image is not None
        letter = frame.image.encoded[:1]
        if letter == b"e":
            return inspection_pb2.InspectionResult(
                verdict=inspection_pb2.VERDICT_NOT_INSPECTED, reason=inspection_pb2.NOT_INSPECTED_REASON_SERVER_ERROR, message="broken"
            )
        verdict = inspection_pb2.VERDICT_FAIL if letter == b"f" else inspection_pb2.VERDICT_PASS
        return inspection_pb2.InspectionResult(verdict=verdict, score=0.5, threshold=1.0, revision="r1", category=frame.label.category)

    async def reset(self) -> None:
        self.resets += 1

    async def close(self) -> None:
        pass


class Plant:
    """A broker, a server and a worker, all in memory."""

    def __init__(self, **settings: object) -> None:
        self.bus = MemoryBus()
        self.inspector = MemoryInspector()
        self.settings = WorkerSettings.model_validate({"reserve_s": 0.02, "batch_age_s": 0.0, "drain_s": 5.0, **settings})
        self.line = self.new_line()

    def new_line(self) -> Line:
        roots = FolderPictures([Path(root) for root in self.settings.image_roots])
        return Line(self.bus, self.inspector, Pictures({"file": roots}, self.settings.max_image_bytes), self.settings)

    async def prepare(self) -> None:
        session = await self.bus.connect()
        await session.declare(line_topology())
        gateway = Topology((), (Queue(GATEWAY_QUEUE),), (Binding(EVENTS_EXCHANGE, GATEWAY_QUEUE, "#"),))
        await session.declare(gateway)
        await session.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Line]:
        line = self.line
        task = asyncio.create_task(line.run())
        try:
            yield line
        finally:
            line.stop()
            async with asyncio.timeout(WAIT_S):
                await task
        for message in self.bus.waiting(GATEWAY_QUEUE):
            if message.content_type == JSON_CONTENT_TYPE:
                VALIDATOR.validate(json.loads(message.body))

    async def kill(self, task: "asyncio.Task[None]") -> None:
        """Ends a worker as kill -9 does: its sessions break, and its memory is gone with the old Line."""
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self.bus.lose_sessions()
        self.line = self.new_line()

    def send(self, frame_id: str, body: bytes = b"p", camera: str = "line1.station1.cam1", **headers: object) -> None:
        message = Message(body, {"frame_id": frame_id, "category": "bolt", **headers}, "image/png")
        assert self.bus.route(FRAMES_EXCHANGE, camera, message)

    def events(self) -> list[dict[str, object]]:
        return [json.loads(message.body) for message in self.bus.waiting(GATEWAY_QUEUE)]

    def verdicts(self) -> list[tuple[object, object]]:
        return [(event["id"], event["data"]["verdict"]) for event in self.events()]  # type: ignore[index]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                await asyncio.sleep(0.001)

    async def until_done(self, events: int) -> None:
        await self.until(lambda: len(self.bus.waiting(GATEWAY_QUEUE)) >= events)
        await self.until(self.queue_is_empty)

    def queue_is_empty(self) -> bool:
        return not self.bus.waiting(INSPECT_QUEUE) and self.line.metrics.frames_held._value.get() == 0


@pytest.fixture
async def plant() -> Plant:
    plant = Plant()
    await plant.prepare()
    return plant


async def test_every_frame_gets_its_verdict_in_order(plant: Plant) -> None:
    async with plant.running():
        for n in range(50):
            plant.send(f"f{n}", b"f" if n % 10 == 0 else b"p", f"line1.station1.cam{n % 3}")
        await plant.until_done(50)
    assert sorted(plant.verdicts()) == sorted((f"f{n}", "FAIL" if n % 10 == 0 else "PASS") for n in range(50))
    for camera in range(3):
        ids = [event["id"] for event in plant.events() if event["data"]["camera"] == f"cam{camera}"]  # type: ignore[index]
        assert ids == [f"f{n}" for n in range(50) if n % 3 == camera]


async def test_order_of_a_camera_is_kept_when_the_later_call_answers_first(plant: Plant) -> None:
    first_call_may_end = asyncio.Event()
    original = plant.inspector.inspect

    async def inspect(frames: Sequence[LineFrame], budgets_s: Sequence[float]) -> Sequence[inspection_pb2.InspectionResult]:
        if frames[0].label.frame_id == "slow":
            await first_call_may_end.wait()
        return await original(frames, budgets_s)

    plant.inspector.inspect = inspect  # type: ignore[method-assign]
    async with plant.running():
        plant.send("slow")
        await plant.until(lambda: plant.line._dispatcher._calls != set())
        plant.send("quick")
        plant.send("other", camera="line1.station1.cam2")
        await plant.until(lambda: len(plant.inspector.calls) >= 1 and len(plant.events()) >= 1)
        assert plant.verdicts() == [("other", "PASS")]
        first_call_may_end.set()
        await plant.until_done(3)
    assert [frame_id for frame_id, _ in plant.verdicts()] == ["other", "slow", "quick"]


async def test_frames_of_all_categories_share_calls(plant: Plant) -> None:
    for n in range(32):
        plant.send(f"f{n}", category=f"category{n % 4}", camera=f"l.s.c{n}")
    async with plant.running():
        await plant.until_done(32)
    assert [len(call) for call in plant.inspector.calls[1:3]] == [16, 15]


async def test_nothing_is_acked_before_the_event_is_confirmed(plant: Plant) -> None:
    plant.bus.refusing = True
    async with plant.running():
        plant.send("f1")
        await plant.until(lambda: plant.inspector.calls != [])
        await plant.until(lambda: plant.line.metrics.frames_held._value.get() == 1)
        plant.bus.refusing = False
        await plant.until_done(1)
    assert plant.verdicts() == [("f1", "PASS")]


async def test_event_that_left_before_the_kill_is_sent_again_and_not_judged_again(plant: Plant) -> None:
    session = await plant.bus.connect()
    acks: list[object] = []
    # The worker dies between the confirm and the ack.
    type(session).ack, original = (lambda self, delivery: acks.append(delivery)), type(session).ack  # type: ignore[method-assign]
    try:
        task = asyncio.create_task(plant.line.run())
        plant.send("f1", b"f", budget_ms=200)
        await plant.until(lambda: acks != [])
        await plant.kill(task)
    finally:
        type(session).ack = original  # type: ignore[method-assign]
    plant.inspector.calls.clear()
    plant.inspector.error = lambda _: ServerUnavailableError("gone")
    async with plant.running():
        await plant.until_done(2)
    first, second = plant.events()
    assert first == second
    assert plant.inspector.calls == []


async def test_frame_that_was_not_answered_is_judged_after_the_kill(plant: Plant) -> None:
    plant.inspector.gate.clear()
    task = asyncio.create_task(plant.line.run())
    plant.send("f1")
    await plant.until(lambda: plant.inspector.calls != [])
    await plant.kill(task)
    plant.inspector.gate.set()
    async with plant.running():
        await plant.until_done(1)
    (event,) = plant.events()
    assert (event["id"], event["data"]["attempt"]) == ("f1", 2)  # type: ignore[index]


async def test_lost_session_loses_nothing(plant: Plant) -> None:
    plant.inspector.gate.clear()
    async with plant.running():
        for n in range(20):
            plant.send(f"f{n}")
        await plant.until(lambda: len(plant.inspector.calls) == 2)
        plant.bus.reachable = False
        plant.bus.lose_sessions()
        plant.inspector.gate.set()
        await plant.until(lambda: plant.inspector.running == 0)
        assert plant.events() == []
        plant.bus.reachable = True
        await plant.until_done(20)
    assert plant.verdicts() == [(f"f{n}", "PASS") for n in range(20)]
    judged = [frame_id for call in plant.inspector.calls for frame_id in call]
    assert len(judged) == len(set(judged)), "a verdict that was there already was asked for again"


@pytest.mark.parametrize(
    "error",
    [
        ServerUnavailableError("nobody there"),
        ServerOverloadedError("full", retry_after_s=0.01),
        ServerDiedError("broke"),
        RuntimeError("bug"),
    ],
)
async def test_frames_are_kept_until_the_server_is_back(plant: Plant, error: InspectorError) -> None:
    failures = iter([error, None])
    plant.inspector.error = lambda _: next(failures, None)
    async with plant.running():
        for n in range(5):
            plant.send(f"f{n}")
        await plant.until_done(5)
    assert plant.verdicts() == [(f"f{n}", "PASS") for n in range(5)]


async def test_frames_without_a_server_are_answered_in_time(plant: Plant) -> None:
    plant.inspector.error = lambda _: ServerUnavailableError("nobody there")
    async with plant.running():
        for n in range(5):
            plant.send(f"f{n}", budget_ms=300)
        await plant.until_done(5)
    for event in plant.events():
        data = event["data"]
        assert (data["verdict"], data["reason"], data["late"]) == ("NOT_INSPECTED", "DEADLINE_PASSED", False)  # type: ignore[index]


async def test_frame_whose_time_was_up_before_it_came_says_so(plant: Plant) -> None:
    captured = datetime.now(UTC) - timedelta(seconds=30)
    async with plant.running():
        plant.send("f1", captured_at=captured.isoformat(), budget_ms=1000)
        await plant.until_done(1)
    data = plant.events()[0]["data"]
    assert (data["reason"], data["late"]) == ("DEADLINE_PASSED", True)  # type: ignore[index]
    assert plant.inspector.calls == []


async def test_frame_that_kills_the_server_is_convicted_alone_and_parked(plant: Plant) -> None:
    plant.inspector.error = lambda ids: ServerDiedError("connection reset") if "poison" in ids else None
    for n in range(5):
        plant.send(f"a{n}")
    plant.send("poison")
    for n in range(5):
        plant.send(f"b{n}")
    async with plant.running():
        await plant.until_done(11)
    assert dict(plant.verdicts())["poison"] == "NOT_INSPECTED"
    assert all(verdict == "PASS" for frame_id, verdict in plant.verdicts() if frame_id != "poison")
    (parked,) = plant.bus.waiting(PARKED_QUEUE)
    assert (parked.headers["frame_id"], parked.headers["goldenpart-reason"]) == ("poison", "ATTEMPTS_SPENT")
    assert plant.inspector.calls.count(["poison"]) == plant.settings.server_death_limit - 2


async def test_suspects_stay_alone_while_the_server_comes_back(plant: Plant) -> None:
    """The trap: the suspects found no server, went back among the others, and the whole batch died with the poisoned frame."""
    away = 0

    def error(ids: list[str]) -> InspectorError | None:
        nonlocal away
        if away:
            away -= 1
            return ServerUnavailableError("nobody there")
        if "poison" not in ids:
            return None
        away = 3  # calls until it is up again
        return ServerDiedError("connection reset")

    plant.inspector.error = error
    plant.line._dispatcher._backoff.limit_s = 0.01
    ids = ["a0", "a1", "poison", "b0", "b1"]
    for frame_id in ids:
        plant.send(frame_id)
    async with plant.running():
        await plant.until_done(len(ids))
    assert plant.verdicts() == [(frame_id, "NOT_INSPECTED" if frame_id == "poison" else "PASS") for frame_id in ids]
    assert [parked.headers["frame_id"] for parked in plant.bus.waiting(PARKED_QUEUE)] == ["poison"]


async def test_frame_that_makes_the_server_fail_is_parked(plant: Plant) -> None:
    async with plant.running():
        plant.send("f1", b"e")
        await plant.until_done(1)
    data = plant.events()[0]["data"]
    assert (data["verdict"], data["reason"]) == ("NOT_INSPECTED", "SERVER_ERROR")  # type: ignore[index]
    assert len(plant.bus.waiting(PARKED_QUEUE)) == 1


async def test_frame_that_kills_the_worker_is_parked_and_its_neighbours_are_not(plant: Plant) -> None:
    plant.send("a")
    plant.send("poison")
    plant.send("b")
    crashes = 0
    while True:
        died = asyncio.Event()

        def error(ids: list[str], died: asyncio.Event = died) -> InspectorError | None:
            if "poison" in ids:
                died.set()
                raise asyncio.CancelledError
            return None

        plant.inspector.error = error
        task = asyncio.create_task(plant.line.run())
        done = asyncio.create_task(plant.until_done(3))
        dead = asyncio.create_task(died.wait())
        await asyncio.wait((dead, done), return_when=asyncio.FIRST_COMPLETED)
        finished = done.done()
        for waiter in (done, dead):
            waiter.cancel()
        await asyncio.gather(done, dead, return_exceptions=True)
        if finished:
            plant.line.stop()
            await task
            break
        crashes += 1
        await plant.kill(task)
    assert crashes == plant.settings.attempt_limit
    assert dict(plant.verdicts()) == {"a": "PASS", "poison": "NOT_INSPECTED", "b": "PASS"}
    (parked,) = plant.bus.waiting(PARKED_QUEUE)
    assert (parked.headers["frame_id"], parked.headers["goldenpart-reason"]) == ("poison", "ATTEMPTS_SPENT")


async def test_calls_that_are_too_large_are_split(plant: Plant) -> None:
    plant.inspector.error = lambda ids: CallTooLargeError("larger than max") if len(ids) > 1 or ids == ["huge"] else None
    for frame_id in ("a", "huge", "b"):
        plant.send(frame_id)
    async with plant.running():
        await plant.until_done(3)
    reasons = {event["id"]: event["data"]["reason"] for event in plant.events()}  # type: ignore[index]
    assert reasons == {"a": None, "huge": "IMAGE_TOO_LARGE", "b": None}


async def test_repeated_frame_gets_the_same_event_and_reused_id_is_parked(plant: Plant) -> None:
    async with plant.running():
        plant.send("f1", b"p")
        await plant.until_done(1)
        plant.send("f1", b"p")
        await plant.until_done(2)
        plant.send("f1", b"f")
        await plant.until(lambda: len(plant.bus.waiting(PARKED_QUEUE)) == 1)
        plant.send("f1", b"f", camera="line1.station1.cam2")
        await plant.until_done(3)
    first, second, other = plant.events()
    assert first == second
    assert (other["source"], other["data"]["verdict"]) == ("/goldenpart/line1/station1/cam2", "FAIL")  # type: ignore[index]
    assert plant.bus.waiting(PARKED_QUEUE)[0].headers["goldenpart-reason"] == "FRAME_ID_REUSED"


async def test_frame_repeated_while_it_is_judged_is_judged_once(plant: Plant) -> None:
    plant.inspector.gate.clear()
    async with plant.running():
        plant.send("f1")
        plant.send("f1")
        await plant.until(lambda: plant.line.metrics.frames_held._value.get() == 2)
        plant.inspector.gate.set()
        await plant.until_done(2)
    assert plant.inspector.calls == [["f1"]]
    assert plant.events()[0] == plant.events()[1]


async def test_drain_answers_what_it_has_and_leaves_the_rest(plant: Plant) -> None:
    plant = Plant(prefetch=1, batch_frames=1, calls_in_flight=1)
    await plant.prepare()
    plant.inspector.gate.clear()
    task = asyncio.create_task(plant.line.run())
    for n in range(10):
        plant.send(f"f{n}")
    held = plant.settings.effective_prefetch + 1  # the careful first consumer had one
    await plant.until(lambda: plant.line.metrics.frames_held._value.get() == held)
    plant.line.stop()
    await plant.until(lambda: plant.bus.queues[INSPECT_QUEUE].consumers == [])
    plant.inspector.gate.set()
    async with asyncio.timeout(WAIT_S):
        await task
    assert plant.verdicts() == [(f"f{n}", "PASS") for n in range(held)]
    assert [m.headers["frame_id"] for m in plant.bus.waiting(INSPECT_QUEUE)] == [f"f{n}" for n in range(held, 10)]


async def test_drain_is_bounded(plant: Plant) -> None:
    plant = Plant(drain_s=0.1)
    await plant.prepare()
    plant.inspector.gate.clear()
    task = asyncio.create_task(plant.line.run())
    plant.send("f1")
    await plant.until(lambda: plant.inspector.calls != [])
    plant.line.stop()
    async with asyncio.timeout(WAIT_S):
        await task
    assert [m.headers["frame_id"] for m in plant.bus.waiting(INSPECT_QUEUE)] == ["f1"]


async def test_stop_does_not_wait_for_a_broker_that_does_not_answer() -> None:
    plant = Plant()
    asked = asyncio.Event()

    async def connect() -> MemorySession:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody ever answers")

    plant.bus.connect = connect  # type: ignore[method-assign]
    task = asyncio.create_task(plant.line.run())
    async with asyncio.timeout(WAIT_S):
        await asked.wait()
        plant.line.stop()
        await task


async def test_stop_does_not_wait_for_a_queue_that_is_not_declared(plant: Plant) -> None:
    asked = asyncio.Event()

    async def declare(_session: MemorySession, _topology: Topology) -> None:
        asked.set()
        await asyncio.Event().wait()

    connect = plant.bus.connect

    async def connect_to_slow_broker() -> MemorySession:
        session = await connect()
        session.declare = MethodType(declare, session)  # type: ignore[method-assign]
        return session

    plant.bus.connect = connect_to_slow_broker  # type: ignore[method-assign]
    task = asyncio.create_task(plant.line.run())
    async with asyncio.timeout(WAIT_S):
        await asked.wait()
        plant.line.stop()
        await task
    assert plant.bus.sessions == [], "the session was closed"


async def test_one_call_finds_out_whether_the_server_is_back(plant: Plant) -> None:
    errors = iter([ServerUnavailableError("gone")] * 3)
    plant.inspector.error = lambda _: next(errors, None)
    plant.inspector.gate.clear()
    async with plant.running():
        plant.send("first")
        await plant.until(lambda: len(plant.inspector.calls) == 4)
        for n in range(64):
            plant.send(f"f{n}")
        await plant.until(lambda: plant.line.metrics.frames_held._value.get() == 65)
        assert plant.inspector.running == 1
        plant.inspector.gate.set()
        await plant.until_done(65)
    assert plant.inspector.calls[:4] == [["first"]] * 4
    assert len(plant.verdicts()) == 65


async def test_reply_to_gets_a_copy(plant: Plant) -> None:
    session = await plant.bus.connect()
    await session.declare(Topology((), (Queue("answers"),), ()))
    message = Message(b"p", {"frame_id": "f1", "category": "bolt"}, "image/png", reply_to="answers", correlation_id="c7")
    gone = Message(b"p", {"frame_id": "f2", "category": "bolt"}, "image/png", reply_to="nobody", correlation_id="c8")
    async with plant.running():
        plant.bus.route(FRAMES_EXCHANGE, "a.b.c", message)
        plant.bus.route(FRAMES_EXCHANGE, "a.b.c", gone)
        await plant.until_done(2)
    (copy,) = plant.bus.waiting("answers")
    assert (copy.correlation_id, json.loads(copy.body)) == ("c7", plant.events()[0])


async def test_event_as_protobuf(plant: Plant) -> None:
    async with plant.running():
        plant.send("f1", event_format="protobuf")
        await plant.until(lambda: len(plant.bus.waiting(GATEWAY_QUEUE)) == 1)
    (message,) = plant.bus.waiting(GATEWAY_QUEUE)
    event = line_pb2.InspectionEvent.FromString(message.body)
    assert (event.event_id, event.result.frame_id, event.result.verdict) == ("f1", "f1", inspection_pb2.VERDICT_PASS)
    assert (message.content_type, event.evaluation) == ("application/x-protobuf", line_pb2.OPC_EVALUATION_OK)


async def test_picture_by_reference(tmp_path: Path) -> None:
    plant = Plant(image_roots=str(tmp_path))
    await plant.prepare()
    (tmp_path / "good.png").write_bytes(b"f...")
    async with plant.running():
        for frame_id, uri in (("f1", (tmp_path / "good.png").as_uri()), ("f2", "file:///etc/passwd"), ("f3", "s3://bucket/key")):
            body = json.dumps({"frame_id": frame_id, "category": "bolt", "image_uri": uri}).encode()
            plant.bus.route(FRAMES_EXCHANGE, "a.b.c", Message(body, {}, "application/json"))
        await plant.until_done(3)
    assert plant.verdicts() == [("f1", "FAIL"), ("f2", "NOT_INSPECTED"), ("f3", "NOT_INSPECTED")]
    assert [m.headers["goldenpart-reason"] for m in plant.bus.waiting(PARKED_QUEUE)] == ["REFERENCE_REFUSED"] * 2
