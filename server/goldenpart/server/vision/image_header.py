"""Sizes of image files, read from their first bytes alone: nothing is decoded, nothing allocated, no plugin runs."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from goldenpart.server.errors import UndecodableImageError, UnsupportedFormatError

_JPEG_MAX_SEGMENTS = 4096  # a hostile file may hold millions of empty ones
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0..15 without DHT, JPG and DAC
_JPEG_BARE = frozenset([0x01, *range(0xD0, 0xD9)])  # markers without a length
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_SHORT, _TIFF_LONG = 256, 257, 3, 4


def read_encoded_size(data: bytes) -> tuple[int, int]:
    """Read width and height in pixels of a JPEG, PNG, BMP, TIFF or WebP file, before EXIF orientation.

    The format is told by the first bytes. Of a file with several pictures the first counts.

    Raises:
        UnsupportedFormatError: another format.
        UndecodableImageError: empty, or the header is cut off or contradicts itself.
    """
    read = _find_format(data).read_size
    try:
        width, height = read(data)
    except struct.error as error:
        raise UndecodableImageError(
            f"The image's header is cut off after {len(data)} bytes. Was the whole file sent?", bytes=len(data)
        ) from error
    if width < 1 or height < 1:
        raise UndecodableImageError(f"The image's header says {width} x {height} pixels; both sides must be at least 1.")
    return width, height


def encoded_suffix(data: bytes) -> str:
    """Return the file name suffix of a format, dot included, by its first bytes.

    Raises:
        UnsupportedFormatError: neither JPEG, PNG, BMP, TIFF nor WebP.
        UndecodableImageError: empty.
    """
    return _find_format(data).suffix


def _find_format(data: bytes) -> _Format:
    if not data:
        raise UndecodableImageError("The image is empty (0 bytes); send a whole JPEG, PNG, BMP, TIFF or WebP file.")
    for form in _FORMATS:
        if data.startswith(form.magics) and (form.suffix != ".webp" or data[8:12] == b"WEBP"):
            return form
    raise UnsupportedFormatError(
        f"The image starts with {data[:8].hex(' ')}, which is no JPEG, PNG, BMP, TIFF or WebP file. Send one of those, or raw pixels.",
        magic=data[:8].hex(),
    )


def _read_png(data: bytes) -> tuple[int, int]:
    chunk, width, height = struct.unpack_from(">4sII", data, 12)
    if chunk != b"IHDR":
        raise UndecodableImageError("The PNG file does not begin with its header chunk IHDR; it is corrupt.")
    return width, height


def _read_bmp(data: bytes) -> tuple[int, int]:
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header_bytes == 12 else "<ii", data, 18)
    return width, abs(height)  # negative = rows from top to bottom


def _read_webp(data: bytes) -> tuple[int, int]:
    """Follow RFC 9649, sections 2.5 to 2.7."""
    (chunk,) = struct.unpack_from("4s", data, 12)
    if chunk == b"VP8X":
        wide, low_wide, high, low_high = struct.unpack_from("<HBHB", data, 24)
        return 1 + wide + (low_wide << 16), 1 + high + (low_high << 16)
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise UndecodableImageError("The WebP file does not begin with a picture; it is corrupt.")


def _read_jpeg(data: bytes) -> tuple[int, int]:
    place = 2
    for _ in range(_JPEG_MAX_SEGMENTS):
        prefix, marker = struct.unpack_from("BB", data, place)
        if prefix != 0xFF:
            break
        if marker == 0xFF:  # fill byte
            place += 1
        elif marker in _JPEG_BARE:
            place += 2
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return width, height
        else:
            place += 2 + struct.unpack_from(">H", data, place + 2)[0]
    raise UndecodableImageError("The JPEG file has no frame header; it is corrupt.")


def _read_tiff(data: bytes) -> tuple[int, int]:
    order = "<" if data.startswith(b"II") else ">"
    (directory,) = struct.unpack_from(order + "I", data, 4)
    (entries,) = struct.unpack_from(order + "H", data, directory)
    sizes = {_TIFF_WIDTH: 0, _TIFF_HEIGHT: 0}
    for entry in range(entries):
        place = directory + 2 + 12 * entry
        tag, kind = struct.unpack_from(order + "HH", data, place)
        if tag in sizes and kind in {_TIFF_SHORT, _TIFF_LONG}:
            (value,) = struct.unpack_from(order + ("H" if kind == _TIFF_SHORT else "I"), data, place + 8)
            sizes[tag] = max(sizes[tag], value)  # which of two entries a decoder believes is not ours to guess
    return sizes[_TIFF_WIDTH], sizes[_TIFF_HEIGHT]


class _Format(NamedTuple):
    suffix: str
    magics: tuple[bytes, ...]
    read_size: Callable[[bytes], tuple[int, int]]


_FORMATS = (
    _Format(".jpg", (b"\xff\xd8\xff",), _read_jpeg),
    _Format(".png", (b"\x89PNG\r\n\x1a\n",), _read_png),
    _Format(".bmp", (b"BM",), _read_bmp),
    _Format(".tif", (b"II*\x00", b"MM\x00*"), _read_tiff),
    _Format(".webp", (b"RIFF",), _read_webp),
)
