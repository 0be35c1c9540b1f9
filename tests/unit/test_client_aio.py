import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2
from test_client_canned_server import MORE_THAN_A_WINDOW, CannedServer, canned, overloaded

from goldenpart.client import AsyncClient, DeadlineExceeded, Frame, Internal, Overloaded, Progress, Unavailable, Verdict

__all__ = ["canned"]


def frame(frame_id: str) -> Frame:
    return Frame(frame_id, "flange", b"jpeg")


async def test_inspects_and_repeats_while_unavailable(canned: CannedServer) -> None:
    canned.failures = iter([grpc.StatusCode.UNAVAILABLE, None])
    async with AsyncClient(canned.address, token="secret") as client:
        results = await client.inspect([frame("1"), frame("2")])
    assert [result.frame_id for result in results] == ["1", "2"]
    assert canned.names_called() == ["Inspect"] * 2
    assert canned.metadata["authorization"] == "Bearer secret"


async def test_errors_are_those_of_the_sync_client(canned: CannedServer) -> None:
    canned.failures = iter([overloaded(250)])
    async with AsyncClient(canned.address) as client:
        with pytest.raises(Overloaded) as caught:
            await client.inspect([frame("1")])
    assert (caught.value.reason, caught.value.retry_after_s, caught.value.details) == ("QUEUE_FULL", 0.25, {"limit": "4"})


async def test_unreachable_server_is_named() -> None:
    async with AsyncClient("127.0.0.1:1") as client:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 .*goldenpart-server"):
            await client.server_info()


async def test_streams_frames_of_an_async_camera(canned: CannedServer) -> None:
    answered = asyncio.Event()

    async def camera() -> AsyncIterator[Frame]:
        yield frame("1")
        await answered.wait()  # the second frame is taken only after the first one was answered
        yield frame("2")

    seen = []
    async with AsyncClient(canned.address) as client:
        async for result in client.inspect_stream(camera(), timeout_s=30):
            seen.append(result.frame_id)
            answered.set()
    assert seen == ["1", "2"]


async def test_streams_frames_of_a_list(canned: CannedServer) -> None:
    async with AsyncClient(canned.address) as client:
        results = [result async for result in client.inspect_stream([frame(str(index)) for index in range(9)])]
    assert {result.frame_id for result in results} == {str(index) for index in range(9)}
    assert {result.verdict for result in results} == {Verdict.PASS}


async def test_fit_and_calibrate_send_images_and_pass_progress_on(canned: CannedServer) -> None:
    seen: list[Progress] = []
    async with AsyncClient(canned.address) as client:
        fitted = await client.fit("flange", [b"first", b"second"], on_progress=seen.append)
        assert [message.image.image.encoded for message in canned.upload[1:]] == [b"first", b"second"]
        calibrated = await client.calibrate("flange", [b"good"], [b"bad"])
        assert [message.image.label for message in canned.upload[1:]] == [1, 2]
    assert [progress.done for progress in seen] == [1, 2, 3]
    assert fitted.revision == calibrated.revision


async def test_unreadable_image_cancels_the_upload_and_raises_its_own_error(canned: CannedServer, tmp_path: Path) -> None:
    async with AsyncClient(canned.address) as client:
        with pytest.raises(FileNotFoundError, match=r"missing\.png"):
            await client.fit("flange", [*MORE_THAN_A_WINDOW, tmp_path / "missing.png"])
    assert await asyncio.to_thread(canned.upload_ended.wait, 10)
    assert "Onboard" not in canned.names_called()


async def test_onboarding_without_a_result_is_an_error(canned: CannedServer) -> None:
    async with AsyncClient(canned.address) as client:
        with pytest.raises(Internal, match="without a result"):
            await client.fit("flange", [])


async def test_cancelling_the_task_cancels_the_call(canned: CannedServer) -> None:
    first = asyncio.Event()

    async def camera() -> AsyncIterator[Frame]:
        yield frame("1")
        await asyncio.Event().wait()

    async def consume(client: AsyncClient) -> None:
        async for _ in client.inspect_stream(camera()):
            first.set()

    async with AsyncClient(canned.address) as client:
        task = asyncio.create_task(consume(client))
        await asyncio.wait_for(first.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_pages_and_files_and_the_rest(canned: CannedServer, tmp_path: Path) -> None:
    path = tmp_path / "flange.tar"
    async with AsyncClient(canned.address) as client:
        assert [one.category async for one in client.list_categories(page_size=3)] == [f"part-{index}" for index in range(7)]
        assert [one.revision async for one in client.list_revisions("flange")] == ["r0002", "r0001"]
        await client.export_revision("flange", path)
        assert path.read_bytes() == canned.archive
        assert (await client.import_revision(path)).revision == "r0003"
        assert b"".join(message.chunk for message in canned.upload[1:]) == canned.archive
        assert (await client.get_category("flange")).etag == "e1"
        assert (await client.get_revision("flange", "r0001")).revision == "r0001"
        assert (await client.activate("flange", "r0002")).previous_revision == "r0001"
        await client.delete_revision("flange", "r0001")
        await client.delete_category("flange", etag="e1")
        assert (await client.server_info()).device == "cpu"
    assert canned.names_called()[-3:] == ["DeleteRevision", "DeleteCategory", "GetServerInfo"]


async def test_waits_until_the_server_serves(canned: CannedServer) -> None:
    canned.health.set("goldenpart.v1.InspectionService", health_pb2.HealthCheckResponse.NOT_SERVING)
    async with AsyncClient(canned.address) as client:
        with pytest.raises(DeadlineExceeded, match="last news: NOT_SERVING"):
            await client.wait_until_ready(0.3)
        waiting = asyncio.create_task(client.wait_until_ready(30))
        canned.health.set("goldenpart.v1.InspectionService", health_pb2.HealthCheckResponse.SERVING)
        await waiting
