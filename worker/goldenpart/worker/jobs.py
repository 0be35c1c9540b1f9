"""Frames on their way to a verdict, and the order in which a camera's events leave."""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from goldenpart.worker.bus import Delivery, Message
from goldenpart.worker.errors import ParkReason
from goldenpart.worker.events import Outcome
from goldenpart.worker.frames import LineFrame
from goldenpart.worker.recent import RecentEvent


@dataclass(slots=True, eq=False)
class Job:
    """Follows one frame until its verdict. Owned by the line's loop; outlives the session that delivered the frame.

    Attributes:
        frame: The frame.
        queued_at: When the worker received it.
        deadline: Until when its verdict is wanted.
        give_up_at: Monotonic time at which it is answered NOT_INSPECTED.
        attempt: Delivery count when the job began.
        deaths: How often the server vanished while it had the frame.
        outcome: The verdict, once there is one.
        park_reason: Set if the message goes to the parking lot as well.
        event: The event, once written; it never changes afterwards.
        timer: Wakes at give_up_at.
        orphaned: Whether the session that delivered it is gone and it was not delivered again.
    """

    frame: LineFrame
    queued_at: datetime
    deadline: datetime
    give_up_at: float
    attempt: int
    deaths: int = 0
    outcome: Outcome | None = None
    park_reason: ParkReason | None = None
    event: RecentEvent | None = None
    timer: asyncio.TimerHandle | None = None
    orphaned: bool = False

    @property
    def weight_bytes(self) -> int:
        """Bytes it adds to a call; the fields beside the picture are small."""
        return self.frame.image_bytes + 512

    @property
    def decided(self) -> bool:
        """Tells whether there is a verdict."""
        return self.outcome is not None or self.event is not None


@dataclass(slots=True, eq=False)
class Ticket:
    """Connects a delivery with what will be answered to it. Dies with its session.

    Attributes:
        delivery: To be acked.
        job: The frame's job; None for a message that is only parked.
        answer: Event to send, if it is known already.
        parked: Message for the parking lot, None if it does not go there.
    """

    delivery: Delivery
    job: Job | None = None
    answer: RecentEvent | None = None
    parked: Message | None = None
    settled: bool = False

    @property
    def ready(self) -> bool:
        """Tells whether nothing is waited for any more."""
        return self.settled or (self.job is not None and self.job.decided)


@dataclass(slots=True)
class Lanes:
    """Keeps the tickets of each camera in the order in which its frames came. One per session."""

    _lanes: dict[str, deque[Ticket]] = field(default_factory=dict)

    def append(self, lane: str, ticket: Ticket) -> None:
        """Puts a ticket at the end of its camera's lane."""
        self._lanes.setdefault(lane, deque()).append(ticket)

    def release(self, lane: str) -> Iterator[Ticket]:
        """Takes the ready tickets from the front of a lane, up to the first that is not ready."""
        tickets = self._lanes.get(lane, deque())
        while tickets and tickets[0].ready:
            yield tickets.popleft()
        if not tickets:
            self._lanes.pop(lane, None)

    def __len__(self) -> int:
        return sum(len(tickets) for tickets in self._lanes.values())
