"""One InspectStream call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from goldenpart.server.api.conversions import frame_from_pb
from goldenpart.server.errors import DrainingError
from goldenpart.server.runtime.inspection import Outcome
from goldenpart.server.runtime.inspector import Inspector
from goldenpart.v1 import inspection_pb2 as pb


class FrameStream:
    """Reads frames, has each inspected, hands the outcomes out as they are ready. Belongs to the event loop.

    A client that sends and never reads is held back by gRPC's flow control, instead of filling the server with its results.

    Args:
        requests: what the client sends.
        inspector: does the work.
        next_deadline: of a frame that is read now, monotonic seconds.
        max_unanswered: frames that are read and whose outcomes are not yet taken.
        closing: set when the server shuts down: the frames in hand are answered, then the stream ends.
    """

    def __init__(
        self,
        requests: AsyncIterator[pb.InspectStreamRequest],
        inspector: Inspector,
        next_deadline: Callable[[], float],
        max_unanswered: int,
        closing: asyncio.Event,
    ) -> None:
        self._requests = requests
        self._inspector = inspector
        self._next_deadline = next_deadline
        self._room = asyncio.Semaphore(max_unanswered)
        self._closing = closing
        self._done: asyncio.Queue[Outcome | None] = asyncio.Queue()

    async def outcomes(self) -> AsyncGenerator[Outcome]:
        """Yield one outcome per frame that was read; closing the generator withdraws the frames in hand.

        Raises:
            DrainingError: the server shuts down; frames without an outcome were not read.
        """
        work = asyncio.create_task(self._work())
        try:
            while (outcome := await self._done.get()) is not None:
                yield outcome
                self._room.release()
            await work
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _work(self) -> None:
        try:
            async with asyncio.TaskGroup() as frames:
                interrupted = await self._read_until_closing(frames)
        finally:
            self._done.put_nowait(None)
        if interrupted:
            raise DrainingError("The server is shutting down; connect to another one and send what was not answered.", retry_after_s=1.0)

    async def _read_until_closing(self, frames: asyncio.TaskGroup) -> bool:
        """Read to the end or until the server shuts down; returns whether it was the latter."""
        reading = asyncio.create_task(self._read(frames))
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait((reading, closing), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                return True
            await reading
            return False
        finally:
            reading.cancel()
            closing.cancel()

    async def _read(self, frames: asyncio.TaskGroup) -> None:
        async for request in self._requests:
            await self._room.acquire()
            frames.create_task(self._inspect(request.frame))

    async def _inspect(self, message: pb.Frame) -> None:
        self._done.put_nowait(await self._inspector.inspect_one(frame_from_pb(message, self._next_deadline())))
