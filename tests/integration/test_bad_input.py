"""What nobody should send, sent over a real socket: the right code or reason, words that help, and a server that goes on."""

import asyncio
import io
import math
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import cv2
import grpc
import numpy as np
import pytest
from PIL import Image
from tiny_category import RECIPE, SIDE_PX, Pixels, draw_part, fit_category, golden_parts

from goldenpart.client import Client, Frame, GoldenpartError, NamedImage, Recipe, ThresholdRequest, Verdict, requests
from goldenpart.client.demo.process import ServerProcess
from goldenpart.client.errors import error_from_rpc
from goldenpart.server.app import App, running_server
from goldenpart.server.settings import Settings
from goldenpart.v1 import (
    category_pb2,
    category_pb2_grpc,
    image_pb2,
    inspection_pb2,
    inspection_pb2_grpc,
    onboarding_pb2,
    onboarding_pb2_grpc,
)

MakeSettings = Callable[..., Settings]
CATEGORY, SEED = "bad-input", 11
MEBIBYTE = 1 << 20


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


@pytest.fixture(scope="module")
def stubs(server_process: ServerProcess) -> Iterator[Stubs]:
    with grpc.insecure_channel(server_process.address) as channel:
        yield Stubs(
            inspection_pb2_grpc.InspectionServiceStub(channel),
            onboarding_pb2_grpc.OnboardingServiceStub(channel),
            category_pb2_grpc.CategoryServiceStub(channel),
        )


@pytest.fixture(scope="module")
def category(server_process: ServerProcess) -> str:
    with Client(server_process.address) as client:
        fit_category(client, CATEGORY, SEED)
    return CATEGORY


@pytest.fixture(autouse=True)
def _server_goes_on(client: Client, category: str) -> Iterator[None]:
    """After each of these the server inspects as before, and the category is as it was."""
    before = client.get_category(category)
    yield
    (result,) = client.inspect([Frame("good", category, GOOD_PNG)])
    assert result.verdict is Verdict.PASS, result.message
    assert client.get_category(category) == before


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
BAD_FRAMES: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    **{name: ({"image": image}, reason, words) for name, (image, reason, words) in BAD_IMAGES.items()},
    **{
        f"category {name[:8]!r}": ({"category": name}, "INVALID_FRAME", ["1 to 63", "a-z"])
        for name in ("../x", "Bad-Input", "x" * 64, "", "a\nb")
    },
    "unknown category": ({"category": "nobody"}, "UNKNOWN_CATEGORY", ["'nobody'", "fit it"]),
    "unknown revision": ({"revision": "r9999"}, "UNKNOWN_REVISION", ["'r9999'", "list"]),
    "revision that climbs": ({"revision": "../../x"}, "UNKNOWN_REVISION", ["list"]),
    "empty frame id": ({"frame_id": ""}, "INVALID_FRAME", ["0 characters", "1 to 128"]),
    "long frame id": ({"frame_id": "x" * 129}, "INVALID_FRAME", ["129 characters", "1 to 128"]),
    "control character": ({"frame_id": "a\x07"}, "INVALID_FRAME", ["printable"]),
}


def frame(**changes: Any) -> inspection_pb2.Frame:
    fields: dict[str, Any] = {"frame_id": "bad", "category": CATEGORY, "image": file_of(GOOD_PNG), **changes}
    return inspection_pb2.Frame(**fields)


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_a_bad_frame_fails_alone_and_says_why(stubs: Stubs, name: str) -> None:
    changes, reason, words = BAD_FRAMES[name]
    good = frame(frame_id="good")
    bad, neighbour = stubs.inspection.Inspect(inspection_pb2.InspectRequest(frames=[frame(**changes), good])).results
    assert bad.verdict == inspection_pb2.VERDICT_NOT_INSPECTED
    assert inspection_pb2.NotInspectedReason.Name(bad.reason) == f"NOT_INSPECTED_REASON_{reason}"
    assert (bad.frame_id, bad.category) == (changes.get("frame_id", "bad"), changes.get("category", CATEGORY))
    says(bad.message, *words)
    assert neighbour.verdict == inspection_pb2.VERDICT_PASS


