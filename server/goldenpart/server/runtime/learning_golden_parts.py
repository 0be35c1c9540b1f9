"""Online learning: golden parts come to a revision or go from it, and a new one takes its place if it is no worse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import count

import structlog

from goldenpart.server.errors import InvalidArgumentError, NotFoundError
from goldenpart.server.registry.category_name import check_category_name
from goldenpart.server.registry.challenge_gate import GateReport
from goldenpart.server.registry.store import RevisionDraft, RevisionSummary, Store
from goldenpart.server.runtime.executor import DeviceExecutor
from goldenpart.server.runtime.gate import RegressionGate, hold_back
from goldenpart.server.runtime.intake import GoldenIntake, NamedPicture
from goldenpart.server.runtime.learning import in_slices
from goldenpart.server.runtime.learning_recalibration import Evidence, Recalibration
from goldenpart.server.runtime.loaded import LoadedRevision, LoadedRevisions
from goldenpart.server.runtime.onboarding import Onboarding, OnboardingLimits
from goldenpart.server.vision.calibration import ThresholdRequest
from goldenpart.server.vision.detectors.catalogue import open_builder
from goldenpart.server.vision.fitting import Progress, Stage
from goldenpart.server.vision.image import EncodedImage
from goldenpart.server.vision.mask import InspectionMask

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GoldenPartsPlan:
    """Whose golden parts change, and how.

    Attributes:
        category: whose.
        revision: to start from; empty means the active one.
        threshold: wanted; None means the one its calibration was asked for.
        stage_only: whether the new revision stays staged whatever the gate says.
        etag: refuses another state of the category than this; empty agrees to any.
        added_false_rejects: on the challenge set that the new revision may have beyond those of the active one.
    """

    category: str
    revision: str
    threshold: ThresholdRequest | None
    stage_only: bool
    etag: str
    added_false_rejects: int


@dataclass(frozen=True, slots=True, eq=False)
class GoldenPartsResult:
    """What came of it.

    Attributes:
        revision: the new one.
        base_revision: it was made from.
        active: whether it judges.
        gate: what the gate said.
        left_out: names of calibration images that were left out because they are golden parts now.
        warnings: what a careful engineer should know.
    """

    revision: RevisionSummary
    base_revision: str
    active: bool
    gate: GateReport
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]


Event = Progress | GoldenPartsResult


class GoldenPartLearning:
    """Adds golden parts and removes them. Belongs to the event loop.

    The new bank is built from the pictures of all golden parts by the same code as in Fit: removing a part gives the bank that Fit
    without it gives, byte for byte, and adding parts the one that Fit with all of them gives. So no vector of a removed part is left.

    Args:
        store: where revisions are kept.
        revisions: loaded revisions.
        executor: owner of the device; learning runs there in slices between inspections.
        pool: threads for decoding.
        limits: what one onboarding may hold.
        onboarding: keeps a category to one onboarding at a time.
        gate: compares revisions.
    """

    def __init__(
        self,
        store: Store,
        revisions: LoadedRevisions,
        executor: DeviceExecutor,
        pool: ThreadPoolExecutor,
        limits: OnboardingLimits,
        onboarding: Onboarding,
        gate: RegressionGate,
    ) -> None:
        self._store = store
        self._revisions = revisions
        self._executor = executor
        self._pool = pool
        self._limits = limits
        self._onboarding = onboarding
        self._gate = gate

    async def add(self, plan: GoldenPartsPlan, pictures: AsyncIterator[NamedPicture]) -> AsyncGenerator[Event]:
        """Add golden parts. One whose name a former part has gets a number appended to it.

        Yields:
            Progress, and at last the result.

        Raises:
            InvalidArgumentError: a picture or the plan cannot be used; the message names it.
            DuplicateGoldenPartError: a picture is a golden part already.
            OnboardingInProgressError: the category is being onboarded already.
            EtagMismatchError: the category changed meanwhile; nothing was added.
            DataLossError: a file of the base revision or of the challenge set is damaged.
        """
        check_category_name(plan.category)
        with self._onboarding.reserve(plan.category):
            base = await self._revisions.get(plan.category, plan.revision)
            intake = await self._take_golden_parts(base, None)
            taken = {part.name for part in base.golden_parts}
            async for picture in pictures:
                await intake.add(replace(picture, name=_distinct(picture.name, taken)))
                yield Progress(Stage.RECEIVING, len(intake.images) - len(base.golden_parts), 0)
            if len(intake.images) == len(base.golden_parts):
                raise InvalidArgumentError("AddGoldenParts got 0 images; send at least 1.", field="image")
            async with aclosing(self._learn(plan, base, intake)) as events:
                async for event in events:
                    yield event

    async def remove(self, plan: GoldenPartsPlan, part: int | str) -> AsyncGenerator[Event]:
        """Remove a golden part, by index or name.

        Yields:
            Progress, and at last the result.

        Raises:
            NotFoundError: there is no such golden part.
            InvalidArgumentError: it is the only one.
            OnboardingInProgressError, EtagMismatchError, DataLossError: as in `add`.
        """
        check_category_name(plan.category)
        with self._onboarding.reserve(plan.category):
            base = await self._revisions.get(plan.category, plan.revision)
            index = _find(base, part)
            if len(base.golden_parts) == 1:
                raise InvalidArgumentError(
                    f"{base.golden_parts[0].name!r} is the only golden part of {base.revision}; nothing would be left. Add another first.",
                    field="part",
                )
            intake = await self._take_golden_parts(base, index)
            async with aclosing(self._learn(plan, base, intake)) as events:
                async for event in events:
                    yield event

    async def refit(self, plan: GoldenPartsPlan, base: LoadedRevision, mask: InspectionMask) -> AsyncGenerator[Event]:
        """Learn the same golden parts again where other places are inspected. The caller keeps the category reserved.

        Yields:
            Progress, and at last the result.

        Raises:
            NothingToInspectError: the mask leaves no patch of a golden part.
            EtagMismatchError, DataLossError: as in `add`.
        """
        masked = replace(base, mask=mask)
        intake = await self._take_golden_parts(masked, None)
        async for event in self._learn(plan, masked, intake):
            yield event

    async def _take_golden_parts(self, base: LoadedRevision, but: int | None) -> GoldenIntake:
        """Read the golden parts of a revision as if they were sent again."""
        intake = GoldenIntake(base.detector.recipe, base.backbone.patch_size, base.mask, self._pool, self._limits)
        for part in base.golden_parts:
            if part.index != but:
                data, _ = await asyncio.to_thread(self._store.golden_image, base.category, base.revision, part.index)
                await intake.add(NamedPicture(part.name, EncodedImage(data)))
        return intake

    async def _learn(self, plan: GoldenPartsPlan, base: LoadedRevision, intake: GoldenIntake) -> AsyncGenerator[Event]:
        kept = await asyncio.to_thread(self._store.calibration_images, base.category, base.revision)
        evidence = Evidence(base, kept, plan.threshold)
        evidence.request()
        builder = open_builder(base.backbone, base.detector.recipe, intake.shown)
        async for progress in in_slices(self._executor, builder.steps()):
            yield progress
        parts = tuple(image.part for image in intake.images)
        candidate = LoadedRevision(plan.category, "", base.backbone, builder.detector, None, base.mask, parts)
        recalibration = Recalibration(self._store, self._executor, self._pool, self._limits)
        async for progress in recalibration.run(evidence, candidate, builder, intake.shown):
            yield progress
        etag = plan.etag or self._store.etag(plan.category)  # what is compared with must still judge when the new one takes over
        gate = hold_back(recalibration.reason, base.revision)
        if recalibration.calibration is not None:
            judging = replace(candidate, calibration=recalibration.calibration)
            async for event in self._gate.compare(judging, base.revision, plan.added_false_rejects):
                if isinstance(event, GateReport):
                    gate = event
                else:
                    yield event
        yield Progress(Stage.SAVING, 0, 1)
        draft = RevisionDraft(
            category=plan.category,
            recipe=base.detector.recipe,
            backbone_digest=base.backbone.digest,
            golden_images=tuple(intake.images),
            detector_content=builder.detector.content,
            mask=base.mask,
            calibration=recalibration.calibration,
            drift=recalibration.drift,
            parent_revision=base.revision,
            calibration_images=recalibration.kept,
            gate=_with_shortcoming(gate, recalibration),
        )
        yield await self._save(plan, draft, etag, recalibration)

    async def _save(self, plan: GoldenPartsPlan, draft: RevisionDraft, etag: str, recalibration: Recalibration) -> GoldenPartsResult:
        assert draft.gate is not None, "every change of golden parts goes through the gate"
        made = await asyncio.to_thread(self._store.add, draft, activate=not plan.stage_only, etag=etag)
        _log.info(
            "golden_parts_changed",
            category=plan.category,
            revision=made.revision,
            base_revision=draft.parent_revision,
            golden_parts=len(draft.golden_images),
            gate=draft.gate.decision,
        )
        active = not plan.stage_only and not draft.gate.holds_back
        return GoldenPartsResult(
            made, draft.parent_revision, active, draft.gate, recalibration.left_out, _warnings(draft.gate, recalibration)
        )


def _find(base: LoadedRevision, part: int | str) -> int:
    found = [one.index for one in base.golden_parts if part in (one.index, one.name)]
    if not found:
        raise NotFoundError(
            f"Revision {base.revision} of {base.category} has no golden part {part!r}; it has {len(base.golden_parts)}, counted from 0. "
            "See `goldenpart golden list`.",
            field="part",
            part=part,
        )
    return found[0]


def _distinct(name: str, taken: set[str]) -> str:
    """Give a new part a name that no former one has: cameras begin to count anew, and the digest tells the pictures apart."""
    numbered = (f"{name[:245]} ({number})" for number in count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def _with_shortcoming(gate: GateReport, recalibration: Recalibration) -> GateReport:
    """Hold back a revision whose threshold is not worth as much as the one of its base, for whatever the challenge set may say."""
    if gate.holds_back or not recalibration.reason:
        return gate
    held = hold_back(recalibration.reason, gate.compared_with)
    return replace(gate, decision=held.decision, reason=f"{recalibration.reason} On the challenge set: {gate.reason}")


def _warnings(gate: GateReport, recalibration: Recalibration) -> tuple[str, ...]:
    words = [] if gate.compared_with and gate.before is not None else [gate.reason]
    if recalibration.left_out:
        words.append(
            f"{len(recalibration.left_out)} calibration images are golden parts now and were left out, for example "
            f"{recalibration.left_out[0]!r}. If they were chosen for their scores, calibrate on fresh images to keep the promise."
        )
    if not gate.holds_back and gate.worse:
        names = ", ".join(repr(change.name) for change in gate.worse[:3])
        words.append(f"{len(gate.worse)} challenge frames changed for the worse though others changed for the better: {names}.")
    return tuple(words)
