"""The one place where errors become gRPC statuses (google.rpc.Status with ErrorInfo, BadRequest and RetryInfo; AIP-193)."""

from __future__ import annotations

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from goldenpart.server.errors import GoldenpartError, InternalError

DOMAIN = "goldenpart.dev"
_MOST_DETAIL = 512  # characters of one metadata value: details travel in a trailer, whose size is limited


def to_status(error: GoldenpartError) -> grpc.Status:
    """Turn an error into the status a handler aborts with."""
    info = error_details_pb2.ErrorInfo(
        reason=error.reason, domain=DOMAIN, metadata={name: value[:_MOST_DETAIL] for name, value in error.metadata.items()}
    )
    details = [_pack(info)]
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=error.field, description=error.message)
        details.append(_pack(error_details_pb2.BadRequest(field_violations=[violation])))
    if error.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMicroseconds(round(error.retry_after_s * 1_000_000))
        details.append(_pack(error_details_pb2.RetryInfo(retry_delay=delay)))
    code = grpc.StatusCode[error.code]
    return rpc_status.to_status(status_pb2.Status(code=code.value[0], message=error.message, details=details))


def hide(error: Exception) -> GoldenpartError:
    """Return what a caller may know of a defect: its kind, never a trace."""
    return InternalError(f"The server broke ({type(error).__name__}); its log says more.")


def _pack(message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
