"""Decoded pictures of golden parts, for explanations."""

from __future__ import annotations

import threading
from collections import OrderedDict

import structlog

from goldenpart.server.errors import GoldenpartError
from goldenpart.server.registry.store import Store
from goldenpart.server.vision.image import EncodedImage, Rgb8, decode

_log = structlog.get_logger(__name__)

MAX_BYTES = 256 << 20
"""Memory that decoded golden parts may take; the newest is kept even if it alone takes more."""


class GoldenPictures:
    """Reads golden parts from the store and keeps the last ones used. Any thread but the event loop's: reading blocks.

    Args:
        store: where revisions are kept.
        max_bytes: memory that pictures may take.
    """

    def __init__(self, store: Store, max_bytes: int = MAX_BYTES) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str, int], Rgb8] = OrderedDict()

    def get(self, category: str, revision: str, index: int) -> Rgb8 | None:
        """Return a golden part's upright picture, (H, W, 3) uint8; None, and a line in the log, if it is damaged or gone."""
        key = (category, revision, index)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        image = self._read(key)
        if image is None:
            return None  # not kept: the file may be restored
        with self._lock:
            self._kept[key] = image
            while len(self._kept) > 1 and self._bytes > self._max_bytes:
                self._kept.popitem(last=False)
        return image

    @property
    def _bytes(self) -> int:
        return sum(image.nbytes for image in self._kept.values())

    def _read(self, key: tuple[str, str, int]) -> Rgb8 | None:
        try:
            data, _ = self._store.golden_image(*key)
            return decode(EncodedImage(data))
        except (GoldenpartError, OSError) as error:
            _log.warning("golden_picture_unreadable", category=key[0], revision=key[1], index=key[2], error=str(error))
            return None
