"""What a camera says about a frame beside the picture."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from goldenpart.worker.errors import ParkReason, UnreadableFrameError

MAX_NAME_CHARACTERS = 128
MAX_BUDGET_MS = 24 * 3600 * 1000
# An event's routing key is the address, a dot and the verdict; AMQP allows 255 bytes.
MAX_ADDRESS_BYTES = 240
_WORD = re.compile(r"[^.\s#*/+]+")
_CATEGORY = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class Want(StrEnum):
    """What a camera wants in its event beside the verdict; each includes the one before."""

    VERDICT = "verdict"
    REGIONS = "regions"
    HEATMAP = "heatmap"


class EventFormat(StrEnum):
    """How the event is written."""

    JSON = "json"
    PROTOBUF = "protobuf"


@dataclass(frozen=True, slots=True)
class Address:
    """Names a camera: <line>.<station>.<camera>, the routing key of its frames."""

    line: str
    station: str
    camera: str

    @classmethod
    def parse(cls, routing_key: str) -> "Address":
        """Reads a routing key.

        Raises:
            ValueError: It has not three words, or a word has a character that AMQP or MQTT topics give a meaning to.
        """
        words = routing_key.split(".")
        if len(words) != 3 or not all(_WORD.fullmatch(word) for word in words) or len(routing_key.encode()) > MAX_ADDRESS_BYTES:
            raise ValueError(
                f"routing key {routing_key!r} is not <line>.<station>.<camera>: three words without blanks and . # * / +, "
                f"{MAX_ADDRESS_BYTES} bytes at most"
            )
        return cls(*words)

    @property
    def routing_key(self) -> str:
        """The address as a routing key."""
        return f"{self.line}.{self.station}.{self.camera}"

    @property
    def source(self) -> str:
        """The address as the source of a CloudEvent, a URI reference."""
        return f"/goldenpart/{self.line}/{self.station}/{self.camera}"


@dataclass(frozen=True, slots=True)
class FrameLabel:
    """Says which frame it is and what its camera wants to know.

    Attributes:
        address: The camera.
        frame_id: The camera's name for the frame, 1 to 128 printable characters; with the address the idempotency key.
        category: Product type; "" if it could not be read.
        part_id: Serial number of the part, "" if unknown.
        job_id: Job or order, "" if unknown.
        captured_at: When the picture was taken, aware; None if the camera did not say.
        budget_s: The verdict is wanted within this time after captured_at; None means the worker's default.
        want: What the event shall hold.
        event_format: How the event shall be written.
        simulated: Whether no machine may act upon the event.
        reply_to: Queue that wants a copy of the event, "" for none.
        correlation_id: Echoed in that copy.
    """

    address: Address
    frame_id: str
    category: str = ""
    part_id: str = ""
    job_id: str = ""
    captured_at: datetime | None = None
    budget_s: float | None = None
    want: Want = Want.VERDICT
    event_format: EventFormat = EventFormat.JSON
    simulated: bool = False
    reply_to: str = ""
    correlation_id: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Idempotency key: source and id of the event."""
        return (self.address.source, self.frame_id)


T = TypeVar("T")


class FieldReader:
    """Reads the fields of a label one by one; the first wrong one is remembered, so that the rest can still be used."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self._fields = fields
        self.fault: str | None = None

    def read(self, name: str, convert: Callable[[object], T], default: T) -> T:
        """Reads a field; a missing one is the default, a wrong one too, with a fault."""
        value = self._fields.get(name)
        if value is None or value == "":
            return default
        try:
            return convert(value)
        except ValueError as error:
            self.fault = self.fault or f"{name} = {str(value)[:80]!r}: {error}"
            return default


def read_label(fields: Mapping[str, object], address: Address, reply_to: str = "", correlation_id: str = "") -> FrameLabel:
    """Reads a label from AMQP headers or from a JSON object; both use the same names.

    Raises:
        UnreadableFrameError: NO_FRAME_ID without a label, or WRONG_FIELD with what could be read.
    """
    try:
        frame_id = _name(fields.get("frame_id") if fields.get("frame_id") is not None else "")
    except ValueError as error:
        raise UnreadableFrameError(ParkReason.NO_FRAME_ID, f"frame_id: {error}") from error
    reader = FieldReader(fields)
    label = FrameLabel(
        address=address,
        frame_id=frame_id,
        category=reader.read("category", _category, ""),
        part_id=reader.read("part_id", _name, ""),
        job_id=reader.read("job_id", _name, ""),
        captured_at=reader.read("captured_at", _moment, None),
        budget_s=reader.read("budget_ms", _budget_s, None),
        want=reader.read("want", lambda word: Want(str(word)), Want.VERDICT),
        event_format=reader.read("event_format", lambda word: EventFormat(str(word)), EventFormat.JSON),
        simulated=reader.read("simulated", _flag, default=False),
        reply_to=reply_to,
        correlation_id=correlation_id,
    )
    fault = reader.fault or (None if label.category else "category is missing: name the product type")
    if fault:
        raise UnreadableFrameError(ParkReason.WRONG_FIELD, fault, label)
    return label


def _name(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not 1 <= len(text) <= MAX_NAME_CHARACTERS or not text.isprintable():
        raise ValueError(f"must be 1 to {MAX_NAME_CHARACTERS} printable characters")
    return text


def _category(value: object) -> str:
    if not isinstance(value, str) or not _CATEGORY.fullmatch(value):
        raise ValueError("must be 1 to 63 characters a-z 0-9 _ -, beginning with a letter or digit")
    return value


def _moment(value: object) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError("must be RFC 3339 with its time zone, for example 2026-05-04T03:02:01.500Z")
    return moment.astimezone(UTC)


def _budget_s(value: object) -> float:
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or not 1 <= int(text) <= MAX_BUDGET_MS:
        raise ValueError(f"must be a whole number of milliseconds from 1 to {MAX_BUDGET_MS}")
    return int(text) / 1000


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise ValueError("must be true or false")
