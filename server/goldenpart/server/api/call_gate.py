"""Which calls are in the server, and whether more may come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from goldenpart.server.errors import DrainingError


class CallGate:
    """Counts calls itself, because grpc.aio's `stop` takes no word with them: a refusal here has a reason (grpc #37239, #41531).

    Belongs to the event loop.

    Attributes:
        closing: set once the gate is closed.
    """

    def __init__(self) -> None:
        self.closing = asyncio.Event()
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def inside(self) -> int:
        """Calls that are being handled."""
        return self._inside

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Be inside for as long as a call is handled.

        Raises:
            DrainingError: the gate is closed.
        """
        if self.closing.is_set():
            raise DrainingError("The server is shutting down; send the call to another one.", retry_after_s=1.0)
        self._inside += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    async def close(self, timeout_s: float) -> int:
        """Let nobody in any more, wait for those inside, and return how many are still there after `timeout_s`."""
        self.closing.set()
        try:
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        except TimeoutError:
            return self._inside
        return 0
