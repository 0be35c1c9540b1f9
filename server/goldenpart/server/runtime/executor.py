"""The one thread that owns the device: backbones, FAISS indexes and CUDA streams are touched by nobody else."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
import torch

from goldenpart.server.errors import ExecutorDeadError, GoldenpartError, InternalError, OverloadedError
from goldenpart.server.runtime.batch_queue import BatchQueue, Ticket
from goldenpart.server.runtime.loaded import LoadedRevision
from goldenpart.server.vision.inference import Query, ScoredQuery, score_batch
from goldenpart.server.vision.preparation import PreparedImage
from goldenpart.server.vision.recipe import Recipe

Result = TypeVar("Result")
_log = structlog.get_logger(__name__)

BACKGROUND_EVERY = 4
"""Under steady load one slice of Fit or Calibrate runs after so many batches, so that onboarding slows down but never stands still."""


@dataclass(frozen=True, slots=True, eq=False)
class DeviceJob:
    """A frame on its way through the device.

    Attributes:
        revision: that judges it; held until the answer is out, so no answer mixes two.
        prepared: the picture.
        answer: resolved by the executor thread.
        rescore: recipes to score it by as well.
    """

    revision: LoadedRevision
    prepared: PreparedImage
    answer: Future[JobAnswer]
    rescore: tuple[Recipe, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class JobAnswer:
    """What the device says about a frame.

    Attributes:
        scored: score, map and times.
        started: monotonic seconds when its batch began.
        batch_size: frames in that batch.
    """

    scored: ScoredQuery
    started: float
    batch_size: int


class DeviceExecutor:
    """Runs inspection batches first, slices of onboarding in between.

    Public methods may be called from any thread unless said otherwise.

    Args:
        queue: of frames; owned by this object from now on.
        on_batch: called on the executor thread after each batch with its size and its duration in seconds.
        on_death: called once, on the executor thread, if the thread ends for any reason but `stop`.
    """

    def __init__(
        self, queue: BatchQueue[DeviceJob], on_batch: Callable[[int, float], None], on_death: Callable[[BaseException], None]
    ) -> None:
        self._queue = queue
        self._on_batch = on_batch
        self._on_death = on_death
        self._slices: deque[Callable[[], None]] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._death: BaseException | None = None
        self._batches_since_slice = 0
        self._pending: set[Future[Any]] = set()
        self._thread = threading.Thread(target=self._run, name="device-executor", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread after the work in hand; whatever still waits fails. Blocks up to `timeout_s`."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    @property
    def alive(self) -> bool:
        """Whether work is still being done."""
        return self._death is None and self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Frames in the queue."""
        with self._wake:
            return len(self._queue)

    async def inspect(
        self, revision: LoadedRevision, prepared: PreparedImage, deadline: float | None, rescore: tuple[Recipe, ...] = ()
    ) -> JobAnswer:
        """Score a frame, also by other recipes. Cancelling the call withdraws the frame from the queue.

        Raises:
            ExecutorDeadError: the device is gone.
            InternalError: the frame broke the computation.
            OverloadedError: the device is out of memory.
        """
        answer: Future[JobAnswer] = Future()
        group = (id(revision.backbone), revision.detector.recipe.layers, prepared.pixels.shape)
        ticket = Ticket(group, DeviceJob(revision, prepared, answer, rescore), deadline, time.monotonic())
        with self._wake:
            self._accept(answer)
            self._queue.push(ticket)
            self._wake.notify()
        try:
            return await asyncio.wrap_future(answer)
        except asyncio.CancelledError:
            with self._wake:
                self._queue.withdraw(ticket)  # now, not at the next batch: its caller's room was given to another frame
            raise

    async def run_slice(self, work: Callable[[], Result]) -> Result:
        """Run a short piece of background work on the executor thread.

        Raises:
            ExecutorDeadError: the device is gone.
        """
        answer: Future[Result] = Future()
        with self._wake:
            self._accept(answer)
            self._slices.append(lambda: _resolve(answer, work))
            self._wake.notify()
        return await asyncio.wrap_future(answer)

    def _accept(self, answer: Future[Any]) -> None:
        if self._death is not None or self._stopping:
            raise ExecutorDeadError("The device executor has stopped; the server is going down. Send the work to another server.")
        self._pending.add(answer)
        answer.add_done_callback(self._pending.discard)

    def _run(self) -> None:
        try:
            while (work := self._next_work()) is not None:
                work()
        except BaseException as error:  # noqa: BLE001 - the thread's root: everybody who waits must learn of it
            _log.critical("device_executor_died", error=repr(error), exc_info=error)
            try:
                self._on_death(error)  # first: health must not say SERVING any more when the first caller learns of it
            finally:
                self._fail_everything(error)
        else:
            self._fail_everything(None)

    def _next_work(self) -> Callable[[], None] | None:
        with self._wake:
            while True:
                if self._stopping:
                    return None
                if self._slices and self._batches_since_slice >= BACKGROUND_EVERY:
                    return self._take_slice()
                if batch := self._queue.take():
                    self._batches_since_slice += 1
                    return lambda: self._run_batch(batch)
                if self._slices:
                    return self._take_slice()
                self._wake.wait(self._queue.due_in_s())

    def _take_slice(self) -> Callable[[], None]:
        self._batches_since_slice = 0
        return self._slices.popleft()

    def _run_batch(self, batch: Sequence[Ticket[DeviceJob]]) -> None:
        started = time.monotonic()
        for ticket, outcome in _score([ticket.payload for ticket in batch]):
            _deliver(ticket.answer, outcome if isinstance(outcome, GoldenpartError) else JobAnswer(outcome, started, len(batch)))
        self._on_batch(len(batch), time.monotonic() - started)

    def _fail_everything(self, death: BaseException | None) -> None:
        with self._wake:
            self._death = death
            self._stopping = True
            self._queue.drain()
            self._slices.clear()
            pending = list(self._pending)
        for answer in pending:
            _deliver(answer, ExecutorDeadError("The device executor stopped before the work was done; the server is going down."))


