"""The only place, with `recipes`, where protobuf meets domain."""

from __future__ import annotations

import re
import time
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from goldenpart.server.api.frame_statistics import statistics_to_pb
from goldenpart.server.api.gate import gate_to_pb
from goldenpart.server.api.recipes import knobs_from_pb, recipe_to_pb
from goldenpart.server.api.regions import nearest_to_pb, region_to_pb
from goldenpart.server.errors import CategoryNameError, ImageError, InvalidArgumentError, InvalidFrameError, MaskError, RecipeError
from goldenpart.server.registry.category_name import check_category_name
from goldenpart.server.registry.store import CategoryRecord, RevisionSummary
from goldenpart.server.runtime.inspection import Frame, Inspection, NotInspected, Outcome, Wanted
from goldenpart.server.vision.calibration import Calibration, CalibrationMethod, Judgement, ThresholdRequest
from goldenpart.server.vision.fitting import Progress
from goldenpart.server.vision.image import EncodedImage, ImageSource, PixelFormat, RawImage
from goldenpart.server.vision.mask import InspectionMask, Polygon, read_mask_image
from goldenpart.server.vision.rescoring import MOST_RECIPES
from goldenpart.v1 import calibration_pb2, category_pb2, image_pb2, inspection_pb2, onboarding_pb2

_FRAME_ID = re.compile(r"[^\x00-\x1f\x7f]{1,128}")
_PIXEL_FORMATS = {
    image_pb2.PIXEL_FORMAT_MONO8: PixelFormat.MONO8,
    image_pb2.PIXEL_FORMAT_RGB8: PixelFormat.RGB8,
    image_pb2.PIXEL_FORMAT_BGR8: PixelFormat.BGR8,
    image_pb2.PIXEL_FORMAT_BAYER_RG8: PixelFormat.BAYER_RG8,
}
_VERDICTS = {
    Judgement.PASS: inspection_pb2.VERDICT_PASS,
    Judgement.REVIEW: inspection_pb2.VERDICT_REVIEW,
    Judgement.FAIL: inspection_pb2.VERDICT_FAIL,
}
_DEFAULT_RATE = 0.05
_Reason = inspection_pb2.NotInspectedReason


def frame_from_pb(message: inspection_pb2.Frame, call_deadline: float | None) -> Frame | NotInspected:
    """Read a frame; one whose fields are wrong becomes its own outcome.

    Args:
        message: as it came.
        call_deadline: of the call, monotonic seconds.
    """
    try:
        if not _FRAME_ID.fullmatch(message.frame_id):
            raise InvalidFrameError(
                f"frame_id has {len(message.frame_id)} characters; it must have 1 to 128 printable ones.", field="frame_id"
            )
        check_category_name(message.category)
        source = image_from_pb(message.image)
        wanted = _wanted_from_pb(message.options)
    except (ImageError, CategoryNameError, RecipeError) as error:
        return NotInspected(message.frame_id, message.category, error, 0.0)
    budget = time.monotonic() + message.budget_ms / 1000.0 if message.budget_ms else None
    deadlines = [deadline for deadline in (call_deadline, budget) if deadline is not None]
    return Frame(message.frame_id, message.category, source, wanted, message.revision, min(deadlines, default=None))


def _wanted_from_pb(options: inspection_pb2.InspectOptions) -> Wanted:
    if len(options.rescore) > MOST_RECIPES:
        raise InvalidFrameError(
            f"rescore has {len(options.rescore)} recipes; at most {MOST_RECIPES} go with a frame.", field="options.rescore"
        )
    rescore = tuple(knobs_from_pb(knobs) for knobs in options.rescore)
    return Wanted(options.regions, options.heatmap, options.overlay, options.explanation, options.reuse_features, rescore)


def image_from_pb(message: image_pb2.Image) -> ImageSource:
    """Read an image's bytes and layout.

    Raises:
        InvalidFrameError: there is none, or its pixel format is unknown.
    """
    if message.WhichOneof("content") == "encoded":
        return EncodedImage(message.encoded)
    if message.WhichOneof("content") is None:
        raise InvalidFrameError("There is no image; set image.encoded or image.raw.", field="image")
    raw = message.raw
    pixel_format = _PIXEL_FORMATS.get(raw.pixel_format)
    if pixel_format is None:
        raise InvalidFrameError(
            f"pixel_format {raw.pixel_format} is unknown; use MONO8, RGB8, BGR8 or BAYER_RG8.", field="image.raw.pixel_format"
        )
    return RawImage(raw.data, raw.width_px, raw.height_px, raw.stride_bytes, pixel_format)


