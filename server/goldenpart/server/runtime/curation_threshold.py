"""Setting a threshold by hand: a new revision with the same bank."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from goldenpart.server.errors import NotCalibratedError
from goldenpart.server.registry.category_name import check_category_name
from goldenpart.server.registry.store import RevisionSummary, Store
from goldenpart.server.vision.calibration import Calibration
from goldenpart.server.vision.manual_threshold import set_by_hand, threshold_warnings

_log = structlog.get_logger(__name__)
_HELD_BACK = (
    "It is staged, because the revision it was made from is held back by the challenge set; activating it takes override_gate "
    "(`revisions activate --override-gate`)."
)


@dataclass(frozen=True, slots=True)
class ThresholdPlan:
    """Which revision is to judge by which threshold.

    Attributes:
        category, revision: whose bank and scores; an empty revision means the active one.
        threshold: FAIL above it.
        review_threshold: REVIEW above it; None means no review band.
        stage_only: keep the new revision staged.
        etag: of the category the decision was made on; empty agrees to any.
    """

    category: str
    revision: str
    threshold: float
    review_threshold: float | None
    stage_only: bool
    etag: str


async def set_threshold(store: Store, plan: ThresholdPlan) -> tuple[RevisionSummary, tuple[str, ...]]:
    """Derive a revision with that threshold. Belongs to the event loop.

    Returns:
        The new revision, and what a careful engineer should know.

    Raises:
        InvalidArgumentError: the threshold makes no sense.
        NotCalibratedError: the revision has no scores to judge a threshold by.
        EtagMismatchError: somebody else switched revisions; nothing was added.
    """
    check_category_name(plan.category)
    parent = await asyncio.to_thread(store.revision, plan.category, plan.revision)
    if parent.calibration is None or parent.manifest is None:
        damaged = f" It is damaged: {parent.damage}" if parent.damage else " Run Calibrate with normal images first."
        raise NotCalibratedError(
            f"Revision {parent.revision} of {plan.category} has no scores by which a threshold could be judged.{damaged}",
            category=plan.category,
            revision=parent.revision,
        )
    calibration = set_by_hand(parent.calibration, plan.threshold, plan.review_threshold, len(parent.manifest.golden_parts))
    held_back = parent.gate is not None and parent.gate.holds_back
    activate = not plan.stage_only and not held_back
    made = await asyncio.to_thread(store.derive, plan.category, parent.revision, calibration, activate=activate, etag=plan.etag)
    _log.info("threshold_set", category=plan.category, revision=made.revision, threshold=plan.threshold)
    return made, (
        *threshold_warnings(calibration),
        *_lost_band(parent.calibration, calibration, parent.revision),
        *((_HELD_BACK,) if held_back and not plan.stage_only else ()),
    )


def _lost_band(former: Calibration, made: Calibration, revision: str) -> tuple[str, ...]:
    if former.review_threshold is None or made.review_threshold is not None:
        return ()
    return (f"{revision} sent parts that score above {former.review_threshold:.6g} to REVIEW; the new revision has no review band.",)
