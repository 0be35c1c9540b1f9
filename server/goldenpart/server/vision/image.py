"""From the bytes of a camera to an upright RGB picture, with nothing decoded before its size is known."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from goldenpart.server.errors import ImageTooLargeError, InvalidFrameError, UndecodableImageError
from goldenpart.server.vision.image_header import read_encoded_size

Rgb8 = npt.NDArray[np.uint8]
"""(H, W, 3) uint8, red first, sRGB as delivered."""


class PixelFormat(StrEnum):
    """Layouts of a raw pixel, named after GenICam PFNC."""

    MONO8 = "Mono8"
    RGB8 = "RGB8"
    BGR8 = "BGR8"
    BAYER_RG8 = "BayerRG8"


_BYTES_PER_PIXEL = {PixelFormat.MONO8: 1, PixelFormat.RGB8: 3, PixelFormat.BGR8: 3, PixelFormat.BAYER_RG8: 1}
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # a broken frame is an answer to its sender, not a line on stderr


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A whole image file."""

    data: bytes


@dataclass(frozen=True, slots=True)
class RawImage:
    """Uncompressed pixels, rows top to bottom, `stride_bytes` apart (0 = packed)."""

    data: bytes
    width_px: int
    height_px: int
    stride_bytes: int
    pixel_format: PixelFormat


ImageSource = EncodedImage | RawImage


@dataclass(frozen=True, slots=True)
class ImageSize:
    """Size of an image as stored, before EXIF orientation."""

    width_px: int
    height_px: int

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width_px * self.height_px


def read_size(source: ImageSource, max_pixels: int) -> ImageSize:
    """Read an image's size from its header, without decoding it.

    Args:
        source: the image; its format is told by its first bytes, never by a name.
        max_pixels: largest width times height that is let through.

    Raises:
        UnsupportedFormatError: neither JPEG, PNG, BMP, TIFF nor WebP.
        UndecodableImageError: the header is broken.
        ImageTooLargeError: more than `max_pixels`.
        InvalidFrameError: a raw image whose fields contradict each other.
    """
    size = _raw_size(source) if isinstance(source, RawImage) else ImageSize(*read_encoded_size(source.data))
    if size.pixels > max_pixels:
        raise ImageTooLargeError(
            f"The image is {size.width_px} x {size.height_px} = {size.pixels} pixels; the limit is {max_pixels}. "
            "Scale it down, or raise GOLDENPART_LIMITS__IMAGE_PIXELS.",
            pixels=size.pixels,
            max_pixels=max_pixels,
        )
    return size


def decode(source: ImageSource) -> Rgb8:
    """Decode an image whose size `read_size` has let through.

    EXIF orientation is applied, 16-bit samples keep their upper 8 bits, grey becomes RGB, an alpha channel is dropped (TIFF: blended
    with black), Bayer mosaics are demosaiced bilinearly. May run on any thread; releases the GIL.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous.

    Raises:
        UndecodableImageError: broken or truncated data.
    """
    if isinstance(source, RawImage):
        return _decode_raw(source)
    try:
        image = cv2.imdecode(np.frombuffer(source.data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        raise UndecodableImageError(f"The image cannot be decoded: {error.err}.") from error
    if image is None:
        raise UndecodableImageError(
            f"The image of {len(source.data)} bytes cannot be decoded; it is truncated, corrupt, "
            "or its samples are neither 8 nor 16 bit integers. Was the whole file sent?",
            bytes=len(source.data),
        )
    return np.ascontiguousarray(image, np.uint8)


def pixel_digest(image: Rgb8) -> str:
    """Return the hex sha256 of an upright picture's size and pixels: equal for equal pictures however they were encoded."""
    digest = hashlib.sha256(f"{image.shape[1]}x{image.shape[0]}:".encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def _raw_size(raw: RawImage) -> ImageSize:
    row_bytes = raw.width_px * _BYTES_PER_PIXEL[raw.pixel_format]
    stride = raw.stride_bytes or row_bytes
    if raw.width_px < 1 or raw.height_px < 1:
        raise InvalidFrameError(f"The raw image is {raw.width_px} x {raw.height_px} px; both sides must be at least 1.")
    if stride < row_bytes:
        raise InvalidFrameError(
            f"stride_bytes is {stride}, but a row of {raw.width_px} {raw.pixel_format} pixels takes {row_bytes} bytes; "
            "send the true stride, or 0 for packed rows.",
            stride_bytes=stride,
            row_bytes=row_bytes,
        )
    least, most = stride * (raw.height_px - 1) + row_bytes, stride * raw.height_px
    if not least <= len(raw.data) <= most:
        raise InvalidFrameError(
            f"The raw image has {len(raw.data)} bytes; {raw.width_px} x {raw.height_px} {raw.pixel_format} with a stride of {stride} "
            f"takes {least} to {most}.",
            bytes=len(raw.data),
            least_bytes=least,
            most_bytes=most,
        )
    if raw.pixel_format is PixelFormat.BAYER_RG8 and (raw.width_px % 2 or raw.height_px % 2):
        raise InvalidFrameError(f"A BayerRG8 image must have even sides; this one is {raw.width_px} x {raw.height_px} px.")
    return ImageSize(raw.width_px, raw.height_px)


def _decode_raw(raw: RawImage) -> Rgb8:
    samples = _BYTES_PER_PIXEL[raw.pixel_format]
    row_bytes = raw.width_px * samples
    stride = raw.stride_bytes or row_bytes
    flat = np.frombuffer(raw.data, np.uint8)
    rows = np.lib.stride_tricks.as_strided(flat, (raw.height_px, row_bytes), (stride, 1), writeable=False)
    if raw.pixel_format is PixelFormat.MONO8:
        return np.repeat(rows[:, :, None], 3, axis=2)
    if raw.pixel_format is PixelFormat.BAYER_RG8:
        # OpenCV names a mosaic by its second row's second and third pixel: PFNC's RG is its BG.
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(rows), cv2.COLOR_BayerBG2RGB), np.uint8)
    pixels = rows.reshape(raw.height_px, raw.width_px, 3)
    return np.ascontiguousarray(pixels[:, :, ::-1] if raw.pixel_format is PixelFormat.BGR8 else pixels)
