"""Revisions on disk: added whole or not at all, verified when read, one of them active in each category."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from goldenpart.server.errors import ArchiveError, DrainingError, RevisionActiveError, RevisionDamagedError
from goldenpart.server.registry.archive import unpack_archive
from goldenpart.server.registry.calibration_images import KeptPictures
from goldenpart.server.registry.categories import Categories, check_category_name
from goldenpart.server.registry.challenge_gate import GateReport, inherit_gate, pass_gate, read_gate, replace_gate
from goldenpart.server.registry.challenge_set import ChallengeSets
from goldenpart.server.registry.durable_files import move_folder, remove_folder, staging_folder
from goldenpart.server.registry.layout import StoreLayout
from goldenpart.server.registry.manifest import Manifest
from goldenpart.server.registry.mask_links import link_with_mask
from goldenpart.server.registry.records import CategoryRecord, GoldenImage, RevisionDraft, RevisionSummary, StoredRevision
from goldenpart.server.registry.revision_folder import RevisionFolder, link_contents, own_version, write_draft, write_manifest
from goldenpart.server.registry.store_lock import StoreLock
from goldenpart.server.registry.store_reader import StoreReader
from goldenpart.server.vision.calibration import Calibration
from goldenpart.server.vision.drift import DriftReference
from goldenpart.server.vision.mask import InspectionMask

__all__ = ["CategoryRecord", "GoldenImage", "RevisionDraft", "RevisionSummary", "Store", "StoredRevision"]

MAX_ARCHIVE_BYTES = 16 << 30


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Store(StoreReader):
    """Keeps categories and their revisions in a folder that no other process may use meanwhile.

    Every method but `active_revision` blocks on the disk. Any thread may call any method; changes of one category follow one another,
    reading waits for nobody. A revision's number is never given twice, not even after its category was deleted: category and revision
    together name one fitted state for ever.

    Attributes:
        challenges: the labelled frames of each category.

    Args:
        root: the folder; made if it is not there, cleaned of what a crash left unfinished.
        now: current time, UTC.

    Raises:
        StoreLockedError: another server uses the folder.
        OSError: the folder cannot be made or written.
    """

    def __init__(self, root: Path, *, now: Callable[[], datetime] = _utc_now) -> None:
        layout = StoreLayout(root)
        root.mkdir(parents=True, exist_ok=True)
        self._now = now
        self._lock = StoreLock(layout.lock)
        try:
            layout.prepare()
            super().__init__(layout, Categories(layout, now))
            self.challenges = ChallengeSets(layout, lambda name: self._changing(name, ""), self._categories.pointer, now)
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let another server have the folder; call it when no other call is under way. May be called twice."""
        self._lock.release()

    def add(self, draft: RevisionDraft, *, activate: bool, etag: str = "") -> RevisionSummary:
        """Keep a fitted state under a new number.

        Args:
            draft: the state.
            activate: whether it judges from now on. If only that fails, the revision is kept, staged.
            etag: of the category the decision was made on; empty agrees to any. Checked now and again when the files are written.

        Raises:
            EtagMismatchError: somebody else switched revisions; nothing was added.
            OSError: the disk refuses; nothing was added.
        """
        self._categories.check_etag(draft.category, etag)
        with staging_folder(self._layout.incoming) as path:
            parent = self._folder(draft.category, draft.parent_revision) if draft.parent_revision else None
            manifest = write_draft(path, draft, self._now(), parent)
            held_back = draft.gate is not None and draft.gate.holds_back
            return self._publish(path, manifest, draft.calibration, activate=activate and not held_back, etag=etag)

    def derive(
        self,
        category: str,
        revision: str,
        calibration: Calibration,
        *,
        activate: bool,
        etag: str = "",
        drift: DriftReference | None = None,
        images: KeptPictures | None = None,
        gate: GateReport | None = None,
    ) -> RevisionSummary:
        """Keep a revision with another calibration under a new number; the other files are shared with it.

        So are the reference of the drift watch and the images that the former threshold was set on, unless others are given.

        A revision made from one that a gate holds back is held back too, unless it went through a gate of its own.

        Raises:
            UnknownCategoryError, UnknownRevisionError: there is no such thing.
            RevisionDamagedError: the revision is not what it was.
            EtagMismatchError: somebody else switched revisions; nothing was added.
        """

        def fill(source: RevisionFolder, parent: Manifest, path: Path) -> Manifest:
            return replace(parent, files=link_contents(source, parent, path, calibration, drift, images))

        return self._derive(category, revision, fill, gate, activate=activate, etag=etag)

    def derive_mask(self, category: str, revision: str, mask: InspectionMask | None, *, activate: bool, etag: str = "") -> RevisionSummary:
        """Keep a revision with other zones under a new number; the other files are shared with it.

        Args:
            category: its category.
            revision: its number; empty means the active one.
            mask: must leave out the same places as the revision's own, since the detector and the threshold stay.
            activate: as in `add`.
            etag: as in `add`.

        Raises:
            UnknownCategoryError, UnknownRevisionError, RevisionDamagedError, EtagMismatchError: as in `derive`.
        """

        def fill(source: RevisionFolder, parent: Manifest, path: Path) -> Manifest:
            return replace(parent, masked=mask is not None and mask.is_mask, files=link_with_mask(source, parent, path, mask))

        return self._derive(category, revision, fill, None, activate=activate, etag=etag)

    def activate(self, category: str, revision: str, etag: str = "", *, override_gate: bool = False) -> tuple[CategoryRecord, str]:
        """Let a revision judge, once every byte of it was verified.

        Args:
            category: its category.
            revision: its number; empty means the active one.
            etag: as in `add`.
            override_gate: whether it is activated although a gate holds it back, which is recorded.

        Returns:
            The category, and the revision that judged before (empty if none did).

        Raises:
            UnknownCategoryError, UnknownRevisionError: there is no such thing.
            RevisionDamagedError: it is not what it was; the active revision stays.
            EtagMismatchError: somebody else switched revisions.
            GateHeldBackError: a gate holds it back.
        """
        self._categories.check_etag(category, etag)
        folder = self._folder(category, revision)
        with self._unless_deleted(folder):
            folder.verify(folder.manifest())
        with self._changing(category, etag):
            self._folder(category, folder.revision)
            if (override := pass_gate(folder.path, f"{folder.revision} of {category}", self._now(), override=override_gate)) is not None:
                replace_gate(folder.path, override, self._layout.incoming)
            previous = self._categories.pointer(category).revision
            self._categories.switch(category, folder.revision)
            return self.category(category), previous

    def record_gate(self, category: str, revision: str, report: GateReport) -> None:
        """Keep what a gate said of a revision, in place of what one said before.

        Raises:
            UnknownCategoryError, UnknownRevisionError: there is no such thing.
        """
        with self._changing(category, ""):
            replace_gate(self._folder(category, revision).path, report, self._layout.incoming)

    def delete_category(self, name: str, etag: str = "") -> None:
        """Delete a category with all its revisions.

        Raises:
            UnknownCategoryError: there is none of that name.
            EtagMismatchError: somebody else switched revisions.
        """
        with self._changing(name, etag):
            self._categories.pointer(name)
            self._layout.keep_number(name, self._layout.last_number(name))
            self._categories.remove(name)

    def delete_revision(self, category: str, revision: str) -> None:
        """Delete a revision that is not active.

        Raises:
            UnknownCategoryError, UnknownRevisionError: there is no such thing.
            RevisionActiveError: it judges; activate another one first.
        """
        with self._changing(category, ""):
            if self._categories.pointer(category).revision == revision != "":
                raise RevisionActiveError(
                    f"Revision {revision} of {category} is active; activate another one first, or delete the category.",
                    category=category,
                    revision=revision,
                )
            folder = self._at(category, self._existing(category, revision))
            self._layout.keep_number(category, self._layout.last_number(category))
            remove_folder(folder.path, self._layout.incoming)

    def import_archive(
        self, file: BinaryIO, *, category: str = "", activate: bool, etag: str = "", max_bytes: int = MAX_ARCHIVE_BYTES
    ) -> RevisionSummary:
        """Take an exported revision under a new number; nothing appears before all of it was verified.

        Args:
            file: the tar file; read forward only.
            category: where it goes; empty means the category the file names.
            activate: whether it judges from now on.
            etag: as in `add`.
            max_bytes: most that the file may take.

        Raises:
            ArchiveError: it is no exported revision, is damaged, or too large.
            CategoryNameError: no category may be called that.
            EtagMismatchError: somebody else switched revisions; nothing was added.
        """
        if category:
            check_category_name(category)
            self._categories.check_etag(category, etag)
        with staging_folder(self._layout.incoming) as path:
            manifest = unpack_archive(file, path, max_bytes)
            try:
                stored = RevisionFolder(path, manifest.category, manifest.revision).read(manifest)
            except RevisionDamagedError as error:
                raise ArchiveError(f"The archive cannot be used: {error.message}", file=error.metadata["file"]) from error
            manifest = replace(manifest, category=category or manifest.category, parent_revision="")
            return self._publish(path, manifest, stored.calibration, activate=activate, etag=etag)

    def _derive(
        self,
        category: str,
        revision: str,
        fill: Callable[[RevisionFolder, Manifest, Path], Manifest],
        gate: GateReport | None,
        *,
        activate: bool,
        etag: str,
    ) -> RevisionSummary:
        """Keep what `fill` makes of a revision in an empty folder."""
        self._categories.check_etag(category, etag)
        source = self._folder(category, revision)
        with staging_folder(self._layout.incoming) as path, self._unless_deleted(source):
            parent = source.manifest()
            source.verify(parent)
            made = fill(source, parent, path)
            activate = inherit_gate(path, gate, source.path) and activate
            manifest = replace(made, parent_revision=parent.revision, create_time=self._now(), goldenpart_version=own_version())
            calibration = RevisionFolder(path, category, manifest.revision).calibration(manifest)
            return self._publish(path, manifest, calibration, activate=activate, etag=etag)

    def _publish(self, path: Path, manifest: Manifest, calibration: Calibration | None, *, activate: bool, etag: str) -> RevisionSummary:
        """Number a folder that lacks only its manifest and move it to its place."""
        category, gate = manifest.category, read_gate(path)
        with self._changing(category, etag):
            if manifest.parent_revision:
                self._existing(category, manifest.parent_revision)
            number = self._layout.last_number(category) + 1
            manifest = replace(manifest, revision=f"r{number:04d}")
            write_manifest(path, manifest)
            self._layout.keep_number(category, number)
            if self._categories.find(category) is None:
                self._categories.create(category, path, manifest.revision, activate=activate)
            else:
                move_folder(path, self._layout.revision(category, manifest.revision))
                if activate:
                    self._categories.switch(category, manifest.revision)
        return RevisionSummary(manifest, calibration, category, manifest.revision, "", gate)

    @contextmanager
    def _changing(self, category: str, etag: str) -> Iterator[None]:
        with self._categories.lock(category):
            if not self._lock.held:
                raise DrainingError(f"The store {self._layout.root} is closed.")
            self._categories.check_etag(category, etag)
            yield
