"""CurationService, and its own conversions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc.aio

from goldenpart.server.api.conversions import image_from_pb, progress_to_pb
from goldenpart.server.errors import ImageError, InvalidArgumentError
from goldenpart.server.registry.category_name import check_category_name
from goldenpart.server.runtime.curation import FrameSuggester, SuggestPlan, SuggestResult
from goldenpart.server.runtime.curation_audit import AuditedPart, AuditResult, GoldenAuditor
from goldenpart.server.runtime.intake import NamedPicture
from goldenpart.server.vision.audit import CONTAMINATED_FROM, AuditVerdict
from goldenpart.server.vision.curation import Suggestion
from goldenpart.v1 import curation_pb2 as pb
from goldenpart.v1 import curation_pb2_grpc, inspection_pb2


class CurationServicer(curation_pb2_grpc.CurationServiceServicer):
    """Helps to choose pictures.

    Args:
        suggester: ranks frames.
        auditor: audits golden parts.
    """

    def __init__(self, suggester: FrameSuggester, auditor: GoldenAuditor) -> None:
        self._suggester = suggester
        self._auditor = auditor

    async def SuggestFrames(  # noqa: N802 - gRPC's name
        self,
        request_iterator: AsyncIterator[pb.SuggestFramesRequest],
        context: grpc.aio.ServicerContext[pb.SuggestFramesRequest, pb.SuggestFramesResponse],
    ) -> AsyncIterator[pb.SuggestFramesResponse]:
        """Rank unlabelled frames."""
        del context
        first = await anext(request_iterator, None)
        if first is None or first.WhichOneof("payload") != "config":
            raise InvalidArgumentError("The first message of SuggestFrames must be its config.", field="config")
        plan = SuggestPlan(first.config.category, first.config.revision, first.config.count)
        frames = _frames(request_iterator, first.config.frame_count)
        async with aclosing(self._suggester.suggest(plan, frames)) as events:
            async for event in events:
                if isinstance(event, SuggestResult):
                    yield pb.SuggestFramesResponse(result=suggest_result_to_pb(event))
                else:
                    yield pb.SuggestFramesResponse(progress=progress_to_pb(event))

    async def AuditGoldenParts(  # noqa: N802 - gRPC's name
        self,
        request: pb.AuditGoldenPartsRequest,
        context: grpc.aio.ServicerContext[pb.AuditGoldenPartsRequest, pb.AuditGoldenPartsResponse],
    ) -> AsyncIterator[pb.AuditGoldenPartsResponse]:
        """Compare the golden parts of a revision with one another."""
        del context
        check_category_name(request.category)
        async with aclosing(self._auditor.audit(request.category, request.revision)) as events:
            async for event in events:
                if isinstance(event, AuditResult):
                    yield pb.AuditGoldenPartsResponse(result=audit_result_to_pb(event))
                else:
                    yield pb.AuditGoldenPartsResponse(progress=progress_to_pb(event))


def suggest_result_to_pb(result: SuggestResult) -> pb.SuggestFramesResult:
    """Write a ranking."""
    return pb.SuggestFramesResult(
        revision=result.revision,
        frames=result.frames,
        suggestions=map(_suggestion_to_pb, result.suggestions),
        reach=result.reach,
        uncovered_share=result.uncovered_share,
        warnings=result.warnings,
    )


def audit_result_to_pb(result: AuditResult) -> pb.AuditGoldenPartsResult:
    """Write an audit."""
    parts = [_part_to_pb(part, lie_alike=result.lie_alike) for part in result.parts]
    return pb.AuditGoldenPartsResult(
        revision=result.revision,
        parts=parts,
        contaminated_from=CONTAMINATED_FROM,
        reach=result.reach,
        warnings=result.warnings,
        lie_alike=result.lie_alike,
    )


def _suggestion_to_pb(suggestion: Suggestion) -> pb.Suggestion:
    return pb.Suggestion(
        name=suggestion.name,
        index=suggestion.place,
        reason=f"SUGGESTION_REASON_{suggestion.reason.name}",
        explanation=suggestion.explanation,
        coverage_gain=suggestion.coverage_gain,
        coverage_total=suggestion.coverage_total,
        shared_gain=suggestion.shared_gain,
        score=suggestion.score,
        threshold_ratio=suggestion.threshold_ratio,
        near_duplicates=suggestion.near_duplicates,
    )


def _part_to_pb(audited: AuditedPart, *, lie_alike: bool) -> pb.GoldenPartAudit:
    evidence, audit, box = audited.evidence, audited.audit, audited.box
    return pb.GoldenPartAudit(
        index=audited.part.index,
        name=audited.part.name,
        verdict=f"GOLDEN_PART_VERDICT_{audit.verdict.name}",
        reason=reason_of(audited, lie_alike=lie_alike),
        left_out_score=evidence.left_out_score,
        p_value=audit.p_value,
        suspicion=audit.suspicion,
        z_score=audit.z_score,
        covered_share=evidence.covered_share,
        worst_patch=inspection_pb2.Box(x_px=box[0], y_px=box[1], width_px=box[2], height_px=box[3]),
        nearest_index=audit.nearest,
    )


def reason_of(audited: AuditedPart, *, lie_alike: bool) -> str:
    """Return why a golden part has its verdict, in words."""
    x, y, width, height = audited.box
    audit = audited.audit
    if audit.verdict is AuditVerdict.CONTAMINATED:
        return (
            f"has something at {x},{y} ({width} x {height} px) that hardly any other part has{' there' if lie_alike else ''}, "
            f"the nearest being {audited.nearest_name!r}: "
            f"{audit.z_score:.1f} robust standard deviations above the median part; look whether it shows a defect"
        )
    if audit.verdict is AuditVerdict.REDUNDANT:
        return "every patch of it is covered by parts that stay; without it the bank would cover the same"
    return f"{audit.z_score:.1f} robust standard deviations from the median part"


async def _frames(requests: AsyncIterator[pb.SuggestFramesRequest], announced: int) -> AsyncIterator[NamedPicture]:
    count = 0
    async for request in requests:
        if request.WhichOneof("payload") != "frame":
            raise InvalidArgumentError("After the config every message of SuggestFrames must be a frame.", field="frame")
        count += 1
        try:
            source = image_from_pb(request.frame.image)
        except ImageError as error:
            error.message = f"{request.frame.name!r}: {error.message}"
            raise
        yield NamedPicture(request.frame.name, source)
    if announced and announced != count:
        raise InvalidArgumentError(
            f"The config announced {announced} frames and {count} came; the upload broke off. Send it again.",
            field="config.frame_count",
            announced=announced,
            received=count,
        )
