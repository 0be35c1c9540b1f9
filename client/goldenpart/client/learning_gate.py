"""What a regression gate says of a new revision."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from goldenpart.client.results import Verdict


class GateDecision(StrEnum):
    """What a gate decided."""

    UNSPECIFIED = "UNSPECIFIED"
    PASSED = "PASSED"
    HELD_BACK = "HELD_BACK"
    NOT_COMPARED = "NOT_COMPARED"


@dataclass(frozen=True, slots=True)
class ChallengeCounts:
    """How one revision did on the challenge set.

    Attributes:
        escapes: Defective frames that got PASS.
        false_rejects: Normal frames that got FAIL.
        reviews: Frames of either kind that got REVIEW.
    """

    escapes: int
    false_rejects: int
    reviews: int


@dataclass(frozen=True, slots=True)
class ChallengeChange:
    """A challenge frame on which two revisions differ.

    Attributes:
        pixel_digest: sha256 of the frame's upright RGB pixels, hex.
        name: File name or label given with the frame.
        defective: Whether it shows a defect.
        verdict_before, score_before, threshold_before: Of the revision compared with.
        verdict_after, score_after, threshold_after: Of the new revision.
    """

    pixel_digest: str
    name: str
    defective: bool
    verdict_before: Verdict
    score_before: float
    threshold_before: float
    verdict_after: Verdict
    score_after: float
    threshold_after: float


@dataclass(frozen=True, slots=True)
class GateReport:
    """A new revision and the one that judged before, compared on the category's challenge set.

    Attributes:
        decision: What was decided; HELD_BACK keeps the revision staged.
        reason: Why, in words.
        compared_with: The revision compared with.
        gate_time: When, UTC; None if not stated.
        normals: Normal frames that counted.
        defectives: Defective frames that counted.
        before: How the revision compared with did; None if it was not compared.
        after: How the new revision did; None if it was not compared.
        added_false_rejects_allowed: Beyond those of before; escapes may never increase.
        worse: Frames that changed for the worse, also where others that changed for the better made up for them.
        better: Frames that changed for the better.
        golden_frames: Names of normal frames that did not count, because they are golden parts.
        override_time: When the revision was activated although it was held back, UTC; None if it was not.
    """

    decision: GateDecision
    reason: str
    compared_with: str
    gate_time: datetime | None
    normals: int
    defectives: int
    before: ChallengeCounts | None
    after: ChallengeCounts | None
    added_false_rejects_allowed: int
    worse: tuple[ChallengeChange, ...]
    better: tuple[ChallengeChange, ...]
    golden_frames: tuple[str, ...]
    override_time: datetime | None
