"""What goes wrong on the line.

LineError
├── UnreadableFrameError     a message is no frame; it goes to the parking lot
├── InspectorError           the server did not answer with results; the frames are sent again
│   ├── ServerOverloadedError    no room; it said when to come back
│   ├── ServerUnavailableError   nobody there, draining or starting: the frames were not looked at
│   ├── ServerDiedError          the connection broke or the call hung while the server had the frames
│   ├── CallTooLargeError        the frames do not fit into one call
│   └── CallRefusedError         wrong credentials, another version of the contract, a defect
└── SettingsError            the worker cannot run with these settings
"""

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from goldenpart.worker.labels import FrameLabel


class ParkReason(StrEnum):
    """Why a message lies in the parking lot; stable words for the header goldenpart-reason."""

    NO_ADDRESS = "NO_ADDRESS"
    """The routing key is not <line>.<station>.<camera>."""
    NO_FRAME_ID = "NO_FRAME_ID"
    """frame_id is missing or not 1 to 128 printable characters."""
    WRONG_FIELD = "WRONG_FIELD"
    """Another header or field is missing or has a wrong value."""
    WRONG_CONTENT_TYPE = "WRONG_CONTENT_TYPE"
    """Neither an image type, application/x-protobuf nor application/json, or a compressed body."""
    WRONG_BODY = "WRONG_BODY"
    """Empty, or not the protobuf or JSON that the content type says."""
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    """More bytes than the worker takes; send a reference instead."""
    REFERENCE_REFUSED = "REFERENCE_REFUSED"
    """image_uri points outside the allowed places, or to nothing that can be read."""
    FRAME_ID_REUSED = "FRAME_ID_REUSED"
    """The camera used a frame id again for other content; the first one keeps its verdict."""
    ATTEMPTS_SPENT = "ATTEMPTS_SPENT"
    """Worker or server died over it too often."""


class LineError(Exception):
    """Is the root of everything the worker raises on purpose."""


class SettingsError(LineError):
    """The worker cannot run with these settings."""


class UnreadableFrameError(LineError):
    """A message is no frame that could be inspected.

    Attributes:
        reason: Why.
        label: What could be read of it, None if not even a frame id could.
    """

    def __init__(self, reason: ParkReason, message: str, label: "FrameLabel | None" = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.label = label


class InspectorError(LineError):
    """A call ended without results.

    Attributes:
        retry_after_s: When the server wants to hear from us again; None if it did not say.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ServerOverloadedError(InspectorError):
    """The server has no room."""


class ServerUnavailableError(InspectorError):
    """Nobody worked on the frames: no connection, starting, draining."""


class ServerDiedError(InspectorError):
    """The connection broke, or the time was up, while the server had the frames: one of them may be the reason."""


class CallTooLargeError(InspectorError):
    """The frames do not fit into one call."""


class CallRefusedError(InspectorError):
    """The server does not want the call as it is."""
