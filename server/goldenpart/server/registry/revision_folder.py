"""The folder of one revision: how a draft becomes files, and how files become a revision again, verified."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import BinaryIO

from goldenpart.server.errors import RevisionDamagedError
from goldenpart.server.registry.calibration_images import KeptPictures, is_calibration_file, write_calibration_images
from goldenpart.server.registry.challenge_gate import GATE_FILE, read_gate
from goldenpart.server.registry.dataclass_json import dump_json, from_plain, load_json, to_plain
from goldenpart.server.registry.durable_files import CHUNK_BYTES, link_file, make_folders, sync_folder, sync_folders, write_file
from goldenpart.server.registry.manifest import (
    CALIBRATION_FILE,
    DRIFT_FILE,
    MANIFEST_FILE,
    MASK_FILES,
    FileDigest,
    Manifest,
    detector_file,
    golden_file,
)
from goldenpart.server.registry.mask_files import mask_from_files, mask_to_files
from goldenpart.server.registry.records import RevisionDraft, RevisionSummary, StoredRevision
from goldenpart.server.vision.bank import GOLDEN, BankContent
from goldenpart.server.vision.calibration import Calibration
from goldenpart.server.vision.detectors.base import DetectorContent
from goldenpart.server.vision.detectors.catalogue import read_content
from goldenpart.server.vision.drift import DriftReference
from goldenpart.server.vision.mask import InspectionMask

MAX_MANIFEST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class RevisionFolder:
    """Reads a revision's files. Immutable; any thread; every method blocks on the disk.

    Every method raises RevisionDamagedError, naming category, revision and file, where a file is missing, cannot be read, or is not
    what the manifest says.

    Attributes:
        path: the folder.
        category, revision: what its manifest must say.
    """

    path: Path
    category: str
    revision: str

    def manifest(self) -> Manifest:
        """Read and check the manifest."""
        with self._reading(MANIFEST_FILE) as file:
            try:
                manifest = Manifest.from_json(file.read(MAX_MANIFEST_BYTES).decode())
            except UnicodeDecodeError as error:
                raise self.damaged(f"{MANIFEST_FILE} is no text.", MANIFEST_FILE) from error
            except RevisionDamagedError as error:
                raise self.damaged(error.message, MANIFEST_FILE) from error
        if (manifest.category, manifest.revision) != (self.category, self.revision):
            raise self.damaged(f"{MANIFEST_FILE} is that of revision {manifest.revision} of {manifest.category}.", MANIFEST_FILE)
        return manifest

    def summary(self) -> RevisionSummary:
        """Look at manifest, calibration and the size of each file; never raises for damage, but tells it."""
        manifest = None
        try:
            manifest = self.manifest()
            self.check_sizes(manifest)
            return RevisionSummary(manifest, self.calibration(manifest), self.category, self.revision, "", read_gate(self.path))
        except RevisionDamagedError as error:
            return RevisionSummary(manifest, None, self.category, self.revision, error.message)

    def check_sizes(self, manifest: Manifest) -> None:
        """Compare the size of every file with what it should be."""
        for name in manifest.files:
            with self._opened(manifest, name):
                pass

    def read(self, manifest: Manifest) -> StoredRevision:
        """Read everything and verify every byte."""
        read_whole = {manifest.detector_file, CALIBRATION_FILE, DRIFT_FILE, *MASK_FILES}
        for name in manifest.files.keys() - read_whole:
            self._verify_file(manifest, name)
        return StoredRevision(
            manifest, self.calibration(manifest), self._detector_content(manifest), self._mask(manifest), self._drift(manifest)
        )

    def verify(self, manifest: Manifest) -> None:
        """Compare every file with its digest, a chunk at a time."""
        for name in manifest.files:
            self._verify_file(manifest, name)

    def file_bytes(self, manifest: Manifest, name: str) -> bytes:
        """Return a file's content, verified."""
        with self._opened(manifest, name) as file:
            data = file.read()
        self._check_digest(manifest, name, hashlib.sha256(data).hexdigest())
        return data

    def file_chunks(self, manifest: Manifest, name: str) -> Iterator[bytes]:
        """Yield a file's content in chunks of at most 1 MiB; the last is yielded only if the whole was right."""
        left, digest = manifest.files[name].size_bytes, hashlib.sha256()
        with self._opened(manifest, name) as file:
            while left:
                chunk = file.read(min(left, CHUNK_BYTES))
                digest.update(chunk)
                left -= len(chunk)
                if not left or not chunk:
                    self._check_digest(manifest, name, digest.hexdigest())
                yield chunk

    def damaged(self, what: str, file: str) -> RevisionDamagedError:
        """Return the error that says what is wrong with this revision."""
        return RevisionDamagedError(
            f"Revision {self.revision} of {self.category} is damaged: {what} Activate another revision, or import this one from an export.",
            category=self.category,
            revision=self.revision,
            file=file,
        )

    def calibration(self, manifest: Manifest) -> Calibration | None:
        """Read the calibration; None if there is none."""
        if CALIBRATION_FILE not in manifest.files:
            return None
        data = self.file_bytes(manifest, CALIBRATION_FILE)
        try:
            return from_plain(Calibration, load_json(data.decode()), "calibration")
        except ValueError as error:
            raise self.damaged(f"{CALIBRATION_FILE} cannot be understood: {error}.", CALIBRATION_FILE) from error

    def _drift(self, manifest: Manifest) -> DriftReference | None:
        if DRIFT_FILE not in manifest.files:
            return None
        data = self.file_bytes(manifest, DRIFT_FILE)
        try:
            return from_plain(DriftReference, load_json(data.decode()), "drift")
        except ValueError as error:
            raise self.damaged(f"{DRIFT_FILE} cannot be understood: {error}.", DRIFT_FILE) from error

    def _detector_content(self, manifest: Manifest) -> DetectorContent:
        file = manifest.detector_file
        try:
            content = read_content(self.file_bytes(manifest, file), manifest.recipe)
        except RevisionDamagedError as error:
            raise error if "category" in error.metadata else self.damaged(f"{file}: {error.message}", file) from error
        if isinstance(content, BankContent):
            self._check_bank(content, manifest)
        return content

    def _check_bank(self, bank: BankContent, manifest: Manifest) -> None:
        file = manifest.detector_file
        if bank.vectors.shape != (manifest.bank_vectors, manifest.bank_dimensions):
            raise self.damaged(f"{file} has the shape {bank.vectors.shape}, which {MANIFEST_FILE} denies.", file)
        golden = bank.origins[:, GOLDEN]
        if golden.min() < 0 or golden.max() >= len(manifest.golden_parts):
            raise self.damaged(f"{file} names golden part {golden.max()} of {len(manifest.golden_parts)}.", file)

    def _mask(self, manifest: Manifest) -> InspectionMask | None:
        names = [name for name in MASK_FILES if name in manifest.files]
        if not names:
            return None
        files = {name: self.file_bytes(manifest, name) for name in names}
        try:
            return mask_from_files(files)
        except RevisionDamagedError as error:
            raise self.damaged(error.message, error.metadata["file"]) from error

    def _verify_file(self, manifest: Manifest, name: str) -> None:
        for _ in self.file_chunks(manifest, name):
            pass

    def _check_digest(self, manifest: Manifest, name: str, sha256: str) -> None:
        expected = manifest.files[name].sha256
        if sha256 != expected:
            raise self.damaged(f"{name} has sha256 {sha256}, expected {expected}.", name)

    @contextmanager
    def _opened(self, manifest: Manifest, name: str) -> Iterator[BinaryIO]:
        expected = manifest.files[name].size_bytes
        with self._reading(name) as file:
            size = os.fstat(file.fileno()).st_size
            if size != expected:
                raise self.damaged(f"{name} has {size} bytes, expected {expected}.", name)
            yield file

    @contextmanager
    def _reading(self, name: str) -> Iterator[BinaryIO]:
        try:
            with (self.path / name).open("rb") as file:
                yield file
        except OSError as error:
            raise self.damaged(f"{name} cannot be read: {error.strerror or error}.", name) from error