def test_a_bomb_of_allowed_size_is_just_a_black_picture(stubs: Stubs) -> None:
    bomb = png(2000, 2000, bytes(2000 * 6001))
    assert len(bomb) < 20_000
    (result,) = stubs.inspection.Inspect(inspection_pb2.InspectRequest(frames=[frame(image=file_of(bomb))])).results
    assert result.verdict == inspection_pb2.VERDICT_FAIL
    assert (result.width_px, result.height_px) == (2000, 2000)


@pytest.mark.parametrize("count", [0, 65])
def test_a_call_has_1_to_64_frames(stubs: Stubs, count: int) -> None:
    request = inspection_pb2.InspectRequest(frames=[frame(frame_id=str(number)) for number in range(count)])
    error = failure(lambda: stubs.inspection.Inspect(request))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert [violation.field for violation in error.violations] == ["frames"]
    says(error.message, str(count), "1 to 64")


def test_frame_ids_are_unique_within_a_call(stubs: Stubs) -> None:
    error = failure(lambda: stubs.inspection.Inspect(inspection_pb2.InspectRequest(frames=[frame(), frame()])))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    says(error.message, "unique", "frame_id")


def fit_config(**changes: Any) -> onboarding_pb2.FitRequest:
    fields: dict[str, Any] = {"category": CATEGORY, "recipe": requests.recipe(RECIPE), **changes}
    return onboarding_pb2.FitRequest(config=onboarding_pb2.FitConfig(**fields))


def golden(image: image_pb2.Image | None = None, name: str = "part", number: int = 0) -> onboarding_pb2.FitRequest:
    image = image or file_of(encoded(draw_part(SEED, number), "PNG"))
    return onboarding_pb2.FitRequest(image=onboarding_pb2.GoldenImage(name=name, image=image))


def points(*vertices: tuple[float, float]) -> image_pb2.Polygon:
    return image_pb2.Polygon(vertices=[image_pb2.RelativePoint(x=x, y=y) for x, y in vertices])


def including(*vertices: tuple[float, float]) -> image_pb2.InspectionMask:
    return image_pb2.InspectionMask(polygons=image_pb2.PolygonMask(include=[points(*vertices)]))


def drawn(data: bytes) -> image_pb2.InspectionMask:
    return image_pb2.InspectionMask(image=file_of(data))


