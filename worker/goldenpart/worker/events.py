"""Turns a verdict into the event for the gateway: CloudEvents 1.0 in structured JSON, or protobuf on request.

CloudEvents has no binding for AMQP 0-9-1 (amqp-protocol-binding.md is about AMQP 1.0), so the whole event is in the body.
The JSON is described by docs/schemas/inspection-event.schema.json.
"""

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from goldenpart.v1 import inspection_pb2, line_pb2
from goldenpart.worker import opc
from goldenpart.worker.bus import Message
from goldenpart.worker.labels import EventFormat, FrameLabel

EVENT_TYPE = "goldenpart.inspection.v1"
SCHEMA_URI = "urn:goldenpart:schema:inspection-event:v1"
JSON_CONTENT_TYPE = "application/cloudevents+json"
PROTOBUF_CONTENT_TYPE = "application/x-protobuf"
# What a worker needs to know of an event that it reads back from the broker.
SOURCE_HEADER = "goldenpart-source"
DIGEST_HEADER = "goldenpart-frame-sha256"
ROUTING_KEY_HEADER = "goldenpart-routing-key"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Holds what became of a frame.

    Attributes:
        label: The frame's label.
        result: What the server said, or NOT_INSPECTED by the worker.
        digest: sha256 of the frame's message body, hexadecimal.
        queued_at: When the worker received the frame.
        inspected_at: When the verdict was there.
        deadline: Until when the verdict was wanted.
        attempt: 1 for a frame that was delivered once.
    """

    label: FrameLabel
    result: inspection_pb2.InspectionResult
    digest: str
    queued_at: datetime
    inspected_at: datetime
    deadline: datetime
    attempt: int

    @property
    def verdict(self) -> str:
        """PASS, FAIL, REVIEW or NOT_INSPECTED."""
        return inspection_pb2.Verdict.Name(self.result.verdict).removeprefix("VERDICT_")

    @property
    def reason(self) -> str:
        """Name of the reason without its prefix, "" if the frame was inspected."""
        if not self.result.reason:
            return ""
        return inspection_pb2.NotInspectedReason.Name(self.result.reason).removeprefix("NOT_INSPECTED_REASON_")

    @property
    def routing_key(self) -> str:
        """<line>.<station>.<camera>.<verdict>."""
        return f"{self.label.address.routing_key}.{self.verdict}"

    @property
    def captured_at(self) -> datetime:
        """When the picture was taken, as far as anyone knows."""
        return self.label.captured_at or self.queued_at


def not_inspected(
    label: FrameLabel, reason: inspection_pb2.NotInspectedReason, message: str, revision: str = ""
) -> inspection_pb2.InspectionResult:
    """Makes the result of a frame that was not judged."""
    return inspection_pb2.InspectionResult(
        frame_id=label.frame_id,
        category=label.category,
        verdict=inspection_pb2.VERDICT_NOT_INSPECTED,
        reason=reason,
        message=message,
        revision=revision,
    )


def to_message(outcome: Outcome, published_at: datetime) -> Message:
    """Writes the event.

    Args:
        outcome: What became of the frame.
        published_at: Now; an event that leaves after the frame's deadline says that it is late.
    """
    label = outcome.label
    if label.event_format is EventFormat.PROTOBUF:
        body, content_type = _to_protobuf(outcome, published_at).SerializeToString(), PROTOBUF_CONTENT_TYPE
    else:
        body, content_type = _to_json(outcome, published_at), JSON_CONTENT_TYPE
    headers = {SOURCE_HEADER: label.address.source, DIGEST_HEADER: outcome.digest, ROUTING_KEY_HEADER: outcome.routing_key}
    return Message(
        body=body,
        headers=headers,
        content_type=content_type,
        message_id=label.frame_id,
        correlation_id=label.correlation_id,
        sent_at=published_at.replace(microsecond=0),
    )


def _to_json(outcome: Outcome, published_at: datetime) -> bytes:
    event: dict[str, object] = {
        "specversion": "1.0",
        "type": EVENT_TYPE,
        "source": outcome.label.address.source,
        "id": outcome.label.frame_id,
        "time": _rfc3339(outcome.inspected_at),
        "datacontenttype": "application/json",
        "dataschema": SCHEMA_URI,
        "data": _data(outcome, published_at),
    }
    if outcome.label.part_id:
        event["subject"] = outcome.label.part_id
    return json.dumps(event, allow_nan=False, separators=(",", ":")).encode()


def _data(outcome: Outcome, published_at: datetime) -> dict[str, object]:
    label, result = outcome.label, outcome.result
    judged = bool(result.revision and (result.score or result.threshold or result.p_value))
    data: dict[str, object] = {
        "line": label.address.line,
        "station": label.address.station,
        "camera": label.address.camera,
        "frame_id": label.frame_id,
        "part_id": label.part_id or None,
        "job_id": label.job_id or None,
        "category": label.category or None,
        "revision": result.revision or None,
        "verdict": outcome.verdict,
        "reason": outcome.reason or None,
        "message": result.message or None,
        "score": _finite(result.score) if judged else None,
        "threshold": _finite(result.threshold) if judged and result.threshold else None,
        "review_threshold": _finite(result.review_threshold) if result.HasField("review_threshold") else None,
        "p_value": _finite(result.p_value) if judged and result.p_value else None,
        "confidence": _finite(result.confidence) if judged and result.confidence else None,
        "width_px": result.width_px or None,
        "height_px": result.height_px or None,
        "regions": [_region(region) for region in result.regions],
        "times": _times(outcome, published_at),
        "latencies_s": _latencies(outcome, published_at),
        "late": published_at > outcome.deadline,
        "attempt": outcome.attempt,
        "simulated": label.simulated,
        "opc": _opc(outcome),
    }
    if result.HasField("heatmap"):
        data["heatmap"] = {"png_base64": base64.b64encode(result.heatmap.png).decode(), "scale": _finite(result.heatmap.scale)}
    return data


def _region(region: inspection_pb2.Region) -> Mapping[str, object]:
    box = region.box
    return {
        "x_px": box.x_px,
        "y_px": box.y_px,
        "width_px": box.width_px,
        "height_px": box.height_px,
        "area_px": region.area_px,
        "peak": _finite(region.peak),
        **({"text": region.text} if region.text else {}),
        **({"zone": region.zone} if region.zone else {}),
    }


def _times(outcome: Outcome, published_at: datetime) -> Mapping[str, str]:
    moments = {
        "captured_at": outcome.captured_at,
        "queued_at": outcome.queued_at,
        "inspected_at": outcome.inspected_at,
        "published_at": published_at,
        "deadline": outcome.deadline,
    }
    return {name: _rfc3339(moment) for name, moment in moments.items()}


def _latencies(outcome: Outcome, published_at: datetime) -> Mapping[str, float]:
    server_s = outcome.result.timings.total_s
    seconds = {
        "to_worker": (outcome.queued_at - outcome.captured_at).total_seconds(),
        "inspection": (outcome.inspected_at - outcome.queued_at).total_seconds(),
        "server": server_s if math.isfinite(server_s) else 0.0,
        "publication": (published_at - outcome.inspected_at).total_seconds(),
        "total": (published_at - outcome.captured_at).total_seconds(),
    }
    return {name: round(value, 6) for name, value in seconds.items()}


def _opc(outcome: Outcome) -> Mapping[str, object]:
    evaluation = opc.evaluation(outcome.result.verdict)
    return {
        "ResultId": f"{outcome.label.address.source}#{outcome.label.frame_id}",
        "IsPartial": False,
        "IsSimulated": outcome.label.simulated,
        "ResultState": opc.result_state(outcome.result),
        "ResultEvaluation": int(evaluation),
        "ResultEvaluationName": opc.EVALUATION_NAMES[evaluation],
        "MeasId": outcome.label.frame_id,
        "PartId": outcome.label.part_id or None,
        "JobId": outcome.label.job_id or None,
        "ProductId": outcome.label.category or None,
        "InternalConfigurationId": outcome.label.category or None,
        "InternalRecipeId": outcome.result.revision or None,
        "CreationTime": _rfc3339(outcome.inspected_at),
        "ProcessingTimes": {"StartTime": _rfc3339(outcome.captured_at), "EndTime": _rfc3339(outcome.inspected_at)},
    }


def _to_protobuf(outcome: Outcome, published_at: datetime) -> line_pb2.InspectionEvent:
    label = outcome.label
    event = line_pb2.InspectionEvent(
        event_id=label.frame_id,
        source=label.address.source,
        result=outcome.result,
        part_id=label.part_id,
        job_id=label.job_id,
        late=published_at > outcome.deadline,
        attempt=outcome.attempt,
        simulated=label.simulated,
        evaluation=opc.evaluation(outcome.result.verdict),
    )
    event.times.capture_time.FromDatetime(outcome.captured_at)
    event.times.queue_time.FromDatetime(outcome.queued_at)
    event.times.inspect_time.FromDatetime(outcome.inspected_at)
    event.times.publish_time.FromDatetime(published_at)
    return event


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
