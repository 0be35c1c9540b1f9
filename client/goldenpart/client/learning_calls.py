"""The learning half of the blocking client: changing golden parts, and the challenge set that guards it."""

from collections.abc import Callable, Iterable, Iterator

from goldenpart.client import challenge_messages, channel, learning_messages
from goldenpart.client.challenge import ChallengeFrame, ChallengeFramesAdded
from goldenpart.client.frames import ImageSource, NamedImage
from goldenpart.client.learning import GoldenPartsReport
from goldenpart.client.onboarding import Outcome
from goldenpart.client.revisions import Progress, ThresholdRequest
from goldenpart.client.wire import Wire
from goldenpart.v1 import challenge_pb2, challenge_pb2_grpc, onboarding_pb2_grpc


class LearningCalls:
    """Calls of the blocking client; see :class:`~goldenpart.client.client.Client` for errors and threads."""

    _wire: Wire

    def add_golden_parts(
        self,
        category: str,
        images: Iterable[ImageSource | NamedImage],
        *,
        revision: str = "",
        threshold: ThresholdRequest | None = None,
        stage_only: bool = False,
        etag: str = "",
        added_false_rejects_allowed: int = 0,
        on_progress: Callable[[Progress], None] | None = None,
        timeout_s: float = channel.ONBOARDING_TIMEOUT_S,
    ) -> GoldenPartsReport:
        """Add golden parts, for example confirmed false rejects, to a revision (empty = the active one).

        The new revision is calibrated on what its base was calibrated on, scored anew, and activated unless ``stage_only``, or unless the
        challenge set shows that it is worse: more escapes, or more false rejects than ``added_false_rejects_allowed`` beyond those of
        before. ``threshold`` None keeps the threshold that the base was asked for. ``on_progress`` is called in this thread.
        """
        messages = learning_messages.add_golden_parts(
            category,
            images,
            revision=revision,
            threshold=threshold,
            stage_only=stage_only,
            etag=etag,
            added_false_rejects_allowed=added_false_rejects_allowed,
        )
        stub = onboarding_pb2_grpc.OnboardingServiceStub(self._wire.channel)
        outcome = Outcome[GoldenPartsReport](on_progress)
        for reply in self._wire.exchange(stub.AddGoldenParts, messages, timeout_s):
            outcome.take(learning_messages.golden_parts_event(reply))
        return outcome.report

    def remove_golden_part(
        self,
        category: str,
        part: int | str,
        *,
        revision: str = "",
        threshold: ThresholdRequest | None = None,
        stage_only: bool = False,
        etag: str = "",
        added_false_rejects_allowed: int = 0,
        on_progress: Callable[[Progress], None] | None = None,
        timeout_s: float = channel.ONBOARDING_TIMEOUT_S,
    ) -> GoldenPartsReport:
        """Remove a golden part, by index from 0 or by name; the rest is as in :meth:`add_golden_parts`."""
        request = learning_messages.remove_golden_part(
            category,
            part,
            revision=revision,
            threshold=threshold,
            stage_only=stage_only,
            etag=etag,
            added_false_rejects_allowed=added_false_rejects_allowed,
        )
        stub = onboarding_pb2_grpc.OnboardingServiceStub(self._wire.channel)
        outcome = Outcome[GoldenPartsReport](on_progress)
        for reply in self._wire.download(stub.RemoveGoldenPart, request, timeout_s):
            outcome.take(learning_messages.golden_parts_event(reply))
        return outcome.report

    def add_challenge_frames(
        self,
        category: str,
        normal: Iterable[ImageSource | NamedImage] = (),
        defective: Iterable[ImageSource | NamedImage] = (),
        *,
        note: str = "",
        on_progress: Callable[[Progress], None] | None = None,
        timeout_s: float = channel.TRANSFER_TIMEOUT_S,
    ) -> ChallengeFramesAdded:
        """Keep labelled frames on which every new revision is compared with the one that judges; all of them, or none.

        ``on_progress`` is called in a thread of the upload, when a frame's turn comes.
        """
        stub = challenge_pb2_grpc.ChallengeServiceStub(self._wire.channel)
        messages = challenge_messages.add_frames(category, normal, defective, note=note, on_progress=on_progress)
        return challenge_messages.added(self._wire.upload(stub.AddChallengeFrames, messages, timeout_s))

    def list_challenge_frames(
        self, category: str, *, page_size: int = 0, timeout_s: float = channel.READ_TIMEOUT_S
    ) -> Iterator[ChallengeFrame]:
        """Yield a category's challenge frames by digest, fetching page after page; ``timeout_s`` holds for each of them."""
        stub = challenge_pb2_grpc.ChallengeServiceStub(self._wire.channel)
        request = challenge_pb2.ListChallengeFramesRequest(category=category, page_size=page_size)
        while True:
            page = self._wire.unary(stub.ListChallengeFrames, request, timeout_s)
            yield from map(challenge_messages.frame, page.frames)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def get_challenge_frame(
        self, category: str, pixel_digest: str, *, timeout_s: float = channel.READ_TIMEOUT_S
    ) -> tuple[ChallengeFrame, bytes]:
        """Return a challenge frame and its picture's file."""
        stub = challenge_pb2_grpc.ChallengeServiceStub(self._wire.channel)
        request = challenge_pb2.GetChallengeFrameRequest(category=category, pixel_digest=pixel_digest)
        reply = self._wire.unary(stub.GetChallengeFrame, request, timeout_s)
        return challenge_messages.frame(reply.frame), reply.encoded

    def remove_challenge_frame(self, category: str, pixel_digest: str, *, timeout_s: float = channel.CHANGE_TIMEOUT_S) -> None:
        """Remove a challenge frame."""
        stub = challenge_pb2_grpc.ChallengeServiceStub(self._wire.channel)
        request = challenge_pb2.RemoveChallengeFrameRequest(category=category, pixel_digest=pixel_digest)
        self._wire.unary(stub.RemoveChallengeFrame, request, timeout_s)