WIDE = (0.0, 0.0), (1.0, 0.0)
BLACK = np.zeros((8, 8, 3), np.uint8)
TWO = [golden(name="a", number=0), golden(name="b", number=1)]
INVALID, STATE = "INVALID_ARGUMENT", "FAILED_PRECONDITION"
BAD_FITS: dict[str, tuple[list[onboarding_pb2.FitRequest], str, str, list[str]]] = {
    "nothing at all": ([], INVALID, "INVALID_ARGUMENT", ["first message", "config"]),
    "config missing": (TWO, INVALID, "INVALID_ARGUMENT", ["first message", "config"]),
    "config late": ([TWO[0], fit_config()], INVALID, "INVALID_ARGUMENT", ["first message", "config"]),
    "second config": ([fit_config(), TWO[0], fit_config()], INVALID, "INVALID_ARGUMENT", ["must be an image"]),
    "empty message": ([fit_config(), onboarding_pb2.FitRequest()], INVALID, "INVALID_ARGUMENT", ["must be an image"]),
    "0 images": ([fit_config()], INVALID, "INVALID_ARGUMENT", ["0 images", "at least 1"]),
    **{
        f"golden part {name}": ([fit_config(), TWO[0], golden(image, "spoilt")], INVALID, reason, ["'spoilt'", *words])
        for name, (image, reason, words) in BAD_IMAGES.items()
    },
    "name empty": ([fit_config(), golden(name="")], INVALID, "INVALID_ARGUMENT", ["0 characters", "1 to 255"]),
    "name long": ([fit_config(), golden(name="x" * 256)], INVALID, "INVALID_ARGUMENT", ["256 characters", "1 to 255"]),
    "same name": ([fit_config(), TWO[0], golden(name="a", number=1)], INVALID, "DUPLICATE_GOLDEN_PART", ["'a'", "differ"]),
    "same pixels": ([fit_config(), TWO[0], golden(name="c", number=0)], INVALID, "DUPLICATE_GOLDEN_PART", ["'c'", "'a'", "Leave one out"]),
    "same pixels as BMP": (
        [fit_config(), TWO[0], golden(file_of(encoded(draw_part(SEED, 0), "BMP")), "c")],
        INVALID,
        "DUPLICATE_GOLDEN_PART",
        ["'c'", "'a'"],
    ),
    "same pixels raw": (
        [fit_config(), TWO[0], golden(requests.image(draw_part(SEED, 0)), "c")],
        INVALID,
        "DUPLICATE_GOLDEN_PART",
        ["'c'", "'a'"],
    ),
    **{
        f"category {name[:8]!r}": ([fit_config(category=name), *TWO], INVALID, "INVALID_CATEGORY_NAME", ["1 to 63", "a-z"])
        for name in ("../x", "Bad-Input", "x" * 64, "")
    },
    **{
        f"vertex {x}": ([fit_config(mask=including(*WIDE, (x, 1.0))), *TWO], INVALID, "INVALID_MASK", [str(x), "from 0 to 1"])
        for x in (math.nan, math.inf, -0.1, 1.5)
    },
    "2 vertices": ([fit_config(mask=including(*WIDE)), *TWO], INVALID, "INVALID_MASK", ["2 vertices", "at least 3"]),
    "black mask": ([fit_config(mask=drawn(encoded(BLACK, "PNG"))), *TWO], INVALID, "INVALID_MASK", ["0 everywhere"]),
    "undecodable mask": ([fit_config(mask=drawn(GOOD_PNG[:-40])), *TWO], INVALID, "INVALID_MASK", ["mask image", "truncated"]),
    "mask of another format": ([fit_config(mask=drawn(b"GIF89a")), *TWO], INVALID, "INVALID_MASK", ["mask image", "PNG"]),
    "mask image without image": (
        [fit_config(mask=image_pb2.InspectionMask(image=image_pb2.Image())), *TWO],
        INVALID,
        "INVALID_MASK",
        ["no image"],
    ),
    "mask that leaves no patch": (
        [fit_config(mask=including((0.5, 0.5), (0.52, 0.5), (0.5, 0.52))), *TWO],
        STATE,
        "NOTHING_TO_INSPECT",
        ["no patch", "larger"],
    ),
    "etag": ([fit_config(etag="stale"), *TWO], "ABORTED", "ETAG_MISMATCH", ["'stale'", "Read the category again"]),
}


@pytest.mark.parametrize("name", BAD_FITS)
def test_a_bad_fit_is_refused(stubs: Stubs, name: str) -> None:
    messages, code, reason, words = BAD_FITS[name]
    error = failure(lambda: list(stubs.onboarding.Fit(iter(messages))))
    assert (error.code.name, error.reason) == (code, reason)
    says(error.message, *words)


