from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from goldenpart.client import (
    Aggregate,
    CalibrationMethod,
    Coreset,
    Detector,
    Frame,
    InspectOptions,
    Mask,
    Metric,
    NotInspectedReason,
    OnboardingStage,
    PixelFormat,
    Preset,
    Progress,
    Recipe,
    Resize,
    RevisionState,
    SearchIndex,
    ThresholdRequest,
    Verdict,
    conversions,
    requests,
)
from goldenpart.v1 import calibration_pb2, category_pb2, image_pb2, inspection_pb2, onboarding_pb2, recipe_pb2

EVERY_KNOB = Recipe(
    preset=Preset.SEED,
    backbone="compact",
    layers=(2, 3),
    resolution_px=448,
    resize=Resize.STRETCH,
    neighbourhood_patches=3,
    metric=Metric.EUCLIDEAN,
    neighbours=5,
    aggregate=Aggregate.TOP_PERCENT,
    aggregate_patches=7,
    aggregate_percent=2.5,
    reweight_neighbours=0,
    local_scale_neighbours=16,
    coreset=Coreset.RANDOM,
    coreset_ratio=0.25,
    coreset_projection_dimensions=64,
    rotations_deg=(0.0, 90.0),
    search_index=SearchIndex.IVF,
    heatmap_sigma_px=0.0,
    region_min_area_px=0,
    seed=0,
    detector=Detector.ENSEMBLE,
    gaussian_dimensions=50,
    subspace_variance=0.9,
    subspace_components=0,
    autoencoder_steps=99,
    ensemble_detectors=(Detector.GAUSSIAN, Detector.BANK),
)


def test_recipe_survives_the_way_there_and_back() -> None:
    message = requests.recipe(EVERY_KNOB)
    unset = {field.name for field in message.DESCRIPTOR.fields} - {field.name for field, _ in message.ListFields()}
    assert unset == {"coreset_vectors"}  # the other member of its oneof
    assert conversions.recipe(message) == EVERY_KNOB


def test_unset_knobs_stay_unset() -> None:
    assert requests.recipe(Recipe()) == recipe_pb2.Recipe(preset=recipe_pb2.PRESET_DEFAULT)
    assert conversions.recipe(recipe_pb2.Recipe()) == Recipe()


def test_client_enums_are_those_of_the_contract() -> None:
    pairs = [
        (Verdict, inspection_pb2.Verdict, "VERDICT_"),
        (NotInspectedReason, inspection_pb2.NotInspectedReason, "NOT_INSPECTED_REASON_"),
        (CalibrationMethod, calibration_pb2.CalibrationMethod, "CALIBRATION_METHOD_"),
        (OnboardingStage, onboarding_pb2.OnboardingStage, "ONBOARDING_STAGE_"),
        (RevisionState, category_pb2.RevisionState, "REVISION_STATE_"),
        (PixelFormat, image_pb2.PixelFormat, "PIXEL_FORMAT_"),
        (Preset, recipe_pb2.Preset, "PRESET_"),
        (Resize, recipe_pb2.Resize, "RESIZE_"),
        (Metric, recipe_pb2.Metric, "METRIC_"),
        (Aggregate, recipe_pb2.Aggregate, "AGGREGATE_"),
        (Coreset, recipe_pb2.Coreset, "CORESET_"),
        (SearchIndex, recipe_pb2.SearchIndex, "SEARCH_INDEX_"),
    ]
    for words, contract, prefix in pairs:
        assert {word.value for word in words} | {"UNSPECIFIED"} == {name.removeprefix(prefix) for name in contract.keys()}  # noqa: SIM118


def test_two_budgets_are_refused() -> None:
    with pytest.raises(ValueError, match=r"coreset_vectors=10 and coreset_ratio=0\.1 exclude each other"):
        Recipe(coreset_vectors=10, coreset_ratio=0.1)


