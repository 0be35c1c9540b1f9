import threading
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.rpc import code_pb2, error_details_pb2
from grpc_health.v1 import health_pb2
from test_client_canned_server import MORE_THAN_A_WINDOW, CannedServer, canned, overloaded, rich_status

from goldenpart.client import (
    Aborted,
    Client,
    DataLoss,
    DeadlineExceeded,
    Frame,
    ImageSource,
    Internal,
    InvalidArgument,
    NamedImage,
    NotFound,
    Overloaded,
    Progress,
    ThresholdRequest,
    Unavailable,
    Verdict,
)
from goldenpart.client.requests import CHUNK_BYTES

__all__ = ["canned"]
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
INSPECTION = "goldenpart.v1.InspectionService"


def frame(frame_id: str = "1", image: bytes = b"jpeg") -> Frame:
    return Frame(frame_id, "flange", image)


def test_idempotent_calls_are_repeated_while_unavailable(canned: CannedServer) -> None:
    canned.failures = iter([UNAVAILABLE, UNAVAILABLE, None])
    with Client(canned.address) as client:
        (result,) = client.inspect([frame()])
    assert result.verdict is Verdict.PASS
    assert canned.names_called() == ["Inspect"] * 3


@pytest.mark.parametrize("code", [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL, grpc.StatusCode.ABORTED])
def test_nothing_else_is_repeated(canned: CannedServer, code: grpc.StatusCode) -> None:
    canned.failures = iter([code, None])
    with Client(canned.address) as client, pytest.raises((Overloaded, Internal, Aborted)):
        client.inspect([frame()])
    assert canned.names_called() == ["Inspect"]


def test_changes_are_not_repeated(canned: CannedServer) -> None:
    canned.failures = iter([UNAVAILABLE, None])
    with Client(canned.address) as client, pytest.raises(Unavailable):
        client.activate("flange", "r0002")
    assert canned.names_called() == ["ActivateRevision"]


def test_pages_are_fetched_to_the_end(canned: CannedServer) -> None:
    with Client(canned.address) as client:
        assert [one.category for one in client.list_categories(page_size=3)] == [f"part-{index}" for index in range(7)]
        assert canned.names_called() == ["ListCategories"] * 3
        assert [one.revision for one in client.list_revisions("flange")] == ["r0002", "r0001"]


def test_import_travels_in_chunks(canned: CannedServer, tmp_path: Path) -> None:
    archive = tmp_path / "flange.tar"
    archive.write_bytes(canned.archive)
    with Client(canned.address) as client:
        assert client.import_revision(archive, category="disc", stage_only=True, etag="e1").revision == "r0003"
    config, *chunks = canned.upload
    assert (config.config.category, config.config.stage_only, config.config.etag) == ("disc", True, "e1")
    assert [len(message.chunk) for message in chunks] == [CHUNK_BYTES, CHUNK_BYTES, len(canned.archive) - 2 * CHUNK_BYTES]
    assert b"".join(message.chunk for message in chunks) == canned.archive


def test_export_writes_the_whole_file(canned: CannedServer, tmp_path: Path) -> None:
    with Client(canned.address) as client:
        client.export_revision("flange", tmp_path / "flange.tar")
    assert (tmp_path / "flange.tar").read_bytes() == canned.archive


def test_an_export_that_cannot_be_written_names_the_file_that_was_asked_for(canned: CannedServer, tmp_path: Path) -> None:
    (tmp_path / "folder.tar").mkdir()
    with Client(canned.address) as client:
        for path, error in ((tmp_path / "nowhere" / "flange.tar", FileNotFoundError), (tmp_path / "folder.tar", IsADirectoryError)):
            with pytest.raises(error) as caught:
                client.export_revision("flange", path)
            assert caught.value.filename == str(path)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.tar"]


