"""ChallengeService."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import grpc.aio

from goldenpart.server.api.conversions import image_from_pb
from goldenpart.server.api.gate import frame_to_pb
from goldenpart.server.api.paging import Paging
from goldenpart.server.errors import ImageError, InvalidArgumentError
from goldenpart.server.registry.challenge_frame import ChallengeFrame
from goldenpart.server.registry.store import Store
from goldenpart.server.runtime.challenge import ChallengeIntake, LabelledFrame
from goldenpart.v1 import challenge_pb2 as pb
from goldenpart.v1 import challenge_pb2_grpc, onboarding_pb2

_DIGEST = re.compile(r"[0-9a-f]{64}")
_LABELS = {onboarding_pb2.LABEL_NORMAL: False, onboarding_pb2.LABEL_DEFECTIVE: True}


class ChallengeServicer(challenge_pb2_grpc.ChallengeServiceServicer):
    """Keeps the labelled frames on which revisions are compared. Disk work runs on threads.

    Args:
        store: where they are kept.
        intake: takes new ones.
    """

    def __init__(self, store: Store, intake: ChallengeIntake) -> None:
        self._store = store
        self._intake = intake

    async def AddChallengeFrames(  # noqa: N802 - gRPC's name
        self,
        request_iterator: AsyncIterator[pb.AddChallengeFramesRequest],
        context: grpc.aio.ServicerContext[pb.AddChallengeFramesRequest, pb.AddChallengeFramesResponse],
    ) -> pb.AddChallengeFramesResponse:
        """Add frames."""
        del context
        first = await anext(request_iterator, None)
        if first is None or first.WhichOneof("payload") != "config":
            raise InvalidArgumentError("The first message of AddChallengeFrames must be its config.", field="config")
        added = await self._intake.add(first.config.category, _frames(request_iterator, first.config.image_count))
        return pb.AddChallengeFramesResponse(
            frames=map(frame_to_pb, added.frames), known_count=added.known, frame_count=added.total, size_bytes=added.total_bytes
        )

    async def ListChallengeFrames(  # noqa: N802 - gRPC's name
        self, request: pb.ListChallengeFramesRequest, context: object
    ) -> pb.ListChallengeFramesResponse:
        """List a category's frames by digest."""
        del context
        frames = await asyncio.to_thread(self._store.challenges.frames, request.category)
        page, token = _pages(request.category).cut(frames, request.page_size, request.page_token)
        return pb.ListChallengeFramesResponse(frames=map(frame_to_pb, page), next_page_token=token)

    async def GetChallengeFrame(  # noqa: N802 - gRPC's name
        self, request: pb.GetChallengeFrameRequest, context: object
    ) -> pb.GetChallengeFrameResponse:
        """Get a frame with its picture."""
        del context
        frame = await asyncio.to_thread(self._store.challenges.frame, request.category, request.pixel_digest)
        data = await asyncio.to_thread(self._store.challenges.picture, request.category, frame)
        return pb.GetChallengeFrameResponse(frame=frame_to_pb(frame), encoded=data)

    async def RemoveChallengeFrame(  # noqa: N802 - gRPC's name
        self, request: pb.RemoveChallengeFrameRequest, context: object
    ) -> pb.RemoveChallengeFrameResponse:
        """Remove a frame."""
        del context
        await asyncio.to_thread(self._store.challenges.remove, request.category, request.pixel_digest)
        return pb.RemoveChallengeFrameResponse()


async def _frames(requests: AsyncIterator[pb.AddChallengeFramesRequest], announced: int) -> AsyncIterator[LabelledFrame]:
    count = 0
    async for request in requests:
        if request.WhichOneof("payload") != "image":
            raise InvalidArgumentError("After the config every message of AddChallengeFrames must be an image.", field="image")
        count += 1
        yield _frame(request.image)
    if announced and announced != count:
        raise InvalidArgumentError(
            f"The config announced {announced} images and {count} came; the upload broke off. Send it again.",
            field="config.image_count",
            announced=announced,
            received=count,
        )


def _frame(message: pb.ChallengeImage) -> LabelledFrame:
    defective = _LABELS.get(message.label)
    if defective is None:
        raise InvalidArgumentError(
            f"label {message.label} of {message.name[:80]!r} says nothing; set LABEL_NORMAL or LABEL_DEFECTIVE.", field="image.label"
        )
    try:
        source = image_from_pb(message.image)
    except ImageError as error:
        error.message = f"{message.name[:80]!r}: {error.message}"
        raise
    return LabelledFrame(message.name, source, defective, message.note)


def _pages(category: str) -> Paging[ChallengeFrame]:
    return Paging(
        f"challenge/{category}",
        lambda frame: frame.pixel_digest,
        lambda name: _DIGEST.fullmatch(name) is not None,
        lambda name: (0, name),
    )
