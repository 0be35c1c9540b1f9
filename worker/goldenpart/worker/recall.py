"""Asks the broker which events left lately: a worker that was killed may have sent one and not acked its frame."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import structlog

from goldenpart.worker.bus import BusError, LineSession
from goldenpart.worker.clock import Clock
from goldenpart.worker.recent import RecentEvents
from goldenpart.worker.topology import RECENT_EVENTS_STREAM

_log = structlog.get_logger(__name__)

# Cameras' clocks and ours differ a little.
_MARGIN_S = 5.0


@dataclass(frozen=True, slots=True)
class RecallLimits:
    """Holds how far and how long to look.

    Attributes:
        window_s: How far back, for a frame that does not say when it was captured and when a session begins.
        timeout_s: A broker that takes longer is not waited for; frames are then inspected again.
    """

    window_s: float
    timeout_s: float


WaiterT = TypeVar("WaiterT")


class Recall(Generic[WaiterT]):
    """Reads events back from the stream goldenpart.events.recent. One per session."""

    def __init__(
        self, session: LineSession, recent: RecentEvents, limits: RecallLimits, clock: Clock, on_recalled: Callable[[WaiterT], None]
    ) -> None:
        """Prepares a recall.

        Args:
            session: To read in.
            recent: Gets the events.
            limits: How far and how long.
            clock: Tells the time.
            on_recalled: Called for each waiter when what can be known is known.
        """
        self._session = session
        self._recent = recent
        self._limits = limits
        self._clock = clock
        self._on_recalled = on_recalled
        self._waiting: list[tuple[WaiterT, datetime]] = []
        self._round: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Recalls the events of the last window.

        Raises:
            SessionLostError: The session broke.
        """
        await self._read(self._start_of_window())

    def wait_for(self, waiter: WaiterT, captured_at: datetime | None) -> None:
        """Recalls what left since a frame was captured; frames that come in a bunch share one reading."""
        since = captured_at - timedelta(seconds=_MARGIN_S) if captured_at else self._start_of_window()
        self._waiting.append((waiter, since))
        if self._round is None:
            self._round = asyncio.create_task(self._rounds())

    async def stop(self) -> None:
        """Forgets the waiters."""
        if self._round is not None:
            self._round.cancel()
            await asyncio.gather(self._round, return_exceptions=True)

    def _start_of_window(self) -> datetime:
        return self._clock.now() - timedelta(seconds=self._limits.window_s)

    async def _rounds(self) -> None:
        # What left before a frame was delivered again was in the stream before the reading began that it waits for.
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            try:
                await self._read(min(since for _, since in waiting))
            except BusError:
                return  # the session is lost and its deliveries with it
            for waiter, _ in waiting:
                self._on_recalled(waiter)
        self._round = None

    async def _read(self, since: datetime) -> None:
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                messages = await self._session.read_back(RECENT_EVENTS_STREAM, since)
        except (BusError, TimeoutError) as error:
            if self._session.lost.done():
                raise self._session.lost.result() from error
            _log.warning("recall_failed", error=repr(error), consequence="frames that come again are inspected again")
            return
        for message in messages:
            self._recent.recall(message)