def test_broken_export_leaves_the_old_file(canned: CannedServer, tmp_path: Path) -> None:
    path = tmp_path / "flange.tar"
    path.write_bytes(b"old")
    canned.failures = iter([rich_status(code_pb2.DATA_LOSS, "damaged", error_details_pb2.ErrorInfo(reason="REVISION_DAMAGED"))])
    with Client(canned.address) as client, pytest.raises(DataLoss, match="damaged"):
        client.export_revision("flange", path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_fit_sends_config_then_images_and_passes_progress_on(canned: CannedServer) -> None:
    seen: list[Progress] = []
    images: list[ImageSource | NamedImage] = [b"first", NamedImage("second.png", b"second"), np.zeros((2, 3), np.uint8)]
    with Client(canned.address) as client:
        report = client.fit("flange", images, threshold=ThresholdRequest(false_reject_rate=0.1), stage_only=True, on_progress=seen.append)
    config, *sent = canned.upload
    assert (config.config.category, config.config.threshold.false_reject_rate, config.config.stage_only) == ("flange", 0.1, True)
    assert [message.image.name for message in sent] == ["image-0000", "second.png", "image-0002"]
    assert [progress.done for progress in seen] == [1, 2, 3, 4]
    assert (report.revision.revision, report.warnings) == ("r0001", ("few parts",))


def test_calibrate_labels_images(canned: CannedServer) -> None:
    with Client(canned.address) as client:
        client.calibrate("flange", [b"good"], [b"bad"], revision="r0001")
    config, *sent = canned.upload
    assert config.config.revision == "r0001"
    assert [(message.image.image.encoded, message.image.label) for message in sent] == [(b"good", 1), (b"bad", 2)]


def test_unreadable_image_cancels_the_upload_and_raises_its_own_error(canned: CannedServer, tmp_path: Path) -> None:
    missing = tmp_path / "missing.png"
    with Client(canned.address) as client, pytest.raises(FileNotFoundError, match=r"missing\.png"):
        client.fit("flange", [*MORE_THAN_A_WINDOW, missing])
    assert canned.upload_ended.wait(10)
    assert "Onboard" not in canned.names_called(), "half an upload must not look like a whole one"


def test_onboarding_without_a_result_is_an_error(canned: CannedServer) -> None:
    with Client(canned.address) as client, pytest.raises(Internal, match="without a result"):
        client.fit("flange", [])


def test_stream_yields_results_as_they_come(canned: CannedServer) -> None:
    with Client(canned.address) as client:
        results = list(client.inspect_stream((frame(str(index)) for index in range(20)), timeout_s=30))
    assert {result.frame_id for result in results} == {str(index) for index in range(20)}


def test_leaving_a_stream_early_ends_the_call(canned: CannedServer) -> None:
    released = threading.Event()

    def camera() -> object:
        yield frame("1")
        released.wait(30)

    with Client(canned.address) as client:
        results = client.inspect_stream(camera(), timeout_s=30)  # type: ignore[arg-type]
        assert next(results).frame_id == "1"
        results.close()  # type: ignore[attr-defined]
    released.set()


def test_error_carries_reason_violations_and_wait(canned: CannedServer) -> None:
    canned.failures = iter([overloaded(250)])
    with Client(canned.address) as client, pytest.raises(Overloaded) as caught:
        client.inspect([frame()])
    assert (caught.value.reason, caught.value.retry_after_s) == ("QUEUE_FULL", 0.25)
    assert caught.value.details == {"limit": "4"}


def test_large_message_is_told_apart_from_overload(canned: CannedServer) -> None:
    with Client(canned.address) as client, pytest.raises(InvalidArgument, match="does not fit") as caught:
        client.inspect([frame(image=bytes(65 * 1024 * 1024))])
    assert caught.value.reason == "MESSAGE_TOO_LARGE"


def test_message_of_16_mib_passes_both_ways(canned: CannedServer) -> None:
    with Client(canned.address) as client:
        (result,) = client.inspect([frame(image=bytes(16 * 1024 * 1024))])
    assert result.verdict is Verdict.PASS


def test_token_travels_with_every_call(canned: CannedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOLDENPART_TOKEN", "from-environment")
    with Client(canned.address) as client:
        client.server_info()
        assert canned.metadata["authorization"] == "Bearer from-environment"
    with Client(canned.address, token="given") as client:
        client.get_category("flange")
        assert canned.metadata["authorization"] == "Bearer given"


def test_unreachable_server_is_named_with_the_way_out() -> None:
    with Client("127.0.0.1:1") as client, pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 .*goldenpart-server") as caught:
        client.server_info()
    assert caught.value.reason == "UNREACHABLE"


def test_waits_until_the_server_serves(canned: CannedServer) -> None:
    canned.health.set(INSPECTION, health_pb2.HealthCheckResponse.NOT_SERVING)
    with Client(canned.address) as client:
        waiting = threading.Thread(target=client.wait_until_ready, args=(30,))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        canned.health.set(INSPECTION, health_pb2.HealthCheckResponse.SERVING)
        waiting.join(30)
        assert not waiting.is_alive()


def test_waiting_ends_with_the_last_news(canned: CannedServer) -> None:
    canned.health.set(INSPECTION, health_pb2.HealthCheckResponse.NOT_SERVING)
    with Client(canned.address) as client, pytest.raises(DeadlineExceeded, match=r"not ready after 0\.3 s \(last news: NOT_SERVING\)"):
        client.wait_until_ready(0.3)
    with Client("127.0.0.1:1") as client, pytest.raises(DeadlineExceeded, match="nobody answers"):
        client.wait_until_ready(0.3)


def test_health_service_that_is_not_there_yet_is_waited_for(canned: CannedServer) -> None:
    with Client(canned.address) as client, pytest.raises(DeadlineExceeded, match="last news: NOT_FOUND"):
        client.wait_until_ready(0.3)


def test_not_found_is_typed(canned: CannedServer) -> None:
    info = error_details_pb2.ErrorInfo(reason="CATEGORY_NOT_FOUND")
    canned.failures = iter([rich_status(code_pb2.NOT_FOUND, "there is no category 'disc'", info)])
    with Client(canned.address) as client, pytest.raises(NotFound, match="no category 'disc'") as caught:
        client.get_category("disc")
    assert caught.value.reason == "CATEGORY_NOT_FOUND"
