"""Fit and Calibrate: pictures come in, a new revision goes out, and nothing is kept if the way breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog

from goldenpart.server.errors import InvalidArgumentError, OnboardingInProgressError, RateNotAttainableError, RecipeError
from goldenpart.server.registry.category_name import check_category_name
from goldenpart.server.registry.challenge_gate import GateReport
from goldenpart.server.registry.store import RevisionDraft, RevisionSummary, Store
from goldenpart.server.runtime.backbones import Backbones
from goldenpart.server.runtime.drift import measure_golden
from goldenpart.server.runtime.executor import DeviceExecutor
from goldenpart.server.runtime.feature_cache import FeatureCache
from goldenpart.server.runtime.gate import RegressionGate
from goldenpart.server.runtime.intake import CalibrationIntake, GoldenIntake, LabelledPicture, NamedPicture
from goldenpart.server.runtime.learning import in_slices, left_out, score_waiting
from goldenpart.server.runtime.loaded import LoadedRevision, LoadedRevisions
from goldenpart.server.runtime.onboarding_plans import CalibrationPlan, FitPlan
from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.calibration import (
    Calibration,
    CalibrationMethod,
    Judgement,
    Scores,
    ThresholdRequest,
    calibrate,
    calibrate_left_out,
    normals_needed,
)
from goldenpart.server.vision.detectors.catalogue import open_builder
from goldenpart.server.vision.drift import golden_reference, normal_reference
from goldenpart.server.vision.fitting import Progress, Stage
from goldenpart.server.vision.inference import BATCH_PICTURES, ScoredQuery
from goldenpart.server.vision.recipe import DetectorKind, Recipe
from goldenpart.server.vision.scoring import ScoredImage

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OnboardingLimits:
    """What one onboarding may hold: pictures per Fit, per Calibrate, pixels per picture, encoded bytes of all golden parts.

    Of the pictures of a Calibrate so many, and so many bytes of them, are kept with the revision.
    """

    golden_parts: int
    calibration_images: int
    image_pixels: int
    golden_bytes: int
    kept_images: int = 1000
    kept_bytes: int = 256 << 20


@dataclass(frozen=True, slots=True, eq=False)
class OnboardingResult:
    """What came of it.

    Attributes:
        revision: the new one.
        patches, patches_excluded: read, and left out by the mask, over all golden parts and angles; 0 for Calibrate.
        warnings: what a careful engineer should know.
        gate: what a gate said; None without one.
    """

    revision: RevisionSummary
    patches: int
    patches_excluded: int
    warnings: tuple[str, ...]
    gate: GateReport | None = None


Event = Progress | OnboardingResult
_WIDE_LIMIT = 1.5  # times the highest score
_CALIBRATE_METHODS = frozenset(CalibrationMethod) - {CalibrationMethod.LEAVE_ONE_OUT, CalibrationMethod.MANUAL}
_FIT_METHODS = frozenset(CalibrationMethod) - {CalibrationMethod.CONFORMAL, CalibrationMethod.F1_MAX, CalibrationMethod.MANUAL}
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
        gate: compares revisions.
        features: that plans may reuse.
    """

    def __init__(
        self,
        store: Store,
        backbones: Backbones,
        revisions: LoadedRevisions,
        executor: DeviceExecutor,
        pool: ThreadPoolExecutor,
        limits: OnboardingLimits,
        gate: RegressionGate,
        features: FeatureCache,
    ) -> None:
        self._store = store
        self._backbones = backbones
        self._revisions = revisions
        self._executor = executor
        self._pool = pool
        self._limits = limits
        self._gate = gate
        self._features = features
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
        with self.reserve(plan.category):
            backbone = self._features.over(await self._backbones.get(plan.recipe.backbone), wanted=plan.reuse_features)
            _check_layers(plan.recipe, backbone)
            intake = GoldenIntake(plan.recipe, backbone.patch_size, plan.mask, self._pool, self._limits)
            async for picture in pictures:
                await intake.add(picture)
                yield Progress(Stage.RECEIVING, len(intake.images), 0)
            intake.check()
            builder = open_builder(backbone, plan.recipe, intake.shown)
            async for progress in in_slices(self._executor, builder.steps()):
                yield progress
            scored: list[ScoredQuery] = []
            if not plan.without_threshold:
                async for one in left_out(self._executor, builder, backbone, intake.shown):
                    scored.append(one)
                    yield Progress(Stage.CALIBRATING, len(scored), len(intake.shown))
            calibration, warnings = _first_calibration(plan, [one.scored for one in scored])
            tokens = [one.token for one in scored]
            golden = await measure_golden(self._executor, self._pool, builder.detector, backbone, intake.shown, tokens)
            yield Progress(Stage.SAVING, 0, 1)
            draft = RevisionDraft(
                category=plan.category,
                recipe=plan.recipe,
                backbone_digest=backbone.digest,
                golden_images=tuple(intake.images),
                detector_content=builder.detector.content,
                mask=plan.mask,
                calibration=calibration,
                drift=golden_reference(golden),
            )
            made = await asyncio.to_thread(self._store.add, draft, activate=not plan.stays_staged, etag=plan.etag)
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
        _check_method(plan.threshold, _CALIBRATE_METHODS, "Calibrate has images that are not in the bank: use conformal.")
        with self.reserve(plan.category):
            revision = await self._revisions.get(plan.category, plan.revision)
            revision = replace(revision, backbone=self._features.over(revision.backbone, wanted=plan.reuse_features))
            intake = CalibrationIntake(revision, self._pool, self._limits)
            async for picture in pictures:
                await intake.add(picture)
                yield Progress(Stage.RECEIVING, intake.received, 0)
                if len(intake.waiting) >= BATCH_PICTURES:
                    await score_waiting(self._executor, revision, intake)
            await score_waiting(self._executor, revision, intake)
            yield Progress(Stage.CALIBRATING, intake.received, intake.received)
            calibration = calibrate(intake.normal_scores, intake.defective_scores, plan.threshold, intake.normal_peaks)
            gate: GateReport | None = None
            etag = plan.etag
            if plan.gate or await self._is_held_back(revision):
                etag = etag or self._store.etag(plan.category)  # what is compared with must still judge when the new one takes over
                async for event in self._gate.compare(
                    replace(revision, calibration=calibration), revision.revision, plan.added_false_rejects
                ):
                    if isinstance(event, GateReport):
                        gate = event
                    else:
                        yield event
            yield Progress(Stage.SAVING, 0, 1)
            made = await asyncio.to_thread(
                self._store.derive,
                plan.category,
                revision.revision,
                calibration,
                activate=not plan.stage_only,
                etag=etag,
                drift=normal_reference(revision.drift, intake.normal_frames),
                images=intake.sample.kept,
                gate=gate,
            )
            _log.info("category_calibrated", category=plan.category, revision=made.revision, threshold=calibration.threshold)
            yield OnboardingResult(made, 0, 0, intake.warnings, gate)

    async def _is_held_back(self, revision: LoadedRevision) -> bool:
        summary = await asyncio.to_thread(self._store.revision, revision.category, revision.revision)
        return summary.gate is not None and summary.gate.holds_back

    @contextmanager
    def reserve(self, category: str) -> Iterator[None]:
        """Keep a category to one onboarding.

        Raises:
            OnboardingInProgressError: another call has it.
        """
        if category in self._busy:
            raise OnboardingInProgressError(
                f"Category {category} is being fitted or calibrated by another call; try again when that has ended.", category=category
            )
        self._busy.add(category)
        try:
            yield
        finally:
            self._busy.discard(category)


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


