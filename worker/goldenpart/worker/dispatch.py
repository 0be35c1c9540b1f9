"""Sends batches of frames to the server and brings their verdicts, through whatever happens to the server."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from goldenpart.v1 import inspection_pb2
from goldenpart.worker.backoff import Backoff
from goldenpart.worker.batches import Batches, BatchLimits
from goldenpart.worker.clock import Clock
from goldenpart.worker.errors import CallTooLargeError, InspectorError, ParkReason, ServerDiedError, ServerOverloadedError
from goldenpart.worker.events import not_inspected
from goldenpart.worker.inspector import Inspector, InspectorLimits
from goldenpart.worker.jobs import Job
from goldenpart.worker.metrics import WorkerMetrics

_log = structlog.get_logger(__name__)

# Deaths of the server after which a frame is suspected and sent alone.
SUSPECT_AFTER_DEATHS = 2
_TRY_AGAIN = frozenset({inspection_pb2.NOT_INSPECTED_REASON_OVERLOADED, inspection_pb2.NOT_INSPECTED_REASON_DRAINING})

OnDecided = Callable[[Job, inspection_pb2.InspectionResult, ParkReason | None], None]


@dataclass(frozen=True, slots=True)
class DispatchLimits:
    """Holds how much is sent at once.

    Attributes:
        batch: When a batch is full or due.
        calls_in_flight: Inspect calls that may run at once.
        server_deaths: A frame in flight at so many deaths of the server is given up.
    """

    batch: BatchLimits
    calls_in_flight: int
    server_deaths: int


class Dispatcher:
    """Owns the frames that wait for a verdict. All methods are called from one loop; `run` is its task."""

    def __init__(self, inspector: Inspector, limits: DispatchLimits, clock: Clock, metrics: WorkerMetrics, on_decided: OnDecided) -> None:
        self._inspector = inspector
        self._limits = limits
        self._clock = clock
        self._metrics = metrics
        self._on_decided = on_decided
        self._batches: Batches[Job] = Batches(limits.batch)
        self._suspects: deque[Job] = deque()
        self._calls: set[asyncio.Task[None]] = set()
        self._backoff = Backoff()
        self._closed_until = float("-inf")
        self._wake = asyncio.Event()
        self._alone_in_flight = False
        self.reachable = False

    def learn_limits(self, limits: InspectorLimits) -> None:
        """Makes calls no larger than the server takes."""
        ours = self._limits.batch
        self._batches.limits = replace(ours, frames=min(ours.frames, limits.frames), bytes=min(ours.bytes, int(limits.bytes * 0.9)))

    @property
    def idle(self) -> bool:
        """Tells whether no frame waits and no call runs."""
        return not (len(self._batches) or self._suspects or self._calls)

    def submit(self, job: Job) -> None:
        """Takes a frame with its picture."""
        self._batches.add(job, self._clock.monotonic())
        self._wake.set()

    def forget(self, job: Job) -> None:
        """Drops a frame that waits and got its verdict elsewhere; one in flight is ignored when it returns."""
        self._batches.remove(job)
        if job in self._suspects:
            self._suspects.remove(job)

    async def run(self) -> None:
        """Sends batches until cancelled; calls in flight are cancelled with it."""
        try:
            while True:
                self._wake.clear()
                self._send_what_is_due()
                try:
                    async with asyncio.timeout(self._pause_s()):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            for call in self._calls:
                call.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)

    def _pause_s(self) -> float | None:
        """Tells how long nothing will be due unless something happens; None for as long as it takes."""
        now = self._clock.monotonic()
        if not self._has_room():
            return None
        due = float("-inf") if self._suspects else self._batches.due_at()
        if due is None:
            return None
        return max(0.0, max(due, self._closed_until) - now)

    def _has_room(self) -> bool:
        if self._alone_in_flight or (self._suspects and self._calls):
            return False
        # One call finds out whether the server is back; only then the others follow.
        return len(self._calls) < (self._limits.calls_in_flight if self._backoff.failures == 0 else 1)

    def _send_what_is_due(self) -> None:
        now = self._clock.monotonic()
        while self._has_room() and now >= self._closed_until:
            if self._suspects:
                jobs = [self._suspects.popleft()]
                self._alone_in_flight = True
            else:
                jobs = self._batches.take(now)
            if not jobs:
                return
            call = asyncio.create_task(self._call(jobs))
            self._calls.add(call)
            call.add_done_callback(self._on_call_done)

    def _on_call_done(self, call: "asyncio.Task[None]") -> None:
        self._calls.discard(call)
        self._alone_in_flight = False
        self._metrics.calls_in_flight.set(len(self._calls))
        self._wake.set()

    async def _call(self, taken: list[Job]) -> None:
        jobs = [job for job in taken if not job.decided]  # one may have been given up, and lost its picture, since it was taken
        if not jobs:
            return
        started = self._clock.monotonic()
        self._metrics.calls_in_flight.set(len(self._calls))
        self._metrics.batch.observe(len(jobs))
        budgets_s = [max(0.001, job.give_up_at - started) for job in jobs]
        try:
            results = await self._inspector.inspect([job.frame for job in jobs], budgets_s)
        except InspectorError as error:
            await self._on_failure(jobs, error)
            return
        except Exception as error:  # noqa: BLE001 (the root of a task: whatever it is, the frames must get their verdict)
            _log.exception("inspect_call_broke")
            await self._on_failure(jobs, ServerDiedError(f"the call broke in the worker: {error!r}"))
            return
        self._metrics.call.observe(self._clock.monotonic() - started)
        self._on_results(jobs, results)

    def _on_results(self, jobs: list[Job], results: Sequence[inspection_pb2.InspectionResult]) -> None:
        again: list[Job] = []
        for job, result in zip(jobs, results, strict=True):
            if result.reason in _TRY_AGAIN:
                again.append(job)
            elif result.reason == inspection_pb2.NOT_INSPECTED_REASON_SERVER_ERROR and not job.decided:
                self._suspect(job, result.message)
            elif not job.decided:
                self._on_decided(job, result, None)
        if len(again) < len(jobs):
            self._backoff.succeeded()
            self._set_reachable(reachable=True, reason="")
        if again:
            self._close_for(None)
            self._put_back(again)

    async def _on_failure(self, jobs: list[Job], error: InspectorError) -> None:
        self._metrics.call_failures.labels(type(error).__name__).inc()
        waiting = [job for job in jobs if not job.decided]
        if isinstance(error, CallTooLargeError):
            self._split(waiting, error)
            return
        if not isinstance(error, ServerOverloadedError):
            self._set_reachable(reachable=False, reason=str(error))
        self._close_for(error.retry_after_s)
        if isinstance(error, ServerDiedError):
            # The connection may be half-open; a new one finds a server that came back under the same name.
            await self._inspector.reset()
            for job in reversed(waiting):
                self._suspect(job, str(error))
        else:
            self._put_back(waiting)

    def _suspect(self, job: Job, message: str) -> None:
        """Counts that the server failed over a call with this frame; the second time it is sent alone, at the limit it is given up."""
        job.deaths += 1
        if job.deaths >= self._limits.server_deaths:
            text = f"the server failed {job.deaths} times while it had this frame, lastly: {message}"
            result = not_inspected(job.frame.label, inspection_pb2.NOT_INSPECTED_REASON_SERVER_ERROR, text)
            self._on_decided(job, result, ParkReason.ATTEMPTS_SPENT)
        else:
            self._put_back([job])

    def _split(self, jobs: list[Job], error: InspectorError) -> None:
        if len(jobs) == 1:
            result = not_inspected(jobs[0].frame.label, inspection_pb2.NOT_INSPECTED_REASON_IMAGE_TOO_LARGE, str(error))
            self._on_decided(jobs[0], result, None)
        else:
            self._suspects.extend(jobs)

    def _put_back(self, jobs: list[Job]) -> None:
        """Puts frames in front again; a suspect stays one, also when it found no server: its neighbours must not die with it."""
        waiting = [job for job in jobs if not job.decided]
        self._suspects.extendleft(job for job in reversed(waiting) if job.deaths >= SUSPECT_AFTER_DEATHS)
        self._batches.put_back([job for job in waiting if job.deaths < SUSPECT_AFTER_DEATHS], self._clock.monotonic())

    def _close_for(self, wished_s: float | None) -> None:
        wait_s = self._backoff.failed()
        # What the server asks for is the least; a little more, so that not all its clients come back at once.
        self._closed_until = self._clock.monotonic() + (wait_s if wished_s is None else wished_s * 1.1 + min(wait_s, wished_s))

    def _set_reachable(self, *, reachable: bool, reason: str) -> None:
        if reachable != self.reachable:
            _log.info("server_reachable" if reachable else "server_unreachable", reason=reason)
        self.reachable = reachable
        self._metrics.server_reachable.set(reachable)
