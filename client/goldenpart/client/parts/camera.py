"""A camera over a line of flanges, and the encodings in which it delivers."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from goldenpart.client.parts.drawn_part import Defect, DrawnPart
from goldenpart.client.parts.flange import DEFAULT_SIZE_PX, draw_flange


class PartCamera(Iterator[DrawnPart]):
    """Yields pictures of flanges without end.

    The n-th picture depends on the arguments and n alone, so that a run can be repeated and a picture found again. One camera belongs
    to one thread.

    Example:
        >>> camera = PartCamera(seed=7, defect_rate=0.1)
        >>> next(camera).image.shape
        (448, 448, 3)
    """

    def __init__(
        self,
        seed: int = 0,
        defect_rate: float = 0.05,
        defects: Sequence[Defect] = tuple(Defect),
        size_px: int = DEFAULT_SIZE_PX,
    ) -> None:
        """Set up the line.

        Args:
            seed: Any non-negative integer; another seed is another line.
            defect_rate: Share of damaged parts, 0 to 1.
            defects: The kinds of damage that occur, equally likely.
            size_px: Height and width of the pictures, 128 to 2048 pixels.

        Raises:
            ValueError: If ``defect_rate`` is out of range, or damage is wanted and no kind of it given.
        """
        if not 0 <= defect_rate <= 1:
            raise ValueError(f"defect_rate is {defect_rate}; it is a share of the parts, 0 to 1")
        if defect_rate > 0 and not defects:
            raise ValueError(f"defect_rate is {defect_rate} but no kind of defect is given; name one, or set the rate to 0")
        self._seeds = np.random.SeedSequence(seed)
        self._defect_rate = defect_rate
        self._defects = tuple(defects)
        self._size_px = size_px

    def __next__(self) -> DrawnPart:
        """Take the next picture."""
        rng = np.random.default_rng(self._seeds.spawn(1)[0])
        chance, kind = rng.random(2)
        defect = self._defects[int(kind * len(self._defects))] if chance < self._defect_rate else None
        return draw_flange(rng, defect, self._size_px)


def encode_jpeg(image: npt.NDArray[np.uint8], quality: int = 92) -> bytes:
    """Encode an (H, W, 3) uint8 RGB image as JPEG; ``quality`` as in libjpeg, 1 to 95."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def encode_png(image: npt.NDArray[np.uint8]) -> bytes:
    """Encode an (H, W, 3) RGB or (H, W) grey uint8 image as PNG, without loss."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", compress_level=3)
    return stream.getvalue()
