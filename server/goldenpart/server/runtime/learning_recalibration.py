"""A threshold for golden parts that changed: what the former one was set on, scored anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from goldenpart.server.errors import InvalidArgumentError, RateNotAttainableError
from goldenpart.server.registry.calibration_images import CalibrationImage, CalibrationImages, KeptPicture, KeptPictures
from goldenpart.server.registry.store import Store
from goldenpart.server.runtime.drift import measure_golden
from goldenpart.server.runtime.executor import DeviceExecutor
from goldenpart.server.runtime.intake import CalibrationIntake, LabelledPicture
from goldenpart.server.runtime.learning import left_out, score_waiting
from goldenpart.server.runtime.loaded import LoadedRevision
from goldenpart.server.vision.calibration import Calibration, CalibrationMethod, ThresholdRequest, calibrate, calibrate_left_out
from goldenpart.server.vision.drift import DriftReference, golden_reference, normal_reference
from goldenpart.server.vision.fitting import DetectorBuilder, Progress, Shown, Stage
from goldenpart.server.vision.image import EncodedImage
from goldenpart.server.vision.inference import BATCH_PICTURES
from goldenpart.server.vision.scoring import ScoredImage

if TYPE_CHECKING:
    from goldenpart.server.runtime.onboarding import OnboardingLimits

_ONLY_ON_IMAGES = frozenset({CalibrationMethod.CONFORMAL, CalibrationMethod.F1_MAX})
_ONLY_LEFT_OUT = frozenset({CalibrationMethod.LEAVE_ONE_OUT, CalibrationMethod.TOLERANCE_LIMIT})


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a base revision's threshold rests on.

    Attributes:
        base: the revision.
        kept: the images it was set on; None if it was leave-one-out, or if they were not kept.
        wanted: threshold asked for now; None means the one the base was asked for.
    """

    base: LoadedRevision
    kept: CalibrationImages | None
    wanted: ThresholdRequest | None

    def request(self) -> ThresholdRequest:
        """Return which threshold the new revision gets.

        Raises:
            InvalidArgumentError: the method that is asked for needs other evidence than there is.
        """
        if self.wanted is not None:
            self._check(self.wanted)
            return self.wanted
        former = self.base.calibration
        if former is None:
            return ThresholdRequest()
        method: CalibrationMethod | None = former.method
        if method is CalibrationMethod.MANUAL or (self.kept is None and method in _ONLY_ON_IMAGES | _ONLY_LEFT_OUT):
            method = None
        rate = former.false_reject_rate if 0 < former.false_reject_rate < 1 else ThresholdRequest().false_reject_rate
        review = former.review_rate if former.review_rate is not None and rate < former.review_rate < 1 else None
        return ThresholdRequest(method, rate, review)

    @property
    def shortcoming(self) -> str:
        """Why the new threshold is not worth as much as the former one; empty if it is."""
        former = self.base.calibration
        if former is None or self.wanted is not None:
            return ""
        if former.method is CalibrationMethod.MANUAL:
            return "Its base had a threshold set by hand, which means nothing for what was learned anew; the new one was calculated."
        if self.kept is None and former.method in _ONLY_ON_IMAGES:
            return (
                f"The images that {self.base.revision} was calibrated on were not kept, so the new threshold rests on leaving golden parts "
                "out. Run Calibrate on the new revision."
            )
        return ""

    def _check(self, wanted: ThresholdRequest) -> None:
        unfit = _ONLY_ON_IMAGES if self.kept is None else {CalibrationMethod.LEAVE_ONE_OUT}
        if wanted.method is CalibrationMethod.MANUAL or wanted.method in unfit:
            source = "its golden parts alone" if self.kept is None else "images that are not in the bank"
            raise InvalidArgumentError(
                f"The method {wanted.method} cannot be used here: {self.base.revision} is calibrated on {source}. Leave the method out.",
                field="threshold.method",
                method=wanted.method,
            )


