"""Pictures on their way into an onboarding: decoded, checked and prepared as they arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from goldenpart.server.errors import DuplicateGoldenPartError, GoldenpartError, ImageInBankError, InvalidArgumentError
from goldenpart.server.registry.calibration_images import KeptPicture
from goldenpart.server.registry.manifest import GoldenPart
from goldenpart.server.registry.store import GoldenImage
from goldenpart.server.runtime.learning_sample import PictureSample
from goldenpart.server.runtime.loaded import LoadedRevision
from goldenpart.server.vision.drift import MeasuredFrame, Token
from goldenpart.server.vision.fitting import Shown
from goldenpart.server.vision.frame_statistics import FrameStatistics, measure_frame
from goldenpart.server.vision.image import EncodedImage, ImageSource, Rgb8, decode, pixel_digest, read_size
from goldenpart.server.vision.image_header import encoded_suffix
from goldenpart.server.vision.mask import InspectionMask
from goldenpart.server.vision.preparation import PreparedImage, plan_geometry, prepare
from goldenpart.server.vision.recipe import Recipe

if TYPE_CHECKING:
    from goldenpart.server.runtime.onboarding import OnboardingLimits

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class NamedPicture:
    """A picture and its file name or label."""

    name: str
    source: ImageSource


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPicture:
    """A picture, its name, and whether it shows a defect."""

    name: str
    source: ImageSource
    defective: bool


class GoldenIntake:
    """Takes golden parts one by one.

    Attributes:
        images: as they will be stored.
        shown: each at every angle, ready for the backbone.
    """

    def __init__(
        self, recipe: Recipe, patch_px: int, mask: InspectionMask | None, pool: ThreadPoolExecutor, limits: OnboardingLimits
    ) -> None:
        self._recipe = recipe
        self._patch_px = patch_px
        self._mask = mask
        self._pool = pool
        self._limits = limits
        self._names: dict[str, str] = {}
        self._bytes = 0
        self.images: list[GoldenImage] = []
        self.shown: list[Shown] = []

    async def add(self, picture: NamedPicture) -> None:
        """Take a golden part.

        Raises:
            InvalidArgumentError: it cannot be decoded, its name or its pixels came before, or it is one too many.
        """
        place = f"golden part {len(self.images)} ({picture.name!r})"
        if len(self.images) >= self._limits.golden_parts:
            raise InvalidArgumentError(
                f"More than {self._limits.golden_parts} golden parts were sent; 4 to 32 well-chosen ones are what a category needs.",
                field="image",
                limit=self._limits.golden_parts,
            )
        _check_name(picture.name, place)
        image, digest = await _in_pool(self._pool, place, lambda: _read(picture.source, self._limits.image_pixels))
        self._check_new(picture.name, digest, place)
        self._count_bytes(picture.source, image)
        data, suffix = await _in_pool(self._pool, place, lambda: _as_file(picture.source, image))
        shown = await _in_pool(self._pool, place, lambda: self._show(image))
        part = GoldenPart(
            index=len(self.images),
            name=picture.name,
            pixel_digest=digest,
            width_px=image.shape[1],
            height_px=image.shape[0],
            patches=sum(int(view.inspected.sum()) for view in shown),
            patches_excluded=sum(view.excluded for view in shown),
        )
        self.images.append(GoldenImage(part, data, suffix))
        self.shown.append(shown)

    def check(self) -> None:
        """Raise InvalidArgumentError if no golden part came."""
        if not self.images:
            raise InvalidArgumentError("Fit got 0 images; send at least 1 golden part, better 4 to 32.", field="image")

    def _show(self, image: Rgb8) -> Shown:
        return tuple(prepare(image, self._recipe, self._patch_px, self._mask, angle) for angle in self._recipe.angles_deg)

    def _check_new(self, name: str, digest: str, place: str) -> None:
        if (twin := self._names.get(digest)) is not None:
            raise DuplicateGoldenPartError(
                f"{place} shows the same pixels as {twin!r}; every golden part must be a picture of its own. Leave one out.",
                field="image",
                name=name,
                duplicate_of=twin,
            )
        if name in self._names.values():
            raise DuplicateGoldenPartError(f"{place} has a name that was given before; names must differ.", field="image.name", name=name)
        self._names[digest] = name

    def _count_bytes(self, source: ImageSource, image: Rgb8) -> None:
        """Count a part before it is shown at every angle: a small file can be large 72 times over."""
        geometry = plan_geometry(image.shape[1], image.shape[0], self._recipe, self._patch_px)
        shown_bytes = 3 * geometry.rows * geometry.columns * self._patch_px**2 * len(self._recipe.angles_deg)
        self._bytes += len(source.data) + shown_bytes
        if self._bytes > self._limits.golden_bytes:
            raise InvalidArgumentError(
                f"{len(self.images) + 1} golden parts at {len(self._recipe.angles_deg)} angles take {self._bytes} bytes, more than the "
                f"limit of {self._limits.golden_bytes}; send fewer parts, admit fewer angles, or lower resolution_px.",
                field="image",
                bytes=self._bytes,
                limit=self._limits.golden_bytes,
            )


class CalibrationIntake:
    """Takes labelled pictures one by one and collects their scores.

    Attributes:
        received: pictures that came.
        sample: those that are kept with the revision.
        waiting: prepared pictures that have no score yet.
        normal_frames: good parts as the drift watch sees them, in the order they came.
    """

    def __init__(self, revision: LoadedRevision, pool: ThreadPoolExecutor, limits: OnboardingLimits) -> None:
        self._revision = revision
        self._pool = pool
        self._limits = limits
        self._golden = {part.pixel_digest: part.name for part in revision.golden_parts}
        self._seen: dict[str, tuple[str, bool]] = {}  # pixel digest -> name, defective
        self._twice: list[str] = []
        self._waiting_labels: list[bool] = []
        self._waiting_statistics: list[FrameStatistics] = []
        self._scores: dict[bool, list[float]] = {False: [], True: []}
        self._normal_peaks: list[float] = []
        self.sample = PictureSample(limits.kept_images, limits.kept_bytes)
        self.received = 0
        self.waiting: list[PreparedImage] = []
        self.normal_frames: list[MeasuredFrame] = []

    async def add(self, picture: LabelledPicture) -> None:
        """Take a picture; one that came before is counted once.

        Raises:
            ImageInBankError: it is one of the golden parts.
            InvalidArgumentError: it cannot be decoded, came before with the other label, or is one too many.
        """
        place = f"image {self.received} ({picture.name!r})"
        if self.received >= self._limits.calibration_images:
            raise InvalidArgumentError(f"More than {self._limits.calibration_images} images were sent; send fewer.", field="image")
        _check_name(picture.name, place)
        self.received += 1
        image, digest = await _in_pool(self._pool, place, lambda: _read(picture.source, self._limits.image_pixels))
        if (golden := self._golden.get(digest)) is not None:
            raise ImageInBankError(
                f"{place} is golden part {golden!r} of revision {self._revision.revision}; its score would be 0 and the threshold too low. "
                "Calibrate on other good parts.",
                field="image",
                name=picture.name,
                golden_part=golden,
            )
        if digest in self._seen:
            _check_same_label(picture, *self._seen[digest], place)
            self._twice.append(picture.name)
            return
        self._seen[digest] = (picture.name, picture.defective)
        revision = self._revision
        data, suffix = await _in_pool(self._pool, place, lambda: _as_file(picture.source, image))
        self.sample.offer(KeptPicture(picture.name, digest, picture.defective, suffix, data))
        prepared = await _in_pool(
            self._pool, place, lambda: prepare(image, revision.detector.recipe, revision.backbone.patch_size, revision.mask)
        )
        self._waiting_statistics.append(await _in_pool(self._pool, place, lambda: measure_frame(prepared)))
        self.waiting.append(prepared)
        self._waiting_labels.append(picture.defective)

    def settle(self, scores: list[float], tokens: Sequence[Token | None] = (), peaks: Sequence[float] = ()) -> None:
        """Take the scores, and mean tokens and largest patch distances as far as there are any, of what was waiting, in order."""
        for score, defective in zip(scores, self._waiting_labels, strict=True):
            self._scores[defective].append(score)
        self._normal_peaks += [peak for peak, defective in zip(peaks, self._waiting_labels, strict=bool(peaks)) if not defective]
        known = tokens or [None] * len(scores)
        for score, token, statistics, defective in zip(scores, known, self._waiting_statistics, self._waiting_labels, strict=True):
            if not defective:
                self.normal_frames.append(MeasuredFrame(statistics, token, score))
        self.waiting, self._waiting_labels, self._waiting_statistics = [], [], []

    @property
    def normal_scores(self) -> tuple[float, ...]:
        """Scores of the good parts, in the order they came."""
        return tuple(self._scores[False])

    @property
    def normal_peaks(self) -> tuple[float, ...]:
        """Largest patch distances of the good parts, in the order they came."""
        return tuple(self._normal_peaks)

    @property
    def defective_scores(self) -> tuple[float, ...]:
        """Scores of the defective parts, in the order they came."""
        return tuple(self._scores[True])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be known about the pictures."""
        words = [f"{len(self._twice)} images were given twice and counted once, for example {self._twice[0]!r}."] if self._twice else []
        kept = self.sample.kept
        if len(kept.pictures) < kept.given:
            words.append(
                f"{len(kept.pictures)} of {kept.given} images are kept with the revision, chosen at random; when its golden parts change, "
                "these alone calibrate it. Raise limits.calibration_kept_images or limits.calibration_kept_bytes to keep more."
            )
        return tuple(words)


