"""Inspects many images with several calls in flight."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from goldenpart.client.bulk import inspect_all
from goldenpart.client.client import Client
from goldenpart.client.evaluation.errors import EvaluationError
from goldenpart.client.frames import Frame
from goldenpart.client.results import Inspection, NotInspectedReason, Verdict

FRAMES_PER_CALL = 4
"""Few, because each answer carries a heat map in the size of its image."""

_CALL_TIMEOUT_S = 300.0
_PASSING_REASONS = frozenset(
    {
        NotInspectedReason.OVERLOADED,
        NotInspectedReason.DRAINING,
        NotInspectedReason.DEADLINE_PASSED,
        NotInspectedReason.SERVER_ERROR,
    }
)


def inspect_in_flight(client: Client, frames: Sequence[Frame], calls_in_flight: int) -> Iterator[Inspection]:
    """Inspect frames and yield the results in order; no more than so many calls are under way or waiting to be taken.

    Args:
        client: Where to.
        frames: What to inspect.
        calls_in_flight: >= 1.

    Raises:
        EvaluationError: A frame was not inspected for a reason that has nothing to do with it; a figure without it would be wrong.
        GoldenpartError: A call failed.
        OSError: An image cannot be read.
    """
    groups = iter([frames[start : start + FRAMES_PER_CALL] for start in range(0, len(frames), FRAMES_PER_CALL)])
    waiting: deque[Future[tuple[Inspection, ...]]] = deque()
    pool = ThreadPoolExecutor(calls_in_flight)
    try:
        while True:
            while len(waiting) < calls_in_flight and (group := next(groups, None)) is not None:
                waiting.append(pool.submit(_inspect, client, group))
            if not waiting:
                return
            yield from map(_checked, waiting.popleft().result())
    finally:
        pool.shutdown(cancel_futures=True)


def _inspect(client: Client, frames: Sequence[Frame]) -> tuple[Inspection, ...]:
    return tuple(inspect_all(client, frames, timeout_s=_CALL_TIMEOUT_S))


def _checked(inspection: Inspection) -> Inspection:
    if inspection.verdict is Verdict.NOT_INSPECTED and inspection.reason in _PASSING_REASONS:
        raise EvaluationError(
            f"{inspection.frame_id} was not inspected: {inspection.message or inspection.reason} [{inspection.reason}]. "
            "Run the command again; finished runs are not repeated where --report keeps them"
        )
    return inspection
