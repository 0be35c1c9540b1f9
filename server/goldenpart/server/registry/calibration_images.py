"""The labelled images a threshold was set on, kept with the revision, so that they can be scored anew when its golden parts change.

`calibration_images.json` lists them, `calibration/0000.png`, ... are the pictures as they came. Revisions that share them share the files
as hard links. Of more images than a server wants to keep those with the smallest pixel digests stay: a sample that neither the order in
which they came nor their scores had a part in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from goldenpart.server.registry.dataclass_json import dump_json, from_plain, load_json, to_plain
from goldenpart.server.registry.durable_files import link_file, sync_folder, write_file
from goldenpart.server.registry.manifest import CALIBRATION_FOLDER, CALIBRATION_IMAGES_FILE, IMAGE_SUFFIX, FileDigest

_FILE = re.compile(rf"{CALIBRATION_FOLDER}/\d{{4,}}{IMAGE_SUFFIX.pattern}")


@dataclass(frozen=True, slots=True)
class CalibrationImage:
    """A picture that was kept.

    Attributes:
        name: file name or label that came with it.
        pixel_digest: sha256 of its upright RGB pixels, hex.
        defective: what it was said to show.
        file: its path inside the revision.
    """

    name: str
    pixel_digest: str
    defective: bool
    file: str


@dataclass(frozen=True, slots=True)
class CalibrationImages:
    """What was kept of the images a threshold was set on.

    Attributes:
        given: how many different ones came.
        images: those that were kept, in the order they came.
    """

    given: int
    images: tuple[CalibrationImage, ...]


@dataclass(frozen=True, slots=True, eq=False)
class KeptPicture:
    """A picture on its way into a revision.

    Attributes:
        name, pixel_digest, defective: see `CalibrationImage`.
        suffix: of its format, for example ``.png``.
        data: the encoded picture; empty if the parent revision has it.
        parent_file: its path inside the parent revision; empty if `data` is given.
    """

    name: str
    pixel_digest: str
    defective: bool
    suffix: str
    data: bytes = b""
    parent_file: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class KeptPictures:
    """Pictures on their way into a revision, and how many came in all."""

    given: int
    pictures: tuple[KeptPicture, ...]


def write_calibration_images(path: Path, kept: KeptPictures, parent: Path, known: Mapping[str, FileDigest]) -> dict[str, FileDigest]:
    """Write or link pictures into a revision's folder, synced. Blocks.

    Args:
        path: the folder.
        kept: what to write.
        parent: folder of the parent revision, verified.
        known: digests of the parent's files.

    Returns:
        The digest of each file.
    """
    files: dict[str, FileDigest] = {}
    images = []
    (path / CALIBRATION_FOLDER).mkdir()
    for place, picture in enumerate(kept.pictures):
        name = f"{CALIBRATION_FOLDER}/{place:04d}{picture.suffix}"
        if picture.parent_file:
            link_file(parent / picture.parent_file, path / name)
            files[name] = known[picture.parent_file]
        else:
            files[name] = write_file(path / name, [picture.data])
        images.append(CalibrationImage(picture.name, picture.pixel_digest, picture.defective, name))
    sync_folder(path / CALIBRATION_FOLDER)
    listed = dump_json(to_plain(CalibrationImages(kept.given, tuple(images)))).encode()
    return {**files, CALIBRATION_IMAGES_FILE: write_file(path / CALIBRATION_IMAGES_FILE, [listed])}


def read_calibration_images(text: str, files: Iterable[str]) -> CalibrationImages:
    """Read what `write_calibration_images` listed.

    Raises:
        ValueError: it is something else, or lists a picture that is not among `files`.
    """
    kept = from_plain(CalibrationImages, load_json(text), "calibration_images")
    strangers = {image.file for image in kept.images} - set(files)
    if strangers or not all(_FILE.fullmatch(image.file) for image in kept.images):
        raise ValueError(f"it lists {min(strangers, default='a picture')!r}, which the revision does not have")
    return kept


def is_calibration_file(name: str) -> bool:
    """Tell whether a file of a revision is the list or one of the pictures."""
    return name == CALIBRATION_IMAGES_FILE or name.startswith(f"{CALIBRATION_FOLDER}/")
