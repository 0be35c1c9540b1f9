"""Calibrations that nobody should ask for, over a real socket: the right reason, words that help, and a server that goes on."""

from typing import Any, cast

import pytest
from bad_requests import CATEGORY, GOOD_PNG, INVALID, RATES, SEED, STATE, Stubs, encoded, failure, file_of, says
from tiny_category import draw_part

from goldenpart.v1 import image_pb2, onboarding_pb2

pytestmark = pytest.mark.usefixtures("server_goes_on")


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
