"""Messages of ChallengeService, and gate reports, to and from the client's own types."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC

from goldenpart.client import challenge, learning_gate, requests
from goldenpart.client.frames import ImageSource, NamedImage
from goldenpart.client.results import Verdict
from goldenpart.client.revisions import OnboardingStage, Progress
from goldenpart.v1 import challenge_pb2, gate_pb2, inspection_pb2, onboarding_pb2


def add_frames(
    category: str,
    normal: Iterable[ImageSource | NamedImage],
    defective: Iterable[ImageSource | NamedImage],
    *,
    note: str,
    on_progress: Callable[[Progress], None] | None,
) -> Iterator[challenge_pb2.AddChallengeFramesRequest]:
    """Yield the messages of AddChallengeFrames, normal frames first, each read when its turn comes; errors as of ``requests.image``."""
    labelled = [(onboarding_pb2.LABEL_NORMAL, frame) for frame in requests.named_images(normal)]
    labelled += [(onboarding_pb2.LABEL_DEFECTIVE, frame) for frame in requests.named_images(defective)]
    config = challenge_pb2.AddChallengeFramesConfig(category=category, image_count=len(labelled))
    yield challenge_pb2.AddChallengeFramesRequest(config=config)
    for done, (label, frame) in enumerate(labelled, start=1):
        picture = requests.image(frame.image, frame.pixel_format)
        if on_progress is not None:
            on_progress(Progress(OnboardingStage.RECEIVING, done, len(labelled)))
        one = challenge_pb2.ChallengeImage(name=frame.name, image=picture, label=label, note=note)
        yield challenge_pb2.AddChallengeFramesRequest(image=one)


def added(message: challenge_pb2.AddChallengeFramesResponse) -> challenge.ChallengeFramesAdded:
    """Convert what came of adding frames."""
    return challenge.ChallengeFramesAdded(
        frames=tuple(map(frame, message.frames)),
        known_count=message.known_count,
        frame_count=message.frame_count,
        size_bytes=message.size_bytes,
    )


def frame(message: challenge_pb2.ChallengeFrame) -> challenge.ChallengeFrame:
    """Convert a challenge frame."""
    return challenge.ChallengeFrame(
        pixel_digest=message.pixel_digest,
        name=message.name,
        defective=message.label == onboarding_pb2.LABEL_DEFECTIVE,
        note=message.note,
        width_px=message.width_px,
        height_px=message.height_px,
        size_bytes=message.size_bytes,
        create_time=message.create_time.ToDatetime(tzinfo=UTC) if message.HasField("create_time") else None,
    )


def gate(message: gate_pb2.GateReport) -> learning_gate.GateReport:
    """Convert what a gate said. A decision that this client does not know is UNSPECIFIED."""
    name = gate_pb2.GateDecision.Name(message.decision) if message.decision in gate_pb2.GateDecision.values() else "UNSPECIFIED"
    return learning_gate.GateReport(
        decision=learning_gate.GateDecision(name.removeprefix("GATE_DECISION_")),
        reason=message.reason,
        compared_with=message.compared_with,
        gate_time=message.gate_time.ToDatetime(tzinfo=UTC) if message.HasField("gate_time") else None,
        normals=message.normals,
        defectives=message.defectives,
        before=_counts(message.before) if message.HasField("before") else None,
        after=_counts(message.after) if message.HasField("after") else None,
        added_false_rejects_allowed=message.added_false_rejects_allowed,
        worse=tuple(map(_change, message.worse)),
        better=tuple(map(_change, message.better)),
        golden_frames=tuple(message.golden_frames),
        override_time=message.override_time.ToDatetime(tzinfo=UTC) if message.HasField("override_time") else None,
    )


def _counts(message: gate_pb2.ChallengeCounts) -> learning_gate.ChallengeCounts:
    return learning_gate.ChallengeCounts(message.escapes, message.false_rejects, message.reviews)


def _change(message: gate_pb2.ChallengeChange) -> learning_gate.ChallengeChange:
    return learning_gate.ChallengeChange(
        pixel_digest=message.pixel_digest,
        name=message.name,
        defective=message.defective,
        verdict_before=_verdict(message.verdict_before),
        score_before=message.score_before,
        threshold_before=message.threshold_before,
        verdict_after=_verdict(message.verdict_after),
        score_after=message.score_after,
        threshold_after=message.threshold_after,
    )


def _verdict(number: inspection_pb2.Verdict) -> Verdict:
    return Verdict(inspection_pb2.Verdict.Name(number).removeprefix("VERDICT_"))
