"""Batch forming with an injected clock: no thread, no sleep."""

import pytest

from goldenpart.server.runtime.batch_queue import PATIENCE_S, BatchQueue, Ticket


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ticket(clock: Clock, name: str, group: str = "a", deadline: float | None = None) -> Ticket[str]:
    return Ticket(group, name, deadline, clock())


def names(batch: list[Ticket[str]]) -> list[str]:
    return [each.payload for each in batch]


def test_takes_what_is_there_without_delay(clock: Clock) -> None:
    queue: BatchQueue[str] = BatchQueue(4, 0.0, clock)
    assert queue.take() == []
    assert queue.due_in_s() is None
    for name in "xyz":
        queue.push(ticket(clock, name))
    assert queue.due_in_s() == 0.0
    assert names(queue.take()) == ["x", "y", "z"]
    assert len(queue) == 0


def test_never_exceeds_the_largest_batch_and_keeps_the_rest(clock: Clock) -> None:
    queue: BatchQueue[str] = BatchQueue(2, 0.0, clock)
    for name in "abcde":
        queue.push(ticket(clock, name))
    assert [names(queue.take()) for _ in range(4)] == [["a", "b"], ["c", "d"], ["e"], []]


def test_groups_are_never_mixed_and_the_most_urgent_goes_first(clock: Clock) -> None:
    queue: BatchQueue[str] = BatchQueue(8, 0.0, clock)
    queue.push(ticket(clock, "slow", "a", deadline=clock.now + 9))
    queue.push(ticket(clock, "urgent", "b", deadline=clock.now + 1))
    queue.push(ticket(clock, "slower", "a", deadline=clock.now + 20))
    assert names(queue.take()) == ["urgent"]
    assert names(queue.take()) == ["slow", "slower"]


def test_earliest_deadline_first_within_a_group(clock: Clock) -> None:
    queue: BatchQueue[str] = BatchQueue(2, 0.0, clock)
    for name, seconds in (("late", 9.0), ("soon", 1.0), ("middle", 5.0)):
        queue.push(ticket(clock, name, deadline=clock.now + seconds))
    assert names(queue.take()) == ["soon", "middle"]


def test_a_frame_without_deadline_is_not_starved(clock: Clock) -> None:
    queue: BatchQueue[str] = BatchQueue(1, 0.0, clock)
    queue.push(ticket(clock, "patient"))
    clock.now += PATIENCE_S
    queue.push(ticket(clock, "hasty", deadline=clock.now + 0.5))
    assert names(queue.take()) == ["patient"]


def test_withdrawn_and_expired_frames_leave_before_the_batch(clock: Clock) -> None:
    queue: BatchQueue[str] = BatchQueue(8, 0.0, clock)
    gone, late, good = ticket(clock, "gone"), ticket(clock, "late", deadline=clock.now + 1), ticket(clock, "good")
    for each in (gone, late, good):
        queue.push(each)
    gone.withdrawn = True
    clock.now += 2
    assert names(queue.take()) == ["good"]
    assert len(queue) == 0


def test_a_batch_waits_for_company_at_most_the_delay(clock: Clock) -> None:
    queue: BatchQueue[str] = BatchQueue(2, 0.5, clock)
    queue.push(ticket(clock, "first"))
    assert queue.take() == []
    assert queue.due_in_s() == pytest.approx(0.5)
    clock.now += 0.2
    assert queue.due_in_s() == pytest.approx(0.3)
    clock.now += 0.3
    assert names(queue.take()) == ["first"]


def test_a_full_batch_does_not_wait(clock: Clock) -> None:
    queue: BatchQueue[str] = BatchQueue(2, 0.5, clock)
    queue.push(ticket(clock, "first"))
    queue.push(ticket(clock, "second"))
    assert queue.due_in_s() == 0.0
    assert names(queue.take()) == ["first", "second"]


def test_drain_returns_everything(clock: Clock) -> None:
    queue: BatchQueue[str] = BatchQueue(2, 0.5, clock)
    for name, group in (("a", "x"), ("b", "y"), ("c", "x")):
        queue.push(ticket(clock, name, group))
    assert sorted(names(queue.drain())) == ["a", "b", "c"]
    assert queue.due_in_s() is None
