"""The only place where the contract's replies become the client's own types."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from goldenpart.client import challenge_messages, results, revisions, server_info
from goldenpart.client.frame_statistics import FrameStatistic, FrameStatistics
from goldenpart.client.recipe import Aggregate, Coreset, Detector, Metric, Preset, Recipe, Resize, SearchIndex
from goldenpart.v1 import calibration_pb2, category_pb2, inspection_pb2, onboarding_pb2, recipe_pb2, server_info_pb2

_Word = TypeVar("_Word", bound=StrEnum)


class _EnumWrapper(Protocol):
    def Name(self, number: int) -> str: ...  # noqa: N802  # protobuf's name


def _word(words: type[_Word], wrapper: _EnumWrapper, prefix: str, number: int) -> _Word | None:
    """Return the word of an enum number; None where it is unspecified or newer than this client."""
    try:
        return words(wrapper.Name(number).removeprefix(prefix))
    except ValueError:
        return None


def _time(message: Message, field: str) -> datetime | None:
    stamp = getattr(message, field)
    return stamp.ToDatetime(tzinfo=UTC) if isinstance(stamp, Timestamp) and message.HasField(field) else None


def _optional(message: Message, field: str) -> float | None:
    return float(getattr(message, field)) if message.HasField(field) else None


def _box(message: inspection_pb2.Box) -> results.Box:
    return results.Box(message.x_px, message.y_px, message.width_px, message.height_px)


def _nearest(message: inspection_pb2.NearestGoldenPart) -> results.Nearest:
    return results.Nearest(
        patch=_box(message.patch),
        golden_index=message.golden_index,
        golden_name=message.golden_name,
        golden_patch=_box(message.golden_patch),
        rotation_deg=message.rotation_deg,
        distance=message.distance,
    )


def _region(message: inspection_pb2.Region) -> results.Region:
    return results.Region(
        box=_box(message.box),
        area_px=message.area_px,
        peak=message.peak,
        text=message.text,
        zone=message.zone,
        limit=message.limit or 1.0,
        excess=message.excess or message.peak,
        tolerated=message.tolerated,
        patch=_box(message.patch) if message.HasField("patch") else None,
        distance=message.distance,
        p_value=_optional(message, "p_value"),
        normal=_normal(message.normal) if message.HasField("normal") else None,
        appearance=_appearance(message.appearance) if message.HasField("appearance") else None,
        nearest=_nearest(message.nearest) if message.HasField("nearest") else None,
        side_by_side_png=message.side_by_side_png or None,
    )


def _appearance(message: inspection_pb2.RegionAppearance) -> results.Appearance:
    numbers = {field.name: getattr(message, field.name) for field in fields(results.Appearance) if not field.name.startswith("to_")}
    golden = _colour(message.to_golden) if message.HasField("to_golden") else None
    return results.Appearance(**numbers, to_surroundings=_colour(message.to_surroundings), to_golden=golden)


def _colour(message: inspection_pb2.ColourDifference) -> results.ColourDifference:
    return results.ColourDifference(message.lightness, message.red, message.yellow)


def _timings(message: inspection_pb2.StageTimings) -> results.Timings:
    return results.Timings(**{field.name: getattr(message, field.name) for field in fields(results.Timings)})


def _normal(message: inspection_pb2.NormalRange) -> results.NormalRange:
    return results.NormalRange(message.smallest, message.median, message.largest, message.images)


def _statistics(message: inspection_pb2.FrameStatistics) -> FrameStatistics:
    names = [field.name for field in fields(FrameStatistics) if message.HasField(field.name)]
    return FrameStatistics(**{name: _statistic(getattr(message, name)) for name in names})


def _statistic(message: inspection_pb2.FrameStatistic) -> FrameStatistic:
    return FrameStatistic(**{field.name: getattr(message, field.name) for field in fields(FrameStatistic)})


def _reason(verdict: results.Verdict, number: int) -> results.NotInspectedReason | None:
    if verdict is not results.Verdict.NOT_INSPECTED:
        return None
    known = _word(results.NotInspectedReason, inspection_pb2.NotInspectedReason, "NOT_INSPECTED_REASON_", number)
    return known or results.NotInspectedReason.UNSPECIFIED


def inspection(message: inspection_pb2.InspectionResult) -> results.Inspection:
    """Convert the outcome for a frame. A verdict that this client does not know counts as NOT_INSPECTED, never as PASS."""
    verdict = _word(results.Verdict, inspection_pb2.Verdict, "VERDICT_", message.verdict) or results.Verdict.NOT_INSPECTED
    return results.Inspection(
        frame_id=message.frame_id,
        category=message.category,
        verdict=verdict,
        revision=message.revision,
        reason=_reason(verdict, message.reason),
        message=message.message,
        score=message.score,
        threshold=message.threshold,
        review_threshold=_optional(message, "review_threshold"),
        p_value=message.p_value,
        confidence=message.confidence,
        regions=tuple(_region(region) for region in message.regions),
        nearest=_nearest(message.nearest) if message.HasField("nearest") else None,
        heatmap=results.Heatmap(message.heatmap.png, message.heatmap.scale) if message.HasField("heatmap") else None,
        overlay_png=message.overlay_png or None,
        width_px=message.width_px,
        height_px=message.height_px,
        patches_inspected=message.patches_inspected,
        patches_excluded=message.patches_excluded,
        timings=_timings(message.timings),
        statistics=_statistics(message.statistics) if message.HasField("statistics") else None,
        rescored=tuple(message.rescored),
    )


def inspections(message: inspection_pb2.InspectResponse) -> tuple[results.Inspection, ...]:
    """Convert the outcomes of a call, in the order of its frames."""
    return tuple(inspection(result) for result in message.results)


def _given(message: recipe_pb2.Recipe, field: str) -> int | None:
    return int(getattr(message, field)) if message.HasField(field) else None


def recipe(message: recipe_pb2.Recipe) -> Recipe:
    """Convert a recipe; unset fields become None."""
    return Recipe(
        preset=_word(Preset, recipe_pb2.Preset, "PRESET_", message.preset) or Preset.DEFAULT,
        backbone=message.backbone or None,
        layers=tuple(message.layers) or None,
        resolution_px=_given(message, "resolution_px"),
        resize=_word(Resize, recipe_pb2.Resize, "RESIZE_", message.resize),
        neighbourhood_patches=_given(message, "neighbourhood_patches"),
        metric=_word(Metric, recipe_pb2.Metric, "METRIC_", message.metric),
        neighbours=_given(message, "neighbours"),
        aggregate=_word(Aggregate, recipe_pb2.Aggregate, "AGGREGATE_", message.aggregate),
        aggregate_patches=_given(message, "aggregate_patches"),
        aggregate_percent=_optional(message, "aggregate_percent"),
        reweight_neighbours=_given(message, "reweight_neighbours"),
        local_scale_neighbours=_given(message, "local_scale_neighbours"),
        coreset=_word(Coreset, recipe_pb2.Coreset, "CORESET_", message.coreset),
        coreset_vectors=_given(message, "coreset_vectors"),
        coreset_ratio=_optional(message, "coreset_ratio"),
        coreset_projection_dimensions=_given(message, "coreset_projection_dimensions"),
        rotations_deg=tuple(message.rotations_deg) or None,
        search_index=_word(SearchIndex, recipe_pb2.SearchIndex, "SEARCH_INDEX_", message.search_index),
        heatmap_sigma_px=_optional(message, "heatmap_sigma_px"),
        region_min_area_px=_given(message, "region_min_area_px"),
        seed=_given(message, "seed"),
        detector=_word(Detector, recipe_pb2.Detector, "DETECTOR_", message.detector),
        gaussian_dimensions=_given(message, "gaussian_dimensions"),
        subspace_variance=_optional(message, "subspace_variance"),
        subspace_components=_given(message, "subspace_components"),
        autoencoder_steps=_given(message, "autoencoder_steps"),
        ensemble_detectors=_detectors(message.ensemble_detectors) or None,
    )


def _detectors(numbers: Iterable[int]) -> tuple[Detector, ...]:
    words = (_word(Detector, recipe_pb2.Detector, "DETECTOR_", number) for number in numbers)
    return tuple(word for word in words if word is not None)


def calibration(message: calibration_pb2.Calibration) -> revisions.Calibration:
    """Convert what a threshold rests on."""
    return revisions.Calibration(
        method=_word(revisions.CalibrationMethod, calibration_pb2.CalibrationMethod, "CALIBRATION_METHOD_", message.method),
        threshold=message.threshold,
        review_threshold=_optional(message, "review_threshold"),
        false_reject_rate=message.false_reject_rate,
        review_rate=_optional(message, "review_rate"),
        normals=message.normals,
        defectives=message.defectives,
        guaranteed_false_reject_rate=_optional(message, "guaranteed_false_reject_rate"),
        false_reject_rate_upper_95=_optional(message, "false_reject_rate_upper_95"),
        guarantee=message.guarantee,
        smallest_attainable_rate=message.smallest_attainable_rate,
        normal_scores=tuple(message.normal_scores),
        defective_scores=tuple(message.defective_scores),
        f1_max=_optional(message, "f1_max"),
        auroc=_optional(message, "auroc"),
    )


def _golden_part(message: category_pb2.GoldenPart) -> revisions.GoldenPart:
    return revisions.GoldenPart(
        index=message.index,
        name=message.name,
        pixel_digest=message.pixel_digest,
        width_px=message.width_px,
        height_px=message.height_px,
        patches=message.patches,
        patches_excluded=message.patches_excluded,
    )


def revision(message: category_pb2.Revision) -> revisions.Revision:
    """Convert a revision."""
    state = _word(revisions.RevisionState, category_pb2.RevisionState, "REVISION_STATE_", message.state)
    return revisions.Revision(
        category=message.category,
        revision=message.revision,
        state=state or revisions.RevisionState.UNSPECIFIED,
        create_time=_time(message, "create_time"),
        recipe=recipe(message.recipe),
        backbone_digest=message.backbone_digest,
        golden_parts=tuple(_golden_part(part) for part in message.golden_parts),
        bank_vectors=message.bank_vectors,
        bank_dimensions=message.bank_dimensions,
        bank_bytes=message.bank_bytes,
        coreset_radius=message.coreset_radius,
        calibration=calibration(message.calibration) if message.HasField("calibration") else None,
        bank_digest=message.bank_digest,
        parent_revision=message.parent_revision,
        damage=message.damage,
        masked=message.masked,
        gate=challenge_messages.gate(message.gate) if message.HasField("gate") else None,
    )


def category(message: category_pb2.Category) -> revisions.Category:
    """Convert a category."""
    return revisions.Category(
        category=message.category,
        active_revision=message.active_revision,
        revision_count=message.revision_count,
        create_time=_time(message, "create_time"),
        activate_time=_time(message, "activate_time"),
        etag=message.etag,
    )


def activation(message: category_pb2.ActivateRevisionResponse) -> revisions.Activation:
    """Convert a switch of the active revision."""
    gate = challenge_messages.gate(message.gate) if message.HasField("gate") else None
    return revisions.Activation(category(message.category), message.previous_revision, gate)


def progress(message: onboarding_pb2.OnboardingProgress) -> revisions.Progress:
    """Convert how far an onboarding is."""
    stage = _word(revisions.OnboardingStage, onboarding_pb2.OnboardingStage, "ONBOARDING_STAGE_", message.stage)
    return revisions.Progress(stage or revisions.OnboardingStage.UNSPECIFIED, message.done, message.total)


def _fit_report(message: onboarding_pb2.FitResult) -> revisions.FitReport:
    return revisions.FitReport(revision(message.revision), message.patches, message.patches_excluded, tuple(message.warnings))


def _calibration_report(message: onboarding_pb2.CalibrateResult) -> revisions.CalibrationReport:
    gate = challenge_messages.gate(message.gate) if message.HasField("gate") else None
    return revisions.CalibrationReport(revision(message.revision), tuple(message.warnings), gate)


def info(message: server_info_pb2.GetServerInfoResponse) -> server_info.ServerInfo:
    """Convert what a server is."""
    limits = {field.name: getattr(message.limits, field.name) for field in fields(server_info.Limits)}
    return server_info.ServerInfo(
        version=message.version,
        device=message.device,
        backbones=tuple(server_info.Backbone(b.name, b.digest, b.loaded, b.is_default) for b in message.backbones),
        limits=server_info.Limits(**limits),
        start_time=_time(message, "start_time"),
        library_versions=dict(message.library_versions),
    )


def fit_event(message: onboarding_pb2.FitResponse) -> revisions.Progress | revisions.FitReport:
    """Convert a message of Fit."""
    return _fit_report(message.result) if message.HasField("result") else progress(message.progress)


def calibration_event(message: onboarding_pb2.CalibrateResponse) -> revisions.Progress | revisions.CalibrationReport:
    """Convert a message of Calibrate."""
    return _calibration_report(message.result) if message.HasField("result") else progress(message.progress)