def write_draft(path: Path, draft: RevisionDraft, now: datetime, parent: RevisionFolder | None = None) -> Manifest:
    """Write all of a draft but its manifest into an empty folder, synced. Blocks.

    Args:
        path: the folder.
        draft: what to write.
        now: when it is made, UTC.
        parent: revision that has the calibration images the draft does not bring along.

    Returns:
        The manifest, without a revision number.
    """
    learned = detector_file(draft.recipe)
    contents = {learned: draft.detector_content.to_bytes()}
    contents.update({golden_file(image.part.index, image.suffix): image.data for image in draft.golden_images})
    contents.update(mask_to_files(draft.mask) if draft.mask else {})
    contents.update({CALIBRATION_FILE: _json_bytes(draft.calibration)} if draft.calibration else {})
    contents.update({DRIFT_FILE: _json_bytes(draft.drift)} if draft.drift else {})
    make_folders(path, contents)
    files = {name: write_file(path / name, [data]) for name, data in contents.items()}
    sync_folders(path)
    if draft.calibration_images is not None:
        known = parent.manifest().files if parent else {}
        files |= write_calibration_images(path, draft.calibration_images, parent.path if parent else path, known)
    if draft.gate is not None:
        write_file(path / GATE_FILE, [draft.gate.to_bytes()])
    bank = draft.detector_content if isinstance(draft.detector_content, BankContent) else None
    vectors, dimensions = bank.vectors.shape if bank else (0, 0)
    return Manifest(
        category=draft.category,
        revision="",
        parent_revision=draft.parent_revision,
        create_time=now,
        goldenpart_version=own_version(),
        recipe=draft.recipe,
        backbone_digest=draft.backbone_digest,
        golden_parts=tuple(image.part for image in draft.golden_images),
        bank_vectors=vectors,
        bank_dimensions=dimensions,
        bank_digest=files[learned].sha256,
        coreset_radius=bank.radius if bank else 0.0,
        masked=draft.mask is not None and draft.mask.is_mask,
        files=files,
    )


