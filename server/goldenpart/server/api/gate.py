"""Gate reports and challenge frames as messages."""

from __future__ import annotations

from goldenpart.server.registry.challenge_frame import ChallengeFrame
from goldenpart.server.registry.challenge_gate import ChallengeChange, ChallengeCounts, GateReport
from goldenpart.v1 import challenge_pb2, gate_pb2, onboarding_pb2


def gate_to_pb(report: GateReport) -> gate_pb2.GateReport:
    """Write what a gate said."""
    message = gate_pb2.GateReport(
        decision=f"GATE_DECISION_{report.decision.name}",
        reason=report.reason,
        compared_with=report.compared_with,
        normals=report.normals,
        defectives=report.defectives,
        before=_counts_to_pb(report.before),
        after=_counts_to_pb(report.after),
        added_false_rejects_allowed=report.added_false_rejects_allowed,
        worse=map(_change_to_pb, report.worse),
        better=map(_change_to_pb, report.better),
        golden_frames=report.golden_frames,
    )
    message.gate_time.FromDatetime(report.gate_time)
    if report.override_time is not None:
        message.override_time.FromDatetime(report.override_time)
    return message


def frame_to_pb(frame: ChallengeFrame) -> challenge_pb2.ChallengeFrame:
    """Write a challenge frame, without its picture."""
    message = challenge_pb2.ChallengeFrame(
        pixel_digest=frame.pixel_digest,
        name=frame.name,
        label=onboarding_pb2.LABEL_DEFECTIVE if frame.defective else onboarding_pb2.LABEL_NORMAL,
        note=frame.note,
        width_px=frame.width_px,
        height_px=frame.height_px,
        size_bytes=frame.size_bytes,
    )
    message.create_time.FromDatetime(frame.create_time)
    return message


def _counts_to_pb(counts: ChallengeCounts | None) -> gate_pb2.ChallengeCounts | None:
    if counts is None:
        return None
    return gate_pb2.ChallengeCounts(escapes=counts.escapes, false_rejects=counts.false_rejects, reviews=counts.reviews)


def _change_to_pb(change: ChallengeChange) -> gate_pb2.ChallengeChange:
    return gate_pb2.ChallengeChange(
        pixel_digest=change.pixel_digest,
        name=change.name,
        defective=change.defective,
        verdict_before=f"VERDICT_{change.verdict_before.name}",
        score_before=change.score_before,
        threshold_before=change.threshold_before,
        verdict_after=f"VERDICT_{change.verdict_after.name}",
        score_after=change.score_after,
        threshold_after=change.threshold_after,
    )
