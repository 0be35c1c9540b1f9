"""Messages as cameras send them, good and bad."""

import json
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goldenpart.v1 import image_pb2, line_pb2
from goldenpart.worker.bus import Delivery, Message
from goldenpart.worker.errors import ParkReason, UnreadableFrameError
from goldenpart.worker.frames import read_frame
from goldenpart.worker.labels import Address, EventFormat, FrameLabel, Want

LIMIT_BYTES = 1000
GOOD = {"frame_id": "f1", "category": "bolt"}
CAPTURED = datetime(2026, 5, 4, 3, 2, 1, 500_000, tzinfo=UTC)


def delivery(body: bytes, headers: dict[str, object], content_type: str, routing_key: str = "l.s.c", **properties: object) -> Delivery:
    message = Message(body, headers, content_type, **properties)  # type: ignore[arg-type]
    return Delivery(message, "goldenpart.frames", routing_key, 1)


def camera_frame(**fields: object) -> bytes:
    return line_pb2.CameraFrame(**{"image": image_pb2.Image(encoded=b"png"), **fields}).SerializeToString()  # type: ignore[arg-type]


LABEL = FrameLabel(Address("l", "s", "c"), "f1", "bolt", "p1", "j1", CAPTURED, 0.5, Want.HEATMAP, EventFormat.PROTOBUF, True, "", "")
FIELDS = {
    "frame_id": "f1",
    "category": "bolt",
    "part_id": "p1",
    "job_id": "j1",
    "captured_at": "2026-05-04T05:02:01.5+02:00",
    "budget_ms": 500,
    "want": "heatmap",
    "event_format": "protobuf",
    "simulated": True,
}


def test_picture_with_headers() -> None:
    frame = read_frame(delivery(b"\xff\xd8jpeg", FIELDS, "image/jpeg"), LIMIT_BYTES)
    assert frame.label == LABEL
    assert frame.image == image_pb2.Image(encoded=b"\xff\xd8jpeg")
    assert frame.label.key == ("/goldenpart/l/s/c", "f1")


def test_protobuf() -> None:
    moment = Timestamp()
    moment.FromDatetime(CAPTURED)
    body = camera_frame(
        frame_id="f1", category="bolt", part_id="p1", job_id="j1", capture_time=moment, budget_ms=500,
        want=line_pb2.WANT_HEATMAP, event_format=line_pb2.EVENT_FORMAT_PROTOBUF, simulated=True,
    )  # fmt: skip
    frame = read_frame(delivery(body, {}, "application/x-protobuf"), LIMIT_BYTES)
    assert frame.label == LABEL
    assert frame.image == image_pb2.Image(encoded=b"png")


def test_reference() -> None:
    body = json.dumps({**FIELDS, "image_uri": "file:///frames/1.png"}).encode()
    frame = read_frame(delivery(body, {}, "application/json; charset=utf-8"), LIMIT_BYTES)
    assert (frame.label, frame.image, frame.image_uri) == (LABEL, None, "file:///frames/1.png")


def test_defaults() -> None:
    sent_at = datetime(2026, 1, 1, tzinfo=UTC)
    label = read_frame(
        delivery(b"x", {**GOOD, "part_id": ""}, "IMAGE/PNG", sent_at=sent_at, reply_to="q", correlation_id="7"), LIMIT_BYTES
    ).label
    assert label == FrameLabel(Address("l", "s", "c"), "f1", "bolt", captured_at=sent_at, reply_to="q", correlation_id="7")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"frame_id": 17}, ("frame_id", "17")),
        ({"budget_ms": "250"}, ("budget_s", 0.25)),
        ({"simulated": "true"}, ("simulated", True)),
        ({"captured_at": CAPTURED}, ("captured_at", CAPTURED)),
        ({"captured_at": "2026-05-04T03:02:01.500Z"}, ("captured_at", CAPTURED)),
    ],
)
def test_spellings_that_plcs_use(fields: dict[str, object], expected: tuple[str, object]) -> None:
    label = read_frame(delivery(b"x", {**GOOD, **fields}, "image/png"), LIMIT_BYTES).label
    assert getattr(label, expected[0]) == expected[1]


