"""Which images are learned from, calibrated with and tested, and the rule that no image is two of these."""

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from goldenpart.client.evaluation.datasets.labelled import LabelledCategory, LabelledImage
from goldenpart.client.evaluation.errors import LeakError, NotEvaluableError
from goldenpart.client.evaluation.results import Leak

CALIBRATION_IMAGES = 100
_LEAKS_NAMED = 3


@dataclass(frozen=True, slots=True)
class Draw:
    """What one run learns from and calibrates with.

    Attributes:
        golden: Golden parts.
        calibration: Good images that are not golden parts; empty if too few remain, then Fit's own threshold is used.
        leaks: Test images with the pixels of one of these.
        warnings: What a careful engineer should know.
    """

    golden: tuple[LabelledImage, ...]
    calibration: tuple[LabelledImage, ...]
    leaks: tuple[Leak, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Protocol:
    """How runs are set up.

    Attributes:
        false_reject_rate: Share of good parts that may be rejected, in (0, 1).
        calibration_images: Most good images to calibrate with.
        allow_leak: Go on although test images are learned from or calibrated with; every output then says so.

    Raises:
        ValueError: The rate is outside (0, 1), or no calibration images are allowed.
    """

    false_reject_rate: float = 0.05
    calibration_images: int = CALIBRATION_IMAGES
    allow_leak: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.false_reject_rate < 1:
            raise ValueError(f"the false-reject rate is {self.false_reject_rate:g}; it must lie between 0 and 1, for example 0.05")
        if self.calibration_images < 1:
            raise ValueError(f"at most {self.calibration_images} calibration images are allowed; it must be at least 1")

    @property
    def normals_needed(self) -> int:
        """Fewest good images from which split-conformal calibration attains the rate: the least n with n >= 1 / rate - 1."""
        return max(1, math.ceil(1 / self.false_reject_rate - 1 - 1e-9))

    def draw(self, category: LabelledCategory, pixels: Mapping[str, str], shots: int | None, seed: int) -> Draw:
        """Draw golden parts and calibration images; the same category, shots and seed give the same ones.

        The good training images are shuffled by the seed. Golden parts come from the front, so that those of few shots are among those
        of more; calibration images come from the dataset's validation images, then from the back, so that they are the same for all
        shots as long as the images last. Images that repeat the pixels of another one are left out.

        Args:
            category: Where from.
            pixels: Pixel digest by the name of each image.
            shots: Golden parts, >= 1; None means every training image.
            seed: Of the shuffle.

        Raises:
            LeakError: Test images are among those drawn, and that is not allowed.
            NotEvaluableError: Fewer training images than shots.
        """
        train, validation = _distinct(category.train, pixels), _distinct(category.validation, pixels)
        repeated = len(category.train) - len(train)
        if shots is not None and shots > len(train):
            raise NotEvaluableError(f"{category.name} has {len(train)} distinct good training images, fewer than {shots} shots")
        shuffle = random.Random(seed)  # noqa: S311  # repeatable on purpose
        shuffle.shuffle(train)
        shuffle.shuffle(validation)
        golden, rest = train[:shots], train[len(train) if shots is None else shots :]
        pool = _distinct([*golden, *validation, *reversed(rest)], pixels)[len(golden) :]
        calibration = pool[: self.calibration_images]
        warnings = [f"{repeated} training images repeat the pixels of others and were left out"] if repeated else []
        if len(calibration) < self.normals_needed:
            warnings.append(
                f"only {len(calibration)} good images remain beside the golden parts, {self.normals_needed} are needed for a "
                f"false-reject rate of {self.false_reject_rate:g}: the threshold is Fit's own, from the golden parts alone"
            )
            calibration = []
        leaks = _leaks(category, pixels, golden, calibration)
        if leaks and not self.allow_leak:
            raise LeakError(_leak_message(category.name, leaks))
        return Draw(tuple(golden), tuple(calibration), leaks, tuple(warnings))


def _distinct(images: Iterable[LabelledImage], pixels: Mapping[str, str]) -> list[LabelledImage]:
    first: dict[str, LabelledImage] = {}
    for image in images:
        first.setdefault(pixels[image.name], image)
    return list(first.values())


def _leaks(
    category: LabelledCategory, pixels: Mapping[str, str], golden: Iterable[LabelledImage], calibration: Iterable[LabelledImage]
) -> tuple[Leak, ...]:
    seen = {pixels[image.name]: (image.name, "calibration") for image in calibration}
    seen |= {pixels[image.name]: (image.name, "golden") for image in golden}
    found = ((test.name, seen.get(pixels[test.name])) for test in category.test)
    return tuple(Leak(name, *match) for name, match in found if match is not None)


def _leak_message(category: str, leaks: tuple[Leak, ...]) -> str:
    named = "; ".join(f"{leak.test} = {leak.seen} ({leak.role})" for leak in leaks[:_LEAKS_NAMED])
    more = f"; and {len(leaks) - _LEAKS_NAMED} more" if len(leaks) > _LEAKS_NAMED else ""
    return (
        f"{len(leaks)} test images of {category} are also learned from or calibrated with: {named}{more}. Figures from them prove nothing; "
        "take them out of the test or the training images, or give --allow-leak and have every output marked"
    )
