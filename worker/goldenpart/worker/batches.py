"""Micro-batches: which frames go into the next Inspect call, and when. Pure: time is a number that the caller gives."""

from collections import deque
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Batchable(Protocol):
    """What a frame must tell to be batched."""

    @property
    def weight_bytes(self) -> int:
        """Bytes it adds to a call."""

    @property
    def give_up_at(self) -> float:
        """Monotonic time at which nobody wants its verdict any more."""


ItemT = TypeVar("ItemT", bound=Batchable)


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Holds when a batch is full or due.

    Attributes:
        frames: Most frames in one call.
        bytes: Most bytes in one call; a single larger frame goes alone.
        max_age_s: A frame waits at most so long for company.
        service_s: How long a call takes; a batch leaves when its most urgent frame has less than this left.
    """

    frames: int = 16
    bytes: int = 32 << 20
    max_age_s: float = 0.01
    service_s: float = 0.25


class Batches(Generic[ItemT]):
    """Collects frames of all categories and cameras, first come first served. Not thread-safe.

    Attributes:
        limits: When a batch is full or due; may be replaced at any time.
    """

    def __init__(self, limits: BatchLimits) -> None:
        self.limits = limits
        self._waiting: deque[tuple[float, ItemT]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, item: ItemT, now: float) -> None:
        """Appends a frame that came at `now`."""
        self._waiting.append((now, item))

    def put_back(self, items: list[ItemT], now: float) -> None:
        """Puts frames of a failed call in front again; they have waited long enough and are due at once."""
        due = now - self.limits.max_age_s
        self._waiting.extendleft((due, item) for item in reversed(items))

    def remove(self, item: ItemT) -> None:
        """Takes a frame out that has its verdict already. Does nothing if it is not here."""
        self._waiting = deque(entry for entry in self._waiting if entry[1] is not item)

    def due_at(self) -> float | None:
        """Tells when the next batch leaves if nothing else comes; None if nothing waits. A full batch is due at once (-inf)."""
        if not self._waiting:
            return None
        if self._head() < len(self._waiting) or self._head() >= self.limits.frames:
            return float("-inf")
        oldest = self._waiting[0][0] + self.limits.max_age_s
        most_urgent = min(item.give_up_at for _, item in self._waiting) - self.limits.service_s
        return min(oldest, most_urgent)

    def take(self, now: float) -> list[ItemT]:
        """Takes the next batch if it is due, else nothing."""
        due = self.due_at()
        if due is None or due > now:
            return []
        return [self._waiting.popleft()[1] for _ in range(self._head())]

    def _head(self) -> int:
        """Counts the frames at the front that fit into one call; at least 1."""
        count = total = 0
        for _, item in self._waiting:
            total += item.weight_bytes
            if count == self.limits.frames or (count and total > self.limits.bytes):
                break
            count += 1
        return count