BAD_RECIPES: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "preset": ({"preset": 9}, "recipe.preset", ["9"]),
    "resize": ({"resize": 9}, "recipe.resize", ["9"]),
    "metric": ({"metric": 9}, "recipe.metric", ["9"]),
    "aggregate": ({"aggregate": 9}, "recipe.aggregate", ["9"]),
    "coreset": ({"coreset": 9}, "recipe.coreset", ["9"]),
    "search_index": ({"search_index": 9}, "recipe.search_index", ["9"]),
    "resolution low": ({"resolution_px": 31}, "recipe.resolution_px", ["31", "32 to 2048"]),
    "resolution high": ({"resolution_px": 2049}, "recipe.resolution_px", ["2049", "32 to 2048"]),
    "neighbourhood 0": ({"neighbourhood_patches": 0}, "recipe.neighbourhood_patches", ["0", "1 to 9"]),
    "neighbourhood even": ({"neighbourhood_patches": 4}, "recipe.neighbourhood_patches", ["4", "odd"]),
    "neighbourhood high": ({"neighbourhood_patches": 11}, "recipe.neighbourhood_patches", ["11", "1 to 9"]),
    "neighbours 0": ({"neighbours": 0}, "recipe.neighbours", ["0", "1 to 50"]),
    "neighbours high": ({"neighbours": 51}, "recipe.neighbours", ["51", "1 to 50"]),
    "aggregate_patches 0": ({"aggregate_patches": 0}, "recipe.aggregate_patches", ["0", "1 to"]),
    "aggregate_percent 0": ({"aggregate_percent": 0.0}, "recipe.aggregate_percent", ["0.0", "100"]),
    "aggregate_percent high": ({"aggregate_percent": 101.0}, "recipe.aggregate_percent", ["101.0", "100"]),
    "aggregate_percent NaN": ({"aggregate_percent": math.nan}, "recipe.aggregate_percent", ["nan", "100"]),
    "reweight without max": ({"reweight_neighbours": 5}, "recipe.reweight_neighbours", ["max", "0"]),
    "reweight 1": ({"reweight_neighbours": 1, "aggregate": 1}, "recipe.reweight_neighbours", ["2 neighbours"]),
    "reweight high": ({"reweight_neighbours": 51, "aggregate": 1}, "recipe.reweight_neighbours", ["51", "50"]),
    "coreset_vectors 0": ({"coreset_vectors": 0}, "recipe.coreset_vectors", ["0", "coreset none"]),
    "coreset_ratio 0": ({"coreset_ratio": 0.0}, "recipe.coreset_ratio", ["0.0", "coreset none"]),
    "coreset_ratio NaN": ({"coreset_ratio": math.nan}, "recipe.coreset_ratio", ["nan"]),
    "coreset_ratio high": ({"coreset_ratio": 1.5}, "recipe.coreset_ratio", ["1.5", "1.0"]),
    "projection low": ({"coreset_projection_dimensions": 7}, "recipe.coreset_projection_dimensions", ["7", "8 to 4096"]),
    "projection high": ({"coreset_projection_dimensions": 4097}, "recipe.coreset_projection_dimensions", ["4097", "8 to 4096"]),
    "rotation high": ({"rotations_deg": [361.0]}, "recipe.rotations_deg", ["-360 and 360"]),
    "rotation NaN": ({"rotations_deg": [math.nan]}, "recipe.rotations_deg", ["-360 and 360"]),
    "73 rotations": ({"rotations_deg": [float(angle) for angle in range(73)]}, "recipe.rotations_deg", ["72"]),
    "layer 0": ({"layers": [0]}, "recipe.layers", ["start at 1"]),
    "layer twice": ({"layers": [1, 1]}, "recipe.layers", ["differ"]),
    "layer the backbone lacks": ({"layers": [4]}, "recipe.layers", ["no layer 4", "1 to 3"]),
    "sigma negative": ({"heatmap_sigma_px": -1.0}, "recipe.heatmap_sigma_px", ["-1.0", "64"]),
    "sigma high": ({"heatmap_sigma_px": 65.0}, "recipe.heatmap_sigma_px", ["65.0", "64"]),
    "region_min_area high": ({"region_min_area_px": 2_000_000_000}, "recipe.region_min_area_px", ["2000000000"]),
    "seed high": ({"seed": 2**64 - 1}, "recipe.seed", [str(2**64 - 1)]),
}


@pytest.mark.parametrize("name", BAD_RECIPES)
def test_a_knob_out_of_range_is_named(stubs: Stubs, name: str) -> None:
    knobs, field, words = BAD_RECIPES[name]
    recipe = requests.recipe(RECIPE)
    for knob, value in knobs.items():
        if isinstance(value, list):
            getattr(recipe, knob).extend(value)
        else:
            setattr(recipe, knob, value)
    error = failure(lambda: list(stubs.onboarding.Fit(iter([fit_config(recipe=recipe), *TWO]))))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_RECIPE")
    assert [violation.field for violation in error.violations] == [field]
    says(error.message, *words)


