"""A stream's outcomes never pile up."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_inspector import inspector

from goldenpart.server.api.frame_stream import FrameStream
from goldenpart.server.errors import DrainingError
from goldenpart.v1 import inspection_pb2 as pb

LIMIT = 5


class Camera:
    """Sends frames that are refused at once, as fast as they are read."""

    def __init__(self, count: int) -> None:
        self.read = 0
        self._count = count

    async def __aiter__(self) -> AsyncIterator[pb.InspectStreamRequest]:
        while self.read < self._count:
            self.read += 1
            message = pb.InspectStreamRequest(frame=pb.Frame(frame_id=str(self.read), category="part"))
            message.frame.image.encoded = b"text"
            yield message


async def idle() -> None:
    """Let every task run that can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_client_that_never_reads_is_held_back() -> None:
    camera = Camera(100)
    with ThreadPoolExecutor(1) as pool:
        outcomes = FrameStream(aiter(camera), inspector(pool)[0], lambda: 1e12, LIMIT, asyncio.Event()).outcomes()
        await anext(outcomes)
        await idle()
        assert camera.read == LIMIT + 1  # one more was read and waits for room
        await anext(outcomes)
        await idle()
        assert camera.read == LIMIT + 2
        assert len([outcome async for outcome in outcomes]) == 100 - 2


async def test_closing_ends_a_stream_that_has_nothing_to_read() -> None:
    closing, camera = asyncio.Event(), Camera(3)

    async def stay() -> AsyncIterator[pb.InspectStreamRequest]:
        async for message in camera:
            yield message
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as pool:
        outcomes = FrameStream(stay(), inspector(pool)[0], lambda: 1e12, LIMIT, closing).outcomes()
        assert [(await anext(outcomes)).frame_id for _ in range(3)] == ["1", "2", "3"]  # type: ignore[union-attr]
        closing.set()
        with pytest.raises(DrainingError):
            await anext(outcomes)


async def test_leaving_ends_the_reading() -> None:
    async def stay() -> AsyncIterator[pb.InspectStreamRequest]:
        async for message in Camera(1):
            yield message
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as pool:
        outcomes = FrameStream(stay(), inspector(pool)[0], lambda: 1e12, LIMIT, asyncio.Event()).outcomes()
        await anext(outcomes)
        await outcomes.aclose()
        await idle()
        assert len(asyncio.all_tasks()) == 1
