"""Errors on the wire: a stable reason, the field, when to retry; small enough for a trailer; no trace."""

from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from goldenpart.server import errors
from goldenpart.server.api.conversions import outcome_to_pb, reason_of
from goldenpart.server.api.status import hide, to_status
from goldenpart.server.errors import EtagMismatchError, GoldenpartError, InvalidFrameError, OverloadedError, RecipeError
from goldenpart.server.runtime.inspection import NotInspected
from goldenpart.v1 import inspection_pb2

TRAILER_LIMIT_BYTES = 8192


def all_errors(root: type[GoldenpartError] = GoldenpartError) -> Iterator[type[GoldenpartError]]:
    yield root
    for kind in root.__subclasses__():
        yield from all_errors(kind)


def details(status: grpc.Status) -> dict[str, object]:
    [(key, value)] = status.trailing_metadata
    assert key == "grpc-status-details-bin"
    found: dict[str, object] = {}
    for packed in status_pb2.Status.FromString(value).details:
        kind = getattr(error_details_pb2, packed.TypeName().rpartition(".")[2])()
        assert packed.Unpack(kind)
        found[type(kind).__name__] = kind
    return found


@pytest.mark.parametrize("kind", list(all_errors()), ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_and_a_stable_reason(kind: type[GoldenpartError]) -> None:
    status = to_status(kind("It went wrong.", limit=3))
    info = details(status)["ErrorInfo"]
    assert isinstance(info, error_details_pb2.ErrorInfo)
    assert status.code is grpc.StatusCode[kind.code]
    assert status.details == "It went wrong."
    assert (info.reason, info.domain, dict(info.metadata)) == (kind.reason, "goldenpart.dev", {"limit": "3"})
    assert info.reason.replace("_", "").isalpha()
    assert info.reason.isupper()
    assert len(info.reason) <= 63  # AIP-193


def test_the_tree_has_no_reason_twice() -> None:
    reasons = [kind.reason for kind in all_errors() if kind not in {errors.InternalError, errors.ExecutorDeadError}]
    assert len(reasons) == len(set(reasons))


def test_a_field_and_a_delay_travel_along() -> None:
    found = details(to_status(RecipeError("Too large.", field="recipe.resolution_px")))
    assert set(found) == {"ErrorInfo", "BadRequest"}
    bad = found["BadRequest"]
    assert isinstance(bad, error_details_pb2.BadRequest)
    assert [(one.field, one.description) for one in bad.field_violations] == [("recipe.resolution_px", "Too large.")]
    found = details(to_status(OverloadedError("Full.", retry_after_s=0.25)))
    assert set(found) == {"ErrorInfo", "RetryInfo"}
    delay = found["RetryInfo"]
    assert isinstance(delay, error_details_pb2.RetryInfo)
    assert delay.retry_delay.ToTimedelta().total_seconds() == 0.25


@pytest.mark.parametrize("letter", ["x", "ß", "漢"])
def test_the_longest_message_fits_into_a_trailer(letter: str) -> None:
    error = EtagMismatchError("start " + letter * 20_000 + " end", field="etag", retry_after_s=1.0, value=letter * 20_000)
    status = to_status(error)
    [(_, packed)] = status.trailing_metadata
    assert len(packed) + 3 * len(status.details.encode()) < TRAILER_LIMIT_BYTES  # the message itself is percent-encoded
    assert status.details.startswith("start ")
    assert status.details.endswith(" end")


def test_a_defect_shows_its_kind_and_nothing_else() -> None:
    error = hide(KeyError("/srv/secret/path"))
    assert (error.code, error.reason) == ("INTERNAL", "SERVER_ERROR")
    assert "KeyError" in error.message
    assert "secret" not in error.message


@pytest.mark.parametrize("kind", list(all_errors()), ids=lambda kind: kind.__name__)
def test_every_error_of_a_frame_has_a_reason_on_the_wire(kind: type[GoldenpartError]) -> None:
    outcome = NotInspected("1", "part", kind("It went wrong."), 0.5)
    message = outcome_to_pb(outcome)
    name = inspection_pb2.NotInspectedReason.Name(message.reason)
    assert name == f"NOT_INSPECTED_REASON_{reason_of(outcome)}"
    assert message.reason != inspection_pb2.NOT_INSPECTED_REASON_UNSPECIFIED
    assert (message.verdict, message.message) == (inspection_pb2.VERDICT_NOT_INSPECTED, "It went wrong.")


def test_a_frame_keeps_its_own_reason() -> None:
    assert reason_of(NotInspected("1", "part", InvalidFrameError("no id"), 0.0)) == "INVALID_FRAME"
    assert reason_of(NotInspected("1", "part", errors.CategoryNameError("../x"), 0.0)) == "INVALID_FRAME"
    assert reason_of(NotInspected("1", "part", errors.BackboneUnavailableError("none"), 0.0)) == "SERVER_ERROR"
