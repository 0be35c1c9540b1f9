"""Images: every format, what is refused before it is decoded, and raw pixels against pictures built by hand."""

from __future__ import annotations

import contextlib
import io
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from goldenpart.server.errors import ImageTooLargeError, InvalidFrameError, UndecodableImageError, UnsupportedFormatError
from goldenpart.server.vision.image import EncodedImage, ImageSize, PixelFormat, RawImage, decode, pixel_digest, read_size
from goldenpart.server.vision.image_header import encoded_suffix

LIMIT = 50_000_000
WIDTH, HEIGHT = 96, 64
FORMATS: dict[str, tuple[str, dict[str, object]]] = {
    "jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    "jpeg_progressive": ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}),
    "png": ("PNG", {}),
    "bmp": ("BMP", {}),
    "tiff": ("TIFF", {}),
    "tiff_lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "tiff_deflate": ("TIFF", {"compression": "tiff_deflate"}),
    "webp_lossless": ("WEBP", {"lossless": True}),
    "webp": ("WEBP", {"quality": 95}),
}
EACH_FORMAT = pytest.mark.parametrize("name", FORMATS)


def quadrants() -> npt.NDArray[np.uint8]:
    """Four colours, so that every flip and every swapped channel shows."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:32, :48], picture[:32, 48:] = (250, 20, 20), (20, 250, 20)
    picture[32:, :48], picture[32:, 48:] = (20, 20, 250), (240, 240, 20)
    return picture


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise() -> npt.NDArray[np.uint8]:
    rough = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(rough, (0, 0), 2), np.uint8)


def read_then_decode(image: EncodedImage) -> npt.NDArray[np.uint8]:
    read_size(image, LIMIT)
    return decode(image)


def difference(left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8]) -> int:
    assert left.shape == right.shape
    return int(np.abs(left.astype(int) - right.astype(int)).max())


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


@EACH_FORMAT
def test_every_format_is_sized_and_decoded(name: str) -> None:
    kind, options = FORMATS[name]
    data = encode(Image.fromarray(noise()), kind, **options)
    assert read_size(EncodedImage(data), LIMIT) == ImageSize(WIDTH, HEIGHT)
    picture = decode(EncodedImage(data))
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    assert difference(picture, noise()) <= (0 if options.get("lossless") or kind in {"PNG", "BMP", "TIFF"} else 24)


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("jpeg", ".jpg"), ("png", ".png"), ("bmp", ".bmp"), ("tiff", ".tif"), ("webp", ".webp")],
)
def test_suffix_tells_the_format(name: str, suffix: str) -> None:
    kind, options = FORMATS[name]
    assert encoded_suffix(encode(Image.fromarray(noise()), kind, **options)) == suffix


@EACH_FORMAT
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9, 0.99])
def test_truncated_files_are_refused(name: str, share: float) -> None:
    kind, options = FORMATS[name]
    data = encode(Image.fromarray(noise()), kind, **options)
    cut = EncodedImage(data[: max(4, int(len(data) * share))])
    with pytest.raises((UndecodableImageError, UnsupportedFormatError)):  # a RIFF cut before its form type is no WebP yet
        read_then_decode(cut)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, object] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})  # type: ignore[assignment]
    data = encode(Image.fromarray(quadrants()), kind, exif=exif, **options)
    assert difference(decode(EncodedImage(data)), np.asarray(_upright(orientation))) <= 8
    assert read_size(EncodedImage(data), LIMIT) == ImageSize(WIDTH, HEIGHT), "the stored size"


def _upright(orientation: int) -> Image.Image:
    image = Image.fromarray(quadrants())
    image.getexif()[0x0112] = orientation
    return ImageOps.exif_transpose(image)


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_sixteen_bit_grey_keeps_its_upper_bits(extension: str) -> None:
    ramp = np.linspace(0, 65535, WIDTH * HEIGHT).astype(np.uint16).reshape(HEIGHT, WIDTH)
    picture = decode(EncodedImage(bytes(cv2.imencode(extension, ramp)[1])))
    assert (picture == (ramp >> 8)[:, :, None]).all()


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_sixteen_bit_colour_keeps_its_full_range(extension: str) -> None:
    ramp = np.linspace(0, 65535, WIDTH * HEIGHT).astype(np.uint16).reshape(HEIGHT, WIDTH)
    bgr = np.stack([ramp, ramp[::-1], ramp[:, ::-1]], axis=2)
    picture = decode(EncodedImage(bytes(cv2.imencode(extension, bgr)[1])))
    assert np.abs(picture[:, :, ::-1] - bgr / 257.0).max() < 1.0


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True, "exact": True})])
def test_alpha_is_dropped(kind: str, options: dict[str, object]) -> None:
    translucent = np.dstack([quadrants(), np.full((HEIGHT, WIDTH), 77, np.uint8)])
    assert difference(decode(EncodedImage(encode(Image.fromarray(translucent), kind, **options))), quadrants()) == 0


def test_alpha_of_tiff_is_blended_with_black() -> None:
    translucent = np.dstack([quadrants(), np.full((HEIGHT, WIDTH), 77, np.uint8)])
    picture = decode(EncodedImage(encode(Image.fromarray(translucent), "TIFF")))
    assert difference(picture, np.rint(quadrants() * (77 / 255)).astype(np.uint8)) <= 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_grey_becomes_rgb(kind: str) -> None:
    picture = decode(EncodedImage(encode(Image.fromarray(noise()[:, :, 0]), kind)))
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert np.ptp(picture.astype(int), axis=2).max() <= (0 if kind != "WEBP" else 3)


@pytest.mark.parametrize(("mode", "kind"), [("1", "PNG"), ("1", "TIFF"), ("P", "PNG"), ("P", "BMP"), ("CMYK", "JPEG"), ("CMYK", "TIFF")])
def test_unusual_modes_become_rgb(mode: str, kind: str) -> None:
    image = Image.fromarray(quadrants()).convert(mode)
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    assert difference(decode(EncodedImage(encode(image, kind, **options))), np.asarray(image.convert("RGB"))) <= 8


@pytest.mark.parametrize(
    "data",
    [b"GIF89a" + bytes(40), b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51\0\0", b"hello",
     b"II+\0" + bytes(20), b"RIFF\0\0\0\0WAVEfmt ", b"\x76\x2f\x31\x01"],
    ids=["gif", "svg", "jp2", "j2k", "text", "bigtiff", "wave", "openexr"],
)  # fmt: skip
def test_other_formats_are_refused_by_their_first_bytes(data: bytes) -> None:
    with pytest.raises(UnsupportedFormatError, match=r"JPEG, PNG, BMP, TIFF or WebP") as caught:
        read_size(EncodedImage(data), LIMIT)
    assert caught.value.metadata["magic"] == data[:8].hex()


def test_empty_image_is_refused() -> None:
    with pytest.raises(UndecodableImageError, match="0 bytes"):
        read_size(EncodedImage(b""), LIMIT)


def test_header_of_a_huge_png_is_enough_to_refuse_it() -> None:
    with pytest.raises(ImageTooLargeError, match="60000 x 60000 = 3600000000 pixels; the limit is 50000000") as caught:
        read_size(EncodedImage(png_header(60_000, 60_000)), LIMIT)
    assert caught.value.metadata == {"pixels": "3600000000", "max_pixels": "50000000"}


def test_bomb_is_refused_before_it_is_unpacked() -> None:
    squeezed = zlib.compress(bytes(64 * 1024 * 1024), 9)  # the rows of a picture, all black
    bomb = png_header(40_000, 40_000) + struct.pack(">I", len(squeezed)) + b"IDAT" + squeezed
    tracemalloc.start()
    try:
        with pytest.raises(ImageTooLargeError):
            read_size(EncodedImage(bomb), LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 16382 | 16382 << 14) + bytes(8),
        b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0" + bytes(4) + (16382).to_bytes(3, "little") * 2,
        b"BM" + bytes(12) + struct.pack("<Iii", 40, 16383, -16383) + bytes(24),
        b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc2\0\x11\x08" + struct.pack(">HH", 16383, 16383),
        b"MM\0*" + struct.pack(">IHHHIIHHIHH", 8, 2, 256, 4, 1, 16383, 257, 3, 1, 16383, 0),
        b"II*\0" + struct.pack("<IHHHIIHHIHHHHIHH", 8, 3, 256, 4, 1, 1, 257, 3, 1, 16383, 0, 256, 3, 1, 16383, 0),
    ],
    ids=["webp_lossless", "webp_extended", "bmp_top_down", "jpeg_progressive", "tiff", "tiff_width_twice"],
)
def test_limit_holds_for_every_header(data: bytes) -> None:
    with pytest.raises(ImageTooLargeError, match="16383 x 16383"):
        read_size(EncodedImage(data), LIMIT)


@pytest.mark.parametrize(
    "data",
    [png_header(0, 5), b"\x89PNG\r\n\x1a\n\0\0\0\x0dXXXX" + bytes(20), b"\xff\xd8\xff" + b"\xff\xd0" * 5000, b"\xff\xd8\xff\xda\0\x02\0",
     b"BM" + bytes(12) + struct.pack("<Iii", 40, -5, 5), b"II*\0" + struct.pack("<IH", 8, 0), b"RIFF\0\0\0\0WEBPXXXX" + bytes(30)],
    ids=["zero_wide", "no_ihdr", "endless_markers", "no_frame", "negative_width", "no_entries", "unknown_chunk"],
)  # fmt: skip
def test_broken_headers_are_refused(data: bytes) -> None:
    with pytest.raises(UndecodableImageError):
        read_size(EncodedImage(data), LIMIT)


@settings(deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*", b"RIFF\0\0\0\0WEBP", b""])
)
def test_any_bytes_are_sized_or_refused(tail: bytes, magic: bytes) -> None:
    with contextlib.suppress(UndecodableImageError, UnsupportedFormatError, ImageTooLargeError):  # anything else fails the test
        assert 1 <= read_size(EncodedImage(magic + tail), LIMIT).pixels <= LIMIT


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 13), st.booleans(), st.sampled_from([*PixelFormat]))
def test_raw_rows_are_read_at_their_stride(width: int, height: int, gap: int, whole_last_row: bool, form: PixelFormat) -> None:
    bayer = form is PixelFormat.BAYER_RG8
    width, height = (2 * width, 2 * height) if bayer else (width, height)
    samples = 3 if form in {PixelFormat.RGB8, PixelFormat.BGR8} else 1
    stride = width * samples + gap
    sheet = np.random.default_rng(width * 41 + height).integers(0, 256, (height, stride), np.uint8)
    data = sheet.tobytes() if whole_last_row else sheet.tobytes()[: stride * height - gap]
    raw = RawImage(data, width, height, stride if gap else 0, form)
    assert read_size(raw, LIMIT) == ImageSize(width, height)
    picture = decode(raw)
    assert picture.shape == (height, width, 3)
    assert picture.flags.c_contiguous
    pixels = sheet[:, : width * samples].reshape(height, width, samples)
    if form is PixelFormat.MONO8:
        assert (picture == pixels).all()
    elif not bayer:
        assert (picture == (pixels if form is PixelFormat.RGB8 else pixels[:, :, ::-1])).all()


def test_bayer_mosaic_gives_back_the_picture_it_was_taken_from() -> None:
    y, x = np.mgrid[:40, :60]
    scene = np.stack([2 * x + y, 3 * y + x, 200 - 2 * x], axis=2).astype(np.uint8)  # linear, so that bilinear demosaicing is exact inside
    mosaic = np.empty((40, 60), np.uint8)
    mosaic[0::2, 0::2], mosaic[0::2, 1::2] = scene[0::2, 0::2, 0], scene[0::2, 1::2, 1]  # R G
    mosaic[1::2, 0::2], mosaic[1::2, 1::2] = scene[1::2, 0::2, 1], scene[1::2, 1::2, 2]  # G B
    picture = decode(RawImage(mosaic.tobytes(), 60, 40, 0, PixelFormat.BAYER_RG8))
    assert difference(picture[2:-2, 2:-2], scene[2:-2, 2:-2]) <= 1


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (RawImage(b"", 0, 4, 0, PixelFormat.MONO8), "at least 1"),
        (RawImage(b"", 4, -1, 0, PixelFormat.MONO8), "at least 1"),
        (RawImage(bytes(12), 4, 3, 3, PixelFormat.MONO8), "stride_bytes is 3"),
        (RawImage(bytes(12), 4, 3, -4, PixelFormat.MONO8), "stride_bytes is -4"),
        (RawImage(bytes(11), 4, 3, 0, PixelFormat.MONO8), "11 bytes; .* takes 12 to 12"),
        (RawImage(bytes(13), 4, 3, 0, PixelFormat.MONO8), "13 bytes"),
        (RawImage(bytes(27), 4, 3, 8, PixelFormat.MONO8), "takes 20 to 24"),
        (RawImage(bytes(12), 4, 3, 0, PixelFormat.RGB8), "takes 36 to 36"),
        (RawImage(bytes(12), 4, 3, 0, PixelFormat.BAYER_RG8), "even sides"),
    ],
)
def test_contradictory_raw_images_are_refused(raw: RawImage, message: str) -> None:
    with pytest.raises(InvalidFrameError, match=message):
        read_size(raw, LIMIT)


def test_raw_image_obeys_the_pixel_limit() -> None:
    with pytest.raises(ImageTooLargeError):
        read_size(RawImage(bytes(101), 101, 1, 0, PixelFormat.MONO8), 100)


def test_digest_is_of_pixels_and_not_of_files() -> None:
    png, bmp = (decode(EncodedImage(encode(Image.fromarray(quadrants()), kind))) for kind in ("PNG", "BMP"))
    assert pixel_digest(png) == pixel_digest(bmp)
    assert pixel_digest(png) != pixel_digest(np.ascontiguousarray(png[::-1]))
    assert pixel_digest(np.zeros((2, 8, 3), np.uint8)) != pixel_digest(np.zeros((4, 4, 3), np.uint8)), "same bytes, other shape"
