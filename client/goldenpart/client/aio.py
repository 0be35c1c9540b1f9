"""The asyncio client."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Self

from grpc_health.v1 import health_pb2_grpc

from goldenpart.client import channel, conversions, requests
from goldenpart.client.aio_wire import AsyncWire, closed_at_the_end
from goldenpart.client.archive import replaced_when_complete
from goldenpart.client.channel import DEFAULT_ADDRESS, Connection
from goldenpart.client.curation_calls import AsyncCurationCalls
from goldenpart.client.errors import GoldenpartError
from goldenpart.client.frames import Frame, ImageSource, Mask, NamedImage
from goldenpart.client.learning_calls_aio import AsyncLearningCalls
from goldenpart.client.onboarding import Outcome
from goldenpart.client.readiness import CHECK, POLL_INTERVAL_S, ReadinessWait
from goldenpart.client.recipe import Recipe
from goldenpart.client.results import Inspection
from goldenpart.client.revisions import Activation, CalibrationReport, Category, FitReport, Progress, Revision, ThresholdRequest
from goldenpart.client.server_info import ServerInfo
from goldenpart.client.zones_calls import AsyncZoneCalls
from goldenpart.v1 import (
    category_pb2,
    category_pb2_grpc,
    inspection_pb2,
    inspection_pb2_grpc,
    onboarding_pb2_grpc,
    server_info_pb2,
    server_info_pb2_grpc,
)


class AsyncClient(AsyncCurationCalls, AsyncLearningCalls, AsyncZoneCalls):
    """Talks to a Goldenpart server without blocking. Make and use it within one running event loop.

    The methods, their arguments and errors are those of :class:`~goldenpart.client.client.Client`; files are read and written in threads.

    Args:
        address: ``host:port`` or another gRPC target.
        root_certificates: PEM, or the path of one, of the authorities that may have signed the server's certificate; None = no TLS.
        token: Bearer token; None takes GOLDENPART_TOKEN from the environment.
    """

    def __init__(self, address: str = DEFAULT_ADDRESS, *, root_certificates: bytes | Path | None = None, token: str | None = None) -> None:
        self._wire = AsyncWire(Connection.make(address, root_certificates, token))
        self._inspection = inspection_pb2_grpc.InspectionServiceStub(self._wire.channel)
        self._onboarding = onboarding_pb2_grpc.OnboardingServiceStub(self._wire.channel)
        self._categories = category_pb2_grpc.CategoryServiceStub(self._wire.channel)
        self._server = server_info_pb2_grpc.ServerInfoServiceStub(self._wire.channel)
        self._check_health = health_pb2_grpc.HealthStub(self._wire.channel).Check  # type: ignore[attr-defined]  # the published stub lacks it

    @property
    def address(self) -> str:
        """Where the server is."""
        return self._wire.connection.address

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; calls in flight are cancelled."""
        await self._wire.close()

    async def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        """Wait until the server inspects frames.

        Raises:
            DeadlineExceeded: It does not within ``timeout_s``.
        """
        wait = ReadinessWait(self.address, timeout_s)
        while True:
            try:
                reply = await self._wire.unary(self._check_health, CHECK, wait.remaining_s(), wait_for_ready=True)
                if wait.is_over(reply):
                    return
            except GoldenpartError as error:
                wait.forgive(error)
            await asyncio.sleep(POLL_INTERVAL_S)

    async def inspect(self, frames: Iterable[Frame], *, timeout_s: float = channel.INSPECT_TIMEOUT_S) -> tuple[Inspection, ...]:
        """Inspect frames of any mix of categories; returns one result per frame, in order.

        A bad frame fails alone: its verdict is NOT_INSPECTED with the reason.
        """
        request = await asyncio.to_thread(requests.inspect, frames)  # may read files
        return conversions.inspections(await self._wire.unary(self._inspection.Inspect, request, timeout_s))

    async def inspect_stream(
        self, frames: Iterable[Frame] | AsyncIterable[Frame], *, timeout_s: float | None = None
    ) -> AsyncIterator[Inspection]:
        """Send frames as the iterable gives them and yield results as they are ready, in any order.

        A plain iterable is consumed in a thread. ``timeout_s`` bounds the whole stream; None lets it run as long as the camera does. When
        the call is over, however it ended, an async iterable is cancelled where it waits for its next frame, and a generator is closed.
        """
        messages = _stream_frames(frames) if isinstance(frames, AsyncIterable) else map(requests.stream_frame, frames)
        async with aclosing(self._wire.exchange(self._inspection.InspectStream, messages, timeout_s)) as replies:
            async for reply in replies:
                yield conversions.inspection(reply.result)

    async def fit(
        self,
        category: str,
        images: Iterable[ImageSource | NamedImage],
        *,
        recipe: Recipe | None = None,
        mask: Mask | None = None,
        threshold: ThresholdRequest | None = None,
        stage_only: bool = False,
        etag: str = "",
        reuse_features: bool = False,
        without_threshold: bool = False,
        on_progress: Callable[[Progress], None] | None = None,
        timeout_s: float = channel.ONBOARDING_TIMEOUT_S,
    ) -> FitReport:
        """Learn a category from golden parts and return its new revision, active unless ``stage_only``.

        ``without_threshold`` leaves the threshold to :meth:`calibrate`, which saves the time of scoring every golden part by the others;
        the revision stays staged until then. Images are read one by one while they are sent. ``on_progress`` is called in the event loop.
        """
        messages = requests.fit(
            category,
            images,
            recipe_wanted=recipe,
            mask_wanted=mask,
            threshold_wanted=threshold,
            stage_only=stage_only,
            etag=etag,
            reuse_features=reuse_features,
            without_threshold=without_threshold,
        )
        outcome = Outcome[FitReport](on_progress)
        async for reply in self._wire.exchange(self._onboarding.Fit, messages, timeout_s):
            outcome.take(conversions.fit_event(reply))
        return outcome.report

    async def calibrate(
        self,
        category: str,
        normal: Iterable[ImageSource | NamedImage],
        defective: Iterable[ImageSource | NamedImage] = (),
        *,
        revision: str = "",
        threshold: ThresholdRequest | None = None,
        stage_only: bool = False,
        etag: str = "",
        gate: bool = False,
        added_false_rejects_allowed: int = 0,
        reuse_features: bool = False,
        on_progress: Callable[[Progress], None] | None = None,
        timeout_s: float = channel.ONBOARDING_TIMEOUT_S,
    ) -> CalibrationReport:
        """Set the threshold of a revision (empty = the active one) from images that are not in its bank.

        Returns the new revision, active unless ``stage_only``, or with ``gate`` unless the challenge set shows that it is worse: more
        escapes, or more false rejects than ``added_false_rejects_allowed`` beyond those of before. ``on_progress`` is called
        in the event loop.
        """
        messages = requests.calibrate(
            category,
            normal,
            defective,
            revision=revision,
            threshold_wanted=threshold,
            stage_only=stage_only,
            etag=etag,
            gate=gate,
            added_false_rejects_allowed=added_false_rejects_allowed,
            reuse_features=reuse_features,
        )
        outcome = Outcome[CalibrationReport](on_progress)
        async for reply in self._wire.exchange(self._onboarding.Calibrate, messages, timeout_s):
            outcome.take(conversions.calibration_event(reply))
        return outcome.report

    async def get_category(self, category: str, *, timeout_s: float = channel.READ_TIMEOUT_S) -> Category:
        """Return one category."""
        request = category_pb2.GetCategoryRequest(category=category)
        return conversions.category((await self._wire.unary(self._categories.GetCategory, request, timeout_s)).category)

    async def list_categories(self, *, page_size: int = 0, timeout_s: float = channel.READ_TIMEOUT_S) -> AsyncIterator[Category]:
        """Yield all categories by name, fetching page after page; ``timeout_s`` holds for each of them."""
        request = category_pb2.ListCategoriesRequest(page_size=page_size)
        while True:
            page = await self._wire.unary(self._categories.ListCategories, request, timeout_s)
            for message in page.categories:
                yield conversions.category(message)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def list_revisions(
        self, category: str, *, page_size: int = 0, timeout_s: float = channel.READ_TIMEOUT_S
    ) -> AsyncIterator[Revision]:
        """Yield a category's revisions, newest first, without their calibration scores; ``timeout_s`` holds for each page."""
        request = category_pb2.ListRevisionsRequest(category=category, page_size=page_size)
        while True:
            page = await self._wire.unary(self._categories.ListRevisions, request, timeout_s)
            for message in page.revisions:
                yield conversions.revision(message)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def get_revision(self, category: str, revision: str = "", *, timeout_s: float = channel.READ_TIMEOUT_S) -> Revision:
        """Return one revision; empty means the active one."""
        request = category_pb2.GetRevisionRequest(category=category, revision=revision)
        return conversions.revision((await self._wire.unary(self._categories.GetRevision, request, timeout_s)).revision)

    async def activate(
        self,
        category: str,
        revision: str,
        *,
        etag: str = "",
        gate: bool = False,
        added_false_rejects_allowed: int = 0,
        override_gate: bool = False,
        timeout_s: float = channel.CHANGE_TIMEOUT_S,
    ) -> Activation:
        """Make a revision the one that judges; also the way to roll back.

        With ``gate`` it is first compared with the active one on the challenge set, and refused (``GATE_HELD_BACK``) if it is worse. A
        revision that a gate held back is refused without ``override_gate``, which is recorded.
        """
        request = category_pb2.ActivateRevisionRequest(
            category=category,
            revision=revision,
            etag=etag,
            gate=gate,
            added_false_rejects_allowed=added_false_rejects_allowed,
            override_gate=override_gate,
        )
        return conversions.activation(await self._wire.unary(self._categories.ActivateRevision, request, timeout_s))

    async def delete_category(self, category: str, *, etag: str = "", timeout_s: float = channel.CHANGE_TIMEOUT_S) -> None:
        """Delete a category with all its revisions."""
        await self._wire.unary(self._categories.DeleteCategory, category_pb2.DeleteCategoryRequest(category=category, etag=etag), timeout_s)

    async def delete_revision(self, category: str, revision: str, *, timeout_s: float = channel.CHANGE_TIMEOUT_S) -> None:
        """Delete a revision that is not active."""
        request = category_pb2.DeleteRevisionRequest(category=category, revision=revision)
        await self._wire.unary(self._categories.DeleteRevision, request, timeout_s)

    async def export_revision(
        self, category: str, path: Path, *, revision: str = "", timeout_s: float = channel.TRANSFER_TIMEOUT_S
    ) -> None:
        """Write a revision (empty = the active one) to a tar file, which appears only when it is complete."""
        request = category_pb2.ExportRevisionRequest(category=category, revision=revision)
        with replaced_when_complete(path) as file:
            async for reply in self._wire.download(self._categories.ExportRevision, request, timeout_s):
                await asyncio.to_thread(file.write, reply.chunk)

    async def import_revision(
        self, path: Path, *, category: str = "", stage_only: bool = False, etag: str = "", timeout_s: float = channel.TRANSFER_TIMEOUT_S
    ) -> Revision:
        """Send such a file and return the revision with its new number; an empty category means the one that the file names."""
        messages = requests.import_revision(path, category=category, stage_only=stage_only, etag=etag)
        return conversions.revision((await self._wire.upload(self._categories.ImportRevision, messages, timeout_s)).revision)

    async def server_info(self, *, timeout_s: float = channel.READ_TIMEOUT_S) -> ServerInfo:
        """Return versions, backbones, device and limits."""
        return conversions.info(await self._wire.unary(self._server.GetServerInfo, server_info_pb2.GetServerInfoRequest(), timeout_s))


async def _stream_frames(frames: AsyncIterable[Frame]) -> AsyncIterator[inspection_pb2.InspectStreamRequest]:
    async with closed_at_the_end(frames) as given:
        async for frame in given:
            yield await asyncio.to_thread(requests.stream_frame, frame)  # may read a file
