"""InspectionService."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import grpc.aio

from goldenpart.server.api.conversions import frame_from_pb, outcome_to_pb
from goldenpart.server.errors import GoldenpartError, InvalidArgumentError
from goldenpart.server.runtime.inspection import Outcome
from goldenpart.server.runtime.inspector import Inspector
from goldenpart.v1 import inspection_pb2 as pb
from goldenpart.v1 import inspection_pb2_grpc


class InspectionServicer(inspection_pb2_grpc.InspectionServiceServicer):
    """Judges camera frames.

    Args:
        inspector: does the work.
        max_frames: frames per call.
        max_wait_s: a call without a deadline gets this one, so that no frame waits for ever.
    """

    def __init__(self, inspector: Inspector, max_frames: int, max_wait_s: float) -> None:
        self._inspector = inspector
        self._max_frames = max_frames
        self._max_wait_s = max_wait_s

    async def Inspect(  # noqa: N802 - gRPC's name
        self, request: pb.InspectRequest, context: grpc.aio.ServicerContext[pb.InspectRequest, pb.InspectResponse]
    ) -> pb.InspectResponse:
        """Inspect the frames of a call together."""
        self._check(request)
        deadline = self._deadline(context.time_remaining())
        outcomes = await self._inspector.inspect([frame_from_pb(frame, deadline) for frame in request.frames])
        return pb.InspectResponse(results=[outcome_to_pb(outcome) for outcome in outcomes])

    async def InspectStream(  # noqa: N802 - gRPC's name
        self,
        request_iterator: AsyncIterator[pb.InspectStreamRequest],
        context: grpc.aio.ServicerContext[pb.InspectStreamRequest, pb.InspectStreamResponse],
    ) -> AsyncIterator[pb.InspectStreamResponse]:
        """Inspect frames as they come and answer as they are ready."""
        done: asyncio.Queue[Outcome | None] = asyncio.Queue()
        reader = asyncio.create_task(self._read_stream(request_iterator, context.time_remaining(), done))
        try:
            while (outcome := await done.get()) is not None:
                yield pb.InspectStreamResponse(result=outcome_to_pb(outcome))
            await reader
        finally:
            reader.cancel()

    async def _read_stream(
        self, requests: AsyncIterator[pb.InspectStreamRequest], remaining_s: float | None, done: asyncio.Queue[Outcome | None]
    ) -> None:
        stream_deadline = None if remaining_s is None else time.monotonic() + remaining_s
        try:
            async with asyncio.TaskGroup() as group:
                async for request in requests:
                    deadline = self._deadline(None) if stream_deadline is None else stream_deadline
                    group.create_task(self._inspect_one(request.frame, deadline, done))
        finally:
            done.put_nowait(None)

    async def _inspect_one(self, message: pb.Frame, deadline: float, done: asyncio.Queue[Outcome | None]) -> None:
        try:
            [outcome] = await self._inspector.inspect([frame_from_pb(message, deadline)])
        except GoldenpartError as error:
            outcome = self._inspector.refuse(message.frame_id, message.category, error)
        done.put_nowait(outcome)

    def _deadline(self, remaining_s: float | None) -> float:
        return time.monotonic() + min(self._max_wait_s, self._max_wait_s if remaining_s is None else remaining_s)

    def _check(self, request: pb.InspectRequest) -> None:
        count = len(request.frames)
        if not 1 <= count <= self._max_frames:
            raise InvalidArgumentError(
                f"The call has {count} frames; it must have 1 to {self._max_frames}.", field="frames", frames=count, limit=self._max_frames
            )
        identifiers = {frame.frame_id for frame in request.frames}
        if len(identifiers) != count:
            raise InvalidArgumentError("frame_id must be unique within a call; two frames share one.", field="frames.frame_id")
