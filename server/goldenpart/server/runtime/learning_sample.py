"""Which of the images a threshold was set on are kept."""

from __future__ import annotations

from goldenpart.server.registry.calibration_images import KeptPicture, KeptPictures


class PictureSample:
    """Keeps the pictures with the smallest pixel digests, as many as there is room for. Belongs to the event loop.

    A digest has nothing to do with what a picture shows or when it came, so what is kept is as good as drawn at random, and the same
    pictures always leave the same sample.

    Args:
        most: pictures.
        most_bytes: of their files together.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._given = 0
        self._cut = ""  # the smallest digest that found no room; none at or above it is kept any more
        self._kept: dict[str, tuple[int, KeptPicture]] = {}  # digest -> place in the order they came, picture

    def offer(self, picture: KeptPicture) -> None:
        """Take a picture that did not come before."""
        place, self._given = self._given, self._given + 1
        if self._cut and picture.pixel_digest >= self._cut:
            return
        self._kept[picture.pixel_digest] = (place, picture)
        self._bytes += len(picture.data)
        while len(self._kept) > self._most or self._bytes > self._most_bytes:
            self._cut = max(self._kept)
            self._bytes -= len(self._kept.pop(self._cut)[1].data)

    @property
    def kept(self) -> KeptPictures:
        """What is kept, in the order it came."""
        ordered = sorted(self._kept.values(), key=lambda placed: placed[0])
        return KeptPictures(self._given, tuple(picture for _, picture in ordered))
