"""The layouts of the MVTec datasets.

AD (Bergmann et al., CVPR 2019)
    ``train/good``, ``test/<defect>``, ``ground_truth/<defect>/<stem>_mask.png``
AD 2 (Heckler-Kram et al., arXiv 2503.21622)
    ``train/good``, ``validation/good``, ``test_public/good``, ``test_public/bad``, ``test_public/ground_truth/bad/<stem>_mask.png``
LOCO AD (Bergmann et al., IJCV 2022)
    as AD with ``validation/good``; several masks per image: ``ground_truth/<defect>/<stem>/000.png``, ...
3D-AD (Bergmann et al., VISAPP 2022)
    ``train/good/rgb``, ``test/<defect>/rgb``, ``test/<defect>/gt/<stem>.png``; the colour images alone are used
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from goldenpart.client.evaluation.datasets.labelled import GOOD, LabelledCategory, LabelledImage, folders_in, images_in

LAYOUT = "mvtec"
EXPECTED = "train/good, test/good and test/<defect> (MVTec AD, LOCO AD, 3D-AD), or test_public instead of test (AD 2)"
_GROUND_TRUTH = "ground_truth"


def is_category(folder: Path) -> bool:
    """Tell whether a folder is a category in one of these layouts."""
    return (folder / "train" / GOOD).is_dir() and _test_folder(folder).is_dir()


def read_category(folder: Path) -> LabelledCategory:
    """List the images of a category.

    Raises:
        DatasetLayoutError: There are none to learn from or to test on.
    """
    tests = [defect for defect in folders_in(_test_folder(folder)) if defect.name != _GROUND_TRUTH]
    return LabelledCategory(
        name=folder.resolve().name,
        layout=LAYOUT,
        folder=folder,
        train=_good(folder, "train"),
        validation=_good(folder, "validation"),
        test=tuple(image for defect in tests for image in _test_images(folder, defect)),
    )


def _test_folder(folder: Path) -> Path:
    public = folder / "test_public"
    return public if public.is_dir() else folder / "test"


def _pictures(folder: Path) -> tuple[Path, ...]:
    return images_in(folder / "rgb") or images_in(folder)


def _good(folder: Path, split: str) -> tuple[LabelledImage, ...]:
    return tuple(LabelledImage(path, path.relative_to(folder).as_posix()) for path in _pictures(folder / split / GOOD))


def _test_images(folder: Path, defect: Path) -> Iterator[LabelledImage]:
    truths = (folder / _GROUND_TRUTH / defect.name, defect.parent / _GROUND_TRUTH / defect.name, defect / "gt")
    files = {} if defect.name == GOOD else {truth: {path.name.lower(): path for path in images_in(truth)} for truth in truths}
    for path in _pictures(defect):
        yield LabelledImage(path, path.relative_to(folder).as_posix(), defect.name, _masks(files, path.stem))


def _masks(files: Mapping[Path, Mapping[str, Path]], stem: str) -> tuple[Path, ...]:
    """Find the masks of an image.

    Args:
        files: By folder of masks: by name in lower case, the images in it.
        stem: Of the image's file.
    """
    for truth, by_name in files.items():
        for name in (f"{stem}_mask.png", f"{stem}.png"):
            if (truth / name).is_file():  # before those that differ in case
                return (truth / name,)
            if name.lower() in by_name:
                return (by_name[name.lower()],)
        if inside := images_in(truth / stem):
            return inside
    return ()
