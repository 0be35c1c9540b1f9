"""Frames that wait for the device, and which of them go together next. Pure: no thread, no loop, the clock is given."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Payload = TypeVar("Payload")
Clock = Callable[[], float]
"""Monotonic seconds."""

PATIENCE_S = 30.0
"""A frame without a deadline is treated as if it had this one, so that it is never starved by frames that have."""


@dataclass(slots=True, eq=False)
class Ticket(Generic[Payload]):
    """A frame in the queue.

    Attributes:
        group: frames of one group can share a backbone batch.
        payload: what the device needs.
        deadline: monotonic seconds after which nobody wants the answer; None = no such time.
        queued_at: monotonic seconds.
        withdrawn: its caller has gone; it must not be worked on.
    """

    group: Hashable
    payload: Payload
    deadline: float | None
    queued_at: float
    withdrawn: bool = field(default=False)

    @property
    def urgency(self) -> float:
        """When it should be done: the smaller, the sooner it is served."""
        return self.queued_at + PATIENCE_S if self.deadline is None else self.deadline


class BatchQueue(Generic[Payload]):
    """Forms batches: as large as possible without added delay, earliest deadline first.

    Not thread-safe; its owner holds a lock.

    Args:
        max_batch: frames per batch.
        max_delay_s: how long a batch that is not full may wait for company; 0 = not at all.
        clock: monotonic seconds.
    """

    def __init__(self, max_batch: int, max_delay_s: float, clock: Clock) -> None:
        self._max_batch = max_batch
        self._max_delay_s = max_delay_s
        self._clock = clock
        self._groups: dict[Hashable, list[Ticket[Payload]]] = {}

    def __len__(self) -> int:
        return sum(len(group) for group in self._groups.values())

    def push(self, ticket: Ticket[Payload]) -> None:
        """Add a ticket."""
        self._groups.setdefault(ticket.group, []).append(ticket)

    def withdraw(self, ticket: Ticket[Payload]) -> None:
        """Remove a ticket whose caller has gone, if it still waits."""
        ticket.withdrawn = True
        alive = [other for other in self._groups.pop(ticket.group, []) if other is not ticket]
        if alive:
            self._groups[ticket.group] = alive

    def take(self) -> list[Ticket[Payload]]:
        """Remove and return the next batch, all of one group, most urgent first; empty if none is due yet.

        Withdrawn and expired tickets are dropped; whoever waits for them has its own timer.
        """
        self._drop_dead()
        now = self._clock()
        due = [group for group in self._groups.values() if self._due_in(group, now) <= 0]
        if not due:
            return []
        chosen = sorted(min(due, key=lambda group: min(ticket.urgency for ticket in group)), key=lambda ticket: ticket.urgency)
        batch, rest = chosen[: self._max_batch], chosen[self._max_batch :]
        if rest:
            self._groups[batch[0].group] = rest
        else:
            del self._groups[batch[0].group]
        return batch

    def due_in_s(self) -> float | None:
        """Return seconds until `take` will return something, 0 if it would now, None if nothing waits."""
        now = self._clock()
        return min((max(0.0, self._due_in(group, now)) for group in self._groups.values()), default=None)

    def drain(self) -> list[Ticket[Payload]]:
        """Remove and return everything."""
        tickets = [ticket for group in self._groups.values() for ticket in group]
        self._groups.clear()
        return tickets

    def _due_in(self, group: list[Ticket[Payload]], now: float) -> float:
        if len(group) >= self._max_batch:
            return 0.0
        return min(ticket.queued_at for ticket in group) + self._max_delay_s - now

    def _drop_dead(self) -> None:
        now = self._clock()
        for key, group in list(self._groups.items()):
            alive = [ticket for ticket in group if not ticket.withdrawn and (ticket.deadline is None or ticket.deadline > now)]
            if alive:
                self._groups[key] = alive
            else:
                del self._groups[key]