def _score(jobs: Sequence[DeviceJob]) -> Iterator[tuple[DeviceJob, ScoredQuery | GoldenpartError]]:
    """Score jobs together; if that breaks, halve the batch until the frame that breaks it is alone."""
    try:
        queries = [Query(job.revision.detector, job.prepared, job.rescore) for job in jobs]
        yield from zip(jobs, score_batch(jobs[0].revision.backbone, queries), strict=True)
    except torch.AcceleratorError:  # a CUDA context does not recover from these
        raise
    except Exception as error:  # noqa: BLE001 - one bad frame must not take its neighbours along
        if len(jobs) == 1:
            yield jobs[0], _explain(error, jobs[0])
            return
    else:
        return
    # Only here, where the error is gone: its traceback would keep the tensors of the failed batch on a device that may be full.
    middle = len(jobs) // 2
    yield from _score(jobs[:middle])
    yield from _score(jobs[middle:])


def _explain(error: Exception, job: DeviceJob) -> GoldenpartError:
    if isinstance(error, GoldenpartError):
        return error
    _log.error("frame_broke_device_work", category=job.revision.category, revision=job.revision.revision, exc_info=error)
    if isinstance(error, torch.OutOfMemoryError):
        shape = "x".join(map(str, job.prepared.pixels.shape[:2]))
        return OverloadedError(f"The device has no memory for a single {shape} px image; lower the recipe's resolution.", shape=shape)
    return InternalError(f"The frame broke the computation ({type(error).__name__}); the server's log says more.")


def _resolve(answer: Future[Result], work: Callable[[], Result]) -> None:
    if answer.cancelled():
        return
    try:
        result: Result | Exception = work()
    except torch.AcceleratorError:
        raise
    except Exception as error:  # noqa: BLE001 - belongs to whoever asked for the work
        result = error
    _deliver(answer, result)


def _deliver(answer: Future[Result], outcome: Result | Exception) -> None:
    try:
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
    except InvalidStateError:
        pass  # the caller was cancelled meanwhile
