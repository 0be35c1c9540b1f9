"""Messages of CurationService to and from the client's own types."""

from collections.abc import Iterable, Iterator

from goldenpart.client import conversions, curation, requests
from goldenpart.client.frames import ImageSource, NamedImage
from goldenpart.client.results import Box
from goldenpart.client.revisions import Progress
from goldenpart.v1 import curation_pb2, onboarding_pb2


def suggest_frames(
    category: str, frames: Iterable[ImageSource | NamedImage], *, revision: str, count: int
) -> Iterator[curation_pb2.SuggestFramesRequest]:
    """Yield the messages of SuggestFrames, one per frame, each read when its turn comes; see ``requests.image`` for the errors."""
    pool = list(requests.named_images(frames))
    config = curation_pb2.SuggestFramesConfig(category=category, revision=revision, count=count, frame_count=len(pool))
    yield curation_pb2.SuggestFramesRequest(config=config)
    for one in pool:
        picture = curation_pb2.PoolFrame(name=one.name, image=requests.image(one.image, one.pixel_format))
        yield curation_pb2.SuggestFramesRequest(frame=picture)


def set_threshold(
    category: str, threshold: float, *, review_threshold: float | None, revision: str, stage_only: bool, etag: str
) -> onboarding_pb2.SetThresholdRequest:
    """Make the request of SetThreshold."""
    return onboarding_pb2.SetThresholdRequest(
        category=category, revision=revision, threshold=threshold, review_threshold=review_threshold, stage_only=stage_only, etag=etag
    )


def suggest_event(message: curation_pb2.SuggestFramesResponse) -> Progress | curation.FrameRanking:
    """Convert a message of SuggestFrames."""
    return frame_ranking(message.result) if message.HasField("result") else conversions.progress(message.progress)


def audit_event(message: curation_pb2.AuditGoldenPartsResponse) -> Progress | curation.GoldenAudit:
    """Convert a message of AuditGoldenParts."""
    return golden_audit(message.result) if message.HasField("result") else conversions.progress(message.progress)


def frame_ranking(message: curation_pb2.SuggestFramesResult) -> curation.FrameRanking:
    """Convert a ranking."""
    return curation.FrameRanking(
        revision=message.revision,
        frames=message.frames,
        suggestions=tuple(map(_suggestion, message.suggestions)),
        reach=message.reach,
        uncovered_share=message.uncovered_share,
        warnings=tuple(message.warnings),
    )


def golden_audit(message: curation_pb2.AuditGoldenPartsResult) -> curation.GoldenAudit:
    """Convert an audit."""
    return curation.GoldenAudit(
        revision=message.revision,
        parts=tuple(map(_part, message.parts)),
        contaminated_from=message.contaminated_from,
        reach=message.reach,
        warnings=tuple(message.warnings),
        lie_alike=message.lie_alike,
    )


def _suggestion(message: curation_pb2.Suggestion) -> curation.Suggestion:
    return curation.Suggestion(
        name=message.name,
        index=message.index,
        reason=_reason(message.reason),
        explanation=message.explanation,
        coverage_gain=message.coverage_gain,
        coverage_total=message.coverage_total,
        shared_gain=message.shared_gain,
        score=message.score,
        threshold_ratio=message.threshold_ratio if message.HasField("threshold_ratio") else None,
        near_duplicates=tuple(message.near_duplicates),
    )


def _part(message: curation_pb2.GoldenPartAudit) -> curation.GoldenPartAudit:
    box = message.worst_patch
    return curation.GoldenPartAudit(
        index=message.index,
        name=message.name,
        verdict=_verdict(message.verdict),
        reason=message.reason,
        left_out_score=message.left_out_score,
        p_value=message.p_value,
        suspicion=message.suspicion,
        z_score=message.z_score,
        covered_share=message.covered_share,
        worst_patch=Box(box.x_px, box.y_px, box.width_px, box.height_px),
        nearest_index=message.nearest_index,
    )


def _reason(number: int) -> curation.SuggestionReason:
    """Return the word of an enum number; UNSPECIFIED where it is newer than this client."""
    try:
        return curation.SuggestionReason(curation_pb2.SuggestionReason.Name(number).removeprefix("SUGGESTION_REASON_"))
    except ValueError:
        return curation.SuggestionReason.UNSPECIFIED


def _verdict(number: int) -> curation.GoldenPartVerdict:
    """Return the word of an enum number; UNSPECIFIED where it is newer than this client."""
    try:
        return curation.GoldenPartVerdict(curation_pb2.GoldenPartVerdict.Name(number).removeprefix("GOLDEN_PART_VERDICT_"))
    except ValueError:
        return curation.GoldenPartVerdict.UNSPECIFIED
