"""Choosing pictures: which frames of a pool to label next. Changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from goldenpart.server.errors import FailedPreconditionError, ImageError, InvalidArgumentError
from goldenpart.server.registry.category_name import check_category_name
from goldenpart.server.runtime.executor import DeviceExecutor
from goldenpart.server.runtime.intake import NamedPicture
from goldenpart.server.runtime.loaded import LoadedRevision, LoadedRevisions
from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.bank import Bank
from goldenpart.server.vision.coverage import Coverage, novelty_of, reach_of
from goldenpart.server.vision.curation import KEPT_PATCHES, PoolFrame, Suggestion, rank_frames
from goldenpart.server.vision.fitting import Progress, Stage
from goldenpart.server.vision.image import decode, pixel_digest, read_size
from goldenpart.server.vision.inference import BATCH_PICTURES, Query, batches_of_one_shape, embed
from goldenpart.server.vision.preparation import PreparedImage, prepare
from goldenpart.server.vision.scoring import score_patches

MOST_POOL_FRAMES = 1000
"""Each frame is compared with every other one, so time and memory grow with the square."""
DEFAULT_COUNT = 10
_REPEATED, _UNREADABLE = "repeat pixels", "cannot be read"
_NAMED_FRAMES = 3  # that were left out, for each reason


@dataclass(frozen=True, slots=True)
class SuggestPlan:
    """For which bank, and how many.

    Attributes:
        category, revision: whose bank and threshold; an empty revision means the active one.
        count: rank at most so many frames; 0 means `DEFAULT_COUNT`.
    """

    category: str
    revision: str
    count: int

    def __post_init__(self) -> None:
        check_category_name(self.category)
        if not 0 <= self.count <= MOST_POOL_FRAMES:
            raise InvalidArgumentError(f"count is {self.count}; it must be 1 to {MOST_POOL_FRAMES}, or 0 for 10.", field="config.count")


@dataclass(frozen=True, slots=True)
class SuggestResult:
    """The ranking.

    Attributes:
        revision: the frames were compared with.
        frames: that came.
        suggestions: best first.
        reach: distance up to which a patch counts as covered.
        uncovered_share: share of the pool's patches beyond it.
        warnings: what a careful engineer should know.
    """

    revision: str
    frames: int
    suggestions: tuple[Suggestion, ...]
    reach: float
    uncovered_share: float
    warnings: tuple[str, ...]


class FrameSuggester:
    """Ranks unlabelled frames. Belongs to the event loop.

    Args:
        revisions: loaded revisions.
        executor: owner of the device; the work runs there in slices between inspections.
        pool: threads for decoding.
        image_pixels: largest picture.
    """

    def __init__(self, revisions: LoadedRevisions, executor: DeviceExecutor, pool: ThreadPoolExecutor, image_pixels: int) -> None:
        self._revisions = revisions
        self._executor = executor
        self._pool = pool
        self._image_pixels = image_pixels

    async def suggest(self, plan: SuggestPlan, pictures: AsyncIterator[NamedPicture]) -> AsyncGenerator[Progress | SuggestResult]:
        """Rank frames by what labelling them would teach.

        Yields:
            Progress, and at last the result.

        Raises:
            InvalidArgumentError: no frame came, too many, or none can be used.
            FailedPreconditionError: the revision has no bank to compare with.
        """
        revision = await self._revisions.get(plan.category, plan.revision)
        bank = _bank_of(revision)
        reach = await self._executor.run_slice(partial(reach_of, bank.content, bank.recipe.metric, bank.device))
        intake = _PoolIntake(revision, self._pool, self._image_pixels)
        frames: list[PoolFrame] = []
        async for picture in pictures:
            await intake.add(picture)
            yield Progress(Stage.RECEIVING, intake.received, 0)
            if len(intake.waiting) >= BATCH_PICTURES:
                frames += await self._measure(revision.backbone, bank, intake.take(), reach)
        frames += await self._measure(revision.backbone, bank, intake.take(), reach)
        intake.check(len(frames))
        frames.sort(key=lambda frame: frame.place)
        coverage = Coverage([frame.novelty for frame in frames], reach, bank.recipe.metric, bank.device)
        steps = coverage.steps()
        while (done := await self._executor.run_slice(lambda: next(steps, None))) is not None:
            yield Progress(Stage.COMPARING, done, len(frames))
        threshold = None if revision.calibration is None else revision.calibration.threshold
        ranked = await self._executor.run_slice(partial(rank_frames, frames, coverage, threshold, plan.count or DEFAULT_COUNT))
        uncovered = sum(frame.novelty.uncovered for frame in frames) / sum(frame.novelty.patches for frame in frames)
        warnings = (*intake.warnings(), *_warnings(revision, ranked, plan.count or DEFAULT_COUNT, len(frames)))
        yield SuggestResult(revision.revision, intake.received, ranked, reach, uncovered, warnings)

    async def _measure(self, backbone: Backbone, bank: Bank, waiting: list[_Waiting], reach: float) -> list[PoolFrame]:
        frames: list[PoolFrame] = []
        for places in batches_of_one_shape([each.prepared for each in waiting]):
            batch = [waiting[place] for place in places]
            frames += await self._executor.run_slice(partial(_measure_batch, backbone, bank, batch, reach))
        return frames


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    name: str
    place: int
    prepared: PreparedImage


class _PoolIntake:
    """Takes frames one by one; those that cannot be used are left out, and told of."""

    def __init__(self, revision: LoadedRevision, pool: ThreadPoolExecutor, image_pixels: int) -> None:
        self._revision = revision
        self._pool = pool
        self._image_pixels = image_pixels
        self._known = {part.pixel_digest: f"golden part {part.name!r}" for part in revision.golden_parts}
        self._left_out: dict[str, list[str]] = {}  # frames in words, by reason; reasons in the order in which they came up
        self.received = 0
        self.waiting: list[_Waiting] = []

    async def add(self, picture: NamedPicture) -> None:
        """Take the next frame of the upload; one that cannot be ranked is left out with a warning.

        Raises:
            InvalidArgumentError: there are too many frames, or this one's name is too long or empty.
        """
        place = self.received
        if place >= MOST_POOL_FRAMES:
            raise InvalidArgumentError(
                f"More than {MOST_POOL_FRAMES} frames were sent; send a sample of them, a few hundred tell enough.",
                field="frame",
                limit=MOST_POOL_FRAMES,
            )
        if not 1 <= len(picture.name) <= 255:
            raise InvalidArgumentError(
                f"The name of frame {place} has {len(picture.name)} characters; it must have 1 to 255.", field="frame.name"
            )
        self.received += 1
        try:
            digest, prepared = await asyncio.get_running_loop().run_in_executor(self._pool, self._prepare, picture)
        except ImageError as error:
            self._left_out.setdefault(_UNREADABLE, []).append(f"{picture.name!r}: {error.message.rstrip('.')}")
            return
        if (twin := self._known.get(digest)) is not None:
            self._left_out.setdefault(_REPEATED, []).append(f"{picture.name!r} those of {twin}")
            return
        self._known[digest] = f"frame {picture.name!r}"
        self.waiting.append(_Waiting(picture.name, place, prepared))

    def take(self) -> list[_Waiting]:
        taken, self.waiting = self.waiting, []
        return taken

    def check(self, usable: int) -> None:
        if not usable:
            raise InvalidArgumentError(f"{self.received} frames came, and none can be ranked.{self._reasons()}", field="frame")

    def warnings(self) -> tuple[str, ...]:
        if not self._left_out:
            return ()
        number = sum(map(len, self._left_out.values()))
        return (f"{number} {'frame was' if number == 1 else 'frames were'} left out.{self._reasons()}",)

    def _reasons(self) -> str:
        return "".join(f" {_group_text(reason, frames)}" for reason, frames in self._left_out.items())

    def _prepare(self, picture: NamedPicture) -> tuple[str, PreparedImage]:
        read_size(picture.source, self._image_pixels)
        image = decode(picture.source)
        revision = self._revision
        return pixel_digest(image), prepare(image, revision.detector.recipe, revision.backbone.patch_size, revision.mask)


def _group_text(reason: str, frames: Sequence[str]) -> str:
    more = len(frames) - _NAMED_FRAMES
    return f"{len(frames)} {reason}: {'; '.join(frames[:_NAMED_FRAMES])}{f'; and {more} more' if more > 0 else ''}."


def _bank_of(revision: LoadedRevision) -> Bank:
    if isinstance(revision.detector, Bank):
        return revision.detector
    raise FailedPreconditionError(
        f"Revision {revision.revision} of {revision.category} judges by the detector {revision.detector.recipe.detector}, which keeps no "
        "patches to compare frames with. Name a revision with a bank.",
        field="config.revision",
    )


def _measure_batch(backbone: Backbone, bank: Bank, batch: list[_Waiting], reach: float) -> list[PoolFrame]:
    pictures = embed(backbone, [Query(bank, each.prepared) for each in batch])
    frames = []
    for each, picture, measured in zip(batch, pictures, bank.measure(pictures), strict=True):
        vectors = picture.vectors(bank.recipe, bank.content.centre)
        assert measured.origin_distances is not None, "a bank knows what is nearest"
        novelty = novelty_of(vectors, measured.origin_distances, reach, KEPT_PATCHES)
        frames.append(PoolFrame(each.name, each.place, score_patches(measured, each.prepared, bank.recipe).score, novelty))
    return frames


def _warnings(revision: LoadedRevision, ranked: tuple[Suggestion, ...], count: int, frames: int) -> tuple[str, ...]:
    found = []
    if revision.calibration is None:
        found.append("The revision has no threshold, so nothing is known about how close scores are to it; run Calibrate.")
    if len(ranked) < min(count, frames):
        found.append(
            f"Only {len(ranked)} of {frames} frames are worth a label: the others repeat them, or the bank covers them and their scores "
            "are far from the threshold."
        )
    return tuple(found)
