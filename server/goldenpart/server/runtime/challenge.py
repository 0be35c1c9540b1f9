"""Challenge frames on their way in: decoded and checked as they arrive, kept all together or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np

from goldenpart.server.errors import GoldenpartError, InvalidArgumentError
from goldenpart.server.registry.challenge_frame import AddedFrames, ChallengeLimits, ChallengePicture
from goldenpart.server.registry.challenge_set import check_room
from goldenpart.server.registry.store import Store
from goldenpart.server.vision.image import EncodedImage, ImageSource, decode, pixel_digest, read_size
from goldenpart.server.vision.image_header import encoded_suffix

_LONGEST_NAME, _LONGEST_NOTE = 255, 1000


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFrame:
    """A picture as it came: its name, what it shows, a remark for people."""

    name: str
    source: ImageSource
    defective: bool
    note: str


class ChallengeIntake:
    """Takes challenge frames. Belongs to the event loop.

    Args:
        store: where challenge sets are kept.
        pool: threads for decoding.
        max_pixels: largest picture.
        limits: of a category.
    """

    def __init__(self, store: Store, pool: ThreadPoolExecutor, max_pixels: int, limits: ChallengeLimits) -> None:
        self._store = store
        self._pool = pool
        self._max_pixels = max_pixels
        self._limits = limits

    async def add(self, category: str, frames: AsyncIterator[LabelledFrame]) -> AddedFrames:
        """Keep frames, all of them or none.

        Raises:
            UnknownCategoryError: there is no such category.
            InvalidArgumentError: a frame cannot be decoded, or is there already with the other label; the message names it.
            ChallengeSetFullError: there would be more than the server keeps.
        """
        await asyncio.to_thread(self._store.category, category)
        loop = asyncio.get_running_loop()
        taken: list[ChallengePicture] = []
        async for frame in frames:
            place = f"frame {len(taken)} ({frame.name[:80]!r})"
            _check_words(frame, place)
            try:
                taken.append(await loop.run_in_executor(self._pool, _read, frame, self._max_pixels))
            except GoldenpartError as error:
                error.message = f"{place}: {error.message}"
                error.field = error.field or "image"
                raise
            check_room(category, taken, self._limits)
        if not taken:
            raise InvalidArgumentError("AddChallengeFrames got 0 images; send at least 1.", field="image")
        return await asyncio.to_thread(self._store.challenges.add, category, taken, self._limits)


def _check_words(frame: LabelledFrame, place: str) -> None:
    if not 1 <= len(frame.name) <= _LONGEST_NAME:
        raise InvalidArgumentError(
            f"The name of {place} has {len(frame.name)} characters; it must have 1 to {_LONGEST_NAME}.", field="image.name"
        )
    if len(frame.note) > _LONGEST_NOTE:
        raise InvalidArgumentError(
            f"The note of {place} has {len(frame.note)} characters; it may have up to {_LONGEST_NOTE}.", field="image.note"
        )


def _read(frame: LabelledFrame, max_pixels: int) -> ChallengePicture:
    read_size(frame.source, max_pixels)
    image = decode(frame.source)
    if isinstance(frame.source, EncodedImage):
        data, suffix = frame.source.data, encoded_suffix(frame.source.data)
    else:
        data, suffix = bytes(cv2.imencode(".png", np.ascontiguousarray(image[:, :, ::-1]))[1]), ".png"
    height_px, width_px = image.shape[:2]
    return ChallengePicture(pixel_digest(image), frame.name, frame.defective, frame.note, width_px, height_px, suffix, data)
