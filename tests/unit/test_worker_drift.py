"""Drift at the line: one event per alarm that fits its schema, metrics that stay few, gateways that do not mind."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from goldenpart.client.drift import SIGNALS, DriftLimits
from goldenpart.v1 import inspection_pb2
from goldenpart.worker.bus import Binding, Message, Queue, Topology
from goldenpart.worker.bus.memory import MemoryBus
from goldenpart.worker.clock import SystemClock
from goldenpart.worker.drift import DriftMetrics, LineDrift
from goldenpart.worker.events import Outcome
from goldenpart.worker.events import to_message as to_inspection_message
from goldenpart.worker.frames import LineFrame
from goldenpart.worker.inspector import InspectorLimits
from goldenpart.worker.labels import Address, FrameLabel
from goldenpart.worker.line import Line
from goldenpart.worker.recent import RecentEvents
from goldenpart.worker.references import Pictures
from goldenpart.worker.settings import WorkerSettings
from goldenpart.worker.simulate.ledger import Verdict
from goldenpart.worker.topology import EVENTS_EXCHANGE, FRAMES_EXCHANGE, line_topology

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "schemas" / "drift-event.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
START = datetime(2026, 5, 4, tzinfo=UTC)
CAMERA = Address("line1", "station1", "cam1")


def result(brightness: float, frame_id: str = "", category: str = "bolt") -> inspection_pb2.InspectionResult:
    statistics = inspection_pb2.FrameStatistics(brightness=inspection_pb2.FrameStatistic(value=brightness))
    return inspection_pb2.InspectionResult(
        frame_id=frame_id, category=category, verdict="VERDICT_PASS", revision="r0001", score=0.5, threshold=1.0, statistics=statistics
    )


def outcome(number: int, brightness: float, *, address: Address = CAMERA, category: str = "bolt", simulated: bool = False) -> Outcome:
    label = FrameLabel(address, f"f{number}", category, simulated=simulated)
    at = START + timedelta(seconds=number)
    return Outcome(label, result(brightness, label.frame_id, category), "00", at, at, at, 1)


def stream(address: Address = CAMERA, *, simulated: bool = False) -> list[Outcome]:
    rng = np.random.default_rng(1)
    return [outcome(n, float(rng.normal(0.5, 0.01)) - (0.1 if n >= 100 else 0), address=address, simulated=simulated) for n in range(150)]


def line_drift(most: int = 64, limits: DriftLimits | None = None) -> tuple[LineDrift, CollectorRegistry]:
    registry = CollectorRegistry()
    return LineDrift(limits or DriftLimits(), most, registry, SystemClock()), registry


async def published(drift: LineDrift) -> list[tuple[str, dict[str, object]]]:
    bus = MemoryBus()
    session = await bus.connect()
    await session.declare(line_topology())
    await session.declare(Topology((), (Queue("gateway"),), (Binding(EVENTS_EXCHANGE, "gateway", "#.DRIFT"),)))
    publishing = asyncio.create_task(drift.publish(session))
    async with asyncio.timeout(10):
        while drift._waiting:
            await asyncio.sleep(0)
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    return [(message.message_id, json.loads(message.body)) for message in bus.waiting("gateway")]


@pytest.mark.parametrize("simulated", [False, True])
async def test_a_drift_is_one_event_of_the_documented_form(simulated: bool) -> None:
    drift, registry = line_drift()
    for seen in stream(simulated=simulated):
        drift.observe(seen)
    ((message_id, event),) = await published(drift)
    VALIDATOR.validate(event)
    data = event["data"]
    assert isinstance(data, dict)
    assert (event["source"], event["id"], event["type"]) == (CAMERA.source, message_id, "goldenpart.drift.v1")
    assert (data["signal"], data["camera"], data["category"], data["simulated"]) == ("brightness", "cam1", "bolt", simulated)
    assert data["capital"] >= data["alarm_capital"]
    began = int(data["since"]["frame_id"][1:])
    assert abs(began - 100) <= 3
    assert data["since"]["captured_at"] == (START + timedelta(seconds=began)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    assert "brightness fell by 20 %" in data["advice"]
    alarms = registry.get_sample_value(
        "goldenpart_worker_drift_alarms_total", {"category": "bolt", "camera": "line1.station1.cam1", "signal": "brightness"}
    )
    assert alarms == (None if simulated else 1.0)


async def test_an_alarm_waits_for_a_broker() -> None:
    drift, _ = line_drift()
    for seen in stream():
        drift.observe(seen)
    bus = MemoryBus()
    session = await bus.connect()
    bus.lose_sessions()
    await drift.publish(session)
    assert len(drift._waiting) == 1
    assert len(await published(drift)) == 1


def test_cameras_and_categories_have_watches_of_their_own() -> None:
    drift, registry = line_drift()
    other = Address("line1", "station1", "cam2")
    for number, seen in enumerate(stream()):
        drift.observe(seen)
        drift.observe(outcome(number, 0.5, address=other))
        drift.observe(outcome(number, 0.5, category="nut"))
    [(key, _)] = drift._waiting
    assert key == "line1.station1.cam1.DRIFT"
    raised = {(camera, category): registry.get_sample_value("goldenpart_worker_drift_raised", {"category": category, "camera": camera})
              for camera, category in [(CAMERA.routing_key, "bolt"), (other.routing_key, "bolt"), (CAMERA.routing_key, "nut")]}  # fmt: skip
    assert list(raised.values())[1:] == [0.0, 0.0]


def test_metrics_are_bounded_by_the_number_of_watches() -> None:
    drift, registry = line_drift(most=3)
    for number in range(50):
        drift.observe(outcome(0, 0.5, address=Address("line1", "station1", f"cam{number}")))
    page = generate_latest(registry).decode()
    cameras = {line.split('camera="')[1].split('"')[0] for line in page.splitlines() if 'camera="' in line}
    assert cameras == {f"line1.station1.cam{number}" for number in (47, 48, 49)}
    assert sum(line.startswith("goldenpart_worker_drift_log10_capital{") for line in page.splitlines()) == 3 * len(SIGNALS)


def test_a_watch_that_is_off_or_breaks_costs_nothing() -> None:
    off = LineDrift(None, 64, CollectorRegistry(), SystemClock())
    for seen in stream():
        off.observe(seen)
    assert not off._waiting
    drift, _ = line_drift()
    broken = outcome(1, 0.5)
    broken.result.statistics.brightness.value = float("nan")
    broken.result.statistics.brightness.references = 2**31  # a server that says nonsense
    drift.observe(broken)
    drift.observe(outcome(2, 0.5))


def test_forgetting_what_was_never_shown_is_no_error() -> None:
    DriftMetrics(CollectorRegistry()).forget("bolt", "line1.station1.cam1")


class SeeingInspector:
    """Passes every frame and reads its brightness from the picture's first byte."""

    async def limits(self) -> InspectorLimits:
        return InspectorLimits(32, 1 << 20)

    async def inspect(self, frames: Sequence[LineFrame], budgets_s: Sequence[float]) -> Sequence[inspection_pb2.InspectionResult]:
        return [result(frame.image.encoded[0] / 255 if frame.image else 0.0, category=frame.label.category) for frame in frames]

    async def reset(self) -> None:
        pass

    async def close(self) -> None:
        pass


