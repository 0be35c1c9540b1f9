import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2
from test_client_canned_server import CannedServer, canned, rich_status

from goldenpart.client import Client, GoldenpartError, errors

__all__ = ["canned"]
CLASSES = [
    ("INVALID_ARGUMENT", errors.InvalidArgument),
    ("NOT_FOUND", errors.NotFound),
    ("FAILED_PRECONDITION", errors.FailedPrecondition),
    ("ABORTED", errors.Aborted),
    ("RESOURCE_EXHAUSTED", errors.Overloaded),
    ("DEADLINE_EXCEEDED", errors.DeadlineExceeded),
    ("CANCELLED", errors.Cancelled),
    ("DATA_LOSS", errors.DataLoss),
    ("UNAUTHENTICATED", errors.Unauthenticated),
    ("PERMISSION_DENIED", errors.PermissionDenied),
    ("INTERNAL", errors.Internal),
    ("UNIMPLEMENTED", errors.Internal),
    ("UNKNOWN", errors.Internal),
    ("ALREADY_EXISTS", errors.FailedPrecondition),
]


def failing(canned: CannedServer, failure: object) -> GoldenpartError:
    canned.failures = iter([failure])
    with Client(canned.address) as client, pytest.raises(GoldenpartError) as caught:
        client.activate("flange", "r0001")
    return caught.value


@pytest.mark.parametrize(("code", "kind"), CLASSES)
def test_every_status_has_its_class_with_details_and_without(canned: CannedServer, code: str, kind: type[GoldenpartError]) -> None:
    info = error_details_pb2.ErrorInfo(reason="STABLE_REASON", metadata={"value": "7"})
    error = failing(canned, rich_status(code_pb2.Code.Value(code), "value 7", info))
    assert (type(error), error.reason, error.message, error.details) == (kind, "STABLE_REASON", "value 7", {"value": "7"})
    assert error.code is grpc.StatusCode[code]
    bare = failing(canned, grpc.StatusCode[code])
    assert (type(bare), bare.reason, bare.retry_after_s) == (kind, code, None)


def test_draining_is_told_apart_from_unreachable(canned: CannedServer) -> None:
    info = error_details_pb2.ErrorInfo(reason="DRAINING")
    error = failing(canned, rich_status(code_pb2.UNAVAILABLE, "the server is shutting down", info))
    assert isinstance(error, errors.Unavailable)
    assert error.reason == "DRAINING"
    assert failing(canned, grpc.StatusCode.UNAVAILABLE).reason == "UNREACHABLE"


def test_violations_are_named_in_one_line(canned: CannedServer) -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(field="recipe.neighbours", description="is 99; at most 50")
    info, bad = error_details_pb2.ErrorInfo(reason="INVALID_RECIPE"), error_details_pb2.BadRequest(field_violations=[violation])
    error = failing(canned, rich_status(code_pb2.INVALID_ARGUMENT, "the recipe is wrong", bad, info))
    assert error.violations == (errors.FieldViolation("recipe.neighbours", "is 99; at most 50"),)
    assert str(error) == "the recipe is wrong (recipe.neighbours: is 99; at most 50)"


def test_what_is_said_of_a_field_already_is_not_said_again(canned: CannedServer) -> None:
    text = "A rate of 0.05 cannot be promised."
    violation = error_details_pb2.BadRequest.FieldViolation(field="threshold.false_reject_rate", description=text)
    bad = error_details_pb2.BadRequest(field_violations=[violation])
    info = error_details_pb2.ErrorInfo(reason="RATE_NOT_ATTAINABLE")
    error = failing(canned, rich_status(code_pb2.INVALID_ARGUMENT, text, bad, info))
    assert str(error) == f"{text} (threshold.false_reject_rate)"


def test_wait_is_read_in_full(canned: CannedServer) -> None:
    retry = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))
    assert failing(canned, rich_status(code_pb2.RESOURCE_EXHAUSTED, "slow down", retry)).retry_after_s == 2.5


def test_deadline_says_how_to_allow_more(canned: CannedServer) -> None:
    assert "timeout_s" in str(failing(canned, grpc.StatusCode.DEADLINE_EXCEEDED))
