"""The path of a frame: admitted, decoded, batched, scored, explained. Every frame that enters leaves with exactly one outcome."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from goldenpart.server.errors import DeadlinePassedError, DrainingError, GoldenpartError, InternalError, OverloadedError
from goldenpart.server.runtime.admission import Admission
from goldenpart.server.runtime.executor import DeviceExecutor, JobAnswer
from goldenpart.server.runtime.explanation import explain
from goldenpart.server.runtime.feature_cache import FeatureCache
from goldenpart.server.runtime.golden_pictures import GoldenPictures
from goldenpart.server.runtime.inspection import Frame, Inspection, NotInspected, Outcome, Timings
from goldenpart.server.runtime.loaded import LoadedRevision, LoadedRevisions
from goldenpart.server.vision.drift import MeasuredFrame
from goldenpart.server.vision.frame_statistics import FrameStatistics, measure_frame
from goldenpart.server.vision.image import Rgb8, decode, read_size
from goldenpart.server.vision.preparation import PreparedImage, prepare
from goldenpart.server.vision.rescoring import scoring_recipe

Result = TypeVar("Result")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Decoded:
    image: Rgb8
    prepared: PreparedImage
    statistics: FrameStatistics
    decode_s: float


class Inspector:
    """Inspects frames of any mix of categories. Belongs to the event loop.

    Args:
        revisions: loaded revisions.
        executor: owner of the device.
        admission: how much may be in the server.
        pool: threads for decoding and drawing; OpenCV releases the GIL there.
        max_pixels: largest picture.
        on_outcome: called for every outcome, for metrics.
        on_refusal: called with the number of frames of a call that was not let in.
        pictures: of golden parts, for explanations; without them these have no picture.
        features: that frames may reuse; without them none are.
    """

    def __init__(
        self,
        revisions: LoadedRevisions,
        executor: DeviceExecutor,
        admission: Admission,
        pool: ThreadPoolExecutor,
        max_pixels: int,
        on_outcome: Callable[[Outcome], None],
        on_refusal: Callable[[GoldenpartError, int], None],
        pictures: GoldenPictures | None = None,
        features: FeatureCache | None = None,
    ) -> None:
        self._revisions = revisions
        self._executor = executor
        self._admission = admission
        self._pool = pool
        self._max_pixels = max_pixels
        self._on_outcome = on_outcome
        self._on_refusal = on_refusal
        self._pictures = pictures
        self._features = features

    async def inspect(self, frames: Sequence[Frame | NotInspected]) -> list[Outcome]:
        """Inspect the frames of a call together.

        Args:
            frames: what came in; frames whose fields were wrong are outcomes already.

        Returns:
            One outcome per frame, in order.

        Raises:
            OverloadedError: there is no room for all of them; none was started.
            DrainingError: the server is shutting down.
        """
        try:
            return await self._inspect(frames)
        except (OverloadedError, DrainingError) as refusal:
            self._on_refusal(refusal, len(frames))
            raise

    async def inspect_one(self, frame: Frame | NotInspected) -> Outcome:
        """Inspect a frame of a stream; a refusal is its outcome."""
        try:
            [outcome] = await self._inspect([frame])
        except (OverloadedError, DrainingError) as refusal:
            outcome = NotInspected(frame.frame_id, frame.category, refusal, 0.0)
            self._on_outcome(outcome)
        return outcome

    async def _inspect(self, frames: Sequence[Frame | NotInspected]) -> list[Outcome]:
        arrived = time.monotonic()
        pixels = [self._count_pixels(frame, arrived) for frame in frames]
        sound = [count for count in pixels if isinstance(count, int)]
        with self._admission.admit(len(sound), sum(sound)):
            outcomes = await asyncio.gather(
                *(
                    self._inspect_frame(frame, arrived) if isinstance(frame, Frame) and isinstance(count, int) else _already(count)
                    for frame, count in zip(frames, pixels, strict=True)
                )
            )
        for outcome in outcomes:
            self._on_outcome(outcome)
        return outcomes

    def _count_pixels(self, frame: Frame | NotInspected, arrived: float) -> int | NotInspected:
        if isinstance(frame, NotInspected):
            return frame
        try:
            return read_size(frame.source, self._max_pixels).pixels
        except GoldenpartError as error:
            return NotInspected(frame.frame_id, frame.category, error, time.monotonic() - arrived)

    async def _inspect_frame(self, frame: Frame, arrived: float) -> Outcome:
        deadline = asyncio.timeout_at(frame.deadline)
        try:
            async with deadline:
                return await self._run_stages(frame, arrived)
        except GoldenpartError as known:
            error = known
        except Exception as unknown:  # noqa: BLE001 - the task's root: a defect of ours must not cost the other frames their answers
            error = _too_late(frame, arrived) if deadline.expired() else _broken(frame, unknown)
        return NotInspected(frame.frame_id, frame.category, error, time.monotonic() - arrived)

    async def _run_stages(self, frame: Frame, arrived: float) -> Inspection:
        revision = await self._revisions.get(frame.category, frame.revision)
        if frame.wanted.reuse_features and self._features is not None:
            revision = replace(revision, backbone=self._features.over(revision.backbone))
        rescore = tuple(scoring_recipe(revision.detector.recipe, knobs) for knobs in frame.wanted.rescore)
        decoded = await self._in_pool(lambda: _decode(frame, revision))
        answer = await self._executor.inspect(revision, decoded.prepared, frame.deadline, rescore)
        inspection = await self._in_pool(lambda: _conclude(frame, revision, decoded, answer, arrived, self._pictures))
        return _with_total(inspection, arrived)

    async def _in_pool(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _too_late(frame: Frame, arrived: float) -> GoldenpartError:
    return DeadlinePassedError(
        f"The verdict on frame {frame.frame_id} was not ready in time ({time.monotonic() - arrived:.3f} s after arrival). "
        "Allow more time, or send less at once."
    )


def _broken(frame: Frame, error: Exception) -> GoldenpartError:
    _log.error("frame_broke_inspection", frame_id=frame.frame_id, category=frame.category, exc_info=error)
    return InternalError(f"The inspection broke ({type(error).__name__}); the server's log says more.")


async def _already(outcome: int | NotInspected) -> Outcome:
    assert isinstance(outcome, NotInspected), "a frame with a size is inspected"
    return outcome


def _decode(frame: Frame, revision: LoadedRevision) -> _Decoded:
    started = time.monotonic()
    image = decode(frame.source)
    prepared = prepare(image, revision.detector.recipe, revision.backbone.patch_size, revision.mask)
    return _Decoded(image, prepared, measure_frame(prepared), time.monotonic() - started)


def _conclude(
    frame: Frame, revision: LoadedRevision, decoded: _Decoded, answer: JobAnswer, arrived: float, pictures: GoldenPictures | None
) -> Inspection:
    started = time.monotonic()
    timings = Timings(
        queue_s=max(0.0, answer.started - arrived - decoded.decode_s),
        decode_s=decoded.decode_s,
        backbone_s=answer.scored.backbone_s,
        search_s=answer.scored.search_s,
        post_s=0.0,
        total_s=0.0,
        batch_size=answer.batch_size,
    )
    inspection = explain(frame, revision, decoded.image, decoded.prepared, decoded.statistics, answer.scored.scored, timings, pictures)
    drift = revision.drift_scale.place(MeasuredFrame(decoded.statistics, answer.scored.token, inspection.score))
    timed = replace(timings, post_s=time.monotonic() - started)
    return replace(inspection, rescored=answer.scored.rescored, drift=drift, timings=timed)


def _with_total(inspection: Inspection, arrived: float) -> Inspection:
    return replace(inspection, timings=replace(inspection.timings, total_s=time.monotonic() - arrived))
