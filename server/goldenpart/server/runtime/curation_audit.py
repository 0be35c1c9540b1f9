"""Auditing golden parts: the stored pictures are read again and compared with one another. Changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from goldenpart.server.errors import FailedPreconditionError
from goldenpart.server.registry.manifest import GoldenPart
from goldenpart.server.registry.store import Store
from goldenpart.server.runtime.executor import DeviceExecutor
from goldenpart.server.runtime.loaded import LoadedRevision, LoadedRevisions
from goldenpart.server.vision.audit import LEAST_PARTS, PartAudit, judge_parts
from goldenpart.server.vision.audit_comparison import PartComparison, PartEvidence, PartPatches
from goldenpart.server.vision.bank import Bank
from goldenpart.server.vision.coverage import coreset_reach, reach_of
from goldenpart.server.vision.features import extract_tokens, to_vectors
from goldenpart.server.vision.fitting import Progress, Shown, Stage
from goldenpart.server.vision.image import EncodedImage, decode
from goldenpart.server.vision.preparation import prepare
from goldenpart.server.vision.registration import upright_places


@dataclass(frozen=True, slots=True, eq=False)
class AuditedPart:
    """A golden part, what was found and what it means.

    Attributes:
        part: as the revision knows it.
        evidence: of the comparison.
        audit: the verdict.
        nearest_name: name of the part that is like it at its most suspicious patch.
        box: that patch in pixels of the original picture: x, y, width, height.
    """

    part: GoldenPart
    evidence: PartEvidence
    audit: PartAudit
    nearest_name: str
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class AuditResult:
    """The audit of a revision.

    Attributes:
        revision: its number.
        parts: in order.
        lie_alike: parts were laid over each other and compared place by place.
        reach: distance up to which a patch counts as covered.
        warnings: what a careful engineer should know.
    """

    revision: str
    parts: tuple[AuditedPart, ...]
    lie_alike: bool
    reach: float
    warnings: tuple[str, ...]


class GoldenAuditor:
    """Audits the golden parts of revisions. Belongs to the event loop.

    Args:
        store: keeps their pictures.
        revisions: loaded revisions.
        executor: owner of the device; the work runs there in slices between inspections.
        pool: threads for decoding.
    """

    def __init__(self, store: Store, revisions: LoadedRevisions, executor: DeviceExecutor, pool: ThreadPoolExecutor) -> None:
        self._store = store
        self._revisions = revisions
        self._executor = executor
        self._pool = pool

    async def audit(self, category: str, revision: str) -> AsyncGenerator[Progress | AuditResult]:
        """Compare the golden parts of a revision (empty = the active one) with one another.

        Yields:
            Progress, and at last the result.

        Raises:
            FailedPreconditionError: it has a single golden part.
            RevisionDamagedError: a picture is not what it was.
        """
        loaded = await self._revisions.get(category, revision)
        count = len(loaded.golden_parts)
        if count < 2:
            raise FailedPreconditionError(
                f"Revision {loaded.revision} of {category} has {count} golden part; an audit compares at least 2, better {LEAST_PARTS}."
            )
        shown: list[Shown] = []
        patches: list[PartPatches] = []
        for index in range(count):
            shown.append(await self._show(loaded, index))
            patches.append(await self._executor.run_slice(partial(_embed, loaded, shown[-1])))
            yield Progress(Stage.EMBEDDING, index + 1, count)
        reach = await self._executor.run_slice(partial(_reach, loaded))
        evidence: list[PartEvidence] = []
        for index in range(count):
            comparison = PartComparison(index, patches, loaded.detector.recipe, reach, loaded.backbone.device)
            await self._run(comparison.steps())
            evidence.append(comparison.evidence())
            yield Progress(Stage.COMPARING, index + 1, count)
        judged = await asyncio.to_thread(judge_parts, evidence)
        parts = tuple(_describe(loaded, index, shown[index], evidence[index], audit) for index, audit in enumerate(judged.parts))
        yield AuditResult(loaded.revision, parts, judged.lie_alike, reach, _warnings(count))

    async def _show(self, revision: LoadedRevision, index: int) -> Shown:
        data, _ = await asyncio.to_thread(self._store.golden_image, revision.category, revision.revision, index)
        return await asyncio.get_running_loop().run_in_executor(self._pool, _prepare, revision, data)

    async def _run(self, steps: Iterator[int]) -> None:
        while await self._executor.run_slice(lambda: next(steps, None)) is not None:
            pass


def _prepare(revision: LoadedRevision, data: bytes) -> Shown:
    image, recipe = decode(EncodedImage(data)), revision.detector.recipe
    return tuple(prepare(image, recipe, revision.backbone.patch_size, revision.mask, angle) for angle in recipe.angles_deg)


def _embed(revision: LoadedRevision, shown: Shown) -> PartPatches:
    recipe = revision.detector.recipe
    centre = revision.detector.content.centre if isinstance(revision.detector, Bank) else None
    tokens = (extract_tokens(revision.backbone, [view.pixels], recipe.layers)[0] for view in shown)
    vectors = [to_vectors(grid, view, recipe, centre) for grid, view in zip(tokens, shown, strict=True)]
    places = [upright_places(view, angle) for view, angle in zip(shown, recipe.angles_deg, strict=True)]
    return PartPatches(np.concatenate(vectors), np.concatenate(places), len(vectors[0]))


def _reach(revision: LoadedRevision) -> float:
    """Return the coreset's radius, or where nothing was thinned out the median distance between golden parts."""
    if not isinstance(revision.detector, Bank):
        return 0.0
    metric = revision.detector.recipe.metric
    return coreset_reach(revision.detector.content, metric) or reach_of(revision.detector.content, metric, revision.detector.device)


def _describe(revision: LoadedRevision, index: int, shown: Shown, evidence: PartEvidence, audit: PartAudit) -> AuditedPart:
    upright = shown[0]
    place = int(np.flatnonzero(upright.inspected)[audit.worst])
    row, column = divmod(place, upright.inspected.shape[1])
    nearest = revision.golden_parts[audit.nearest].name
    return AuditedPart(revision.golden_parts[index], evidence, audit, nearest, upright.geometry.patch_box(row, column))


def _warnings(parts: int) -> tuple[str, ...]:
    if parts >= LEAST_PARTS:
        return ()
    return (f"{parts} golden parts are too few to tell which one is odd, so none is named contaminated; it takes {LEAST_PARTS} or more.",)
