"""Between protobuf and domain: what is read, what is refused, what is written; statuses and pages."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

import cv2
import grpc
import numpy as np
import numpy.typing as npt
import pytest
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from goldenpart.server.api.conversions import (
    calibration_to_pb,
    category_to_pb,
    frame_from_pb,
    image_from_pb,
    mask_from_pb,
    outcome_to_pb,
    progress_to_pb,
    reason_of,
    revision_to_pb,
    threshold_from_pb,
)
from goldenpart.server.api.paging import Paging
from goldenpart.server.api.status import hide, shorten, to_status
from goldenpart.server.errors import (
    BackboneUnavailableError,
    GoldenpartError,
    InvalidArgumentError,
    InvalidFrameError,
    MaskError,
    OverloadedError,
    UndecodableImageError,
)
from goldenpart.server.registry.manifest import is_revision_name
from goldenpart.server.registry.records import CategoryRecord, RevisionSummary
from goldenpart.server.runtime.inspection import Frame, NotInspected
from goldenpart.server.vision.calibration import CalibrationMethod, ThresholdRequest, calibrate
from goldenpart.server.vision.fitting import Progress, Stage
from goldenpart.server.vision.image import EncodedImage, PixelFormat, RawImage
from goldenpart.v1 import calibration_pb2, category_pb2, image_pb2, inspection_pb2, onboarding_pb2

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
BYTES = image_pb2.Image(encoded=b"x")


def frame(**changes: object) -> inspection_pb2.Frame:
    return inspection_pb2.Frame(**({"frame_id": "f", "category": "part", "image": BYTES} | changes))  # type: ignore[arg-type]


def read(message: inspection_pb2.Frame, call_deadline: float | None = None) -> Frame:
    found = frame_from_pb(message, call_deadline)
    assert isinstance(found, Frame)
    return found


def test_a_frame_carries_all_that_was_sent() -> None:
    options = inspection_pb2.InspectOptions(regions=True, overlay=True)
    found = read(frame(revision="r0007", options=options))
    assert (found.frame_id, found.category, found.revision, found.deadline) == ("f", "part", "r0007", None)
    assert found.source == EncodedImage(b"x")
    assert (found.wanted.regions, found.wanted.heatmap, found.wanted.overlay) == (True, False, True)


def test_the_earlier_of_call_deadline_and_budget_counts() -> None:
    now = time.monotonic()
    assert read(frame(), now + 5).deadline == now + 5
    assert read(frame(budget_ms=60_000), now + 5).deadline == now + 5
    assert read(frame(budget_ms=1_000), now + 5).deadline == pytest.approx(now + 1, abs=0.5)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"frame_id": ""}, "INVALID_FRAME"),
        ({"frame_id": "x" * 129}, "INVALID_FRAME"),
        ({"frame_id": "a\nb"}, "INVALID_FRAME"),
        ({"frame_id": "a\x7f"}, "INVALID_FRAME"),
        ({"category": "../x"}, "INVALID_FRAME"),
        ({"category": ""}, "INVALID_FRAME"),
        ({"image": image_pb2.Image()}, "INVALID_FRAME"),
        ({"image": image_pb2.Image(raw=image_pb2.RawImage())}, "INVALID_FRAME"),
    ],
)
def test_a_frame_with_a_wrong_field_is_its_own_outcome(changes: dict[str, object], reason: str) -> None:
    found = frame_from_pb(frame(**changes), None)
    assert isinstance(found, NotInspected)
    assert reason_of(found) == reason
    assert (found.frame_id, found.category) == (changes.get("frame_id", "f"), changes.get("category", "part"))
    message = outcome_to_pb(found)
    assert message.verdict == inspection_pb2.VERDICT_NOT_INSPECTED
    assert message.message == found.error.message


def test_128_characters_of_any_script_make_a_frame_id() -> None:
    assert read(frame(frame_id="\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 128)).frame_id


def test_what_the_contract_has_no_reason_for_is_a_server_error() -> None:
    assert reason_of(NotInspected("f", "part", BackboneUnavailableError("gone"), 0.0)) == "SERVER_ERROR"
    assert reason_of(NotInspected("f", "part", UndecodableImageError("cut"), 0.0)) == "UNDECODABLE"


def test_raw_pixels_keep_their_layout() -> None:
    raw = image_pb2.RawImage(data=b"abc", width_px=1, height_px=2, stride_bytes=3, pixel_format=image_pb2.PIXEL_FORMAT_BGR8)
    assert image_from_pb(image_pb2.Image(raw=raw)) == RawImage(b"abc", 1, 2, 3, PixelFormat.BGR8)
    raw.pixel_format = cast("Any", 9)
    with pytest.raises(InvalidFrameError, match="pixel_format 9 is unknown"):
        image_from_pb(image_pb2.Image(raw=raw))


def polygon(*vertices: tuple[float, float]) -> image_pb2.Polygon:
    return image_pb2.Polygon(vertices=[image_pb2.RelativePoint(x=x, y=y) for x, y in vertices])


def drawn(pixels: npt.NDArray[Any]) -> image_pb2.InspectionMask:
    return image_pb2.InspectionMask(image=image_pb2.Image(encoded=cv2.imencode(".png", pixels)[1].tobytes()))


def test_no_mask_and_no_polygon_mean_everywhere() -> None:
    assert mask_from_pb(image_pb2.InspectionMask(), 1000) is None
    assert mask_from_pb(image_pb2.InspectionMask(polygons=image_pb2.PolygonMask()), 1000) is None


def test_polygons_are_read_in_order() -> None:
    message = image_pb2.PolygonMask(include=[polygon((0, 0), (1, 0), (1, 1))], ignore=[polygon((0, 0), (0.5, 0), (0, 0.5))])
    mask = mask_from_pb(image_pb2.InspectionMask(polygons=message), 1000)
    assert mask is not None
    assert (mask.include, mask.ignore) == ((((0, 0), (1, 0), (1, 1)),), (((0, 0), (0.5, 0), (0, 0.5)),))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("value", [1, 255])
def test_a_mask_image_inspects_everything_but_0(dtype: type, value: int) -> None:
    pixels: npt.NDArray[Any] = np.zeros((6, 8), dtype)
    pixels[1:3, 2:5] = value
    mask = mask_from_pb(drawn(pixels), 1000)
    assert mask is not None
    assert mask.image is not None
    assert np.array_equal(mask.image, pixels > 0)


def test_a_raw_mask_image_is_read_too() -> None:
    raw = image_pb2.RawImage(data=bytes([0, 1, 0, 7]), width_px=2, height_px=2, pixel_format=image_pb2.PIXEL_FORMAT_MONO8)
    mask = mask_from_pb(image_pb2.InspectionMask(image=image_pb2.Image(raw=raw)), 1000)
    assert mask is not None
    assert mask.image is not None
    assert mask.image.tolist() == [[False, True], [False, True]]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (image_pb2.InspectionMask(image=image_pb2.Image(encoded=b"text")), "no JPEG"),
        (image_pb2.InspectionMask(image=image_pb2.Image()), "no image"),
        (drawn(np.zeros((4, 4), np.uint8)), "0 everywhere"),
        (drawn(np.ones((40, 40), np.uint8)), "limit is 1000"),
        (image_pb2.InspectionMask(polygons=image_pb2.PolygonMask(include=[polygon((0, 0), (1, 1))])), "2 vertices"),
        (image_pb2.InspectionMask(polygons=image_pb2.PolygonMask(ignore=[polygon((0, 0), (1, 1), (math.nan, 0))])), "nan"),
    ],
)
def test_a_mask_that_cannot_be_drawn_is_refused(message: image_pb2.InspectionMask, words: str) -> None:
    with pytest.raises(MaskError, match=words) as caught:
        mask_from_pb(message, 1000)
    assert caught.value.field.startswith("mask.")


def test_every_method_of_the_contract_is_known() -> None:
    for name, number in calibration_pb2.CalibrationMethod.items():
        wanted = threshold_from_pb(onboarding_pb2.ThresholdRequest(method=cast("Any", number), false_reject_rate=0.1))
        assert (wanted.method.name if wanted.method else "UNSPECIFIED") == name.removeprefix("CALIBRATION_METHOD_")
    assert threshold_from_pb(onboarding_pb2.ThresholdRequest()) == ThresholdRequest(None, 0.05, None)
    assert threshold_from_pb(onboarding_pb2.ThresholdRequest(false_reject_rate=0.1, review_rate=0.2)) == ThresholdRequest(None, 0.1, 0.2)


def test_every_stage_has_its_word() -> None:
    for stage in Stage:
        message = progress_to_pb(Progress(stage, 3, 7))
        assert onboarding_pb2.OnboardingStage.Name(message.stage) == f"ONBOARDING_STAGE_{stage.name}"
        assert (message.done, message.total) == (3, 7)


def test_a_calibration_is_written_whole_or_without_its_scores() -> None:
    normal = tuple(float(score) for score in range(1, 20))
    calibration = calibrate(normal, (30.0,), ThresholdRequest(CalibrationMethod.CONFORMAL, 0.05, 0.2))
    whole = calibration_to_pb(calibration)
    assert (whole.threshold, whole.review_threshold, whole.normals, whole.defectives) == (19.0, 16.0, 19, 1)
    assert tuple(whole.normal_scores) == normal
    assert whole.smallest_attainable_rate == 1 / 20
    brief = calibration_to_pb(calibration, with_scores=False)
    assert (brief.normals, len(brief.normal_scores), len(brief.defective_scores)) == (19, 0, 0)
    plain = calibration_to_pb(replace(calibration, review_threshold=None, guaranteed_rate=None, auroc=None))
    assert [field for field in ("review_threshold", "guaranteed_false_reject_rate", "auroc") if plain.HasField(field)] == []


def test_a_damaged_revision_is_written_with_what_is_known() -> None:
    message = revision_to_pb(RevisionSummary(None, None, "part", "r0002", "manifest.json is no text."), "r0002")
    assert message.state == category_pb2.REVISION_STATE_DAMAGED
    assert message.damage == "manifest.json is no text."
    assert not message.HasField("calibration")
    assert not message.HasField("create_time")


def test_times_of_a_category_are_utc_and_may_be_missing() -> None:
    message = category_to_pb(CategoryRecord("part", "", 0, NOW, None, "e"))
    assert message.create_time.ToDatetime(UTC) == NOW
    assert not message.HasField("activate_time")


def details(error: GoldenpartError) -> tuple[grpc.Status, error_details_pb2.ErrorInfo, status_pb2.Status]:
    status = to_status(error)
    [(_, packed)] = status.trailing_metadata
    rich = status_pb2.Status.FromString(packed)
    info = error_details_pb2.ErrorInfo()
    assert rich.details[0].Unpack(info)
    return status, info, rich


def test_a_status_tells_code_reason_field_and_delay() -> None:
    status, info, rich = details(OverloadedError("full", field="frames", retry_after_s=1.5, limit=4))
    assert (status.code, status.details) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
    assert (info.reason, info.domain, dict(info.metadata)) == ("OVERLOADED", "goldenpart.dev", {"limit": "4"})
    violations, retry = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    assert rich.details[1].Unpack(violations)
    assert rich.details[2].Unpack(retry)
    assert [violation.field for violation in violations.field_violations] == ["frames"]
    assert retry.retry_delay.ToTimedelta().total_seconds() == 1.5


def test_a_defect_shows_its_kind_and_nothing_else() -> None:
    hidden = hide(RuntimeError("the secret is 42"))
    assert (hidden.code, hidden.reason) == ("INTERNAL", "SERVER_ERROR")
    assert "RuntimeError" in hidden.message
    assert "42" not in hidden.message


@pytest.mark.parametrize("letter", ["x", "\N{LATIN SMALL LETTER U WITH DIAERESIS}", "\N{GRINNING FACE}"])
@pytest.mark.parametrize("length", [1, 300, 100_000])
def test_a_status_fits_into_the_trailers(letter: str, length: int) -> None:
    """The soft limit of gRPC is 8 KiB, the hard one 16; what is not ASCII travels percent-encoded, three bytes for one."""
    text = letter * length
    status, *_ = details(InvalidArgumentError(text, field="image", name=text, duplicate_of=text))
    [(_, packed)] = status.trailing_metadata
    words = status.details.encode()
    assert len(packed) * 4 / 3 + (len(words) if words.isascii() else 3 * len(words)) < 8192


@given(st.text(max_size=300), st.integers(20, 200))
def test_a_text_is_shortened_in_its_middle(text: str, most_bytes: int) -> None:
    short = shorten(text, most_bytes)
    assert len(short.encode()) <= most_bytes
    if len(text.encode()) <= most_bytes:
        assert short == text
    else:
        head, _, tail = short.partition(" ... ")
        assert text.startswith(head)
        assert text.endswith(short[-len(tail) :] if tail else "")


@dataclass(frozen=True)
class Entry:
    name: str


PAGES: Paging[Entry] = Paging("revisions/part", lambda entry: entry.name, is_revision_name, lambda name: (-int(name[1:]), name))


@given(st.sets(st.integers(1, 20_000), max_size=40), st.integers(1, 7))
def test_pages_hold_everything_once_in_order(numbers: set[int], size: int) -> None:
    entries = [Entry(f"r{number:04d}") for number in numbers]
    found, token = [], ""
    while True:
        page, token = PAGES.cut(entries, size, token)
        found += page
        assert len(page) == size or not token
        if not token:
            break
    assert [int(entry.name[1:]) for entry in found] == sorted(numbers, reverse=True)


def test_deleting_between_pages_skips_nothing() -> None:
    entries = [Entry(f"r{number:04d}") for number in (9998, 9999, 10_000, 10_001)]
    page, token = PAGES.cut(entries, 3, "")
    assert [entry.name for entry in page] == ["r10001", "r10000", "r9999"]
    assert PAGES.cut(entries[:1], 3, token) == (entries[:1], "")


def test_sizes_have_a_default_and_a_ceiling() -> None:
    entries = [Entry(f"r{number:04d}") for number in range(1, 1100)]
    assert len(PAGES.cut(entries, 0, "")[0]) == 50
    assert len(PAGES.cut(entries, 5000, "")[0]) == 1000
    with pytest.raises(InvalidArgumentError, match="page_size is -1"):
        PAGES.cut(entries, -1, "")


def test_only_a_token_of_this_list_is_taken() -> None:
    entries = [Entry("r0001"), Entry("r0002")]
    _, token = PAGES.cut(entries, 1, "")
    other = replace(PAGES, scope="revisions/other")
    for pages, bad in ((other, token), (PAGES, "!!!"), (PAGES, "r0001"), (PAGES, token[:-3]), (PAGES, "\N{SNOWMAN}")):
        with pytest.raises(InvalidArgumentError, match="page_token"):
            pages.cut(entries, 1, bad)
