"""Events as the gateway gets them, against the committed schema."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from goldenpart.v1 import inspection_pb2, line_pb2
from goldenpart.worker import opc
from goldenpart.worker.events import Outcome, not_inspected, to_message
from goldenpart.worker.labels import Address, EventFormat, FrameLabel, Want

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schemas" / "inspection-event.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
START = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
ADDRESS = Address("line1", "station2", "cam3")
LABEL = FrameLabel(ADDRESS, "f1", "bolt", "part7", "job9", START, 0.5, correlation_id="c1")

RESULT = inspection_pb2.InspectionResult(
    frame_id="f1", category="bolt", revision="r3", verdict=inspection_pb2.VERDICT_FAIL, score=2.5, threshold=1.25, p_value=0.05,
    confidence=0.9, width_px=640, height_px=480,
    regions=[inspection_pb2.Region(box=inspection_pb2.Box(x_px=1, y_px=2, width_px=3, height_px=4), area_px=10, peak=1.5)],
    timings=inspection_pb2.StageTimings(total_s=0.02),
)  # fmt: skip


def outcome(result: inspection_pb2.InspectionResult = RESULT, label: FrameLabel = LABEL) -> Outcome:
    queued, inspected = START + timedelta(milliseconds=10), START + timedelta(milliseconds=110)
    return Outcome(label, result, "ab" * 32, queued, inspected, START + timedelta(milliseconds=500), 1)


def event(of: Outcome, published_ms: float = 120) -> dict[str, object]:
    message = to_message(of, START + timedelta(milliseconds=published_ms))
    parsed: dict[str, object] = json.loads(message.body)
    VALIDATOR.validate(parsed)
    return parsed


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_event_of_an_inspected_frame() -> None:
    message = to_message(outcome(), START + timedelta(milliseconds=120))
    assert (message.message_id, message.content_type, message.persistent) == ("f1", "application/cloudevents+json", True)
    assert (message.correlation_id, message.reply_to) == ("c1", "")
    assert outcome().routing_key == "line1.station2.cam3.FAIL"
    got = event(outcome())
    assert (got["source"], got["id"], got["subject"]) == ("/goldenpart/line1/station2/cam3", "f1", "part7")
    assert got["time"] == "2026-05-04T03:02:01.110000Z"
    data = got["data"]
    assert isinstance(data, dict)
    assert (data["verdict"], data["reason"], data["score"], data["threshold"], data["p_value"]) == ("FAIL", None, 2.5, 1.25, 0.05)
    assert data["regions"] == [{"x_px": 1, "y_px": 2, "width_px": 3, "height_px": 4, "area_px": 10, "peak": 1.5}]
    assert data["latencies_s"] == {"to_worker": 0.01, "inspection": 0.1, "server": 0.02, "publication": 0.01, "total": 0.12}
    assert "heatmap" not in data


def test_a_region_tells_its_text_and_zone() -> None:
    result = inspection_pb2.InspectionResult()
    result.CopyFrom(RESULT)
    result.regions[0].text, result.regions[0].zone = "dark compact region 3x4 px", "seal"
    data = event(outcome(result))["data"]
    assert isinstance(data, dict)
    assert (data["regions"][0]["text"], data["regions"][0]["zone"]) == ("dark compact region 3x4 px", "seal")


def test_late_means_after_the_deadline() -> None:
    assert event(outcome(), 500)["data"]["late"] is False  # type: ignore[index]
    assert event(outcome(), 500.001)["data"]["late"] is True  # type: ignore[index]


@pytest.mark.parametrize("code", list(inspection_pb2.NotInspectedReason.values())[1:])
def test_every_reason_has_a_valid_event(code: inspection_pb2.NotInspectedReason) -> None:
    bare = FrameLabel(ADDRESS, "f1")
    got = event(outcome(not_inspected(bare, code, "why"), bare))
    data = got["data"]
    assert isinstance(data, dict)
    assert inspection_pb2.NotInspectedReason.Name(code) == f"NOT_INSPECTED_REASON_{data['reason']}"
    assert (data["verdict"], data["message"], data["score"], data["category"]) == ("NOT_INSPECTED", "why", None, None)
    assert data["opc"]["ResultEvaluationName"] == "NotDecidable"
    assert "subject" not in got


@pytest.mark.parametrize(
    ("verdict", "reason", "evaluation", "state"),
    [
        ("PASS", "UNSPECIFIED", 1, 1),
        ("FAIL", "UNSPECIFIED", 2, 1),
        ("REVIEW", "UNSPECIFIED", 3, 1),
        ("NOT_INSPECTED", "DEADLINE_PASSED", 3, 3),
        ("NOT_INSPECTED", "OVERLOADED", 3, 3),
        ("NOT_INSPECTED", "DRAINING", 3, 3),
        ("NOT_INSPECTED", "UNDECODABLE", 3, 4),
        ("NOT_INSPECTED", "SERVER_ERROR", 3, 4),
    ],
)
def test_opc_table(verdict: str, reason: str, evaluation: int, state: int) -> None:
    result = inspection_pb2.InspectionResult(
        verdict=f"VERDICT_{verdict}",
        reason=f"NOT_INSPECTED_REASON_{reason}",
    )
    assert (opc.evaluation(result.verdict), opc.result_state(result)) == (evaluation, state)


def test_score_of_a_revision_without_threshold_is_told() -> None:
    result = not_inspected(LABEL, inspection_pb2.NOT_INSPECTED_REASON_NOT_CALIBRATED, "calibrate it", "r1")
    result.score = 0.7
    data = event(outcome(result))["data"]
    assert (data["score"], data["threshold"], data["revision"]) == (0.7, None, "r1")  # type: ignore[index]


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_numbers_json_has_not_become_null(value: float) -> None:
    result = not_inspected(LABEL, inspection_pb2.NOT_INSPECTED_REASON_NOT_CALIBRATED, "", "r1")
    result.score = value
    assert event(outcome(result))["data"]["score"] is None  # type: ignore[index]


def test_heatmap_only_when_the_server_sent_one() -> None:
    result = inspection_pb2.InspectionResult()
    result.CopyFrom(RESULT)
    result.heatmap.png, result.heatmap.scale = b"png", 0.001
    assert event(outcome(result, replace(LABEL, want=Want.HEATMAP)))["data"]["heatmap"] == {"png_base64": "cG5n", "scale": 0.001}  # type: ignore[index]


def test_protobuf_says_the_same() -> None:
    message = to_message(outcome(label=replace(LABEL, event_format=EventFormat.PROTOBUF, simulated=True)), START + timedelta(seconds=1))
    got = line_pb2.InspectionEvent.FromString(message.body)
    assert (got.event_id, got.source, got.result, got.part_id, got.job_id) == ("f1", ADDRESS.source, RESULT, "part7", "job9")
    assert (got.late, got.simulated, got.attempt, got.evaluation) == (True, True, 1, line_pb2.OPC_EVALUATION_NOT_OK)
    assert got.times.capture_time.ToDatetime(UTC) == START
    assert got.times.publish_time.ToDatetime(UTC) == START + timedelta(seconds=1)