PNG, PB, JSON = "image/png", "application/x-protobuf", "application/json"
# body, headers, content type, reason, frame id that could still be read
BAD = [
    (b"x", {}, PNG, ParkReason.NO_FRAME_ID, None),
    (b"x", {"frame_id": ""}, PNG, ParkReason.NO_FRAME_ID, None),
    (b"x", {"frame_id": "a" * 129}, PNG, ParkReason.NO_FRAME_ID, None),
    (b"x", {"frame_id": "a\nb"}, PNG, ParkReason.NO_FRAME_ID, None),
    (b"x", {"frame_id": True}, PNG, ParkReason.NO_FRAME_ID, None),
    (b"x", {"frame_id": b"\xff"}, PNG, ParkReason.NO_FRAME_ID, None),
    (b"x", {"frame_id": "f1"}, PNG, ParkReason.WRONG_FIELD, "f1"),
    (b"x", {**GOOD, "category": "../etc"}, PNG, ParkReason.WRONG_FIELD, "f1"),
    (b"x", {**GOOD, "budget_ms": -1}, PNG, ParkReason.WRONG_FIELD, "f1"),
    (b"x", {**GOOD, "budget_ms": 0}, PNG, ParkReason.WRONG_FIELD, "f1"),
    (b"x", {**GOOD, "budget_ms": True}, PNG, ParkReason.WRONG_FIELD, "f1"),
    (b"x", {**GOOD, "captured_at": "yesterday"}, PNG, ParkReason.WRONG_FIELD, "f1"),
    (b"x", {**GOOD, "captured_at": "2026-05-04T03:02:01"}, PNG, ParkReason.WRONG_FIELD, "f1"),
    (b"x", {**GOOD, "want": "everything"}, PNG, ParkReason.WRONG_FIELD, "f1"),
    (b"x", {**GOOD, "simulated": "maybe"}, PNG, ParkReason.WRONG_FIELD, "f1"),
    (b"x", {**GOOD, "part_id": ["a"]}, PNG, ParkReason.WRONG_FIELD, "f1"),
    (b"", GOOD, PNG, ParkReason.WRONG_BODY, "f1"),
    (b"x", GOOD, "text/plain", ParkReason.WRONG_CONTENT_TYPE, "f1"),
    (b"x", {}, "text/plain", ParkReason.WRONG_CONTENT_TYPE, None),
    (b"x", GOOD, "", ParkReason.WRONG_CONTENT_TYPE, "f1"),
    (b"x" * (LIMIT_BYTES + 1), GOOD, PNG, ParkReason.BODY_TOO_LARGE, "f1"),
    (b"\xff\xff\xff", GOOD, PB, ParkReason.WRONG_BODY, "f1"),
    (b"\xff\xff\xff", {}, PB, ParkReason.WRONG_BODY, None),
    (camera_frame(), {}, PB, ParkReason.NO_FRAME_ID, None),
    (camera_frame(frame_id="f1", category="bolt", want=77), {}, PB, ParkReason.WRONG_FIELD, "f1"),
    (line_pb2.CameraFrame(frame_id="f1", category="bolt").SerializeToString(), {}, PB, ParkReason.WRONG_BODY, "f1"),
    (b"{", GOOD, JSON, ParkReason.WRONG_BODY, "f1"),
    (b"[1]", {}, JSON, ParkReason.WRONG_BODY, None),
    (b"\xff", {}, JSON, ParkReason.WRONG_BODY, None),
    (json.dumps(GOOD).encode(), {}, JSON, ParkReason.WRONG_FIELD, "f1"),
    (json.dumps({**GOOD, "image_uri": 5}).encode(), {}, JSON, ParkReason.WRONG_FIELD, "f1"),
]


@pytest.mark.parametrize(("body", "headers", "content_type", "reason", "frame_id"), BAD)
def test_bad_messages(body: bytes, headers: dict[str, object], content_type: str, reason: ParkReason, frame_id: str | None) -> None:
    with pytest.raises(UnreadableFrameError) as caught:
        read_frame(delivery(body, headers, content_type), LIMIT_BYTES)
    assert caught.value.reason is reason
    assert (caught.value.label.frame_id if caught.value.label else None) == frame_id


def test_compressed_body_is_refused() -> None:
    with pytest.raises(UnreadableFrameError) as caught:
        read_frame(delivery(b"x", dict(GOOD), PNG, content_encoding="gzip"), LIMIT_BYTES)
    assert caught.value.reason is ParkReason.WRONG_CONTENT_TYPE


@pytest.mark.parametrize("routing_key", ["", "l", "l.s", "l.s.c.d", "l..c", "l.s.#", "l.*.c", "l.s t.c", "l.s.c/d", "é" * 130 + ".s.c"])
def test_routing_keys_that_name_no_camera(routing_key: str) -> None:
    with pytest.raises(UnreadableFrameError) as caught:
        read_frame(delivery(b"x", dict(GOOD), PNG, routing_key), LIMIT_BYTES)
    assert caught.value.reason is ParkReason.NO_ADDRESS
    assert caught.value.label is None


_VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.binary(max_size=10) | st.lists(st.integers(), max_size=3)


@settings(suppress_health_check=[HealthCheck.too_slow])  # making text is slow on a busy machine
@given(
    st.binary(max_size=200),
    st.dictionaries(st.sampled_from([*FIELDS, "image_uri", "other"]), _VALUES),
    st.sampled_from([PNG, PB, JSON, "", "a/b"]),
)
def test_nothing_else_comes_out_of_any_message(body: bytes, headers: dict[str, object], content_type: str) -> None:
    try:
        frame = read_frame(delivery(body, headers, content_type), LIMIT_BYTES)
    except UnreadableFrameError as error:
        assert error.label is None or 1 <= len(error.label.frame_id) <= 128  # noqa: PT017
    else:
        assert frame.label.category
