"""The regression gate: a new revision must do no worse on a category's challenge set than the one that judges."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from goldenpart.server.errors import GoldenpartError, UnknownCategoryError
from goldenpart.server.registry.challenge_frame import ChallengeFrame
from goldenpart.server.registry.challenge_gate import ChallengeChange, ChallengeCounts, GateDecision, GateReport
from goldenpart.server.registry.store import Store
from goldenpart.server.runtime.executor import DeviceExecutor
from goldenpart.server.runtime.explanation import judge_scored
from goldenpart.server.runtime.learning import score_pictures
from goldenpart.server.runtime.loaded import LoadedRevision, LoadedRevisions
from goldenpart.server.vision.calibration import Calibration, Judgement
from goldenpart.server.vision.fitting import Progress, Stage
from goldenpart.server.vision.image import EncodedImage, Rgb8, decode
from goldenpart.server.vision.inference import BATCH_PICTURES, ScoredQuery
from goldenpart.server.vision.preparation import PreparedImage, prepare

_NAMED = 3
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JudgedFrame:
    """A challenge frame and what two revisions say about it: judgement and score, of the one before and of the one after."""

    frame: ChallengeFrame
    before: tuple[Judgement, float]
    after: tuple[Judgement, float]


class RegressionGate:
    """Compares revisions on challenge sets. Belongs to the event loop.

    Args:
        store: where challenge sets are kept.
        revisions: loaded revisions.
        executor: owner of the device; frames are scored there in slices between inspections.
        pool: threads for decoding.
    """

    def __init__(self, store: Store, revisions: LoadedRevisions, executor: DeviceExecutor, pool: ThreadPoolExecutor) -> None:
        self._store = store
        self._revisions = revisions
        self._executor = executor
        self._pool = pool

    async def compare(self, candidate: LoadedRevision, base: str, added_false_rejects: int) -> AsyncGenerator[Progress | GateReport]:
        """Compare a revision with the one that judges its category's parts now.

        Args:
            candidate: the new one; need not be in the store.
            base: what it was made from; compared with if no revision is active.
            added_false_rejects: that it may have beyond those of the other.

        Yields:
            Progress, and at last the report.

        Raises:
            DataLossError: the challenge set, or the revision compared with, is damaged.
            GoldenpartError: a frame cannot be inspected; the message names it.
        """
        reference = await self._revisions.get(candidate.category, self._active(candidate.category) or base)
        frames = await asyncio.to_thread(self._store.challenges.frames, candidate.category)
        if (known := _decide_without_frames(candidate, reference, frames)) is not None:
            yield known
            return
        golden = {part.pixel_digest for revision in (candidate, reference) for part in revision.golden_parts}
        idle = [frame for frame in frames if not frame.defective and frame.pixel_digest in golden]
        counted = [frame for frame in frames if frame not in idle]
        judged: list[JudgedFrame] = []
        async for batch in self._judge(counted, reference, candidate):
            judged += batch
            yield Progress(Stage.GATING, len(judged), len(counted))
        report = decide(judged, reference, candidate, added_false_rejects, tuple(frame.name for frame in idle))
        _log.info("gate_decided", category=candidate.category, decision=report.decision, compared_with=report.compared_with)
        yield report

    async def check(self, category: str, revision: str, added_false_rejects: int) -> None:
        """Compare a revision that is in the store with the active one, and keep what was found with it."""
        if revision == self._active(category):
            return
        candidate = await self._revisions.get(category, revision)
        async for event in self.compare(candidate, revision, added_false_rejects):
            if isinstance(event, GateReport):
                await asyncio.to_thread(self._store.record_gate, category, revision, event)

    def _active(self, category: str) -> str:
        try:
            return self._store.active_revision(category)
        except UnknownCategoryError:
            return ""

    async def _judge(
        self, frames: Sequence[ChallengeFrame], reference: LoadedRevision, candidate: LoadedRevision
    ) -> AsyncIterator[list[JudgedFrame]]:
        for start in range(0, len(frames), BATCH_PICTURES):
            batch = frames[start : start + BATCH_PICTURES]
            images = [await self._in_pool(frame, candidate.category) for frame in batch]
            before = await self._score(images, reference)
            after = await self._score(images, candidate)
            yield [JudgedFrame(*judged) for judged in zip(batch, before, after, strict=True)]

    async def _in_pool(self, frame: ChallengeFrame, category: str) -> Rgb8:
        def read() -> Rgb8:
            return decode(EncodedImage(self._store.challenges.picture(category, frame)))

        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, read)
        except GoldenpartError as error:
            error.message = f"Challenge frame {frame.name!r}: {error.message}"
            raise

    async def _score(self, images: Sequence[Rgb8], revision: LoadedRevision) -> list[tuple[Judgement, float]]:
        loop = asyncio.get_running_loop()
        shown = [await loop.run_in_executor(self._pool, _prepare, image, revision) for image in images]
        answers = await score_pictures(self._executor, revision, shown)

        def judge(picture: PreparedImage, answer: ScoredQuery) -> tuple[Judgement, float]:
            judgement = judge_scored(revision, picture, answer.scored)
            assert judgement is not None, "only calibrated revisions are compared"
            return judgement, answer.scored.score

        pairs = zip(shown, answers, strict=True)
        return [await loop.run_in_executor(self._pool, judge, picture, answer) for picture, answer in pairs]


def decide(
    judged: Sequence[JudgedFrame], reference: LoadedRevision, candidate: LoadedRevision, added_false_rejects: int, idle: tuple[str, ...]
) -> GateReport:
    """Weigh what two revisions say about the same frames: escapes may not increase, false rejects by `added_false_rejects` at most."""
    before = _count([(one.frame.defective, one.before[0]) for one in judged])
    after = _count([(one.frame.defective, one.after[0]) for one in judged])
    worse = tuple(_change(one, reference, candidate) for one in judged if _errs(one.frame, one.after[0], than=one.before[0]))
    better = tuple(_change(one, reference, candidate) for one in judged if _errs(one.frame, one.before[0], than=one.after[0]))
    escaped = after.escapes > before.escapes
    rejected = after.false_rejects > before.false_rejects + added_false_rejects
    words = [
        f"{_number(after.escapes, 'escape')}, {before.escapes} with {reference.revision}",
        f"{_number(after.false_rejects, 'false reject')}, {before.false_rejects} with {reference.revision}",
    ]
    if added_false_rejects:
        words[1] += f" and {added_false_rejects} more allowed"
    verdict = "It does worse on the challenge set" if escaped or rejected else "It does no worse on the challenge set"
    return GateReport(
        decision=GateDecision.HELD_BACK if escaped or rejected else GateDecision.PASSED,
        reason=f"{verdict}: {', '.join(words)}.{_name(worse)}",
        compared_with=reference.revision,
        gate_time=datetime.now(UTC),
        normals=sum(not one.frame.defective for one in judged),
        defectives=sum(one.frame.defective for one in judged),
        before=before,
        after=after,
        added_false_rejects_allowed=added_false_rejects,
        worse=worse,
        better=better,
        golden_frames=idle,
    )


def _number(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def hold_back(reason: str, compared_with: str) -> GateReport:
    """Report on a revision that cannot judge as it is asked to, whatever the challenge set says."""
    return GateReport(GateDecision.HELD_BACK, reason, compared_with, datetime.now(UTC))


def _decide_without_frames(candidate: LoadedRevision, reference: LoadedRevision, frames: Sequence[ChallengeFrame]) -> GateReport | None:
    now, category = datetime.now(UTC), candidate.category
    if candidate.calibration is None:
        return hold_back("It has no threshold; run Calibrate with normal images.", reference.revision)
    if not frames:
        reason = (
            f"The challenge set of {category} is empty, so nothing shows whether the revision is worse than {reference.revision}. "
            "Add labelled frames to it."
        )
        return GateReport(GateDecision.NOT_COMPARED, reason, reference.revision, now)
    if reference.calibration is None:
        reason = f"Revision {reference.revision} has no threshold, so there is nothing to compare with."
        return GateReport(GateDecision.NOT_COMPARED, reason, reference.revision, now)
    return None


def _prepare(image: Rgb8, revision: LoadedRevision) -> PreparedImage:
    return prepare(image, revision.detector.recipe, revision.backbone.patch_size, revision.mask)


def _calibration(revision: LoadedRevision) -> Calibration:
    assert revision.calibration is not None, "only revisions with a threshold are compared"
    return revision.calibration


def _count(judged: Sequence[tuple[bool, Judgement]]) -> ChallengeCounts:
    return ChallengeCounts(
        escapes=judged.count((True, Judgement.PASS)),
        false_rejects=judged.count((False, Judgement.FAIL)),
        reviews=sum(judgement is Judgement.REVIEW for _, judgement in judged),
    )


def _errs(frame: ChallengeFrame, judgement: Judgement, *, than: Judgement) -> bool:
    """Tell whether a judgement of a frame is an error and the other one is not."""
    error = Judgement.PASS if frame.defective else Judgement.FAIL
    return judgement is error and than is not error


def _change(one: JudgedFrame, reference: LoadedRevision, candidate: LoadedRevision) -> ChallengeChange:
    return ChallengeChange(
        pixel_digest=one.frame.pixel_digest,
        name=one.frame.name,
        defective=one.frame.defective,
        verdict_before=one.before[0],
        score_before=one.before[1],
        threshold_before=_calibration(reference).threshold,
        verdict_after=one.after[0],
        score_after=one.after[1],
        threshold_after=_calibration(candidate).threshold,
    )


def _name(worse: Sequence[ChallengeChange]) -> str:
    if not worse:
        return ""
    shown = ", ".join(f"{one.name!r} {one.verdict_before} -> {one.verdict_after}" for one in worse[:_NAMED])
    more = f" and {len(worse) - _NAMED} more" if len(worse) > _NAMED else ""
    return f" For the worse changed {shown}{more}."
