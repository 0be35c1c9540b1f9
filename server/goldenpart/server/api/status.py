"""The one place where errors become gRPC statuses (google.rpc.Status with ErrorInfo, BadRequest and RetryInfo; AIP-193)."""

from __future__ import annotations

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from goldenpart.server.errors import GoldenpartError, InternalError

DOMAIN = "goldenpart.dev"
_CUT = " ... "
_MOST_MESSAGE_BYTES, _MOST_DETAIL_BYTES = 1200, 256  # all travels in trailers, of which gRPC takes 8 KiB, the message three times


def to_status(error: GoldenpartError) -> grpc.Status:
    """Turn an error into the status a handler aborts with."""
    message = shorten(error.message, _MOST_MESSAGE_BYTES)
    metadata = {name: shorten(value, _MOST_DETAIL_BYTES) for name, value in error.metadata.items()}
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)
    details = [_pack(info)]
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=error.field, description=message)
        details.append(_pack(error_details_pb2.BadRequest(field_violations=[violation])))
    if error.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMicroseconds(round(error.retry_after_s * 1_000_000))
        details.append(_pack(error_details_pb2.RetryInfo(retry_delay=delay)))
    code = grpc.StatusCode[error.code]
    return rpc_status.to_status(status_pb2.Status(code=code.value[0], message=message, details=details))


def hide(error: Exception) -> GoldenpartError:
    """Return what a caller may know of a defect: its kind, never a trace."""
    return InternalError(f"The server broke ({type(error).__name__}); its log says more.")


def shorten(text: str, most_bytes: int) -> str:
    """Cut out the middle of a text that takes more than `most_bytes` in UTF-8: its beginning has the value, its end the way out."""
    encoded = text.encode()
    if len(encoded) <= most_bytes:
        return text
    half = (most_bytes - len(_CUT.encode())) // 2
    return encoded[:half].decode(errors="ignore") + _CUT + encoded[-half:].decode(errors="ignore")


def _pack(message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