def mask_from_pb(message: image_pb2.InspectionMask, max_pixels: int) -> InspectionMask | None:
    """Read a mask; unset, and no polygon at all, mean everywhere. Blocks while a picture is decoded; any thread.

    Raises:
        MaskError: it cannot be drawn.
    """
    kind = message.WhichOneof("source")
    if kind is None or (kind == "polygons" and not message.polygons.include and not message.polygons.ignore):
        return None
    if kind == "polygons":
        return InspectionMask(include=_polygons(message.polygons.include), ignore=_polygons(message.polygons.ignore))
    try:
        source = image_from_pb(message.image)
    except ImageError as error:
        raise MaskError(f"The mask image cannot be used. {error.message}", field="mask.image") from error
    return InspectionMask(image=read_mask_image(source, max_pixels))


def threshold_from_pb(message: onboarding_pb2.ThresholdRequest) -> ThresholdRequest:
    """Read which threshold is wanted.

    Raises:
        InvalidArgumentError: a rate is out of range.
    """
    if message.method not in calibration_pb2.CalibrationMethod.values():
        raise InvalidArgumentError(f"calibration method {message.method} is unknown to this server.", field="threshold.method")
    name = calibration_pb2.CalibrationMethod.Name(message.method).removeprefix("CALIBRATION_METHOD_")
    method = None if name == "UNSPECIFIED" else CalibrationMethod[name]
    review = message.review_rate if message.HasField("review_rate") else None
    return ThresholdRequest(method, message.false_reject_rate or _DEFAULT_RATE, review)


def outcome_to_pb(outcome: Outcome) -> inspection_pb2.InspectionResult:
    """Write a frame's outcome."""
    return _not_inspected_to_pb(outcome) if isinstance(outcome, NotInspected) else _inspection_to_pb(outcome)


def reason_of(outcome: NotInspected) -> str:
    """Return the name of a NotInspectedReason without its prefix; what is not on the wire's list is the frame's fault or the server's."""
    name = outcome.error.reason
    if f"NOT_INSPECTED_REASON_{name}" in _Reason.keys():  # noqa: SIM118 - an enum wrapper, not a dict
        return name
    return "INVALID_FRAME" if isinstance(outcome.error, InvalidArgumentError) else "SERVER_ERROR"


def progress_to_pb(progress: Progress) -> onboarding_pb2.OnboardingProgress:
    """Write how far an onboarding is."""
    return onboarding_pb2.OnboardingProgress(stage=f"ONBOARDING_STAGE_{progress.stage.name}", done=progress.done, total=progress.total)


def category_to_pb(record: CategoryRecord) -> category_pb2.Category:
    """Write a category."""
    return category_pb2.Category(
        category=record.category,
        active_revision=record.active_revision,
        revision_count=record.revision_count,
        create_time=_timestamp(record.create_time),
        activate_time=_timestamp(record.activate_time),
        etag=record.etag,
    )


def revision_to_pb(summary: RevisionSummary, active: str, *, with_scores: bool = True) -> category_pb2.Revision:
    """Write a revision.

    Args:
        summary: as the store knows it.
        active: the category's active revision.
        with_scores: whether calibration scores are written; lists leave them out.
    """
    state = "ACTIVE" if summary.revision == active else "STAGED"
    message = category_pb2.Revision(
        category=summary.category,
        revision=summary.revision,
        state=f"REVISION_STATE_{'DAMAGED' if summary.damage else state}",
        damage=summary.damage,
        gate=gate_to_pb(summary.gate) if summary.gate else None,
    )
    if summary.manifest is not None:
        manifest = summary.manifest
        message.create_time.FromDatetime(manifest.create_time)
        message.recipe.CopyFrom(recipe_to_pb(manifest.recipe))
        message.backbone_digest = manifest.backbone_digest
        message.bank_vectors = manifest.bank_vectors
        message.bank_dimensions = manifest.bank_dimensions
        message.bank_bytes = manifest.detector_bytes
        message.coreset_radius = manifest.coreset_radius
        message.bank_digest = manifest.bank_digest
        message.parent_revision = manifest.parent_revision
        message.masked = manifest.masked
        for part in manifest.golden_parts:
            message.golden_parts.add(
                index=part.index,
                name=part.name,
                pixel_digest=part.pixel_digest,
                width_px=part.width_px,
                height_px=part.height_px,
                patches=part.patches,
                patches_excluded=part.patches_excluded,
            )
    if summary.calibration is not None:
        message.calibration.CopyFrom(calibration_to_pb(summary.calibration, with_scores=with_scores))
    return message


