"""The steps that every onboarding is made of, in slices on the device thread so that inspections can come between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import TypeVar

from goldenpart.server.runtime.executor import DeviceExecutor
from goldenpart.server.runtime.intake import CalibrationIntake
from goldenpart.server.runtime.loaded import LoadedRevision
from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.fitting import DetectorBuilder, Shown, left_out_scores
from goldenpart.server.vision.inference import Query, ScoredQuery, batches_of_one_shape, score_batch
from goldenpart.server.vision.preparation import PreparedImage

Item = TypeVar("Item")


async def in_slices(executor: DeviceExecutor, steps: Iterator[Item]) -> AsyncIterator[Item]:
    """Advance a generator on the executor thread, one step at a time."""
    while (step := await executor.run_slice(lambda: next(steps, None))) is not None:
        yield step


async def left_out(
    executor: DeviceExecutor, builder: DetectorBuilder, backbone: Backbone, shown: Sequence[Shown]
) -> AsyncIterator[ScoredQuery]:
    """Yield how each golden part scores by what was learned from the others; nothing where the detector cannot leave one out."""
    if builder.leaves_out:
        async for scored in in_slices(executor, left_out_scores(builder, backbone, shown)):
            yield scored


async def score_pictures(executor: DeviceExecutor, revision: LoadedRevision, pictures: Sequence[PreparedImage]) -> list[ScoredQuery]:
    """Score pictures by a revision, a batch of one shape per slice; one answer per picture, in order."""
    scored: dict[int, ScoredQuery] = {}
    for places in batches_of_one_shape(pictures):
        queries = [Query(revision.detector, pictures[place]) for place in places]
        answers = await executor.run_slice(partial(score_batch, revision.backbone, queries))
        scored.update(zip(places, answers, strict=True))
    return [scored[place] for place in range(len(pictures))]


async def score_waiting(executor: DeviceExecutor, revision: LoadedRevision, intake: CalibrationIntake) -> None:
    """Give the pictures that wait in an intake their scores."""
    answered = await score_pictures(executor, revision, intake.waiting)
    scored = [answer.scored for answer in answered]
    intake.settle([one.score for one in scored], [answer.token for answer in answered], [one.peak for one in scored])
