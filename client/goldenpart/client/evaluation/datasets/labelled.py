"""A category whose truth is known."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from goldenpart.client.evaluation.errors import DatasetLayoutError
from goldenpart.client.images import IMAGE_SUFFIXES

GOOD = "good"


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """An image and the truth about it.

    Attributes:
        path: Its file.
        name: Its path relative to the category's folder, with forward slashes: its identity within the category.
        defect_type: Kind of defect; ``good`` for good parts.
        masks: Files whose non-zero pixels together mark the defect; empty if it is not known where it is.
    """

    path: Path
    name: str
    defect_type: str = GOOD
    masks: tuple[Path, ...] = ()

    @property
    def defective(self) -> bool:
        """Whether the part is defective."""
        return self.defect_type != GOOD


@dataclass(frozen=True, slots=True)
class LabelledCategory:
    """Images of one category, each list sorted by name.

    Attributes:
        name: Of the category in the dataset.
        layout: How it lies on disk.
        folder: What the names of the images are relative to.
        train: Good images to draw golden parts and calibration images from.
        validation: Good images that the dataset sets aside for calibration; mostly empty.
        test: Good and defective images to test on.

    Raises:
        DatasetLayoutError: Nothing to learn from, or nothing to test on.
    """

    name: str
    layout: str
    folder: Path
    train: tuple[LabelledImage, ...]
    validation: tuple[LabelledImage, ...]
    test: tuple[LabelledImage, ...]

    def __post_init__(self) -> None:
        for purpose, images in (("good images to learn from", self.train), ("images to test on", self.test)):
            if not images:
                raise DatasetLayoutError(f"category {self.name} in {self.folder} ({self.layout} layout) has no {purpose}")

    @property
    def images(self) -> tuple[LabelledImage, ...]:
        """All images."""
        return self.train + self.validation + self.test

    @property
    def has_masks(self) -> bool:
        """Whether it is known of any image where its defect is."""
        return any(image.masks for image in self.test)

    def files(self) -> Iterator[Path]:
        """Yield every file, masks included."""
        for image in self.images:
            yield image.path
            yield from image.masks


def images_in(folder: Path) -> tuple[Path, ...]:
    """Return the image files right in a folder, sorted; nothing if it does not exist."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(path for path in folder.iterdir() if _is_image(path)))


def folders_in(folder: Path) -> tuple[Path, ...]:
    """Return the folders right in a folder, sorted, without hidden ones; nothing if it does not exist."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()
