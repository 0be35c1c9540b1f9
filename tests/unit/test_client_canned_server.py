# ruff: noqa: N802  # the names of the contract
"""A real gRPC server on a real socket with canned replies, for what is about transport alone; and the tests of the calls as such."""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from goldenpart.client.channel import MAX_MESSAGE_BYTES
from goldenpart.v1 import (
    category_pb2,
    category_pb2_grpc,
    inspection_pb2,
    inspection_pb2_grpc,
    onboarding_pb2,
    onboarding_pb2_grpc,
    server_info_pb2,
    server_info_pb2_grpc,
)

MORE_THAN_A_WINDOW = [bytes(4 << 20)] * 4
"""Images that HTTP/2's flow control holds back until the server's handler reads them: whoever sent them all has a call that began."""


def packed(*messages: Message) -> list[AnyMessage]:
    found = []
    for message in messages:
        one = AnyMessage()
        one.Pack(message)
        found.append(one)
    return found


def rich_status(code: int, text: str, *details: Message) -> Any:
    """A status as the server sends it, with google.rpc details."""
    return rpc_status.to_status(status_pb2.Status(code=code, message=text, details=packed(*details)))


def overloaded(retry_after_ms: int) -> Any:
    reason = error_details_pb2.ErrorInfo(reason="QUEUE_FULL", domain="goldenpart", metadata={"limit": "4"})
    retry = error_details_pb2.RetryInfo(retry_delay=Duration(nanos=retry_after_ms * 1_000_000))
    return rich_status(code_pb2.RESOURCE_EXHAUSTED, "4 frames are waiting, the limit is 4; slow down", reason, retry)


class CannedServer(
    inspection_pb2_grpc.InspectionServiceServicer,
    onboarding_pb2_grpc.OnboardingServiceServicer,
    category_pb2_grpc.CategoryServiceServicer,
    server_info_pb2_grpc.ServerInfoServiceServicer,
):
    """Replies as told, remembers what it was asked."""

    def __init__(self) -> None:
        self.address = ""
        self.calls: list[tuple[str, Message]] = []
        self.metadata: dict[str, str] = {}
        self.failures: Iterator[Any] = iter(())
        self.verdict_of: Callable[[inspection_pb2.Frame], inspection_pb2.Verdict] = lambda _: inspection_pb2.VERDICT_PASS
        self.overlay = b"\x89PNG overlay"
        self.limits = server_info_pb2.Limits(message_bytes=MAX_MESSAGE_BYTES, frames_per_call=4, frames_in_server=8, batch_frames=4)
        self.upload: list[Any] = []
        self.upload_ended = threading.Event()
        self.archive = bytes(itertools.islice(itertools.cycle(range(251)), 2_500_000))
        self.health = health.HealthServicer()

    def names_called(self) -> list[str]:
        return [name for name, _ in self.calls]

    def _note(self, name: str, request: Message, context: Any) -> None:
        self.calls.append((name, request))
        self.metadata = dict(context.invocation_metadata())
        failure = next(self.failures, None)
        if isinstance(failure, grpc.StatusCode):
            context.abort(failure, "canned")
        elif failure is not None:
            context.abort_with_status(failure)

    def Inspect(self, request: Any, context: Any) -> Any:
        self._note("Inspect", request, context)
        return inspection_pb2.InspectResponse(results=[self._result(frame) for frame in request.frames])

    def InspectStream(self, request_iterator: Any, context: Any) -> Any:
        for request in request_iterator:
            yield inspection_pb2.InspectStreamResponse(result=self._result(request.frame))

    def _result(self, frame: inspection_pb2.Frame) -> inspection_pb2.InspectionResult:
        verdict = self.verdict_of(frame)
        overlay = self.overlay + frame.image.encoded if frame.options.overlay else b""
        return inspection_pb2.InspectionResult(
            frame_id=frame.frame_id, category=frame.category, verdict=verdict, score=0.25, threshold=0.5, overlay_png=overlay
        )

    def Fit(self, request_iterator: Any, context: Any) -> Any:
        yield from self._onboard(request_iterator, context, onboarding_pb2.FitResponse, onboarding_pb2.FitResult)

    def Calibrate(self, request_iterator: Any, context: Any) -> Any:
        yield from self._onboard(request_iterator, context, onboarding_pb2.CalibrateResponse, onboarding_pb2.CalibrateResult)

    def _onboard(self, messages: Any, context: Any, response: Any, result: Any) -> Iterator[Any]:
        self.upload = []
        if not context.add_callback(self.upload_ended.set):  # the call has ended already
            self.upload_ended.set()
        for message in messages:
            self.upload.append(message)
            stage = onboarding_pb2.ONBOARDING_STAGE_RECEIVING
            yield response(progress=onboarding_pb2.OnboardingProgress(stage=stage, done=len(self.upload)))
        # gRPC's iterator may end without an error when the call is cancelled, before the call says so; the count tells.
        if not context.is_active() or self.upload[0].config.image_count != len(self.upload) - 1:
            return
        self._note("Onboard", self.upload[0], context)
        if len(self.upload) > 1:
            yield response(result=result(revision=category_pb2.Revision(category="flange", revision="r0001"), warnings=["few parts"]))

    def ListCategories(self, request: Any, context: Any) -> Any:
        self._note("ListCategories", request, context)
        first = int(request.page_token or 0)
        size = request.page_size or 50
        categories = [category_pb2.Category(category=f"part-{index}") for index in range(first, min(first + size, 7))]
        token = str(first + size) if first + size < 7 else ""
        return category_pb2.ListCategoriesResponse(categories=categories, next_page_token=token)

    def ListRevisions(self, request: Any, context: Any) -> Any:
        self._note("ListRevisions", request, context)
        last = request.page_token == "last"
        revisions = [category_pb2.Revision(category=request.category, revision="r0001" if last else "r0002")]
        return category_pb2.ListRevisionsResponse(revisions=revisions, next_page_token="" if last else "last")

    def GetCategory(self, request: Any, context: Any) -> Any:
        self._note("GetCategory", request, context)
        return category_pb2.GetCategoryResponse(category=category_pb2.Category(category=request.category, etag="e1", revision_count=2))

    def GetRevision(self, request: Any, context: Any) -> Any:
        self._note("GetRevision", request, context)
        return category_pb2.GetRevisionResponse(
            revision=category_pb2.Revision(category=request.category, revision=request.revision or "r0002")
        )

    def ActivateRevision(self, request: Any, context: Any) -> Any:
        self._note("ActivateRevision", request, context)
        category = category_pb2.Category(category=request.category, active_revision=request.revision)
        return category_pb2.ActivateRevisionResponse(category=category, previous_revision="r0001")

    def DeleteCategory(self, request: Any, context: Any) -> Any:
        self._note("DeleteCategory", request, context)
        return category_pb2.DeleteCategoryResponse()

    def DeleteRevision(self, request: Any, context: Any) -> Any:
        self._note("DeleteRevision", request, context)
        return category_pb2.DeleteRevisionResponse()

    def ExportRevision(self, request: Any, context: Any) -> Any:
        yield category_pb2.ExportRevisionResponse(chunk=self.archive[:1_000_000])
        self._note("ExportRevision", request, context)  # a failure told to it comes in the middle of the file
        yield category_pb2.ExportRevisionResponse(chunk=self.archive[1_000_000:])

    def ImportRevision(self, request_iterator: Any, context: Any) -> Any:
        self.upload = list(request_iterator)
        self._note("ImportRevision", self.upload[0], context)
        return category_pb2.ImportRevisionResponse(revision=category_pb2.Revision(category="flange", revision="r0003"))

    def GetServerInfo(self, request: Any, context: Any) -> Any:
        self._note("GetServerInfo", request, context)
        return server_info_pb2.GetServerInfoResponse(version="0.1.0", device="cpu", limits=self.limits)