def _check_name(name: str, place: str) -> None:
    if not 1 <= len(name) <= 255:
        raise InvalidArgumentError(f"The name of {place} has {len(name)} characters; it must have 1 to 255.", field="image.name")


def _check_same_label(picture: LabelledPicture, twin: str, twin_defective: bool, place: str) -> None:  # noqa: FBT001 - a label
    if picture.defective != twin_defective:
        words = ("normal", "defective")
        raise InvalidArgumentError(
            f"{place} is given as {words[picture.defective]} and shows the same pixels as {twin!r}, which is given as "
            f"{words[twin_defective]}; only one can be right. Leave the wrong one out.",
            field="image.label",
            name=picture.name,
            duplicate_of=twin,
        )


def _read(source: ImageSource, max_pixels: int) -> tuple[Rgb8, str]:
    read_size(source, max_pixels)
    image = decode(source)
    return image, pixel_digest(image)


def _as_file(source: ImageSource, image: Rgb8) -> tuple[bytes, str]:
    if isinstance(source, EncodedImage):
        return source.data, encoded_suffix(source.data)
    return bytes(cv2.imencode(".png", np.ascontiguousarray(image[:, :, ::-1]))[1]), ".png"


async def _in_pool(pool: ThreadPoolExecutor, place: str, work: Callable[[], Result]) -> Result:
    """Run on the pool; an error says which picture it is about."""
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, work)
    except GoldenpartError as error:
        error.message = f"{place}: {error.message}"
        error.args = (error.message,)
        error.field = error.field or "image"
        raise