@pytest.mark.parametrize(
    ("shape", "given", "sent"),
    [
        ((4, 6), None, image_pb2.PIXEL_FORMAT_MONO8),
        ((4, 6, 3), None, image_pb2.PIXEL_FORMAT_RGB8),
        ((4, 6, 3), PixelFormat.BGR8, image_pb2.PIXEL_FORMAT_BGR8),
        ((4, 6), PixelFormat.BAYER_RG8, image_pb2.PIXEL_FORMAT_BAYER_RG8),
    ],
)
def test_arrays_go_as_raw_pixels(shape: tuple[int, ...], given: PixelFormat | None, sent: int) -> None:
    pixels = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    raw = requests.image(pixels, given).raw
    assert (raw.width_px, raw.height_px, raw.stride_bytes, raw.pixel_format) == (6, 4, 0, sent)
    np.testing.assert_array_equal(np.frombuffer(raw.data, np.uint8).reshape(shape), pixels)


def test_views_are_packed() -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 12)[::-1, ::2]
    assert requests.image(pixels).raw.data == np.ascontiguousarray(pixels).tobytes()


@pytest.mark.parametrize(
    ("source", "given", "error", "message"),
    [
        (np.zeros((4, 6), np.float32), None, TypeError, "not float32"),
        (np.zeros((4, 6, 4), np.uint8), None, ValueError, r"cannot have shape \(4, 6, 4\)"),
        (np.zeros((4, 6), np.uint8), PixelFormat.RGB8, ValueError, r"RGB8 cannot have shape \(4, 6\)"),
        (np.zeros((0, 6), np.uint8), None, ValueError, r"shape \(0, 6\)"),
        (np.zeros(6, np.uint8), None, ValueError, r"shape \(6,\)"),
        (b"jpeg", PixelFormat.RGB8, ValueError, "is for arrays"),
        ("part.png", None, TypeError, "not str"),
    ],
)
def test_other_images_are_refused(source: object, given: PixelFormat | None, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        requests.image(source, given)  # type: ignore[arg-type]


def test_files_go_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "part.png"
    path.write_bytes(b"png")
    assert requests.image(path).encoded == b"png"
    assert requests.image(b"jpeg").encoded == b"jpeg"


def test_frame_carries_everything() -> None:
    options = InspectOptions(regions=True, heatmap=True, overlay=True)
    message = requests.frame(Frame("7", "flange", b"jpeg", options, revision="r0002", budget_ms=80))
    assert message == inspection_pb2.Frame(
        frame_id="7",
        category="flange",
        image=image_pb2.Image(encoded=b"jpeg"),
        options=inspection_pb2.InspectOptions(regions=True, heatmap=True, overlay=True),
        revision="r0002",
        budget_ms=80,
    )


def test_mask_is_image_or_polygons() -> None:
    triangle = ((0.0, 0.0), (1.0, 0.0), (0.5, 1.0))
    polygons = requests.mask(Mask(include=(triangle,), ignore=(triangle, triangle))).polygons
    assert (len(polygons.include), len(polygons.ignore)) == (1, 2)
    assert [(vertex.x, vertex.y) for vertex in polygons.include[0].vertices] == list(triangle)
    assert requests.mask(Mask(b"grey")).image.encoded == b"grey"
    with pytest.raises(ValueError, match="an image and 1 polygons"):
        Mask(b"grey", ignore=(triangle,))
    with pytest.raises(ValueError, match="neither"):
        Mask()


def test_threshold_leaves_out_what_is_not_wanted() -> None:
    message = requests.threshold(ThresholdRequest(false_reject_rate=0.01))
    assert (message.method, message.false_reject_rate, message.HasField("review_rate")) == (0, 0.01, False)
    message = requests.threshold(ThresholdRequest(CalibrationMethod.F1_MAX, 0.01, 0.1))
    assert (message.method, message.review_rate) == (calibration_pb2.CALIBRATION_METHOD_F1_MAX, 0.1)


def test_inspection_is_converted_in_full() -> None:
    box = inspection_pb2.Box(x_px=1, y_px=2, width_px=3, height_px=4)
    nearest = inspection_pb2.NearestGoldenPart(patch=box, golden_index=5, golden_name="g", golden_patch=box, rotation_deg=90, distance=0.5)
    found = conversions.inspection(
        inspection_pb2.InspectionResult(
            frame_id="7",
            category="flange",
            revision="r0002",
            verdict=inspection_pb2.VERDICT_REVIEW,
            score=0.5,
            threshold=0.6,
            review_threshold=0.4,
            p_value=0.1,
            confidence=0.9,
            regions=[inspection_pb2.Region(box=box, area_px=12, peak=1.5)],
            nearest=nearest,
            heatmap=inspection_pb2.Heatmap(png=b"png", scale=0.001),
            overlay_png=b"overlay",
            width_px=640,
            height_px=480,
            patches_inspected=100,
            patches_excluded=10,
            timings=inspection_pb2.StageTimings(
                queue_s=0.1, decode_s=0.2, backbone_s=0.3, search_s=0.4, post_s=0.5, total_s=1.5, batch_size=4
            ),
        )
    )
    assert (found.verdict, found.reason, found.review_threshold) == (Verdict.REVIEW, None, 0.4)
    assert found.nearest is not None
    assert found.heatmap is not None
    assert (found.nearest.golden_index, found.nearest.golden_patch.height_px, found.heatmap.png) == (5, 4, b"png")
    assert [(region.box.x_px, region.area_px, region.peak) for region in found.regions] == [(1, 12, 1.5)]
    assert (found.timings.search_s, found.timings.batch_size, found.overlay_png) == (0.4, 4, b"overlay")


def test_what_was_not_sent_is_none() -> None:
    found = conversions.inspection(inspection_pb2.InspectionResult(verdict=inspection_pb2.VERDICT_PASS))
    assert (found.review_threshold, found.nearest, found.heatmap, found.overlay_png, found.regions) == (None, None, None, None, ())


@pytest.mark.parametrize("number", [0, 99])
def test_unknown_verdict_is_never_pass(number: int) -> None:
    found = conversions.inspection(inspection_pb2.InspectionResult(verdict=number, reason=number))  # type: ignore[arg-type]
    assert (found.verdict, found.reason) == (Verdict.NOT_INSPECTED, NotInspectedReason.UNSPECIFIED)


def test_revision_is_converted() -> None:
    made = datetime(2025, 3, 1, 12, tzinfo=UTC)
    stamp = Timestamp()
    stamp.FromDatetime(made)
    calibration = calibration_pb2.Calibration(method=calibration_pb2.CALIBRATION_METHOD_CONFORMAL, threshold=0.5, normal_scores=[0.1, 0.2])
    message = category_pb2.Revision(
        category="flange", revision="r0001", state=category_pb2.REVISION_STATE_ACTIVE, create_time=stamp, calibration=calibration
    )
    found = conversions.revision(message)
    assert (found.create_time, found.state) == (made, RevisionState.ACTIVE)
    assert found.calibration is not None
    assert (found.calibration.method, found.calibration.normal_scores) == (CalibrationMethod.CONFORMAL, (0.1, 0.2))
    assert (found.calibration.review_rate, found.calibration.guaranteed_false_reject_rate) == (None, None)
    bare = conversions.revision(category_pb2.Revision())
    assert (bare.create_time, bare.calibration, bare.state) == (None, None, RevisionState.UNSPECIFIED)


def test_onboarding_events_are_told_apart() -> None:
    on_the_way = onboarding_pb2.OnboardingProgress(stage=onboarding_pb2.ONBOARDING_STAGE_CORESET, done=3, total=9)
    assert conversions.fit_event(onboarding_pb2.FitResponse(progress=on_the_way)) == Progress(OnboardingStage.CORESET, 3, 9)
    last = conversions.fit_event(onboarding_pb2.FitResponse(result=onboarding_pb2.FitResult(patches=100, warnings=["few"])))
    assert not isinstance(last, Progress)
    assert (last.patches, last.warnings) == (100, ("few",))
