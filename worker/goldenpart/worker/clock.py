"""Time as the worker takes it, so that tests can give it."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    def now(self) -> datetime:
        """Wall-clock time, aware, UTC."""


class SystemClock:
    """Tells the time of this machine."""

    def monotonic(self) -> float:
        """See `Clock.monotonic`. The same clock as asyncio's loop."""
        return time.monotonic()

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)
