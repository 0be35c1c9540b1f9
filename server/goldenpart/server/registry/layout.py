"""Where in the store each thing lies.

<root>/
    store.lock                          held by the server that owns the store
    categories/
        .incoming/                      unfinished; emptied when a server starts
        .numbers/<category>             last revision number ever given; outlives the category
        <category>/
            active                      which revision judges
            revisions/r0001/            see artifacts/README.md
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from goldenpart.server.errors import DataLossError
from goldenpart.server.registry.category_name import is_category_name
from goldenpart.server.registry.durable_files import replace_file, sync_folder
from goldenpart.server.registry.manifest import is_revision_name


@dataclass(frozen=True, slots=True)
class StoreLayout:
    """Paths of a store. Callers pass names that were checked."""

    root: Path

    @property
    def lock(self) -> Path:
        """File that the owning server locks."""
        return self.root / "store.lock"

    @property
    def categories(self) -> Path:
        """Folder of all categories."""
        return self.root / "categories"

    @property
    def incoming(self) -> Path:
        """Folder of everything unfinished, on the file system of the categories."""
        return self.categories / ".incoming"

    def category(self, category: str) -> Path:
        """Folder of a category."""
        return self.categories / category

    def active(self, category: str) -> Path:
        """File that tells which revision judges."""
        return self.categories / category / "active"

    def revision(self, category: str, revision: str) -> Path:
        """Folder of a revision."""
        return self.categories / category / "revisions" / revision

    def prepare(self) -> None:
        """Make the folders and remove what a crash left unfinished. Needs the lock."""
        for leftover in self.incoming.iterdir() if self.incoming.exists() else ():
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()
        self.incoming.mkdir(parents=True, exist_ok=True)
        self._numbers.mkdir(exist_ok=True)
        sync_folder(self.categories)
        sync_folder(self.root)

    def category_names(self) -> list[str]:
        """List the categories that are on the disk; other folders are none of ours."""
        return sorted(path.name for path in self.categories.iterdir() if is_category_name(path.name) and path.is_dir())

    def revision_names(self, category: str) -> list[str]:
        """List a category's revisions, newest first; none if the category is gone."""
        try:
            names = [path.name for path in (self.category(category) / "revisions").iterdir() if is_revision_name(path.name)]
        except FileNotFoundError:
            return []
        return sorted(names, key=_number, reverse=True)

    def last_number(self, category: str) -> int:
        """Return the highest revision number a category ever had, 0 if none; a category of that name that was deleted counts.

        Raises:
            DataLossError: the file that keeps it holds something else.
        """
        path = self._numbers / category
        try:
            kept = int(path.read_text("ascii"))
        except FileNotFoundError:
            kept = 0
        except ValueError as error:
            newest = next(iter(self.revision_names(category)), "none")
            raise DataLossError(
                f"{path} does not hold a number; the newest revision of {category} is {newest}. Write the last number ever used into it."
            ) from error
        return max([kept, *map(_number, self.revision_names(category))])

    def keep_number(self, category: str, number: int) -> None:
        """Remember that a revision number is used, for ever. Blocks; under the category's lock."""
        replace_file(self._numbers / category, f"{number}\n".encode(), self.incoming)

    @property
    def _numbers(self) -> Path:
        return self.categories / ".numbers"


def _number(revision: str) -> int:
    return int(revision.removeprefix("r"))
