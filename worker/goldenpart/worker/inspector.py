"""Who judges frames: the server, through the one call the worker needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from goldenpart.v1 import inspection_pb2
from goldenpart.worker.frames import LineFrame
from goldenpart.worker.labels import Want


@dataclass(frozen=True, slots=True)
class InspectorLimits:
    """Holds what one call may hold.

    Attributes:
        frames: Most frames.
        bytes: Largest request in bytes.
    """

    frames: int
    bytes: int


class Inspector(Protocol):
    """Judges frames. Called from one asyncio loop; several calls may run at once."""

    async def limits(self) -> InspectorLimits:
        """Asks what one call may hold.

        Raises:
            InspectorError: Nobody answers.
        """

    async def inspect(self, frames: Sequence[LineFrame], budgets_s: Sequence[float]) -> Sequence[inspection_pb2.InspectionResult]:
        """Judges frames of any mix of categories; each must have its picture.

        Args:
            frames: 1 to limits().frames of them.
            budgets_s: For each frame, how long its verdict is waited for; the call ends with the longest.

        Returns:
            One result per frame, in the order of the frames.

        Raises:
            ServerOverloadedError: No room; retry_after_s says when to try again.
            ServerUnavailableError: Nobody looked at the frames.
            ServerDiedError: The server vanished, or did not answer, while it had them.
            CallTooLargeError: They do not fit into one call.
            CallRefusedError: Anything else.
        """

    async def reset(self) -> None:
        """Drops the connection, which may be half-open, so that the next call makes a new one."""

    async def close(self) -> None:
        """Ends all calls."""


def to_request(frames: Sequence[LineFrame], budgets_s: Sequence[float]) -> inspection_pb2.InspectRequest:
    """Writes a call. Frame ids in it are positions, since ids of different cameras may be equal."""
    request = inspection_pb2.InspectRequest()
    for position, (frame, budget_s) in enumerate(zip(frames, budgets_s, strict=True)):
        assert frame.image is not None, "the picture of a reference is fetched before"
        request.frames.add(
            frame_id=str(position),
            category=frame.label.category,
            image=frame.image,
            options=inspection_pb2.InspectOptions(
                regions=frame.label.want in (Want.REGIONS, Want.HEATMAP), heatmap=frame.label.want is Want.HEATMAP
            ),
            budget_ms=max(1, int(budget_s * 1000)),
        )
    return request
