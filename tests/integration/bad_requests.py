"""Requests that nobody should send, and how they must fail: the right code or reason, and words that help."""

import io
import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import grpc
import pytest
from PIL import Image
from tiny_category import Pixels, draw_part

from goldenpart.client import GoldenpartError
from goldenpart.client.errors import error_from_rpc
from goldenpart.v1 import category_pb2_grpc, image_pb2, inspection_pb2_grpc, onboarding_pb2_grpc

CATEGORY, SEED = "bad-input", 11
INVALID, STATE = "INVALID_ARGUMENT", "FAILED_PRECONDITION"


def encoded(pixels: Pixels, form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def png(width_px: int, height_px: int, pixels: bytes) -> bytes:
    """A PNG file that claims a size and holds other pixels."""
    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


PART = draw_part(SEED, 100)
GOOD_PNG = encoded(PART, "PNG")
RGB, BAYER = image_pb2.PIXEL_FORMAT_RGB8, image_pb2.PIXEL_FORMAT_BAYER_RG8


def raw(width_px: int, height_px: int, length: int, stride_bytes: int = 0, pixel_format: int = RGB) -> image_pb2.Image:
    return image_pb2.Image(
        raw=image_pb2.RawImage(
            data=bytes(length),
            width_px=width_px,
            height_px=height_px,
            stride_bytes=stride_bytes,
            pixel_format=cast("Any", pixel_format),  # also numbers that the contract lacks
        )
    )


def file_of(data: bytes) -> image_pb2.Image:
    return image_pb2.Image(encoded=data)


@dataclass(frozen=True)
class Stubs:
    """The bare contract: it can say what the client would refuse to."""

    inspection: inspection_pb2_grpc.InspectionServiceStub
    onboarding: onboarding_pb2_grpc.OnboardingServiceStub
    categories: category_pb2_grpc.CategoryServiceStub


def failure(call: Callable[[], object]) -> GoldenpartError:
    """Make a call that must fail; return how."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return error_from_rpc(caught.value, "the server under test")


def says(message: str, *words: str) -> None:
    assert [word for word in words if word not in message] == [], message
    assert len(message) < 1000
    assert "Traceback" not in message


BAD_IMAGES: dict[str, tuple[image_pb2.Image, str, list[str]]] = {
    "none": (image_pb2.Image(), "INVALID_FRAME", ["no image", "image.encoded"]),
    "empty": (file_of(b""), "UNDECODABLE", ["0 bytes", "PNG"]),
    **{
        f"truncated {form}": (file_of(encoded(PART, form)[:-40]), "UNDECODABLE", ["truncated", "whole file"])
        for form in ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
    },
    "header alone": (file_of(GOOD_PNG[:20]), "UNDECODABLE", ["cut off", "20 bytes"]),
    "60,000 x 60,000 header": (file_of(png(60_000, 60_000, b"")), "IMAGE_TOO_LARGE", ["60000 x 60000", "50000000", "Scale it down"]),
    "bomb": (file_of(png(30_000, 30_000, bytes(30_000_000))), "IMAGE_TOO_LARGE", ["900000000", "50000000"]),
    "0 x 0": (file_of(png(0, 0, b"")), "UNDECODABLE", ["0 x 0", "at least 1"]),
    "JPEG 2000": (file_of(b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(64)), "UNSUPPORTED_FORMAT", ["00 00 00 0c", "JPEG"]),
    "GIF": (file_of(encoded(PART, "GIF")), "UNSUPPORTED_FORMAT", ["47 49 46 38", "JPEG"]),
    "SVG": (file_of(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "UNSUPPORTED_FORMAT", ["3c 73 76 67", "JPEG"]),
    "text": (file_of(b"PASS"), "UNSUPPORTED_FORMAT", ["50 41 53 53", "JPEG"]),
    "wrong stride": (raw(96, 96, 96 * 96 * 3, stride_bytes=287), "INVALID_FRAME", ["287", "288", "0 for packed"]),
    "zero size": (raw(0, 96, 0), "INVALID_FRAME", ["0 x 96", "at least 1"]),
    "too few bytes": (raw(96, 96, 96 * 96), "INVALID_FRAME", ["9216", "27648"]),
    "too many bytes": (raw(4, 4, 49), "INVALID_FRAME", ["49 bytes", "48"]),
    "huge raw": (raw(2**31, 2**31, 3), "INVALID_FRAME", ["3 bytes", "2147483648"]),
    "odd Bayer": (raw(95, 96, 95 * 96, pixel_format=BAYER), "INVALID_FRAME", ["95 x 96", "even"]),
    "unknown pixel format": (raw(96, 96, 96 * 96, pixel_format=77), "INVALID_FRAME", ["77", "MONO8"]),
    "no pixel format": (raw(96, 96, 96 * 96, pixel_format=0), "INVALID_FRAME", ["MONO8"]),
}

RATES: dict[str, tuple[dict[str, Any], str, str, list[str]]] = {
    "rate 1": ({"false_reject_rate": 1.0}, INVALID, "INVALID_ARGUMENT", ["1.0", "between 0 and 1"]),
    "rate negative": ({"false_reject_rate": -0.5}, INVALID, "INVALID_ARGUMENT", ["-0.5", "between 0 and 1"]),
    "rate NaN": ({"false_reject_rate": math.nan}, INVALID, "INVALID_ARGUMENT", ["nan", "between 0 and 1"]),
    "review below": ({"false_reject_rate": 0.3, "review_rate": 0.2}, INVALID, "INVALID_ARGUMENT", ["0.2", "0.3", "larger"]),
    "review equal": ({"false_reject_rate": 0.3, "review_rate": 0.3}, INVALID, "INVALID_ARGUMENT", ["0.3", "larger"]),
    "review 0": ({"review_rate": 0.0}, INVALID, "INVALID_ARGUMENT", ["0.0", "larger"]),
    "review NaN": ({"review_rate": math.nan}, INVALID, "INVALID_ARGUMENT", ["nan", "larger"]),
    "unknown method": ({"method": 77}, INVALID, "INVALID_ARGUMENT", ["77", "unknown"]),
}
