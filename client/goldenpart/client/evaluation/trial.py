"""One run: learn from one draw of golden parts, calibrate, inspect the test images, measure."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol as Interface

from goldenpart.client.client import Client
from goldenpart.client.errors import GoldenpartError
from goldenpart.client.evaluation.datasets import LabelledCategory, LabelledImage
from goldenpart.client.evaluation.errors import EvaluationError, NotEvaluableError
from goldenpart.client.evaluation.figures import CalibrationFacts
from goldenpart.client.evaluation.image_figures import image_figures, latency
from goldenpart.client.evaluation.inspecting import inspect_in_flight
from goldenpart.client.evaluation.pixel_figures import PixelRecorder, read_steps, write_thumbnail
from goldenpart.client.evaluation.protocol import Draw
from goldenpart.client.evaluation.results import ImageOutcome, Run, RunKey
from goldenpart.client.evaluation.run_files import RunFiles
from goldenpart.client.evaluation.run_warnings import mask_warnings, not_inspected_warnings, review_warnings
from goldenpart.client.evaluation.throwaway import throwaway_category
from goldenpart.client.evaluation.wrong_images import MOST_EXPLAINED, false_rejects, misses
from goldenpart.client.frames import Frame, InspectOptions, NamedImage
from goldenpart.client.images import distinct_names
from goldenpart.client.recipe import Recipe
from goldenpart.client.results import Inspection, Timings, Verdict
from goldenpart.client.revisions import Progress, Revision, ThresholdRequest

_FRAME_ID_BYTES = 128


class Watcher(Interface):
    """Is told how far an evaluation is, in the thread that runs it."""

    def reading(self, category: str, done: int, total: int) -> None:
        """Images of a category have been read for their digests."""

    def started(self, key: RunKey, number: int, total: int) -> None:
        """A run starts; ``number`` counts from 1."""

    def onboarding(self, progress: Progress) -> None:
        """Fit or Calibrate go on."""

    def inspected(self, done: int, total: int) -> None:
        """Test images have been inspected."""

    def finished(self, run: Run, *, found: bool) -> None:
        """A run is finished; ``found`` says that it was found so in the report's folder."""

    def warned(self, message: str) -> None:
        """Something is worth knowing."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one run needs. Blocks the thread that runs it.

    Attributes:
        client: Of a server that is ready.
        category: Whose images.
        draw: Golden parts and calibration images.
        key: What makes the run repeatable.
        recipe: As it was asked for.
        false_reject_rate: Share of good parts that may be rejected.
        bootstrap: Replicates for the intervals; 0 = none.
        calls_in_flight: Inspect calls at once.
        reuse_features: Ask for the server's cache of features, and report no times.
        files: Where thumbnails go; None = no thumbnails.
        watcher: Is told how far it is.
    """

    client: Client
    category: LabelledCategory
    draw: Draw
    key: RunKey
    recipe: Recipe
    false_reject_rate: float
    bootstrap: int
    calls_in_flight: int
    reuse_features: bool
    files: RunFiles | None
    watcher: Watcher

    def run(self) -> Run:
        """Do everything in a throw-away category.

        Raises:
            NotEvaluableError: There is no threshold.
            EvaluationError: A mask does not fit, or an image was not inspected for no fault of its own.
            GoldenpartError: A call failed.
        """
        with throwaway_category(self.client) as name:
            start_s = time.monotonic()
            fitted, warnings = self._fit(name)
            fit_s = time.monotonic() - start_s
            start_s = time.monotonic()
            revision, more_warnings = self._calibrate(name, fitted)
            calibrate_s = time.monotonic() - start_s if self.draw.calibration else 0.0
            facts = calibration_facts(revision, from_fit=not self.draw.calibration)
            recorder = PixelRecorder()
            start_s = time.monotonic()
            images, timings = self._inspect(name, revision, recorder)
            wall_s = time.monotonic() - start_s
            images = self._explain(name, revision, images)
        return Run(
            key=self.key,
            layout=self.category.layout,
            folder=str(self.category.folder),
            recipe=revision.recipe,
            golden=tuple(image.name for image in self.draw.golden),
            calibration_images=tuple(image.name for image in self.draw.calibration),
            calibration=facts,
            bank_vectors=revision.bank_vectors,
            image=image_figures(images, bootstrap=self.bootstrap),
            pixel=recorder.figures(bootstrap=self.bootstrap),
            latency=None if self.reuse_features else latency(timings, wall_s, self.calls_in_flight),
            fit_s=fit_s,
            calibrate_s=calibrate_s,
            images=images,
            leaks=self.draw.leaks,
            warnings=(
                *self.draw.warnings,
                *warnings,
                *more_warnings,
                *not_inspected_warnings(images),
                *review_warnings(images),
                *mask_warnings(self.category, recorder.left_out),
            ),
            finish_time=datetime.now(UTC),
        )

    def _fit(self, name: str) -> tuple[Revision, tuple[str, ...]]:
        report = self.client.fit(
            name,
            named_images(self.draw.golden),
            recipe=self.recipe,
            threshold=ThresholdRequest(false_reject_rate=self.false_reject_rate),
            stage_only=True,
            reuse_features=self.reuse_features,
            on_progress=self.watcher.onboarding,
        )
        return report.revision, report.warnings

    def _calibrate(self, name: str, fitted: Revision) -> tuple[Revision, tuple[str, ...]]:
        if not self.draw.calibration:
            return fitted, ()
        report = self.client.calibrate(
            name,
            named_images(self.draw.calibration),
            revision=fitted.revision,
            threshold=ThresholdRequest(false_reject_rate=self.false_reject_rate),
            stage_only=True,
            reuse_features=self.reuse_features,
            on_progress=self.watcher.onboarding,
        )
        return report.revision, report.warnings

    def _inspect(self, name: str, revision: Revision, recorder: PixelRecorder) -> tuple[tuple[ImageOutcome, ...], list[Timings]]:
        test = self.category.test
        ids = distinct_names([image.path for image in test], limit_bytes=_FRAME_ID_BYTES)
        options = InspectOptions(heatmap=True, reuse_features=self.reuse_features)
        frames = [Frame(ids[image.path], name, image.path, options, revision=revision.revision) for image in test]
        outcomes: list[ImageOutcome] = []
        timings: list[Timings] = []
        results = inspect_in_flight(self.client, frames, self.calls_in_flight)
        for index, (image, inspection) in enumerate(zip(test, results, strict=True)):
            outcomes.append(self._take(index, image, inspection, recorder))
            if inspection.verdict is not Verdict.NOT_INSPECTED:
                timings.append(inspection.timings)
            self.watcher.inspected(index + 1, len(test))
        return tuple(outcomes), timings

    def _explain(self, name: str, revision: Revision, outcomes: tuple[ImageOutcome, ...]) -> tuple[ImageOutcome, ...]:
        """Inspect the worst of the wrong images once more, for words and a picture; only where there is a folder for them."""
        if self.files is None:
            return outcomes
        wrong = {outcome.path for kind in (misses(outcomes), false_rejects(outcomes)) for outcome in kind[:MOST_EXPLAINED]}
        places = [place for place, outcome in enumerate(outcomes) if outcome.path in wrong]
        options = InspectOptions(explanation=True, reuse_features=self.reuse_features)
        frames = [Frame(str(place), name, self.category.test[place].path, options, revision=revision.revision) for place in places]
        try:
            explained = dict(zip(places, inspect_in_flight(self.client, frames, self.calls_in_flight), strict=True))
        except (EvaluationError, GoldenpartError) as error:  # words and pictures are missing then, but no figure
            self.watcher.warned(f"{self.category.name}: what went wrong is not explained, {error}")
            return outcomes
        return tuple(
            self._explained(place, outcome, explained[place]) if place in explained else outcome for place, outcome in enumerate(outcomes)
        )

    def _explained(self, index: int, outcome: ImageOutcome, inspection: Inspection) -> ImageOutcome:
        region = next(iter(inspection.regions), None)
        if region is None or self.files is None:
            return outcome
        picture = ""
        if region.side_by_side_png is not None:
            picture = self.files.comparison(self.key, index)
            path = self.files.folder / picture
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(region.side_by_side_png)
        return replace(outcome, explanation=region.text, comparison=picture)

    def _take(self, index: int, image: LabelledImage, inspection: Inspection, recorder: PixelRecorder) -> ImageOutcome:
        thumbnail = ""
        if inspection.heatmap is not None:
            steps = read_steps(inspection.heatmap)
            if self.category.has_masks:
                recorder.add(image, inspection.heatmap, steps)
            if self.files is not None:
                thumbnail = self.files.thumbnail(self.key, index)
                write_thumbnail(self.files.folder / thumbnail, steps, inspection.heatmap.scale)
        return ImageOutcome(
            path=image.name,
            defective=image.defective,
            defect_type=image.defect_type,
            verdict=inspection.verdict,
            reason=inspection.reason,
            score=inspection.score,
            threshold=inspection.threshold,
            p_value=inspection.p_value,
            seconds=inspection.timings.total_s,
            masks=tuple(_relative(mask, self.category.folder) for mask in image.masks),
            heat_thumbnail=thumbnail,
        )


def calibration_facts(revision: Revision, *, from_fit: bool) -> CalibrationFacts:
    """Return what the threshold of a revision rests on.

    Raises:
        NotEvaluableError: It has none.
    """
    calibration = revision.calibration
    if calibration is None:
        raise NotEvaluableError(
            f"{len(revision.golden_parts)} golden parts and too few other good images give no threshold; take more shots or add good images"
        )
    return CalibrationFacts(
        method=calibration.method,
        from_fit=from_fit,
        threshold=calibration.threshold,
        normals=calibration.normals,
        false_reject_rate=calibration.false_reject_rate,
        guaranteed_false_reject_rate=calibration.guaranteed_false_reject_rate,
        false_reject_rate_upper_95=calibration.false_reject_rate_upper_95,
        guarantee=calibration.guarantee,
    )


def named_images(images: Sequence[LabelledImage]) -> list[NamedImage]:
    """Name images for Fit and Calibrate by their files."""
    names = distinct_names([image.path for image in images])
    return [NamedImage(names[image.path], image.path) for image in images]


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
