"""Reads a frame out of a message, in any of its three forms: picture with headers, protobuf, or reference."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC

from google.protobuf.message import DecodeError

from goldenpart.v1 import image_pb2, line_pb2
from goldenpart.worker.bus import Delivery
from goldenpart.worker.errors import ParkReason, UnreadableFrameError
from goldenpart.worker.labels import Address, FrameLabel, read_label

IMAGE_TYPES = frozenset({"image/jpeg", "image/jpg", "image/png", "image/bmp", "image/x-ms-bmp", "image/tiff", "image/webp"})
PROTOBUF_TYPES = frozenset({"application/x-protobuf", "application/protobuf"})
JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class LineFrame:
    """Holds a frame as it came from the line.

    Attributes:
        label: What the camera says about it.
        image: The picture; None if it has to be fetched from image_uri first.
        image_uri: file: or s3: reference, "" if the picture came along.
        digest: sha256 of the message body, hexadecimal; tells a repeated frame from a reused frame id.
    """

    label: FrameLabel
    image: image_pb2.Image | None
    image_uri: str
    digest: str

    @property
    def image_bytes(self) -> int:
        """Size of the picture as it travels to the server, 0 while it is not fetched."""
        if self.image is None:
            return 0
        return len(self.image.encoded) or len(self.image.raw.data)

    def with_picture(self, encoded: bytes) -> "LineFrame":
        """Makes the frame with the picture that its reference named."""
        return replace(self, image=image_pb2.Image(encoded=encoded))


def digest_of(body: bytes) -> str:
    """Gives the sha256 of a message body, hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def read_frame(delivery: Delivery, max_body_bytes: int) -> LineFrame:
    """Reads a delivered message.

    Args:
        delivery: As it came from the bus.
        max_body_bytes: Largest body.

    Raises:
        UnreadableFrameError: It is no frame; its label is set where a frame id could be read.
    """
    message = delivery.message
    try:
        address = Address.parse(delivery.routing_key)
    except ValueError as error:
        raise UnreadableFrameError(ParkReason.NO_ADDRESS, str(error)) from error
    content_type = message.content_type.partition(";")[0].strip().lower()
    read = _reader_for(content_type)
    if read is None or message.content_encoding not in ("", "identity"):
        said = f"{message.content_type!r} {message.content_encoding}".strip()
        label = _label_of_headers(delivery, address)
        raise UnreadableFrameError(
            ParkReason.WRONG_CONTENT_TYPE,
            f"content type {said} is not understood: send image/jpeg, png, bmp, tiff or webp, application/x-protobuf (CameraFrame) or "
            "application/json with an image_uri, not compressed",
            label,
        )
    if len(message.body) > max_body_bytes:
        raise UnreadableFrameError(
            ParkReason.BODY_TOO_LARGE,
            f"the body has {len(message.body)} bytes, {max_body_bytes} are allowed: send application/json with an image_uri instead",
            _label_of_headers(delivery, address),
        )
    label, image, image_uri = read(delivery, address)
    return LineFrame(label, image, image_uri, digest_of(message.body))


_Parts = tuple[FrameLabel, image_pb2.Image | None, str]


def _reader_for(content_type: str) -> Callable[[Delivery, Address], _Parts] | None:
    if content_type in IMAGE_TYPES:
        return _read_picture
    if content_type in PROTOBUF_TYPES:
        return _read_protobuf
    return _read_reference if content_type == JSON_TYPE else None


def _label(fields: Mapping[str, object], delivery: Delivery, address: Address) -> FrameLabel:
    label = read_label(fields, address, delivery.message.reply_to, delivery.message.correlation_id)
    # A camera that only sets the AMQP timestamp (whole seconds) has said when, too.
    return label if label.captured_at else replace(label, captured_at=delivery.message.sent_at)


def _label_of_headers(delivery: Delivery, address: Address) -> FrameLabel | None:
    """Reads what the headers tell of a message that is refused for another reason."""
    try:
        return _label(delivery.message.headers, delivery, address)
    except UnreadableFrameError as error:
        return error.label


def _read_picture(delivery: Delivery, address: Address) -> _Parts:
    label = _label(delivery.message.headers, delivery, address)
    if not delivery.message.body:
        raise UnreadableFrameError(ParkReason.WRONG_BODY, "the body is empty: it must be the encoded picture", label)
    return label, image_pb2.Image(encoded=delivery.message.body), ""


def _read_reference(delivery: Delivery, address: Address) -> _Parts:
    try:
        fields = json.loads(delivery.message.body)
    except ValueError as error:
        label = _label_of_headers(delivery, address)
        raise UnreadableFrameError(ParkReason.WRONG_BODY, f"the body is not JSON: {error}", label) from error
    if not isinstance(fields, dict):
        label = _label_of_headers(delivery, address)
        raise UnreadableFrameError(ParkReason.WRONG_BODY, f"the body is a JSON {type(fields).__name__}, not an object", label)
    label = _label(fields, delivery, address)
    image_uri = fields.get("image_uri")
    if not isinstance(image_uri, str) or not image_uri:
        raise UnreadableFrameError(ParkReason.WRONG_FIELD, "image_uri is missing: name the picture, such as file:///frames/1.png", label)
    return label, None, image_uri


def _read_protobuf(delivery: Delivery, address: Address) -> _Parts:
    try:
        frame = line_pb2.CameraFrame.FromString(delivery.message.body)
    except DecodeError as error:
        label = _label_of_headers(delivery, address)
        raise UnreadableFrameError(ParkReason.WRONG_BODY, f"the body is no goldenpart.v1.CameraFrame: {error}", label) from error
    label = _label(_fields_of(frame), delivery, address)
    if frame.image.WhichOneof("content") is None:
        raise UnreadableFrameError(ParkReason.WRONG_BODY, "the CameraFrame has no image", label)
    return label, frame.image, ""


def _fields_of(frame: line_pb2.CameraFrame) -> dict[str, object]:
    """Writes a CameraFrame with the names and words of the headers. An enum number nobody knows is left to the reader to refuse."""
    texts = {name: getattr(frame, name) for name in ("frame_id", "category", "part_id", "job_id") if getattr(frame, name)}
    fields: dict[str, object] = {**texts, "simulated": frame.simulated}
    if frame.HasField("capture_time"):
        fields["captured_at"] = frame.capture_time.ToDatetime(UTC)
    if frame.budget_ms:
        fields["budget_ms"] = frame.budget_ms
    if frame.want:
        fields["want"] = _word(line_pb2.Want.Name, frame.want, "WANT_")
    if frame.event_format:
        fields["event_format"] = _word(line_pb2.EventFormat.Name, frame.event_format, "EVENT_FORMAT_")
    return fields


def _word(name: Callable[[int], str], number: int, prefix: str) -> str:
    try:
        return name(number).removeprefix(prefix).lower()
    except ValueError:
        return str(number)
