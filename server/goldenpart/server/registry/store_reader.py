"""The reading half of the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from goldenpart.server.errors import NotFoundError, RevisionDamagedError, UnknownRevisionError
from goldenpart.server.registry.archive import archive_chunks
from goldenpart.server.registry.calibration_images import CalibrationImage, CalibrationImages, read_calibration_images
from goldenpart.server.registry.categories import Categories
from goldenpart.server.registry.layout import StoreLayout
from goldenpart.server.registry.manifest import CALIBRATION_IMAGES_FILE, Manifest, is_revision_name
from goldenpart.server.registry.records import CategoryRecord, RevisionSummary, StoredRevision
from goldenpart.server.registry.revision_folder import RevisionFolder


class StoreReader:
    """Finds categories and revisions and reads them, on any thread and without a lock: a revision never changes, it can only be deleted.

    Args:
        layout: of a store that this process owns.
        categories: its categories.
    """

    def __init__(self, layout: StoreLayout, categories: Categories) -> None:
        self._layout = layout
        self._categories = categories

    def categories(self) -> tuple[CategoryRecord, ...]:
        """List categories by name."""
        found = (self._record(name) for name in self._categories.names)
        return tuple(record for record in found if record is not None)

    def category(self, name: str) -> CategoryRecord:
        """Return a category.

        Raises:
            UnknownCategoryError: there is none of that name.
        """
        self._categories.pointer(name)
        return self._record(name) or self.category(name)  # it was deleted in between: say so

    def active_revision(self, category: str) -> str:
        """Return the revision that judges a category's parts. Never blocks: one look-up in memory.

        Raises:
            UnknownCategoryError: there is no such category, or none of its revisions is active.
        """
        return self._categories.active_revision(category)

    def etag(self, category: str) -> str:
        """Return a category's etag. Never blocks.

        Raises:
            UnknownCategoryError: there is none of that name.
        """
        return self._categories.pointer(category).etag

    def revisions(self, category: str) -> tuple[RevisionSummary, ...]:
        """List a category's revisions, newest first, damaged ones as such.

        Raises:
            UnknownCategoryError: there is no such category.
        """
        active = self._categories.pointer(category).revision
        names = self._layout.revision_names(category)
        missing = [active] if active and active not in names else []
        return tuple(self._at(category, name).summary() for name in [*missing, *names])

    def revision(self, category: str, revision: str) -> RevisionSummary:
        """Return a revision as a list shows it; empty means the active one.

        Raises:
            UnknownCategoryError, UnknownRevisionError: there is no such thing.
        """
        return self._folder(category, revision).summary()

    def read(self, category: str, revision: str = "") -> StoredRevision:
        """Read a revision and verify size and sha256 of every file; empty means the active one.

        Raises:
            UnknownCategoryError, UnknownRevisionError: there is no such thing.
            RevisionDamagedError: a file is missing or is not what it was.
        """
        folder = self._folder(category, revision)
        with self._unless_deleted(folder):
            return folder.read(folder.manifest())

    def golden_image(self, category: str, revision: str, index: int) -> tuple[bytes, str]:
        """Return a golden part's encoded picture, verified, and its suffix; an empty revision means the active one.

        Raises:
            NotFoundError: there is no such category, revision or golden part.
            RevisionDamagedError: the picture or the manifest is not what it was.
        """
        folder = self._folder(category, revision)
        with self._unless_deleted(folder):
            manifest = folder.manifest()
            if not 0 <= index < len(manifest.golden_parts):
                raise NotFoundError(
                    f"Revision {folder.revision} of {category} has {len(manifest.golden_parts)} golden parts, counted from 0; "
                    f"there is no {index}.",
                    field="index",
                )
            name = manifest.golden_file(index)
            return folder.file_bytes(manifest, name), Path(name).suffix

    def calibration_images(self, category: str, revision: str) -> CalibrationImages | None:
        """Return what was kept of the images a revision's threshold was set on; None if nothing was. An empty revision is the active one.

        Raises:
            UnknownCategoryError, UnknownRevisionError: there is no such thing.
            RevisionDamagedError: the list is not what it was.
        """
        folder = self._folder(category, revision)
        with self._unless_deleted(folder):
            manifest = folder.manifest()
            if CALIBRATION_IMAGES_FILE not in manifest.files:
                return None
            data = folder.file_bytes(manifest, CALIBRATION_IMAGES_FILE)
        try:
            return read_calibration_images(data.decode(), manifest.files)
        except ValueError as error:
            raise folder.damaged(f"{CALIBRATION_IMAGES_FILE} cannot be understood: {error}.", CALIBRATION_IMAGES_FILE) from error

    def calibration_picture(self, category: str, revision: str, image: CalibrationImage) -> bytes:
        """Return the encoded picture of one of them, verified.

        Raises:
            UnknownCategoryError, UnknownRevisionError: there is no such thing.
            RevisionDamagedError: it is not what it was.
        """
        folder = self._folder(category, revision)
        with self._unless_deleted(folder):
            return folder.file_bytes(folder.manifest(), image.file)

    def export(self, category: str, revision: str) -> Iterator[bytes]:
        """Return a revision as a tar file, in chunks of at most 1 MiB that are read while they are taken; empty means the active one.

        Raises:
            UnknownCategoryError, UnknownRevisionError: there is no such thing.
            RevisionDamagedError: at once if the manifest or a size is wrong, else from the iterator, which then stops short.
        """
        folder = self._folder(category, revision)
        with self._unless_deleted(folder):
            manifest = folder.manifest()
            folder.check_sizes(manifest)
        return self._chunks(folder, manifest)

    def _record(self, name: str) -> CategoryRecord | None:
        pointer = self._categories.find(name)
        if pointer is None:
            return None
        count = len(self._layout.revision_names(name))
        return CategoryRecord(name, pointer.revision, count, pointer.create_time, pointer.activate_time, pointer.etag)

    def _at(self, category: str, revision: str) -> RevisionFolder:
        return RevisionFolder(self._layout.revision(category, revision), category, revision)

    def _folder(self, category: str, revision: str) -> RevisionFolder:
        """Find a revision; one that is active but gone is damage, which reading tells."""
        active = self._categories.pointer(category).revision
        if revision in ("", active):
            return self._at(category, self._categories.active_revision(category))
        return self._at(category, self._existing(category, revision))

    def _existing(self, category: str, revision: str) -> str:
        self._categories.pointer(category)
        if not is_revision_name(revision) or not self._layout.revision(category, revision).is_dir():
            raise UnknownRevisionError(
                f"Category {category} has no revision {revision[:20]!r}; see the list of its revisions.",
                category=category,
                revision=revision[:20],
            )
        return revision

    @contextmanager
    def _unless_deleted(self, folder: RevisionFolder) -> Iterator[None]:
        """Tell a revision that was deleted while it was read from one that is damaged."""
        try:
            yield
        except (RevisionDamagedError, FileNotFoundError):
            if self._categories.pointer(folder.category).revision != folder.revision:
                self._existing(folder.category, folder.revision)
            raise

    def _chunks(self, folder: RevisionFolder, manifest: Manifest) -> Iterator[bytes]:
        with self._unless_deleted(folder):
            yield from archive_chunks(folder, manifest)
