"""Other zones for a revision: the same files where the same places are inspected, else the same golden parts learned again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import structlog

from goldenpart.server.registry.category_name import check_category_name
from goldenpart.server.registry.store import RevisionSummary, Store
from goldenpart.server.runtime.learning_golden_parts import GoldenPartLearning, GoldenPartsPlan, GoldenPartsResult
from goldenpart.server.runtime.loaded import LoadedRevision, LoadedRevisions
from goldenpart.server.runtime.onboarding import Onboarding
from goldenpart.server.vision.fitting import Progress, Stage
from goldenpart.server.vision.mask import InspectionMask
from goldenpart.server.vision.zones import Zones

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ZonePlan:
    """Which zones a revision is to have.

    Attributes:
        category: whose.
        revision: to derive from; empty means the active one.
        zones: all of them.
        stage_only: whether the new revision stays staged.
        etag: refuses another state of the category than this; empty agrees to any.
    """

    category: str
    revision: str
    zones: Zones
    stage_only: bool
    etag: str


@dataclass(frozen=True, slots=True, eq=False)
class ZonedRevision:
    """What came of it.

    Attributes:
        revision: the new one.
        refitted: whether the detector was fitted again.
        warnings: what a careful engineer should know.
    """

    revision: RevisionSummary
    refitted: bool
    warnings: tuple[str, ...]


Event = Progress | ZonedRevision


class Zoning:
    """Gives revisions other zones. Belongs to the event loop.

    Args:
        store: where revisions are kept.
        revisions: loaded revisions.
        onboarding: keeps a category to one onboarding at a time.
        learning: learns golden parts again.
    """

    def __init__(self, store: Store, revisions: LoadedRevisions, onboarding: Onboarding, learning: GoldenPartLearning) -> None:
        self._store = store
        self._revisions = revisions
        self._onboarding = onboarding
        self._learning = learning

    async def mask(self, category: str, revision: str) -> tuple[str, InspectionMask]:
        """Return a revision's number and where it inspects; an empty revision means the active one. Reads it from the disk.

        Raises:
            UnknownCategoryError, UnknownRevisionError, RevisionDamagedError: it cannot be had.
        """
        check_category_name(category)
        stored = await asyncio.to_thread(self._store.read, category, revision)
        return stored.manifest.revision, stored.mask or InspectionMask()

    async def set_zones(self, plan: ZonePlan) -> AsyncGenerator[Event]:
        """Make a revision with other zones.

        Yields:
            Progress, and at last the result.

        Raises:
            UnknownCategoryError, UnknownRevisionError: there is no such thing.
            NothingToInspectError: the zones leave no patch of a golden part.
            OnboardingInProgressError: the category is being onboarded already.
            EtagMismatchError: the category changed meanwhile.
        """
        check_category_name(plan.category)
        with self._onboarding.reserve(plan.category):
            base = await self._revisions.get(plan.category, plan.revision)
            before = base.mask or InspectionMask()
            mask = InspectionMask.of_zones(plan.zones, before.image)
            refit = not mask.inspects_as(before)
            async for event in self._refit(plan, base, mask) if refit else self._relabel(plan, base, mask):
                yield event

    async def _relabel(self, plan: ZonePlan, base: LoadedRevision, mask: InspectionMask) -> AsyncGenerator[Event]:
        yield Progress(Stage.SAVING, 0, 1)
        made = await asyncio.to_thread(
            self._store.derive_mask, plan.category, base.revision, mask, activate=not plan.stage_only, etag=plan.etag
        )
        _log.info("zones_set", category=plan.category, revision=made.revision, zones=len(plan.zones.zones), refitted=False)
        held = made.gate is not None and made.gate.holds_back and not plan.stage_only
        reason = (f"The revision stays staged, because {base.revision} is held back by the challenge set.",) if held else ()
        yield ZonedRevision(made, refitted=False, warnings=(*reason, *_warn(plan.zones)))

    async def _refit(self, plan: ZonePlan, base: LoadedRevision, mask: InspectionMask) -> AsyncGenerator[Event]:
        again = GoldenPartsPlan(plan.category, base.revision, None, plan.stage_only, plan.etag, 0)
        async for event in self._learning.refit(again, base, mask):
            if not isinstance(event, GoldenPartsResult):
                yield event
                continue
            held = () if event.active or plan.stage_only else (f"The revision stays staged: {event.gate.reason}",)
            _log.info("zones_set", category=plan.category, revision=event.revision.revision, zones=len(plan.zones.zones), refitted=True)
            warnings = dict.fromkeys((*held, *event.warnings, *_warn(plan.zones)))
            yield ZonedRevision(event.revision, refitted=True, warnings=tuple(warnings))


def _warn(zones: Zones) -> tuple[str, ...]:
    if not zones.has_critical:
        return ()
    return (
        "Critical zones fail parts beyond what the threshold was calibrated for: its false-reject rate does not count these. "
        "Inspect good parts before relying on the verdicts.",
    )