class Recalibration:
    """Sets the threshold of a revision whose golden parts changed. Belongs to the event loop; used once.

    Attributes:
        calibration: None if there can be none.
        reason: why there is none, or why it is not worth as much as the former one; empty otherwise.
        left_out: names of images that are golden parts now.
        kept: images to keep with the revision; None if there are none.
        drift: reference of the drift watch.
    """

    def __init__(self, store: Store, executor: DeviceExecutor, pool: ThreadPoolExecutor, limits: OnboardingLimits) -> None:
        self._store = store
        self._executor = executor
        self._pool = pool
        self._limits = replace(limits, kept_images=0)  # they are kept already
        self.calibration: Calibration | None = None
        self.reason = ""
        self.left_out: tuple[str, ...] = ()
        self.kept: KeptPictures | None = None
        self.drift: DriftReference | None = None

    async def run(
        self, evidence: Evidence, candidate: LoadedRevision, builder: DetectorBuilder, shown: list[Shown]
    ) -> AsyncIterator[Progress]:
        """Score and calibrate.

        Args:
            evidence: what the base rests on.
            candidate: the new revision, without a threshold.
            builder: that fitted it.
            shown: its golden parts.

        Raises:
            RevisionDamagedError: an image that was kept is not what it was.
        """
        golden = golden_reference(await measure_golden(self._executor, self._pool, builder.detector, candidate.backbone, shown))
        self.reason, self.drift = evidence.shortcoming, golden
        request = evidence.request()
        if evidence.kept is None:
            scored: list[ScoredImage] = []
            async for one in left_out(self._executor, builder, candidate.backbone, shown):
                scored.append(one.scored)
                yield Progress(Stage.CALIBRATING, len(scored), len(shown))
            self._calibrate_left_out(scored, request)
            return
        images = self._choose(evidence.kept, candidate)
        intake = CalibrationIntake(candidate, self._pool, self._limits)
        for done, image in enumerate(images):
            data = await asyncio.to_thread(self._store.calibration_picture, candidate.category, evidence.base.revision, image)
            await intake.add(LabelledPicture(image.name, EncodedImage(data), image.defective))
            if len(intake.waiting) >= BATCH_PICTURES:
                await score_waiting(self._executor, candidate, intake)
                yield Progress(Stage.CALIBRATING, done + 1, len(images))
        await score_waiting(self._executor, candidate, intake)
        yield Progress(Stage.CALIBRATING, len(images), len(images))
        with self._explained():
            self.calibration = calibrate(intake.normal_scores, intake.defective_scores, request, intake.normal_peaks)
            self.drift = normal_reference(golden, intake.normal_frames)

    def _choose(self, kept: CalibrationImages, candidate: LoadedRevision) -> list[CalibrationImage]:
        """Leave out what is in the bank now: its score would be 0 and the threshold a lie."""
        golden = {part.pixel_digest for part in candidate.golden_parts}
        chosen = [image for image in kept.images if image.pixel_digest not in golden]
        self.left_out = tuple(image.name for image in kept.images if image.pixel_digest in golden)
        pictures = tuple(
            KeptPicture(image.name, image.pixel_digest, image.defective, PurePosixPath(image.file).suffix, parent_file=image.file)
            for image in chosen
        )
        self.kept = KeptPictures(kept.given - len(self.left_out), pictures)
        return chosen

    def _calibrate_left_out(self, scored: list[ScoredImage], request: ThresholdRequest) -> None:
        if len(scored) < 2:
            self.reason = (
                "It has no threshold: leaving one golden part out needs at least 2 of them with vectors in the bank, and a detector "
                "that can. Run Calibrate with normal images."
            )
            return
        with self._explained():
            self.calibration = calibrate_left_out(tuple(one.score for one in scored), request, tuple(one.peak for one in scored))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Let the revision do without a threshold where the evidence is too small for the one that is wanted."""
        try:
            yield
        except (RateNotAttainableError, InvalidArgumentError) as error:
            self.reason = f"It has no threshold. {error.message} Run Calibrate on it with enough images."