def calibration_to_pb(calibration: Calibration, *, with_scores: bool = True) -> calibration_pb2.Calibration:
    """Write a threshold, its evidence and its promise."""
    return calibration_pb2.Calibration(
        method=f"CALIBRATION_METHOD_{calibration.method.name}",
        threshold=calibration.threshold,
        review_threshold=calibration.review_threshold,
        false_reject_rate=calibration.false_reject_rate,
        review_rate=calibration.review_rate,
        normals=len(calibration.normal_scores),
        defectives=len(calibration.defective_scores),
        guaranteed_false_reject_rate=calibration.guaranteed_rate,
        false_reject_rate_upper_95=calibration.rate_upper_95,
        guarantee=calibration.guarantee,
        smallest_attainable_rate=1 / (len(calibration.normal_scores) + 1),
        normal_scores=calibration.normal_scores if with_scores else (),
        defective_scores=calibration.defective_scores if with_scores else (),
        f1_max=calibration.f1_max,
        auroc=calibration.auroc,
    )


def _not_inspected_to_pb(outcome: NotInspected) -> inspection_pb2.InspectionResult:
    return inspection_pb2.InspectionResult(
        frame_id=outcome.frame_id,
        category=outcome.category,
        verdict=inspection_pb2.VERDICT_NOT_INSPECTED,
        reason=f"NOT_INSPECTED_REASON_{reason_of(outcome)}",
        message=outcome.error.message,
        timings=inspection_pb2.StageTimings(total_s=outcome.total_s),
    )


def _inspection_to_pb(done: Inspection) -> inspection_pb2.InspectionResult:
    message = inspection_pb2.InspectionResult(
        frame_id=done.frame.frame_id,
        category=done.frame.category,
        revision=done.revision,
        score=done.score,
        nearest=nearest_to_pb(done.nearest),
        overlay_png=done.overlay_png,
        width_px=done.width_px,
        height_px=done.height_px,
        patches_inspected=done.patches,
        patches_excluded=done.patches_excluded,
        timings=_timings_to_pb(done),
        rescored=done.rescored,
        statistics=statistics_to_pb(done.drift),
    )
    _write_verdict(message, done)
    if done.heatmap_png:
        message.heatmap.CopyFrom(inspection_pb2.Heatmap(png=done.heatmap_png, scale=done.heatmap_scale))
    message.regions.extend(region_to_pb(evidence) for evidence in done.regions)
    return message


def _write_verdict(message: inspection_pb2.InspectionResult, done: Inspection) -> None:
    calibration, judgement = done.calibration, done.judgement
    if calibration is None or judgement is None:
        message.verdict = inspection_pb2.VERDICT_NOT_INSPECTED
        message.reason = inspection_pb2.NOT_INSPECTED_REASON_NOT_CALIBRATED
        message.message = f"Revision {done.revision} of {done.frame.category} has no threshold; run Calibrate with normal images."
        return
    message.verdict = _VERDICTS[judgement]
    message.threshold = calibration.threshold
    message.p_value = calibration.p_value(done.score)
    if done.ruling is not None and done.ruling.message:
        message.message = done.ruling.message
    else:
        message.confidence = calibration.confidence(done.score)
    if calibration.review_threshold is not None:
        message.review_threshold = calibration.review_threshold


def _timings_to_pb(done: Inspection) -> inspection_pb2.StageTimings:
    timings = done.timings
    return inspection_pb2.StageTimings(
        queue_s=timings.queue_s,
        decode_s=timings.decode_s,
        backbone_s=timings.backbone_s,
        search_s=timings.search_s,
        post_s=timings.post_s,
        total_s=timings.total_s,
        batch_size=timings.batch_size,
    )


def _polygons(messages: object) -> tuple[Polygon, ...]:
    return tuple(tuple((vertex.x, vertex.y) for vertex in message.vertices) for message in messages)  # type: ignore[attr-defined]


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
