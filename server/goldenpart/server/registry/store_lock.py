"""The lock that keeps two servers out of one store."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from goldenpart.server.errors import StoreLockedError


class StoreLock:
    """Holds flock(2) on a file until it is released or the process ends, however it ends.

    Args:
        path: the file; made if it is not there.

    Raises:
        StoreLockedError: another process, or another store of this one, holds it.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise StoreLockedError(
                f"The store {path.parent} is in use by another server (process {holder}). Stop that one first, or give this one its own "
                "folder.",
                path=path.parent,
                process=holder,
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    @property
    def held(self) -> bool:
        """Whether it has not been released."""
        return self._descriptor >= 0

    def release(self) -> None:
        """Let others in. May be called twice."""
        if self.held:
            os.close(self._descriptor)
            self._descriptor = -1
