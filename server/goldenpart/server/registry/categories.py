"""All categories of a store and the revision that judges each, in memory and on the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from goldenpart.server.errors import EtagMismatchError, UnknownCategoryError
from goldenpart.server.registry.active_pointer import ActivePointer
from goldenpart.server.registry.category_name import check_category_name
from goldenpart.server.registry.durable_files import move_folder, remove_folder, replace_file, staging_folder, sync_folder, write_file
from goldenpart.server.registry.layout import StoreLayout

__all__ = ["Categories", "check_category_name"]


class Categories:
    """Knows each category's active pointer.

    The table is an immutable snapshot that is replaced as a whole: any thread reads it without a lock, and `find` costs one look-up.
    The owner of the store's lock is the only writer, so that memory and disk agree.

    Args:
        layout: of a store that was prepared and whose lock is held.
        now: current time, UTC.
    """

    def __init__(self, layout: StoreLayout, now: Callable[[], datetime]) -> None:
        self._layout = layout
        self._now = now
        pointers = {name: ActivePointer.read(layout.active(name)) for name in layout.category_names()}
        self._pointers: Mapping[str, ActivePointer] = MappingProxyType(pointers)
        self._table_lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    @property
    def names(self) -> list[str]:
        """All categories, sorted."""
        return sorted(self._pointers)

    def find(self, category: str) -> ActivePointer | None:
        """Return a category's pointer, None if there is no such category. Never blocks."""
        return self._pointers.get(category)

    def pointer(self, category: str) -> ActivePointer:
        """Return a category's pointer. Never blocks.

        Raises:
            UnknownCategoryError: there is no such category.
        """
        pointer = self.find(category)
        if pointer is None:
            raise UnknownCategoryError(
                f"There is no category {category[:80]!r}; fit it, or see the list of categories.", category=category[:80]
            )
        return pointer

    def active_revision(self, category: str) -> str:
        """Return the revision that judges a category's parts. Never blocks.

        Raises:
            UnknownCategoryError: there is no such category, or none of its revisions is active.
        """
        revision = self.pointer(category).revision
        if not revision:
            raise UnknownCategoryError(f"Category {category} has no active revision; activate one.", category=category)
        return revision

    def lock(self, category: str) -> threading.Lock:
        """Return the lock that whoever changes a category holds meanwhile."""
        with self._table_lock:
            return self._locks.setdefault(category, threading.Lock())

    def check_etag(self, category: str, etag: str) -> None:
        """Refuse a change that was decided on another state of the category than the present one; an empty etag agrees to any.

        Raises:
            EtagMismatchError: the active revision was switched since, or the category is gone.
        """
        pointer = self.find(category)
        current = pointer.etag if pointer else ""
        if etag and etag != current:
            raise EtagMismatchError(
                f"The etag {etag[:80]!r} of category {category} is not the current one ({current or 'there is none'}); "
                "somebody else switched revisions. Read the category again, then retry.",
                field="etag",
                category=category,
                etag=current,
            )

    def create(self, category: str, folder: Path, revision: str, *, activate: bool) -> None:
        """Let a category appear together with its first revision. Blocks; under the category's lock.

        Args:
            category: its name.
            folder: the complete revision, synced; it is moved.
            revision: its number.
            activate: whether it judges at once.
        """
        pointer = ActivePointer.first(self._now())
        pointer = pointer.switched(revision, self._now()) if activate else pointer
        with staging_folder(self._layout.incoming) as staging:
            (staging / "revisions").mkdir()
            move_folder(folder, staging / "revisions" / revision)
            write_file(staging / "active", [pointer.to_bytes()])
            sync_folder(staging)
            move_folder(staging, self._layout.category(category))
        self._remember(category, pointer)

    def switch(self, category: str, revision: str) -> ActivePointer:
        """Let another revision judge; the one that does already keeps its etag. Blocks; under the category's lock."""
        pointer = self.pointer(category)
        if pointer.revision != revision:
            pointer = pointer.switched(revision, self._now())
            replace_file(self._layout.active(category), pointer.to_bytes(), self._layout.incoming)
            self._remember(category, pointer)
        return pointer

    def remove(self, category: str) -> None:
        """Delete a category with all it holds. Blocks; under the category's lock."""
        pointer, path = self.pointer(category), self._layout.category(category)
        self._remember(category, None)  # first, so that nobody is sent into a folder on its way out
        try:
            remove_folder(path, self._layout.incoming)
        except OSError:
            self._remember(category, pointer if path.exists() else None)
            raise

    def _remember(self, category: str, pointer: ActivePointer | None) -> None:
        with self._table_lock:
            pointers = {**self._pointers, category: pointer}
            self._pointers = MappingProxyType({name: kept for name, kept in pointers.items() if kept is not None})
