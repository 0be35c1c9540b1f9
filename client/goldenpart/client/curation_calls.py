"""The curation half of the clients: what is asked of CurationService, and setting a threshold by hand."""

from collections.abc import Callable, Iterable

from goldenpart.client import channel, conversions, curation_messages
from goldenpart.client.aio_wire import AsyncWire
from goldenpart.client.curation import FrameRanking, GoldenAudit
from goldenpart.client.frames import ImageSource, NamedImage
from goldenpart.client.onboarding import Outcome
from goldenpart.client.revisions import CalibrationReport, Progress
from goldenpart.client.wire import Wire
from goldenpart.v1 import curation_pb2, curation_pb2_grpc, onboarding_pb2_grpc


class CurationCalls:
    """Calls of the blocking client; see :class:`~goldenpart.client.client.Client` for errors and threads."""

    _wire: Wire

    def suggest_frames(
        self,
        category: str,
        frames: Iterable[ImageSource | NamedImage],
        *,
        count: int = 0,
        revision: str = "",
        on_progress: Callable[[Progress], None] | None = None,
        timeout_s: float = channel.ONBOARDING_TIMEOUT_S,
    ) -> FrameRanking:
        """Rank unlabelled frames by what labelling them would teach, at most ``count`` of them (0 = 10).

        Frames are compared with the bank and the threshold of a revision (empty = the active one). Nothing changes.
        """
        stub = curation_pb2_grpc.CurationServiceStub(self._wire.channel)
        messages = curation_messages.suggest_frames(category, frames, revision=revision, count=count)
        outcome = Outcome[FrameRanking](on_progress)
        for reply in self._wire.exchange(stub.SuggestFrames, messages, timeout_s):
            outcome.take(curation_messages.suggest_event(reply))
        return outcome.report

    def audit_golden_parts(
        self,
        category: str,
        *,
        revision: str = "",
        on_progress: Callable[[Progress], None] | None = None,
        timeout_s: float = channel.ONBOARDING_TIMEOUT_S,
    ) -> GoldenAudit:
        """Compare the golden parts of a revision (empty = the active one) with one another. Nothing changes."""
        stub = curation_pb2_grpc.CurationServiceStub(self._wire.channel)
        request = curation_pb2.AuditGoldenPartsRequest(category=category, revision=revision)
        outcome = Outcome[GoldenAudit](on_progress)
        for reply in self._wire.download(stub.AuditGoldenParts, request, timeout_s):
            outcome.take(curation_messages.audit_event(reply))
        return outcome.report

    def set_threshold(
        self,
        category: str,
        threshold: float,
        *,
        review_threshold: float | None = None,
        revision: str = "",
        stage_only: bool = False,
        etag: str = "",
        timeout_s: float = channel.CHANGE_TIMEOUT_S,
    ) -> CalibrationReport:
        """Set the threshold of a revision (empty = the active one) by hand; returns the new revision, active unless ``stage_only``."""
        stub = onboarding_pb2_grpc.OnboardingServiceStub(self._wire.channel)
        request = curation_messages.set_threshold(
            category, threshold, review_threshold=review_threshold, revision=revision, stage_only=stage_only, etag=etag
        )
        reply = self._wire.unary(stub.SetThreshold, request, timeout_s)
        return CalibrationReport(conversions.revision(reply.revision), tuple(reply.warnings))


class AsyncCurationCalls:
    """Calls of the asyncio client; arguments and errors are those of :class:`CurationCalls`."""

    _wire: AsyncWire

    async def suggest_frames(
        self,
        category: str,
        frames: Iterable[ImageSource | NamedImage],
        *,
        count: int = 0,
        revision: str = "",
        on_progress: Callable[[Progress], None] | None = None,
        timeout_s: float = channel.ONBOARDING_TIMEOUT_S,
    ) -> FrameRanking:
        """Rank unlabelled frames by what labelling them would teach. ``on_progress`` is called in the event loop."""
        stub = curation_pb2_grpc.CurationServiceStub(self._wire.channel)
        messages = curation_messages.suggest_frames(category, frames, revision=revision, count=count)
        outcome = Outcome[FrameRanking](on_progress)
        async for reply in self._wire.exchange(stub.SuggestFrames, messages, timeout_s):
            outcome.take(curation_messages.suggest_event(reply))
        return outcome.report

    async def audit_golden_parts(
        self,
        category: str,
        *,
        revision: str = "",
        on_progress: Callable[[Progress], None] | None = None,
        timeout_s: float = channel.ONBOARDING_TIMEOUT_S,
    ) -> GoldenAudit:
        """Compare the golden parts of a revision with one another. ``on_progress`` is called in the event loop."""
        stub = curation_pb2_grpc.CurationServiceStub(self._wire.channel)
        request = curation_pb2.AuditGoldenPartsRequest(category=category, revision=revision)
        outcome = Outcome[GoldenAudit](on_progress)
        async for reply in self._wire.download(stub.AuditGoldenParts, request, timeout_s):
            outcome.take(curation_messages.audit_event(reply))
        return outcome.report

    async def set_threshold(
        self,
        category: str,
        threshold: float,
        *,
        review_threshold: float | None = None,
        revision: str = "",
        stage_only: bool = False,
        etag: str = "",
        timeout_s: float = channel.CHANGE_TIMEOUT_S,
    ) -> CalibrationReport:
        """Set the threshold of a revision by hand; returns the new revision, active unless ``stage_only``."""
        stub = onboarding_pb2_grpc.OnboardingServiceStub(self._wire.channel)
        request = curation_messages.set_threshold(
            category, threshold, review_threshold=review_threshold, revision=revision, stage_only=stage_only, etag=etag
        )
        reply = await self._wire.unary(stub.SetThreshold, request, timeout_s)
        return CalibrationReport(conversions.revision(reply.revision), tuple(reply.warnings))
