"""The pointer to the active revision: the one small file of a category that is ever replaced."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from goldenpart.server.registry.dataclass_json import dump_json, from_plain, load_json, to_plain
from goldenpart.server.registry.manifest import is_revision_name


@dataclass(frozen=True, slots=True)
class ActivePointer:
    """Which revision of a category judges.

    Attributes:
        revision: empty if none does.
        activate_time: since when, UTC; None if none does.
        create_time: of the category, UTC.
        etag: another one after each switch; empty if the file cannot be read.
    """

    revision: str
    activate_time: datetime | None
    create_time: datetime
    etag: str

    @classmethod
    def first(cls, now: datetime) -> ActivePointer:
        """Point nowhere, for a category that comes into being."""
        return cls("", None, now, uuid.uuid4().hex)

    @classmethod
    def read(cls, path: Path) -> ActivePointer:
        """Read the file; one that is missing or damaged points nowhere until a revision is activated. Blocks."""
        try:
            pointer = from_plain(cls, load_json(path.read_text("utf-8")), "active")
            if pointer.revision and not is_revision_name(pointer.revision):
                raise ValueError(f"active.revision is {pointer.revision!r}")  # noqa: TRY301 - damage is damage
        except (OSError, ValueError):
            return cls("", None, datetime.fromtimestamp(path.parent.stat().st_mtime, UTC), "")
        return pointer

    def switched(self, revision: str, now: datetime) -> ActivePointer:
        """Point at `revision` from `now` on."""
        return ActivePointer(revision, now, self.create_time, uuid.uuid4().hex)

    def to_bytes(self) -> bytes:
        """Write what `read` reads."""
        return dump_json(to_plain(self)).encode()
