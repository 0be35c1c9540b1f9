"""How much may be in the server at once, in frames and in pixels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from goldenpart.server.errors import DrainingError, OverloadedError

_SMOOTHING = 0.2
_LEAST_RETRY_S, _MOST_RETRY_S = 0.05, 10.0


@dataclass(frozen=True, slots=True)
class Load:
    """An amount of work."""

    frames: int
    pixels: int


class Admission:
    """Bounded admission, all or nothing. Belongs to the event loop; grpc.aio's own limit is not relied on (grpc #30424, #41531).

    Args:
        max_frames: frames in the server at once.
        max_pixels: their pixels, width times height, before decoding.
    """

    def __init__(self, max_frames: int, max_pixels: int) -> None:
        self._limit = Load(max_frames, max_pixels)
        self._held = Load(0, 0)
        self._frame_s = 0.05
        self._draining = False

    @property
    def held(self) -> Load:
        """What is in the server now."""
        return self._held

    def drain(self) -> None:
        """Admit nothing more."""
        self._draining = True

    def observe(self, frames: int, duration_s: float) -> None:
        """Learn the pace: a batch of `frames` took `duration_s`."""
        self._frame_s += _SMOOTHING * (duration_s / frames - self._frame_s)

    @contextmanager
    def admit(self, frames: int, pixels: int) -> Iterator[None]:
        """Hold room for frames while they are in the server.

        Raises:
            DrainingError: the server is shutting down.
            OverloadedError: there is no room for all of them; its `retry_after_s` is the time the work in hand will take.
        """
        if self._draining:
            raise DrainingError("The server is shutting down; send the frames to another one.", retry_after_s=1.0)
        after = Load(self._held.frames + frames, self._held.pixels + pixels)
        if after.frames > self._limit.frames or (after.pixels > self._limit.pixels and self._held.frames):
            raise self._refuse(frames, pixels)
        self._held = after
        try:
            yield
        finally:
            self._held = Load(self._held.frames - frames, self._held.pixels - pixels)

    def _refuse(self, frames: int, pixels: int) -> OverloadedError:
        retry_after_s = min(max(self._held.frames * self._frame_s, _LEAST_RETRY_S), _MOST_RETRY_S)
        return OverloadedError(
            f"The server holds {self._held.frames} frames ({self._held.pixels} px); {frames} more ({pixels} px) exceed its limit of "
            f"{self._limit.frames} frames or {self._limit.pixels} px. Try again in {retry_after_s:.2f} s, or send less at once.",
            retry_after_s=retry_after_s,
            frames_held=self._held.frames,
            frames_limit=self._limit.frames,
            pixels_held=self._held.pixels,
            pixels_limit=self._limit.pixels,
        )
