"""Fit and Calibrate: pictures come in, a new revision goes out, and nothing is kept if the way breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from goldenpart.server.errors import InvalidArgumentError, OnboardingInProgressError, RateNotAttainableError, RecipeError
from goldenpart.server.registry.category_name import check_category_name
from goldenpart.server.registry.store import RevisionDraft, RevisionSummary, Store
from goldenpart.server.runtime.backbones import Backbones
from goldenpart.server.runtime.executor import DeviceExecutor
from goldenpart.server.runtime.intake import CalibrationIntake, GoldenIntake, LabelledPicture, NamedPicture
from goldenpart.server.runtime.loaded import LoadedRevision, LoadedRevisions
from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.bank import Bank
from goldenpart.server.vision.calibration import Calibration, CalibrationMethod, ThresholdRequest, calibrate, calibrate_left_out
from goldenpart.server.vision.fitting import BankBuilder, Progress, Shown, Stage, can_leave_one_out, left_out_scores
from goldenpart.server.vision.inference import BATCH_PICTURES, Query, batches_of_one_shape, score_batch
from goldenpart.server.vision.mask import InspectionMask
from goldenpart.server.vision.preparation import PreparedImage
from goldenpart.server.vision.recipe import Recipe

Item = TypeVar("Item")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OnboardingLimits:
    """What one onboarding may hold: pictures per Fit, per Calibrate, pixels per picture, encoded bytes of all golden parts."""

    golden_parts: int
    calibration_images: int
    image_pixels: int
    golden_bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class FitPlan:
    """What to learn and how."""

    category: str
    recipe: Recipe
    mask: InspectionMask | None
    threshold: ThresholdRequest
    stage_only: bool
    etag: str


@dataclass(frozen=True, slots=True)
class CalibrationPlan:
    """Which revision to calibrate and how; an empty revision means the active one."""

    category: str
    revision: str
    threshold: ThresholdRequest
    stage_only: bool
    etag: str


@dataclass(frozen=True, slots=True, eq=False)
class OnboardingResult:
    """What came of it.

    Attributes:
        revision: the new one.
        patches, patches_excluded: read, and left out by the mask, over all golden parts and angles; 0 for Calibrate.
        warnings: what a careful engineer should know.
    """

    revision: RevisionSummary
    patches: int
    patches_excluded: int
    warnings: tuple[str, ...]


Event = Progress | OnboardingResult
_CALIBRATE_METHODS = frozenset(CalibrationMethod) - {CalibrationMethod.LEAVE_ONE_OUT}
_FIT_METHODS = frozenset(CalibrationMethod) - {CalibrationMethod.CONFORMAL, CalibrationMethod.F1_MAX}
"""Leave-one-out scores do not keep the promise of split-conformal, and no golden part is defective."""


class Onboarding:
    """Learns categories, one onboarding per category at a time. Belongs to the event loop.

    Args:
        store: where revisions are kept.
        backbones: loaded networks.
        revisions: loaded revisions.
        executor: owner of the device; onboarding runs there in slices between inspections.
        pool: threads for decoding.
        limits: what one onboarding may hold.
    """

    def __init__(
        self,
        store: Store,
        backbones: Backbones,
        revisions: LoadedRevisions,
        executor: DeviceExecutor,
        pool: ThreadPoolExecutor,
        limits: OnboardingLimits,
    ) -> None:
        self._store = store
        self._backbones = backbones
        self._revisions = revisions
        self._executor = executor
        self._pool = pool
        self._limits = limits
        self._busy: set[str] = set()

    async def fit(self, plan: FitPlan, pictures: AsyncIterator[NamedPicture]) -> AsyncGenerator[Event]:
        """Learn a category from golden parts.

        Yields:
            Progress, and at last the result.

        Raises:
            InvalidArgumentError: a picture or the plan cannot be used; the message names it.
            OnboardingInProgressError: the category is being onboarded already.
            EtagMismatchError: the category changed meanwhile.
        """
        check_category_name(plan.category)
        _check_method(plan.threshold, _FIT_METHODS, "Fit has the golden parts alone; leave the method out, and run Calibrate afterwards.")
        with self._reserve(plan.category):
            backbone = await self._backbones.get(plan.recipe.backbone)
            _check_layers(plan.recipe, backbone)
            intake = GoldenIntake(plan.recipe, backbone.patch_size, plan.mask, self._pool, self._limits)
            async for picture in pictures:
                await intake.add(picture)
                yield Progress(Stage.RECEIVING, len(intake.images), 0)
            intake.check()
            builder = BankBuilder(backbone, plan.recipe, intake.shown)
            async for progress in self._in_slices(builder.steps()):
                yield progress
            bank = await self._executor.run_slice(lambda: Bank(builder.content(), plan.recipe, backbone.device))
            scores: list[float] = []
            async for score in self._left_out(bank, backbone, intake.shown):
                scores.append(score)
                yield Progress(Stage.CALIBRATING, len(scores), len(intake.shown))
            calibration, warnings = _calibrate_left_out(tuple(scores), plan.threshold)
            yield Progress(Stage.SAVING, 0, 1)
            draft = RevisionDraft(
                category=plan.category,
                recipe=plan.recipe,
                backbone_digest=backbone.digest,
                golden_images=tuple(intake.images),
                bank=bank.content,
                mask=plan.mask,
                calibration=calibration,
            )
            made = await asyncio.to_thread(self._store.add, draft, activate=not plan.stage_only, etag=plan.etag)
            excluded = sum(picture.excluded for shown in intake.shown for picture in shown)
            _log.info("category_fitted", category=plan.category, revision=made.revision, golden_parts=len(intake.images))
            yield OnboardingResult(made, builder.patches, excluded, warnings)

    async def calibrate(self, plan: CalibrationPlan, pictures: AsyncIterator[LabelledPicture]) -> AsyncGenerator[Event]:
        """Set a revision's threshold from labelled pictures.

        Yields:
            Progress, and at last the result.

        Raises:
            RateNotAttainableError: too few normal pictures; the message says how many more are needed.
            ImageInBankError: a picture is one of the golden parts.
            InvalidArgumentError: a picture or the plan cannot be used; the message names it.
            OnboardingInProgressError: the category is being onboarded already.
            EtagMismatchError: the category changed meanwhile.
        """
        check_category_name(plan.category)
        _check_method(
            plan.threshold, _CALIBRATE_METHODS, "It belongs to Fit; Calibrate has images that are not in the bank: use conformal."
        )
        with self._reserve(plan.category):
            revision = await self._revisions.get(plan.category, plan.revision)
            intake = CalibrationIntake(revision, self._pool, self._limits)
            async for picture in pictures:
                await intake.add(picture)
                yield Progress(Stage.RECEIVING, intake.received, 0)
                if len(intake.waiting) >= BATCH_PICTURES:
                    await self._score_waiting(revision, intake)
            await self._score_waiting(revision, intake)
            yield Progress(Stage.CALIBRATING, intake.received, intake.received)
            calibration = calibrate(intake.normal_scores, intake.defective_scores, plan.threshold)
            yield Progress(Stage.SAVING, 0, 1)
            made = await asyncio.to_thread(
                self._store.derive, plan.category, revision.revision, calibration, activate=not plan.stage_only, etag=plan.etag
            )
            _log.info("category_calibrated", category=plan.category, revision=made.revision, threshold=calibration.threshold)
            yield OnboardingResult(made, 0, 0, intake.warnings)

    @contextmanager
    def _reserve(self, category: str) -> Iterator[None]:
        if category in self._busy:
            raise OnboardingInProgressError(
                f"Category {category} is being fitted or calibrated by another call; try again when that has ended.", category=category
            )
        self._busy.add(category)
        try:
            yield
        finally:
            self._busy.discard(category)

    async def _in_slices(self, steps: Iterator[Item]) -> AsyncIterator[Item]:
        """Advance a generator on the executor thread, one step at a time."""
        while (step := await self._executor.run_slice(lambda: next(steps, None))) is not None:
            yield step

    async def _left_out(self, bank: Bank, backbone: Backbone, shown: list[Shown]) -> AsyncIterator[float]:
        if can_leave_one_out(bank.content):
            async for score in self._in_slices(left_out_scores(bank, backbone, shown)):
                yield score

    async def _score_waiting(self, revision: LoadedRevision, intake: CalibrationIntake) -> None:
        waiting: list[PreparedImage] = intake.waiting
        scores: dict[int, float] = {}
        for places in batches_of_one_shape(waiting):
            queries = [Query(revision.bank, waiting[place]) for place in places]
            answers = await self._executor.run_slice(partial(score_batch, revision.backbone, queries))
            scores.update({place: answer.scored.score for place, answer in zip(places, answers, strict=True)})
        intake.settle([scores[place] for place in range(len(waiting))])


def _check_method(request: ThresholdRequest, known: frozenset[CalibrationMethod], way_out: str) -> None:
    if request.method is not None and request.method not in known:
        raise InvalidArgumentError(
            f"The method {request.method} cannot be used here. {way_out}", field="threshold.method", method=request.method
        )


def _check_layers(recipe: Recipe, backbone: Backbone) -> None:
    try:
        backbone.dimension(recipe.layers)
    except ValueError as error:
        raise RecipeError(f"layers are {list(recipe.layers)[:8]}: {error}.", field="recipe.layers") from error


def _calibrate_left_out(scores: tuple[float, ...], request: ThresholdRequest) -> tuple[Calibration | None, tuple[str, ...]]:
    if len(scores) < 2:
        return None, (
            "The revision has no threshold: leaving one golden part out needs at least 2 of them with vectors in the bank. "
            "Run Calibrate with normal images before inspecting.",
        )
    try:
        calibration = calibrate_left_out(scores, request)
    except RateNotAttainableError as error:
        error.message += " Leave the method out, and Fit falls back to the tolerance limit."
        raise
    return calibration, ()
