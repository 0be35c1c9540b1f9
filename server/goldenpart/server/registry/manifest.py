"""The manifest: what a revision is made of, and the digest of each of its files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from goldenpart.server.errors import GoldenpartError, RevisionDamagedError
from goldenpart.server.registry.category_name import is_category_name
from goldenpart.server.registry.dataclass_json import dump_json, from_plain, load_json, to_plain
from goldenpart.server.vision.recipe import DetectorKind, Recipe

FORMAT_VERSION = 1
"""Raised with every change of what a revision's files hold or are called."""

MANIFEST_FILE = "manifest.json"
BANK_FILE = "bank.safetensors"
DETECTOR_FILE = "detector.safetensors"
CALIBRATION_FILE = "calibration.json"
DRIFT_FILE = "drift.json"
CALIBRATION_IMAGES_FILE = "calibration_images.json"
CALIBRATION_FOLDER = "calibration"
MASK_IMAGE_FILE = "mask.png"
MASK_POLYGONS_FILE = "mask.json"
ZONES_FILE = "zones.json"
MASK_FILES = (MASK_IMAGE_FILE, MASK_POLYGONS_FILE, ZONES_FILE)

IMAGE_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
_GOLDEN_FILE = re.compile(rf"golden/(\d{{4,}}){IMAGE_SUFFIX.pattern}")
_OTHER_FILES = {CALIBRATION_FILE, CALIBRATION_IMAGES_FILE, DRIFT_FILE, MASK_IMAGE_FILE, MASK_POLYGONS_FILE, ZONES_FILE}
_CALIBRATION_IMAGE = re.compile(rf"{CALIBRATION_FOLDER}/\d{{4,}}{IMAGE_SUFFIX.pattern}")
_REVISION = re.compile(r"r\d{4,9}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FORMAT_KEY, _DIGEST_KEY = "format_version", "manifest_sha256"


@dataclass(frozen=True, slots=True)
class FileDigest:
    """What a file must be.

    Attributes:
        sha256: lower-case hex.
        size_bytes: at least 1.
    """

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class GoldenPart:
    """A golden part of a revision.

    Attributes:
        index: place in the order the parts came, 0 = first.
        name: file name or label that came with the picture.
        pixel_digest: sha256 of its upright RGB pixels, hex.
        width_px, height_px: size of the original picture.
        patches: that entered the bank before thinning, over all rotations.
        patches_excluded: left out by the mask, over all rotations.
    """

    index: int
    name: str
    pixel_digest: str
    width_px: int
    height_px: int
    patches: int
    patches_excluded: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a revision is made of.

    Attributes:
        category: whose revision it is.
        revision: its number there: r0001, r0002, ...
        parent_revision: the one it was derived from; empty if it was fitted or imported.
        create_time: when it was made, UTC; an imported revision keeps it.
        goldenpart_version: that made it.
        recipe: all knobs.
        backbone_digest: sha256 of the backbone's weights, hex.
        golden_parts: in order.
        bank_vectors, bank_dimensions: shape of the bank; 0 for other detectors.
        bank_digest: sha256 of the detector's file, hex.
        coreset_radius: largest distance of a dropped vector to the bank.
        masked: whether a mask or zones restrict where parts are inspected.
        files: by path inside the revision's folder, ``/`` between folders; all but the manifest itself.
    """

    category: str
    revision: str
    parent_revision: str
    create_time: datetime
    goldenpart_version: str
    recipe: Recipe
    backbone_digest: str
    golden_parts: tuple[GoldenPart, ...]
    bank_vectors: int
    bank_dimensions: int
    bank_digest: str
    coreset_radius: float
    masked: bool
    files: Mapping[str, FileDigest]

    @property
    def detector_file(self) -> str:
        """Path of the file that holds what the detector learned."""
        return detector_file(self.recipe)

    @property
    def detector_bytes(self) -> int:
        """Size of the detector's file, nearly what it takes in memory."""
        return self.files[self.detector_file].size_bytes

    def golden_file(self, index: int) -> str:
        """Return the path of a golden part's picture, whose suffix tells its format.

        Raises:
            KeyError: there is no such golden part.
        """
        for name in self.files:
            match = _GOLDEN_FILE.fullmatch(name)
            if match and int(match[1]) == index:
                return name
        raise KeyError(index)

    def to_json(self) -> str:
        """Write the manifest as it is kept: with the format version, and a sha256 over all the rest of the text."""
        plain = {**to_plain(self), _FORMAT_KEY: FORMAT_VERSION}
        return dump_json({**plain, _DIGEST_KEY: _sha256(dump_json(plain))})

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read what `to_json` wrote, down to the byte.

        Raises:
            RevisionDamagedError: it is something else, of another format version, or contradicts itself.
        """
        try:
            return cls._read(text)
        except RevisionDamagedError:
            raise
        except (ValueError, GoldenpartError) as error:  # a recipe refuses knobs out of range by its own error
            raise RevisionDamagedError(f"{MANIFEST_FILE} cannot be understood: {error}.", file=MANIFEST_FILE) from error

    @classmethod
    def _read(cls, text: str) -> Manifest:
        plain = load_json(text)
        _check_format_version(plain)
        stated = plain.pop(_DIGEST_KEY, None)
        if stated != _sha256(dump_json(plain)) or text != dump_json({**plain, _DIGEST_KEY: stated}):
            raise RevisionDamagedError(f"{MANIFEST_FILE} does not match its own digest; it was changed.", file=MANIFEST_FILE)
        del plain[_FORMAT_KEY]
        manifest = from_plain(cls, plain, "manifest")
        _check_identity(manifest)
        _check_files(manifest)
        return manifest


def is_revision_name(name: str) -> bool:
    """Tell whether `name` is a number that a revision may have."""
    return _REVISION.fullmatch(name) is not None


def detector_file(recipe: Recipe) -> str:
    """Return the path of what the recipe's detector learned, inside its revision."""
    return BANK_FILE if recipe.detector is DetectorKind.BANK else DETECTOR_FILE


def golden_file(index: int, suffix: str) -> str:
    """Return the path of a golden part's picture inside its revision."""
    return f"golden/{index:04d}{suffix}"


def _check_format_version(plain: Mapping[str, Any]) -> None:
    version = plain.get(_FORMAT_KEY)
    if type(version) is int and version == FORMAT_VERSION:
        return
    writer = plain.get("goldenpart_version", "unknown")
    raise RevisionDamagedError(
        f"{MANIFEST_FILE} has format version {version}, written by Goldenpart {str(writer)[:40]}; this server reads format version "
        f"{FORMAT_VERSION}. Run a server of the version that wrote it, or fit the category again.",
        file=MANIFEST_FILE,
        format_version=version,
        format_version_read=FORMAT_VERSION,
    )


def _check_identity(manifest: Manifest) -> None:
    if not is_category_name(manifest.category) or not is_revision_name(manifest.revision):
        raise ValueError(f"{manifest.category[:80]!r} with {manifest.revision[:20]!r} is no revision of a category")
    if [part.index for part in manifest.golden_parts] != list(range(len(manifest.golden_parts))):
        raise ValueError("golden parts are not numbered 0, 1, 2, ...")


def _check_files(manifest: Manifest) -> None:
    files, golden = manifest.files, []
    for name, digest in files.items():
        if not _SHA256.fullmatch(digest.sha256) or digest.size_bytes < 1:
            raise ValueError(f"the digest of {name[:80]!r} is none")
        match = _GOLDEN_FILE.fullmatch(name)
        if match:
            golden.append(int(match[1]))
        elif name not in {manifest.detector_file, *_OTHER_FILES} and not _CALIBRATION_IMAGE.fullmatch(name):
            raise ValueError(f"{name[:80]!r} is no file of a revision")
    learned = manifest.detector_file
    if learned not in files or files[learned].sha256 != manifest.bank_digest:
        raise ValueError(f"{learned} is not listed with the detector's digest")
    if sorted(golden) != list(range(len(manifest.golden_parts))):
        raise ValueError("it does not list one picture for each golden part")
    masked = MASK_IMAGE_FILE in files or MASK_POLYGONS_FILE in files
    if manifest.masked != masked and not (manifest.masked and ZONES_FILE in files):  # zones may restrict, but need not
        raise ValueError("it does not list a mask exactly if it says it has one")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
