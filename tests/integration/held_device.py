"""Keeps the device executor busy for as long as a test wants, so that what waits for it is known exactly."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from goldenpart.server.runtime.executor import DeviceExecutor

_LONGEST_S = 60.0  # a test that forgets to let go fails instead of hanging


@asynccontextmanager
async def held(executor: DeviceExecutor) -> AsyncIterator[Callable[[], None]]:
    """Hold the device from when the block is entered until the function it gives is called, at the latest until the block is left."""
    loop, busy, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def wait() -> bool:
        loop.call_soon_threadsafe(busy.set)
        return release.wait(_LONGEST_S)

    work = asyncio.create_task(executor.run_slice(wait))
    await busy.wait()
    try:
        yield release.set
    finally:
        release.set()
        assert await work, f"nobody let go of the device within {_LONGEST_S} s"
