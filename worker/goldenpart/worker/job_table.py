"""All frames the worker knows about: those that wait for a verdict, and the events that left lately."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from goldenpart.v1 import inspection_pb2
from goldenpart.worker.clock import Clock
from goldenpart.worker.dispatch import Dispatcher
from goldenpart.worker.errors import ParkReason, UnreadableFrameError
from goldenpart.worker.events import Outcome, not_inspected, to_message
from goldenpart.worker.frames import LineFrame
from goldenpart.worker.jobs import Job
from goldenpart.worker.recent import Key, RecentEvent, RecentEvents
from goldenpart.worker.references import Pictures

_log = structlog.get_logger(__name__)

_REASON_OF_PARKING = {
    ParkReason.WRONG_CONTENT_TYPE: inspection_pb2.NOT_INSPECTED_REASON_UNSUPPORTED_FORMAT,
    ParkReason.BODY_TOO_LARGE: inspection_pb2.NOT_INSPECTED_REASON_IMAGE_TOO_LARGE,
    ParkReason.ATTEMPTS_SPENT: inspection_pb2.NOT_INSPECTED_REASON_SERVER_ERROR,
}


@dataclass(frozen=True, slots=True)
class Budgets:
    """Holds the times of a frame that does not say.

    Attributes:
        default_s: The verdict is wanted within this time after capture.
        reserve_s: NOT_INSPECTED leaves so long before the deadline, at most half of the budget.
    """

    default_s: float
    reserve_s: float


class JobTable:
    """Owns the jobs; the line's loop is the only one to touch it.

    Attributes:
        recent: Events that the broker has confirmed.
        on_decided: Called when a job gets its verdict.
    """

    def __init__(self, recent: RecentEvents, pictures: Pictures, budgets: Budgets, clock: Clock) -> None:
        self.recent = recent
        self.on_decided: Callable[[Job], None] = lambda _: None
        self._pictures = pictures
        self._budgets = budgets
        self._clock = clock
        self._jobs: dict[Key, Job] = {}
        self._fetches: set[asyncio.Task[None]] = set()
        self.dispatcher: Dispatcher | None = None

    def __len__(self) -> int:
        return len(self._jobs)

    def find(self, key: Key) -> Job | RecentEvent | None:
        """Finds what is known of a frame; a confirmed event wins over a job."""
        return self.recent.get(key) or self._jobs.get(key)

    def begin(self, frame: LineFrame, attempt: int) -> Job:
        """Begins the job of a frame: it gets its verdict by its deadline, whatever happens."""
        now = self._clock.now()
        budget_s = frame.label.budget_s or self._budgets.default_s
        deadline = (frame.label.captured_at or now) + timedelta(seconds=budget_s)
        reserve_s = min(self._budgets.reserve_s, budget_s / 2)
        left_s = (deadline - now).total_seconds() - reserve_s
        job = Job(frame, now, deadline, self._clock.monotonic() + left_s, attempt)
        self._jobs[frame.label.key] = job
        if left_s > 0:
            # The loop's timers run on the same clock as `monotonic`.
            job.timer = asyncio.get_running_loop().call_later(left_s, self._give_up, job)
        return job

    def start(self, job: Job) -> None:
        """Sends a job to the server, after fetching its picture if need be; or answers it at once if its time is up."""
        if job.timer is None:
            self._give_up(job)
        elif job.frame.image is None:
            fetch = asyncio.create_task(self._fetch(job))
            self._fetches.add(fetch)
            fetch.add_done_callback(self._fetches.discard)
        else:
            self._submit(job)

    def refuse(self, job: Job, reason: ParkReason, message: str) -> None:
        """Decides a job whose message cannot be inspected: NOT_INSPECTED and the parking lot."""
        code = _REASON_OF_PARKING.get(reason, inspection_pb2.NOT_INSPECTED_REASON_INVALID_FRAME)
        self.decide(job, not_inspected(job.frame.label, code, message), reason)

    def decide(self, job: Job, result: inspection_pb2.InspectionResult, park_reason: ParkReason | None) -> None:
        """Gives a job its verdict, once and for all."""
        assert not job.decided, "a verdict is never changed"
        result.frame_id = job.frame.label.frame_id
        label = job.frame.label
        job.outcome = Outcome(label, result, job.frame.digest, job.queued_at, self._clock.now(), job.deadline, job.attempt)
        job.park_reason = park_reason
        if job.timer is not None:
            job.timer.cancel()
        if self.dispatcher is not None:
            self.dispatcher.forget(job)
        # The picture is not needed any more, unless it is parked, and then the delivery has it.
        job.frame = LineFrame(label, None, "", job.frame.digest)
        self.on_decided(job)

    def event_of(self, job: Job) -> RecentEvent:
        """Writes the event of a decided job; the second time it is the same."""
        if job.event is None:
            assert job.outcome is not None
            message = to_message(job.outcome, self._clock.now())
            job.event = RecentEvent(job.outcome.digest, job.outcome.routing_key, message)
        return job.event

    def confirmed(self, key: Key, event: RecentEvent) -> None:
        """Notes that the broker has an event: its frame is done with."""
        self.recent.remember(key, event)
        job = self._jobs.pop(key, None)
        if job is not None and job.timer is not None:
            job.timer.cancel()

    def session_ended(self) -> None:
        """Marks all jobs as orphans. They go on, since their frames will come again; those that did not since the last time are dropped."""
        for key, job in list(self._jobs.items()):
            if job.orphaned:
                if job.timer is not None:
                    job.timer.cancel()
                if self.dispatcher is not None:
                    self.dispatcher.forget(job)
                del self._jobs[key]
            job.orphaned = True

    async def close(self) -> None:
        """Stops fetching and all timers."""
        for job in self._jobs.values():
            if job.timer is not None:
                job.timer.cancel()
        for fetch in self._fetches:
            fetch.cancel()
        await asyncio.gather(*self._fetches, return_exceptions=True)

    def _submit(self, job: Job) -> None:
        assert self.dispatcher is not None
        self.dispatcher.submit(job)

    def _give_up(self, job: Job) -> None:
        if job.decided:
            return
        reachable = self.dispatcher is not None and self.dispatcher.reachable
        why = "" if reachable else " The server could not be reached."
        text = f"no verdict by {job.deadline.isoformat(timespec='milliseconds')}.{why}"
        result = not_inspected(job.frame.label, inspection_pb2.NOT_INSPECTED_REASON_DEADLINE_PASSED, text)
        # A frame that was in flight when the server died again and again is worth a look.
        self.decide(job, result, ParkReason.ATTEMPTS_SPENT if job.deaths > 1 else None)

    async def _fetch(self, job: Job) -> None:
        try:
            picture = await self._pictures.fetch(job.frame.image_uri)
        except UnreadableFrameError as error:
            if not job.decided:
                self.refuse(job, error.reason, str(error))
            return
        except Exception as error:  # noqa: BLE001 (the root of a task: the frame must get its verdict)
            _log.exception("picture_fetch_broke")
            if not job.decided:
                self.refuse(job, ParkReason.REFERENCE_REFUSED, f"the picture could not be fetched: {error!r}")
            return
        if not job.decided:
            job.frame = job.frame.with_picture(picture)
            self._submit(job)
