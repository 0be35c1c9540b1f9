# ruff: noqa: N818  # the names say what happened; all of them derive from GoldenpartError
"""What can go wrong between a client and its server, as one tree.

    GoldenpartError
    ├── InvalidArgument       a field is missing or wrong; see ``violations``
    ├── NotFound              no such category or revision
    ├── FailedPrecondition    not fitted, not calibrated, rate not attainable, other backbone weights, revision is active
    ├── Aborted               somebody else changed the category (etag), or an onboarding is already running
    ├── Overloaded            no room; slow down and send again after ``retry_after_s``
    ├── Unavailable           nobody answers, starting or draining; try again or elsewhere
    ├── DeadlineExceeded      the time given with the call was up
    ├── Cancelled             the call was broken off
    ├── DataLoss              a stored revision is damaged
    ├── Unauthenticated       no token or a wrong one
    ├── PermissionDenied      the token does not allow this
    └── Internal              everything else: a defect or another version of the server; its log says what

Every error is made here, by :func:`error_from_rpc`, from the status of the call and its ``google.rpc`` details
(ErrorInfo, BadRequest, RetryInfo; AIP-193).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A request field that the server refused.

    Attributes:
        field: Path of the field, for example ``frames[3].category``.
        description: What is wrong with it and what would be right.
    """

    field: str
    description: str


class GoldenpartError(Exception):
    """A call failed.

    Attributes:
        message: What happened, the value, the limit and the way out.
        reason: Stable UPPER_SNAKE word to branch on: the server's ErrorInfo reason, or the name of the gRPC status.
        code: gRPC status of the call.
        retry_after_s: Seconds to wait before the same call makes sense again; None where the server did not say.
        violations: Refused fields, empty unless the server named some.
        details: ErrorInfo metadata, for example the limit and the value.
    """

    default_code: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        code: grpc.StatusCode | None = None,
        retry_after_s: float | None = None,
        violations: tuple[FieldViolation, ...] = (),
        details: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.reason = reason or self.code.name
        self.retry_after_s = retry_after_s
        self.violations = violations
        self.details = details or {}

    def __str__(self) -> str:
        """Return message and refused fields in one line, without the reason."""
        fields = "; ".join(one.field if one.description == self.message else f"{one.field}: {one.description}" for one in self.violations)
        return f"{self.message} ({fields})" if fields else self.message


class InvalidArgument(GoldenpartError):
    """A field is missing or wrong."""

    default_code = grpc.StatusCode.INVALID_ARGUMENT


class NotFound(GoldenpartError):
    """There is no such category or revision."""

    default_code = grpc.StatusCode.NOT_FOUND


class FailedPrecondition(GoldenpartError):
    """The request is fine, but not in this state of the category or server."""

    default_code = grpc.StatusCode.FAILED_PRECONDITION


class Aborted(GoldenpartError):
    """Somebody else came between; read the category again and repeat."""

    default_code = grpc.StatusCode.ABORTED


class Overloaded(GoldenpartError):
    """The server has no room; send again after ``retry_after_s``."""

    default_code = grpc.StatusCode.RESOURCE_EXHAUSTED


class Unavailable(GoldenpartError):
    """Nobody answers, or the server is starting or draining."""

    default_code = grpc.StatusCode.UNAVAILABLE


class DeadlineExceeded(GoldenpartError):
    """The time given with the call was up."""

    default_code = grpc.StatusCode.DEADLINE_EXCEEDED


class Cancelled(GoldenpartError):
    """The call was broken off."""

    default_code = grpc.StatusCode.CANCELLED


class DataLoss(GoldenpartError):
    """A stored revision is damaged."""

    default_code = grpc.StatusCode.DATA_LOSS


class Unauthenticated(GoldenpartError):
    """The server wants a token that it knows."""

    default_code = grpc.StatusCode.UNAUTHENTICATED


class PermissionDenied(GoldenpartError):
    """The token does not allow this call."""

    default_code = grpc.StatusCode.PERMISSION_DENIED


class Internal(GoldenpartError):
    """A defect, or a server of another version."""


_CLASS_OF: Mapping[grpc.StatusCode, type[GoldenpartError]] = {
    error_class.default_code: error_class
    for error_class in (
        InvalidArgument,
        NotFound,
        FailedPrecondition,
        Aborted,
        Overloaded,
        Unavailable,
        DeadlineExceeded,
        Cancelled,
        DataLoss,
        Unauthenticated,
        PermissionDenied,
        Internal,
    )
} | {grpc.StatusCode.ALREADY_EXISTS: FailedPrecondition, grpc.StatusCode.OUT_OF_RANGE: InvalidArgument}


def error_from_rpc(error: grpc.RpcError, address: str) -> GoldenpartError:
    """Make the typed error of a failed call.

    Args:
        error: What grpc raised; it must carry a status, as the error of every finished call does.
        address: Where the call went, for the message.

    Returns:
        An instance of the subclass that belongs to the status.
    """
    code, text = _code_of(error), _text_of(error)
    status = _status_of(error)
    if status is None or not status.details:
        return _bare_error(code, text, address)
    info, bad_request, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    has_retry = False
    for detail in status.details:
        detail.Unpack(info) or detail.Unpack(bad_request)
        has_retry = detail.Unpack(retry) or has_retry
    return _CLASS_OF.get(code, Internal)(
        status.message or text,
        reason=info.reason or None,
        code=code,
        retry_after_s=retry.retry_delay.ToTimedelta().total_seconds() if has_retry else None,
        violations=tuple(FieldViolation(v.field, v.description) for v in bad_request.field_violations),
        details=dict(info.metadata),
    )


def _code_of(error: grpc.RpcError) -> grpc.StatusCode:
    code = getattr(error, "code", None)
    found = code() if callable(code) else None
    return found if isinstance(found, grpc.StatusCode) else grpc.StatusCode.UNKNOWN


def _text_of(error: grpc.RpcError) -> str:
    details = getattr(error, "details", None)
    return str((details() if callable(details) else None) or error)


def _status_of(error: grpc.RpcError) -> status_pb2.Status | None:
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):
        return None
    try:
        return rpc_status.from_call(error)  # type: ignore[arg-type]  # AioRpcError has the three methods that are read
    except ValueError:  # a proxy rewrote code or message: what it says is then all there is
        return None


def _bare_error(code: grpc.StatusCode, text: str, address: str) -> GoldenpartError:
    """Make the error of a call that gRPC itself ended: the server's own errors always carry details."""
    if code is grpc.StatusCode.UNAVAILABLE:
        message = f"no Goldenpart server answers at {address} ({text}); start one with `goldenpart-server`, or give the right address"
        return Unavailable(message, reason="UNREACHABLE")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in text:
        # The transport refuses a message before any servicer sees it, with the status that otherwise means overload.
        message = f"the message does not fit ({text}); send fewer or smaller frames per call, ask for fewer pictures back"
        return InvalidArgument(message, reason="MESSAGE_TOO_LARGE", code=code)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded(f"the server at {address} did not answer in time ({text}); allow more with timeout_s")
    return _CLASS_OF.get(code, Internal)(text, code=code)