def _first_calibration(plan: FitPlan, scored: Sequence[ScoredImage]) -> tuple[Calibration | None, tuple[str, ...]]:
    if plan.without_threshold:
        return None, ("The revision is staged and has no threshold, as wanted. Run Calibrate on it with normal images; that activates it.",)
    if plan.recipe.detector is DetectorKind.AUTOENCODER:
        return None, (
            "The revision is staged and has no threshold: an autoencoder is not trained once more for each golden part that is left out. "
            "Run Calibrate on this revision with normal images; that activates it.",
        )
    return _calibrate_left_out(tuple(one.score for one in scored), plan.threshold, tuple(one.peak for one in scored))


def _calibrate_left_out(scores: Scores, request: ThresholdRequest, peaks: Scores = ()) -> tuple[Calibration | None, tuple[str, ...]]:
    if len(scores) < 2:
        return None, (
            "The revision has no threshold: leaving one golden part out needs at least 2 of them with vectors in the bank. "
            "Run Calibrate with normal images before inspecting.",
        )
    try:
        calibration = calibrate_left_out(scores, request, peaks)
    except RateNotAttainableError as error:
        error.message += " Leave the method out, and Fit falls back to the tolerance limit."
        raise
    return calibration, _limit_warnings(calibration)


def _limit_warnings(calibration: Calibration) -> tuple[str, ...]:
    highest = max(calibration.normal_scores)
    if calibration.method is not CalibrationMethod.TOLERANCE_LIMIT or calibration.threshold <= _WIDE_LIMIT * highest:
        return ()
    needed = normals_needed(calibration.false_reject_rate)
    between = Judgement.PASS if calibration.review_threshold is None else Judgement.REVIEW
    return (
        f"The threshold is {calibration.threshold / highest:.2g} times the highest score of the {len(calibration.normal_scores)} golden "
        f"parts, to be sure of its rate with so few. A defect between the two gets {between}. Calibrate with {needed} or more good parts "
        "that are no golden parts.",
    )
