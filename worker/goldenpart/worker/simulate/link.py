"""A link to the broker that comes back by itself, as cameras and gateways need one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from goldenpart.worker.backoff import Backoff
from goldenpart.worker.bus import BusError, LineBus, LineSession

OnSession = Callable[[LineSession], Awaitable[None]]


class Link:
    """Keeps a session open while it is entered; whenever there is a new one, `on_session` sets it up. Belongs to one loop."""

    def __init__(self, bus: LineBus, on_session: OnSession) -> None:
        self._bus = bus
        self._on_session = on_session
        self._task: asyncio.Task[None] | None = None
        self.reconnects = -1

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator["Link"]:
        """Opens the link and waits until it stands for the first time."""
        standing = asyncio.Event()
        self._task = asyncio.create_task(self._keep(standing))
        waiting = asyncio.create_task(standing.wait())
        try:
            await asyncio.wait((self._task, waiting), return_when=asyncio.FIRST_COMPLETED)
            if self._task.done():
                await self._task
            yield self
        finally:
            waiting.cancel()
            self._task.cancel()
            ended, _ = await asyncio.gather(self._task, waiting, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended  # a link that broke for another reason than the broker never came back

    async def _keep(self, standing: asyncio.Event) -> None:
        backoff = Backoff(first_s=0.2, limit_s=2.0)
        while True:
            try:
                session = await self._bus.connect()
            except BusError:
                await asyncio.sleep(backoff.failed())
                continue
            try:
                await self._on_session(session)
                self.reconnects += 1
                backoff.succeeded()
                standing.set()
                await asyncio.wait((session.lost,))
            except BusError:
                await asyncio.sleep(backoff.failed())
            finally:
                await session.close()