def test_an_unknown_backbone_is_refused_with_the_list_of_known_ones(client: Client) -> None:
    with pytest.raises(GoldenpartError) as caught:
        fit_category(client, CATEGORY, SEED, recipe=Recipe(backbone="resnet50"))
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_BACKBONE")
    says(caught.value.message, "'resnet50'", "compact", "dinov2_vitb14")


def test_a_refusal_that_quotes_the_request_stays_small(stubs: Stubs) -> None:
    """Statuses travel in trailers, of which gRPC takes 8 KiB: a long list of layers must not cost the caller the reason."""
    recipe = requests.recipe(RECIPE)
    recipe.layers.extend([7] * 100_000)
    error = failure(lambda: list(stubs.onboarding.Fit(iter([fit_config(recipe=recipe)]))))
    assert error.reason == "INVALID_RECIPE"
    assert error.message.startswith("layers are [7, 7")
    assert error.message.endswith("start at 1.")
    name = "\N{GRINNING FACE}" * 255
    error = failure(lambda: list(stubs.onboarding.Fit(iter([fit_config(), golden(name=name), golden(name=name, number=1)]))))
    assert error.reason == "DUPLICATE_GOLDEN_PART"


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
UNSUITED_TO_FIT = {
    "conformal": ({"method": "CALIBRATION_METHOD_CONFORMAL"}, INVALID, "INVALID_ARGUMENT", ["conformal", "Calibrate"]),
    "f1_max": ({"method": "CALIBRATION_METHOD_F1_MAX"}, INVALID, "INVALID_ARGUMENT", ["f1_max", "Calibrate"]),
    "unattainable": ({"method": "CALIBRATION_METHOD_LEAVE_ONE_OUT"}, STATE, "RATE_NOT_ATTAINABLE", ["19 are needed, 17 more"]),
}


@pytest.mark.parametrize("name", RATES | UNSUITED_TO_FIT)
def test_a_threshold_that_fit_cannot_set_is_refused(stubs: Stubs, name: str) -> None:
    wanted, code, reason, words = (RATES | UNSUITED_TO_FIT)[name]
    config = fit_config(threshold=onboarding_pb2.ThresholdRequest(**wanted))
    error = failure(lambda: list(stubs.onboarding.Fit(iter([config, *TWO]))))
    assert (error.code.name, error.reason) == (code, reason)
    says(error.message, *words)


def calibrate_config(**changes: Any) -> onboarding_pb2.CalibrateRequest:
    return onboarding_pb2.CalibrateRequest(config=onboarding_pb2.CalibrateConfig(**({"category": CATEGORY} | changes)))


def labelled(number: int, image: image_pb2.Image | None = None, name: str = "", label: int = 1) -> onboarding_pb2.CalibrateRequest:
    image = image or file_of(encoded(draw_part(SEED, number), "PNG"))
    message = onboarding_pb2.LabelledImage(name=name or f"normal-{number}", image=image, label=cast("Any", label))
    return onboarding_pb2.CalibrateRequest(image=message)


def threshold(**wanted: Any) -> onboarding_pb2.CalibrateRequest:
    return calibrate_config(threshold=onboarding_pb2.ThresholdRequest(**wanted))


