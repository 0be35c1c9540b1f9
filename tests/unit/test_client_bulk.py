from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from google.rpc import code_pb2, error_details_pb2
from hypothesis import given
from hypothesis import strategies as st
from test_client_canned_server import CannedServer, canned, overloaded, rich_status

from goldenpart.client import Client, Frame, InvalidArgument, NotInspectedReason, Overloaded, Verdict
from goldenpart.client.batches import batches
from goldenpart.client.bulk import frame_bytes, inspect_all

__all__ = ["canned"]


@given(st.lists(st.integers(0, 50)), st.integers(1, 6), st.integers(1, 100))
def test_batches_keep_order_and_limits(sizes: list[int], most_items: int, most_bytes: int) -> None:
    groups = list(batches(sizes, lambda size: size, most_items=most_items, most_bytes=most_bytes))
    assert [size for group in groups for size in group] == sizes
    for group in groups:
        assert 1 <= len(group) <= most_items
        assert sum(group) <= most_bytes or len(group) == 1
    for one, following in pairwise(groups):  # no call is made that the one before had room for
        assert len(one) == most_items or sum(one) + following[0] > most_bytes


def frames(count: int, image: bytes = b"jpeg") -> list[Frame]:
    return [Frame(str(index), "flange", image) for index in range(count)]


def requested(server: CannedServer) -> list[int]:
    return [len(request.frames) for name, request in server.calls if name == "Inspect"]  # type: ignore[attr-defined]


def test_calls_hold_what_the_server_allows(canned: CannedServer) -> None:
    with Client(canned.address) as client:
        results = list(inspect_all(client, frames(10)))
    assert [result.frame_id for result in results] == [str(index) for index in range(10)]
    assert requested(canned) == [4, 4, 2]


def test_overload_is_waited_out_in_smaller_calls(canned: CannedServer) -> None:
    canned.failures = iter([None, overloaded(250), None, overloaded(500), None, None])
    waits: list[float] = []
    with Client(canned.address) as client:
        results = list(inspect_all(client, frames(4), sleep=waits.append))
    assert [result.frame_id for result in results] == ["0", "1", "2", "3"]
    assert waits == [0.25, 0.5]
    assert requested(canned) == [4, 2, 2, 1, 1]


def test_patience_ends(canned: CannedServer) -> None:
    canned.failures = iter([None, *[overloaded(500)] * 9])
    waits: list[float] = []
    with Client(canned.address) as client, pytest.raises(Overloaded):
        list(inspect_all(client, frames(1), patience_s=1.2, sleep=waits.append))
    assert waits == [0.5, 0.5]


def test_message_that_does_not_fit_is_divided_until_one_frame_stands_alone(canned: CannedServer) -> None:
    too_large = error_details_pb2.ErrorInfo(reason="MESSAGE_TOO_LARGE")
    refusal = rich_status(code_pb2.INVALID_ARGUMENT, "the reply does not fit", too_large)
    canned.failures = iter([None, refusal, refusal, refusal, None, None])
    with Client(canned.address) as client:
        results = list(inspect_all(client, frames(4)))
    assert requested(canned) == [4, 2, 1, 1, 2]
    assert [result.verdict for result in results] == [Verdict.NOT_INSPECTED, Verdict.PASS, Verdict.PASS, Verdict.PASS]
    assert results[0].reason is NotInspectedReason.IMAGE_TOO_LARGE


def test_frame_beyond_the_transport_fails_alone(canned: CannedServer) -> None:
    mixed = [*frames(1), Frame("large", "flange", bytes(65 * 1024 * 1024)), Frame("last", "flange", b"jpeg")]
    with Client(canned.address) as client:
        results = list(inspect_all(client, mixed))
    assert [(result.frame_id, result.verdict.value) for result in results] == [("0", "PASS"), ("large", "NOT_INSPECTED"), ("last", "PASS")]
    assert "does not fit" in results[1].message


def test_other_errors_pass_through(canned: CannedServer) -> None:
    canned.failures = iter([None, rich_status(code_pb2.INVALID_ARGUMENT, "no frames", error_details_pb2.ErrorInfo(reason="NO_FRAMES"))])
    with Client(canned.address) as client, pytest.raises(InvalidArgument, match="no frames"):
        list(inspect_all(client, frames(1)))


def test_what_cannot_be_read_has_its_outcome_in_order(canned: CannedServer, tmp_path: Path) -> None:
    (tmp_path / "part.png").write_bytes(b"jpeg")
    names = ["vanished.png", "part.png", ".", "part.png", "vanished.png", "vanished.png"]
    given = [Frame(str(index), "flange", tmp_path / name) for index, name in enumerate(names)]
    with Client(canned.address) as client:
        results = list(inspect_all(client, given, report_unreadable=True))
        with pytest.raises(FileNotFoundError, match=r"vanished\.png"):
            list(inspect_all(client, given))
    assert requested(canned) == [2]
    assert [result.frame_id for result in results] == [str(index) for index in range(6)]
    assert [result.reason for result in results if result.verdict is not Verdict.PASS] == [NotInspectedReason.INVALID_FRAME] * 4
    assert (results[0].message, results[2].message) == (
        "the file cannot be read: No such file or directory",
        "the file cannot be read: Is a directory",
    )


def test_size_of_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "part.png"
    path.write_bytes(b"12345")
    assert frame_bytes(Frame("1", "flange", b"1234")) == 4
    assert frame_bytes(Frame("1", "flange", path)) == 5
    assert frame_bytes(Frame("1", "flange", np.zeros((4, 5, 3), np.uint8))) == 60
