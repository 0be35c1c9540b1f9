"""The part of OnboardingService that changes golden parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc.aio

from goldenpart.server.api.conversions import image_from_pb, progress_to_pb, revision_to_pb, threshold_from_pb
from goldenpart.server.api.gate import gate_to_pb
from goldenpart.server.errors import ImageError, InvalidArgumentError
from goldenpart.server.runtime.intake import NamedPicture
from goldenpart.server.runtime.learning_golden_parts import Event, GoldenPartLearning, GoldenPartsPlan, GoldenPartsResult
from goldenpart.server.vision.fitting import Progress
from goldenpart.v1 import onboarding_pb2 as pb


class GoldenPartCalls:
    """AddGoldenParts and RemoveGoldenPart, for OnboardingServicer to take over.

    Attributes:
        learning: does the work.
    """

    learning: GoldenPartLearning

    async def AddGoldenParts(  # noqa: N802 - gRPC's name
        self,
        request_iterator: AsyncIterator[pb.AddGoldenPartsRequest],
        context: grpc.aio.ServicerContext[pb.AddGoldenPartsRequest, pb.AddGoldenPartsResponse],
    ) -> AsyncIterator[pb.AddGoldenPartsResponse]:
        """Add golden parts to a revision."""
        del context
        first = await anext(request_iterator, None)
        if first is None or first.WhichOneof("payload") != "config":
            raise InvalidArgumentError("The first message of AddGoldenParts must be its config.", field="config")
        pictures = _golden_parts(request_iterator, first.config.image_count)
        async with aclosing(self.learning.add(_plan(first.config), pictures)) as events:
            async for event in events:
                progress, result = _event_to_pb(event)
                yield pb.AddGoldenPartsResponse(progress=progress, result=result)

    async def RemoveGoldenPart(  # noqa: N802 - gRPC's name
        self,
        request: pb.RemoveGoldenPartRequest,
        context: grpc.aio.ServicerContext[pb.RemoveGoldenPartRequest, pb.RemoveGoldenPartResponse],
    ) -> AsyncIterator[pb.RemoveGoldenPartResponse]:
        """Remove a golden part from a revision."""
        del context
        which = request.WhichOneof("part")
        if which is None:
            raise InvalidArgumentError("No golden part is named; set index or name.", field="part")
        async with aclosing(self.learning.remove(_plan(request), request.index if which == "index" else request.name)) as events:
            async for event in events:
                progress, result = _event_to_pb(event)
                yield pb.RemoveGoldenPartResponse(progress=progress, result=result)


def _plan(message: pb.AddGoldenPartsConfig | pb.RemoveGoldenPartRequest) -> GoldenPartsPlan:
    return GoldenPartsPlan(
        category=message.category,
        revision=message.revision,
        threshold=threshold_from_pb(message.threshold) if message.HasField("threshold") else None,
        stage_only=message.stage_only,
        etag=message.etag,
        added_false_rejects=message.added_false_rejects_allowed,
    )


def _event_to_pb(event: Event) -> tuple[pb.OnboardingProgress | None, pb.GoldenPartsResult | None]:
    return (progress_to_pb(event), None) if isinstance(event, Progress) else (None, _result_to_pb(event))


def _result_to_pb(result: GoldenPartsResult) -> pb.GoldenPartsResult:
    return pb.GoldenPartsResult(
        revision=revision_to_pb(result.revision, result.revision.revision if result.active else ""),
        base_revision=result.base_revision,
        gate=gate_to_pb(result.gate),
        left_out_of_calibration=result.left_out,
        warnings=result.warnings,
    )


async def _golden_parts(requests: AsyncIterator[pb.AddGoldenPartsRequest], announced: int) -> AsyncIterator[NamedPicture]:
    count = 0
    async for request in requests:
        if request.WhichOneof("payload") != "image":
            raise InvalidArgumentError("After the config every message of AddGoldenParts must be an image.", field="image")
        count += 1
        try:
            yield NamedPicture(request.image.name, image_from_pb(request.image.image))
        except ImageError as error:
            error.message = f"{request.image.name[:80]!r}: {error.message}"
            raise
    if announced and announced != count:
        raise InvalidArgumentError(
            f"The config announced {announced} images and {count} came; the upload broke off. Send it again.",
            field="config.image_count",
            announced=announced,
            received=count,
        )
