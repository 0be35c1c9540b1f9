"""Two folders: ``good`` and ``bad``. Folders right inside ``bad`` are types of defects; what lies deeper, in either, belongs to it."""

import random
from pathlib import Path

from goldenpart.client.evaluation.datasets.labelled import GOOD, LabelledCategory, LabelledImage, folders_in, images_in
from goldenpart.client.evaluation.errors import DatasetLayoutError
from goldenpart.client.images import images_below

LAYOUT = "plain"
BAD = "bad"
EXPECTED = "good and bad"
LEAST_GOOD = 2  # one to learn from and one to test on
TRAIN_SHARE = 0.6
"""Share of the good images to learn from and calibrate with; the others are tested."""
_SPLIT_SEED = 0  # not the seed of the draw: all runs are to test on the same images


def is_category(folder: Path) -> bool:
    """Tell whether a folder is a category in this layout."""
    return (folder / GOOD).is_dir() and (folder / BAD).is_dir()


def read_category(folder: Path) -> LabelledCategory:
    """List the images of a category; which good images are tested depends on their names alone.

    Raises:
        DatasetLayoutError: Fewer than two good images, or no bad one.
        NoImagesError: An image is a link that leads nowhere.
    """
    good = [LabelledImage(path, path.relative_to(folder).as_posix()) for path in images_below(folder / GOOD)]
    chosen = set(random.Random(_SPLIT_SEED).sample(range(len(good)), round(TRAIN_SHARE * len(good))))  # noqa: S311  # repeatable on purpose
    bad = [LabelledImage(path, path.relative_to(folder).as_posix(), BAD) for path in images_in(folder / BAD)]
    for defect in folders_in(folder / BAD):
        name = defect.name if defect.name != GOOD else f"{BAD}/{GOOD}"
        bad += [LabelledImage(path, path.relative_to(folder).as_posix(), name) for path in images_below(defect)]
    if len(good) < LEAST_GOOD or not bad:
        raise DatasetLayoutError(
            f"category {folder.resolve().name} in {folder} has {len(good)} good and {len(bad)} bad images in its folders {GOOD} and {BAD}; "
            f"at least {LEAST_GOOD} and 1 are needed"
        )
    return LabelledCategory(
        name=folder.resolve().name,
        layout=LAYOUT,
        folder=folder,
        train=tuple(image for index, image in enumerate(good) if index in chosen),
        validation=(),
        test=tuple(sorted((*bad, *(image for index, image in enumerate(good) if index not in chosen)), key=lambda image: image.name)),
    )