THREE = [labelled(number) for number in (50, 51, 52)]
BAD_CALIBRATIONS: dict[str, tuple[list[onboarding_pb2.CalibrateRequest], str, str, list[str]]] = {
    "config missing": (THREE, INVALID, "INVALID_ARGUMENT", ["first message", "config"]),
    "second config": ([calibrate_config(), calibrate_config()], INVALID, "INVALID_ARGUMENT", ["must be an image"]),
    "0 images": ([calibrate_config()], INVALID, "INVALID_ARGUMENT", ["normal images", "none"]),
    "undecodable": (
        [calibrate_config(), THREE[0], labelled(0, file_of(GOOD_PNG[:-40]), "spoilt")],
        INVALID,
        "UNDECODABLE",
        ["image 1 ('spoilt')", "truncated"],
    ),
    "golden part": ([calibrate_config(), labelled(0)], INVALID, "IMAGE_IN_BANK", ["normal-0", "golden-0", "other good parts"]),
    "golden part as BMP": (
        [calibrate_config(), labelled(0, file_of(encoded(draw_part(SEED, 0), "BMP")))],
        INVALID,
        "IMAGE_IN_BANK",
        ["golden-0"],
    ),
    "unknown label": ([calibrate_config(), labelled(50, label=9)], INVALID, "INVALID_ARGUMENT", ["label 9", "normal-50"]),
    "both labels": (
        [calibrate_config(), labelled(50), labelled(50, name="again", label=2)],
        INVALID,
        "INVALID_ARGUMENT",
        ["'again'", "defective", "'normal-50'", "normal"],
    ),
    "unknown category": ([calibrate_config(category="nobody"), *THREE], "NOT_FOUND", "UNKNOWN_CATEGORY", ["nobody"]),
    "bad category": ([calibrate_config(category="../x"), *THREE], INVALID, "INVALID_CATEGORY_NAME", ["../x", "1 to 63"]),
    "unknown revision": ([calibrate_config(revision="r9999"), *THREE], "NOT_FOUND", "UNKNOWN_REVISION", ["r9999"]),
    "unattainable": ([calibrate_config(), *THREE], STATE, "RATE_NOT_ATTAINABLE", ["19 are needed, 16 more", "1/4"]),
    "review unattainable": (
        [threshold(false_reject_rate=0.05, review_rate=0.1), *THREE],
        STATE,
        "RATE_NOT_ATTAINABLE",
        ["19 are needed, 16 more"],
    ),
    "f1_max without defects": (
        [threshold(method="CALIBRATION_METHOD_F1_MAX"), *THREE],
        INVALID,
        "INVALID_ARGUMENT",
        ["f1_max", "none"],
    ),
    "leave one out": ([threshold(method="CALIBRATION_METHOD_LEAVE_ONE_OUT"), *THREE], INVALID, "INVALID_ARGUMENT", ["conformal"]),
    "etag": (
        [calibrate_config(etag="stale", threshold=onboarding_pb2.ThresholdRequest(false_reject_rate=0.3)), *THREE],
        "ABORTED",
        "ETAG_MISMATCH",
        ["'stale'"],
    ),
    **{name: ([threshold(**wanted), *THREE], code, reason, words) for name, (wanted, code, reason, words) in RATES.items()},
}


@pytest.mark.parametrize("name", BAD_CALIBRATIONS)
def test_a_bad_calibration_is_refused(stubs: Stubs, name: str) -> None:
    messages, code, reason, words = BAD_CALIBRATIONS[name]
    error = failure(lambda: list(stubs.onboarding.Calibrate(iter(messages))))
    assert (error.code.name, error.reason) == (code, reason)
    says(error.message, *words)


