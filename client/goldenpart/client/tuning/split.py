"""Which test images settings are chosen by, and which are kept for the end."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goldenpart.client.evaluation.datasets import LabelledImage
from goldenpart.client.evaluation.errors import NotEvaluableError

LEAST_OF_A_CLASS = 2


@dataclass(frozen=True, slots=True)
class Split:
    """Test images in two parts that share no picture.

    Attributes:
        validation: To choose by, good and defective ones mixed so that every beginning has its share of both.
        held_out: For the figures of the winner and the reference, by name.
    """

    validation: tuple[LabelledImage, ...]
    held_out: tuple[LabelledImage, ...]


def split_test(test: Sequence[LabelledImage], pixels: Mapping[str, str], share: float, seed: int) -> Split:
    """Split test images, each type of defect for itself; images with the same pixels stay together.

    Args:
        test: Good and defective images.
        pixels: Pixel digest by the name of each image.
        share: Of the images that settings are chosen by, in (0, 1).
        seed: The same one splits alike.

    Raises:
        NotEvaluableError: A part would have fewer than two images of a class.
        ValueError: The share is outside (0, 1).
    """
    if not 0 < share < 1:
        raise ValueError(f"the validation share is {share:g}; it must lie between 0 and 1, for example 0.5")
    chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
    chosen: dict[str, str] = {}  # pixel digest -> part
    for kind in sorted({image.defect_type for image in test}):
        own = (pixels[image.name] for image in test if image.defect_type == kind)
        digests = [digest for digest in dict.fromkeys(own) if digest not in chosen]
        chance.shuffle(digests)
        count = int(len(digests) * share + chance.random())  # at random where it does not come out even, or rare types would all go one way
        chosen |= {digest: "validation" if place < count else "held out" for place, digest in enumerate(digests)}
    validation = [image for image in test if chosen[pixels[image.name]] == "validation"]
    held_out = [image for image in test if chosen[pixels[image.name]] == "held out"]
    for name, part in (("validation", validation), ("held-out", held_out)):
        _check(name, part, len(test))
    chance.shuffle(validation)
    return Split(_mixed(validation), tuple(held_out))


def _mixed(images: Sequence[LabelledImage]) -> tuple[LabelledImage, ...]:
    """Mix the classes so that every beginning has as nearly as possible the share of each that the whole has, and from four images on two.

    Without the two, the first images that a rare class is looked for in may hold none of it.
    """
    placed = []
    for defective in (False, True):
        own = [image for image in images if image.defective == defective]
        placed += [((place + 0.5) / len(own) if place >= LEAST_OF_A_CLASS else 0.0, defective, image) for place, image in enumerate(own)]
    return tuple(image for _, _, image in sorted(placed, key=lambda item: item[:2]))


def _check(name: str, part: Sequence[LabelledImage], total: int) -> None:
    bad = sum(image.defective for image in part)
    good = len(part) - bad
    if min(good, bad) < LEAST_OF_A_CLASS:
        raise NotEvaluableError(
            f"of {total} test images the {name} part would get {good} good and {bad} defective ones; at least {LEAST_OF_A_CLASS} of each "
            "are needed, better 20. Add test images, or change --validation-share"
        )
