"""InspectionService."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc.aio

from goldenpart.server.api.conversions import frame_from_pb, outcome_to_pb
from goldenpart.server.api.frame_stream import FrameStream
from goldenpart.server.errors import InvalidArgumentError
from goldenpart.server.runtime.inspector import Inspector
from goldenpart.v1 import inspection_pb2 as pb
from goldenpart.v1 import inspection_pb2_grpc


class InspectionServicer(inspection_pb2_grpc.InspectionServiceServicer):
    """Judges camera frames.

    Args:
        inspector: does the work.
        max_frames: frames per call.
        max_unanswered: frames of a stream that are read and whose results are not yet sent.
        max_wait_s: no frame may wait longer, whatever the call's deadline; most of all if it has none.
        closing: set when the server shuts down; open streams then end.
    """

    def __init__(self, inspector: Inspector, max_frames: int, max_unanswered: int, max_wait_s: float, closing: asyncio.Event) -> None:
        self._inspector = inspector
        self._max_frames = max_frames
        self._max_unanswered = max_unanswered
        self._max_wait_s = max_wait_s
        self._closing = closing

    async def Inspect(  # noqa: N802 - gRPC's name
        self, request: pb.InspectRequest, context: grpc.aio.ServicerContext[pb.InspectRequest, pb.InspectResponse]
    ) -> pb.InspectResponse:
        """Inspect the frames of a call together."""
        self._check(request)
        deadline = self._deadline(_end_of(context))
        outcomes = await self._inspector.inspect([frame_from_pb(frame, deadline) for frame in request.frames])
        return pb.InspectResponse(results=[outcome_to_pb(outcome) for outcome in outcomes])

    async def InspectStream(  # noqa: N802 - gRPC's name
        self,
        request_iterator: AsyncIterator[pb.InspectStreamRequest],
        context: grpc.aio.ServicerContext[pb.InspectStreamRequest, pb.InspectStreamResponse],
    ) -> AsyncIterator[pb.InspectStreamResponse]:
        """Inspect frames as they come and answer as they are ready."""
        end = _end_of(context)
        stream = FrameStream(request_iterator, self._inspector, lambda: self._deadline(end), self._max_unanswered, self._closing)
        async with aclosing(stream.outcomes()) as outcomes:
            async for outcome in outcomes:
                yield pb.InspectStreamResponse(result=outcome_to_pb(outcome))

    def _deadline(self, end: float) -> float:
        return min(end, time.monotonic() + self._max_wait_s)

    def _check(self, request: pb.InspectRequest) -> None:
        count = len(request.frames)
        if not 1 <= count <= self._max_frames:
            raise InvalidArgumentError(
                f"The call has {count} frames; it must have 1 to {self._max_frames}.", field="frames", frames=count, limit=self._max_frames
            )
        identifiers = {frame.frame_id for frame in request.frames}
        if len(identifiers) != count:
            raise InvalidArgumentError("frame_id must be unique within a call; two frames share one.", field="frames.frame_id")


def _end_of(context: grpc.aio.ServicerContext[Any, Any]) -> float:
    """Return the call's deadline in monotonic seconds; infinity if it has none."""
    remaining_s = context.time_remaining()
    return math.inf if remaining_s is None else time.monotonic() + remaining_s