pb = category_pb2
CATEGORY_CALLS: dict[str, tuple[str, Any, str, str, list[str]]] = {
    "get unknown": ("GetCategory", pb.GetCategoryRequest(category="nobody"), "NOT_FOUND", "UNKNOWN_CATEGORY", ["nobody"]),
    "get ../x": ("GetCategory", pb.GetCategoryRequest(category="../x"), "NOT_FOUND", "UNKNOWN_CATEGORY", ["../x"]),
    "delete ../x": ("DeleteCategory", pb.DeleteCategoryRequest(category="../x"), "NOT_FOUND", "UNKNOWN_CATEGORY", ["../x"]),
    "delete nothing": ("DeleteCategory", pb.DeleteCategoryRequest(), "NOT_FOUND", "UNKNOWN_CATEGORY", ["''"]),
    "delete stale": ("DeleteCategory", pb.DeleteCategoryRequest(category=CATEGORY, etag="stale"), "ABORTED", "ETAG_MISMATCH", ["'stale'"]),
    "list of unknown": ("ListRevisions", pb.ListRevisionsRequest(category="nobody"), "NOT_FOUND", "UNKNOWN_CATEGORY", ["nobody"]),
    "negative page": ("ListCategories", pb.ListCategoriesRequest(page_size=-1), INVALID, "INVALID_ARGUMENT", ["-1", "0"]),
    "foreign token": ("ListCategories", pb.ListCategoriesRequest(page_token="!"), INVALID, "INVALID_ARGUMENT", ["start without"]),
    "no base64": ("ListCategories", pb.ListCategoriesRequest(page_token="YQ"), INVALID, "INVALID_ARGUMENT", ["start without"]),
    "no name": ("ListCategories", pb.ListCategoriesRequest(page_token="Li4vLi4="), INVALID, "INVALID_ARGUMENT", ["start without"]),
    "negative page of revisions": (
        "ListRevisions",
        pb.ListRevisionsRequest(category=CATEGORY, page_size=-7),
        INVALID,
        "INVALID_ARGUMENT",
        ["-7"],
    ),
    "unknown revision": (
        "GetRevision",
        pb.GetRevisionRequest(category=CATEGORY, revision="r9999"),
        "NOT_FOUND",
        "UNKNOWN_REVISION",
        ["r9999"],
    ),
    "climbing revision": ("GetRevision", pb.GetRevisionRequest(category=CATEGORY, revision="../.."), "NOT_FOUND", "UNKNOWN_REVISION", []),
    "delete the active one": (
        "DeleteRevision",
        pb.DeleteRevisionRequest(category=CATEGORY, revision="r0001"),
        STATE,
        "REVISION_ACTIVE",
        ["r0001", "activate another one"],
    ),
    "delete no revision": ("DeleteRevision", pb.DeleteRevisionRequest(category=CATEGORY), "NOT_FOUND", "UNKNOWN_REVISION", []),
    "activate nothing": ("ActivateRevision", pb.ActivateRevisionRequest(category=CATEGORY), INVALID, "INVALID_ARGUMENT", ["r0001"]),
    "activate unknown": (
        "ActivateRevision",
        pb.ActivateRevisionRequest(category=CATEGORY, revision="r9999"),
        "NOT_FOUND",
        "UNKNOWN_REVISION",
        ["r9999"],
    ),
    "activate stale": (
        "ActivateRevision",
        pb.ActivateRevisionRequest(category=CATEGORY, revision="r0001", etag="stale"),
        "ABORTED",
        "ETAG_MISMATCH",
        ["'stale'"],
    ),
}


@pytest.mark.parametrize("name", CATEGORY_CALLS)
def test_a_bad_category_call_is_refused(stubs: Stubs, name: str) -> None:
    method, request, code, reason, words = CATEGORY_CALLS[name]
    error = failure(lambda: getattr(stubs.categories, method)(request))
    assert (error.code.name, error.reason) == (code, reason)
    says(error.message, *words)


def test_a_token_of_another_list_is_refused(stubs: Stubs, client: Client) -> None:
    fit_category(client, CATEGORY + "-2", SEED)
    token = stubs.categories.ListCategories(pb.ListCategoriesRequest(page_size=1)).next_page_token
    assert token
    error = failure(lambda: stubs.categories.ListRevisions(pb.ListRevisionsRequest(category=CATEGORY, page_token=token)))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    client.delete_category(CATEGORY + "-2")


def test_images_of_different_sizes_are_welcome(client: Client) -> None:
    whole = draw_part(SEED, 0)
    pictures: list[Pixels] = [whole, whole[:60], whole[:, :40], np.kron(whole, np.ones((2, 3, 1), np.uint8)), whole[:1], whole[:, :1]]
    parts = [NamedImage(str(place), np.ascontiguousarray(pixels)) for place, pixels in enumerate(pictures)]
    report = client.fit("sizes", parts, recipe=RECIPE)
    sizes = [(part.width_px, part.height_px) for part in report.revision.golden_parts]
    assert sizes == [(96, 96), (96, 60), (40, 96), (288, 192), (96, 1), (1, 96)]
    (result,) = client.inspect([Frame("1", "sizes", np.ascontiguousarray(whole[:50, :80]))])
    assert result.verdict in {Verdict.PASS, Verdict.FAIL}
    client.delete_category("sizes")