async def test_the_line_publishes_drift_beside_the_verdicts_and_gateways_and_recall_skip_it() -> None:
    bus = MemoryBus()
    session = await bus.connect()
    await session.declare(line_topology())
    await session.declare(Topology((), (Queue("gateway"),), (Binding(EVENTS_EXCHANGE, "gateway", "#"),)))
    settings = WorkerSettings(batch_age_s=0.0, budget_s=60.0)
    line = Line(bus, SeeingInspector(), Pictures({}, 1 << 20), settings)
    working = asyncio.create_task(line.run())
    rng = np.random.default_rng(2)
    for number in range(140):
        level = int(rng.integers(100, 120)) - (60 if number >= 90 else 0)
        bus.route(FRAMES_EXCHANGE, CAMERA.routing_key, Message(bytes([level]), {"frame_id": f"f{number}", "category": "bolt"}, "image/png"))
    async with asyncio.timeout(60):
        while len(bus.waiting("gateway")) < 141:
            await asyncio.sleep(0.01)
    line.stop()
    await working
    events = [json.loads(message.body) for message in bus.waiting("gateway")]
    [drifted] = [event for event in events if event["type"] == "goldenpart.drift.v1"]
    VALIDATOR.validate(drifted)
    verdicts = [verdict for event in events if (verdict := Verdict.from_event(event)) is not None]
    assert [verdict.key[1] for verdict in verdicts] == [f"f{number}" for number in range(140)]
    recent = RecentEvents(1000, 1 << 20)
    for message in bus.waiting("gateway"):
        recent.recall(message)
    assert len(recent) == 140


def test_an_event_that_is_none_of_ours_is_still_an_error() -> None:
    with contextlib.suppress(KeyError):
        Verdict.from_event({"id": "1"})
        pytest.fail("an event without a type was taken")
    assert Verdict.from_event(json.loads(to_inspection_message(outcome(1, 0.5), START).body)) is not None
