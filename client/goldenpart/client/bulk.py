"""Inspecting more frames than one call holds."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from goldenpart.client.batches import batches
from goldenpart.client.channel import INSPECT_TIMEOUT_S
from goldenpart.client.client import Client
from goldenpart.client.errors import InvalidArgument, Overloaded
from goldenpart.client.frames import Frame
from goldenpart.client.results import Inspection, NotInspectedReason, Verdict

_ENVELOPE_BYTES = 64 * 1024  # ids, options and framing of a whole call
_DEFAULT_WAIT_S = 0.5


def inspect_all(
    client: Client,
    frames: Iterable[Frame],
    *,
    most_frames: int | None = None,
    timeout_s: float = INSPECT_TIMEOUT_S,
    patience_s: float = 60.0,
    sleep: Callable[[float], object] = time.sleep,
    report_unreadable: bool = False,
) -> Iterator[Inspection]:
    """Inspect any number of frames with as few calls as the server's limits allow; yield the results in order.

    Slows down when the server is overloaded. A frame that does not fit into a message even alone, or whose pictures do not, is
    NOT_INSPECTED / IMAGE_TOO_LARGE, as everything that is wrong with a single frame.

    Args:
        client: Where to.
        frames: Consumed call by call, so they need not fit into memory together.
        most_frames: At most so many in a call; None means as many as the backbone takes in one batch.
        timeout_s: For each call.
        patience_s: Longest time to wait on an overloaded server, for all frames together.
        sleep: Waits so many seconds.
        report_unreadable: Whether a frame whose file cannot be read is NOT_INSPECTED / INVALID_FRAME, with the system's error as its
            message, while the others are inspected.

    Raises:
        Overloaded: The patience is over.
        GoldenpartError: A call failed otherwise.
        OSError: An image file cannot be read, unless that is reported.
    """
    limits = client.server_info().limits
    most = max(1, min(most_frames or limits.batch_frames, limits.frames_per_call, limits.frames_in_server))
    patience = _Patience(patience_s, sleep)
    sources = map(_read, frames) if report_unreadable else frames
    for group in batches(sources, _bytes, most_items=most, most_bytes=limits.message_bytes - _ENVELOPE_BYTES):
        inspected = _inspect_group(client, tuple(one for one in group if isinstance(one, Frame)), timeout_s, patience)
        yield from (next(inspected) if isinstance(one, Frame) else one for one in group)


def _read(frame: Frame) -> Frame | Inspection:
    """Read a frame's file; one that cannot be read has its outcome already."""
    if not isinstance(frame.image, Path):
        return frame
    try:
        return replace(frame, image=frame.image.read_bytes())
    except OSError as error:
        return _not_inspected(frame, NotInspectedReason.INVALID_FRAME, f"the file cannot be read: {error.strerror or error}")


def _bytes(source: Frame | Inspection) -> int:
    return frame_bytes(source) if isinstance(source, Frame) else 0


def frame_bytes(frame: Frame) -> int:
    """Return the bytes that a frame's picture takes in a call.

    Raises:
        OSError: Its file cannot be read.
    """
    if isinstance(frame.image, np.ndarray):
        return frame.image.nbytes
    return len(frame.image) if isinstance(frame.image, bytes) else frame.image.stat().st_size


class _Patience:
    """How long an overloaded server is waited for. Belongs to one run."""

    def __init__(self, seconds: float, sleep: Callable[[float], object]) -> None:
        self._left_s = seconds
        self._sleep = sleep

    def wait(self, overload: Overloaded) -> None:
        wait_s = overload.retry_after_s or _DEFAULT_WAIT_S
        if wait_s > self._left_s:
            raise overload
        self._left_s -= wait_s
        self._sleep(wait_s)


def _inspect_group(client: Client, group: tuple[Frame, ...], timeout_s: float, patience: _Patience) -> Iterator[Inspection]:
    waiting = [group] if group else []
    while waiting:
        frames = waiting.pop()
        try:
            results = client.inspect(frames, timeout_s=timeout_s)
        except Overloaded as overload:
            patience.wait(overload)
            waiting += _halves_last_first(frames)  # the server may have room for some of them, but never for all at once
        except InvalidArgument as error:
            if error.reason != "MESSAGE_TOO_LARGE":
                raise
            if len(frames) == 1:
                yield _not_inspected(frames[0], NotInspectedReason.IMAGE_TOO_LARGE, error.message)
            else:
                waiting += _halves_last_first(frames)
        else:
            yield from results


def _halves_last_first(frames: tuple[Frame, ...]) -> list[tuple[Frame, ...]]:
    middle = math.ceil(len(frames) / 2)
    return [half for half in (frames[middle:], frames[:middle]) if half]


def _not_inspected(frame: Frame, reason: NotInspectedReason, message: str) -> Inspection:
    return Inspection(frame.frame_id, frame.category, Verdict.NOT_INSPECTED, reason=reason, message=message)