def link_contents(
    source: RevisionFolder,
    manifest: Manifest,
    path: Path,
    calibration: Calibration,
    drift: DriftReference | None = None,
    images: KeptPictures | None = None,
) -> dict[str, FileDigest]:
    """Fill an empty folder with a verified revision's files and another calibration, synced; the manifest is left out. Blocks.

    Without another reference for the drift watch, or other images that the threshold was set on, those there are stay.

    Returns:
        The digest of each file.
    """
    changed = {CALIBRATION_FILE: _json_bytes(calibration)} | ({DRIFT_FILE: _json_bytes(drift)} if drift else {})
    files = {name: digest for name, digest in manifest.files.items() if name not in changed}
    if images is not None:
        files = {name: digest for name, digest in files.items() if not is_calibration_file(name)}
    make_folders(path, files)
    for name in files:
        link_file(source.path / name, path / name)
    sync_folders(path)
    if images is not None:
        files |= write_calibration_images(path, images, source.path, manifest.files)
    return {**files, **{name: write_file(path / name, [data]) for name, data in changed.items()}}


def own_version() -> str:
    """Return the version of this Goldenpart, as manifests state it."""
    return metadata.version("goldenpart")


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Complete a folder, so that it may be moved to where it is found. Blocks."""
    write_file(path / MANIFEST_FILE, [manifest.to_json().encode()])
    sync_folder(path)


def _json_bytes(value: Calibration | DriftReference) -> bytes:
    return dump_json(to_plain(value)).encode()