def test_a_picture_without_any_contrast_is_inspected(client: Client) -> None:
    """Equal patches have distance 0 to each other: the threshold is 0 or next to it, which no formula may divide by."""
    greys = [NamedImage(str(grey), np.full((64, 64), grey, np.uint8)) for grey in (100, 101)]
    client.fit("flat", greys, recipe=RECIPE)
    same, other = client.inspect([Frame("1", "flat", np.full((64, 64), 100, np.uint8)), Frame("2", "flat", PART)])
    assert (same.verdict, other.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert all(math.isfinite(value) for result in (same, other) for value in (result.score, result.p_value, result.confidence))
    client.delete_category("flat")


@pytest.fixture
async def narrow(make_settings: MakeSettings) -> AsyncIterator[App]:
    """A server with the narrowest limits there are."""
    limits = {"message_bytes": MEBIBYTE, "golden_bytes": MEBIBYTE, "archive_bytes": MEBIBYTE, "golden_parts": 3, "calibration_images": 2}
    weights = {"dinov2_vits14": "/nowhere/dinov2_vits14.pth"}
    async with running_server(make_settings(limits=limits, backbone_weights=weights)) as app:
        yield app


def refusal(call: Callable[[], object]) -> GoldenpartError:
    with pytest.raises(GoldenpartError) as caught:
        call()
    return caught.value


def overdo(address: str) -> None:
    huge = np.zeros((800, 800, 3), np.uint8)
    with Client(address) as client:
        for error in (
            refusal(lambda: client.inspect([Frame("1", "narrow", huge)])),
            refusal(lambda: client.fit("narrow", [NamedImage("huge", huge)], recipe=RECIPE)),
        ):
            assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")
            says(error.message, "1048576", "smaller")
        error = refusal(lambda: client.fit("narrow", golden_parts(SEED), recipe=RECIPE))
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        says(error.message, "More than 3 golden parts")
        turned = Recipe(resolution_px=256, rotations_deg=tuple(range(1, 60)))
        error = refusal(lambda: client.fit("narrow", golden_parts(SEED)[:1], recipe=turned))
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        says(error.message, "60 angles", "1048576", "fewer")

        client.fit("narrow", golden_parts(SEED)[:3], recipe=RECIPE)
        normal = [NamedImage(f"n{number}", draw_part(SEED, number)) for number in range(50, 53)]
        error = refusal(lambda: client.calibrate("narrow", normal, threshold=ThresholdRequest(false_reject_rate=0.4)))
        says(error.message, "More than 2 images")
        (result,) = client.inspect([Frame("1", "narrow", PART)])
        assert result.verdict is Verdict.PASS


async def test_what_is_too_much_is_refused_with_the_limit(narrow: App) -> None:
    await asyncio.to_thread(overdo, narrow.address)


def ask_for_weights(address: str) -> None:
    with Client(address) as client:
        recipe = Recipe(backbone="dinov2_vits14", resolution_px=64)
        error = refusal(lambda: client.fit("narrow", golden_parts(SEED)[:2], recipe=recipe))
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "BACKBONE_UNAVAILABLE")
        says(error.message, "/nowhere/dinov2_vits14.pth", "does not exist")
        client.fit("narrow", golden_parts(SEED)[:3], recipe=RECIPE)


async def test_weights_that_cannot_be_had_are_named(narrow: App) -> None:
    await asyncio.to_thread(ask_for_weights, narrow.address)


def test_a_16_bit_mask_counts_every_value_but_0(client: Client) -> None:
    areas = np.zeros((SIDE_PX, SIDE_PX), np.uint16)
    areas[:48] = 1
    mask = cv2.imencode(".png", areas)[1].tobytes()
    config = fit_config(category="mask16", mask=drawn(mask))
    with grpc.insecure_channel(client.address) as channel:
        *_, last = onboarding_pb2_grpc.OnboardingServiceStub(channel).Fit(iter([config, *TWO]))
    assert last.result.patches == last.result.patches_excluded == 2 * 64 // 2
    client.delete_category("mask16")