def serve(server: CannedServer) -> grpc.Server:
    """Start a server on a free port and note its address."""
    running = grpc.server(
        futures.ThreadPoolExecutor(max_workers=8),
        options=[("grpc.max_receive_message_length", MAX_MESSAGE_BYTES), ("grpc.max_send_message_length", MAX_MESSAGE_BYTES)],
    )
    inspection_pb2_grpc.add_InspectionServiceServicer_to_server(server, running)
    onboarding_pb2_grpc.add_OnboardingServiceServicer_to_server(server, running)
    category_pb2_grpc.add_CategoryServiceServicer_to_server(server, running)
    server_info_pb2_grpc.add_ServerInfoServiceServicer_to_server(server, running)
    health_pb2_grpc.add_HealthServicer_to_server(server.health, running)
    server.address = f"127.0.0.1:{running.add_insecure_port('127.0.0.1:0')}"
    running.start()
    return running


@pytest.fixture
def canned() -> Iterator[CannedServer]:
    server = CannedServer()
    running = serve(server)
    yield server
    running.stop(None).wait()


def test_it_answers_over_a_socket(canned: CannedServer) -> None:
    with grpc.insecure_channel(canned.address) as channel:
        reply = server_info_pb2_grpc.ServerInfoServiceStub(channel).GetServerInfo(server_info_pb2.GetServerInfoRequest(), timeout=10)
    assert reply.version == "0.1.0"
    assert canned.names_called() == ["GetServerInfo"]


def test_it_tells_its_health(canned: CannedServer) -> None:
    canned.health.set("goldenpart.v1.InspectionService", health_pb2.HealthCheckResponse.NOT_SERVING)
    with grpc.insecure_channel(canned.address) as channel:
        reply = health_pb2_grpc.HealthStub(channel).Check(  # type: ignore[attr-defined]  # the published stub lacks it
            health_pb2.HealthCheckRequest(service="goldenpart.v1.InspectionService"), timeout=10
        )
    assert reply.status == health_pb2.HealthCheckResponse.NOT_SERVING
