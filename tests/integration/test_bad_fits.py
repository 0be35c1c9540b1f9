"""Fits that nobody should ask for, over a real socket: the right reason, words that help, and a server that goes on."""

import math
from typing import Any

import cv2
import grpc
import numpy as np
import pytest
from bad_requests import BAD_IMAGES, CATEGORY, GOOD_PNG, INVALID, RATES, SEED, STATE, Stubs, encoded, failure, file_of, says
from tiny_category import RECIPE, SIDE_PX, draw_part, fit_category

from goldenpart.client import Client, GoldenpartError, Recipe, requests
from goldenpart.v1 import image_pb2, onboarding_pb2, onboarding_pb2_grpc

pytestmark = pytest.mark.usefixtures("server_goes_on")


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


def test_a_16_bit_mask_counts_every_value_but_0(client: Client) -> None:
    areas = np.zeros((SIDE_PX, SIDE_PX), np.uint16)
    areas[:48] = 1
    mask = cv2.imencode(".png", areas)[1].tobytes()
    config = fit_config(category="mask16", mask=drawn(mask))
    with grpc.insecure_channel(client.address) as channel:
        *_, last = onboarding_pb2_grpc.OnboardingServiceStub(channel).Fit(iter([config, *TWO]))
    assert last.result.patches == last.result.patches_excluded == 2 * 64 // 2
    client.delete_category("mask16")
