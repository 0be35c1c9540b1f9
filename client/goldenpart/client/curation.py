"""What the server says about which pictures to choose: frames worth a label, and golden parts that are none."""

from dataclasses import dataclass
from enum import StrEnum

from goldenpart.client.results import Box


class SuggestionReason(StrEnum):
    """Why a frame is suggested."""

    UNSPECIFIED = "UNSPECIFIED"
    COVERAGE = "COVERAGE"
    THRESHOLD = "THRESHOLD"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A frame worth a label.

    Attributes:
        name: Its name.
        index: Its place in the order the frames came, 0 = first.
        reason: Why it is suggested.
        explanation: The reason in words.
        coverage_gain: Share of the pool's uncovered distance that it would cover beyond the frames ranked above it, 0 to 1.
        coverage_total: The same share for it and all above it together.
        shared_gain: Share of its gain that lies in other frames; near 0, nothing else in the pool looks like it.
        score: Its image score.
        threshold_ratio: score / threshold; None without a threshold above 0.
        near_duplicates: Names of frames that show next to nothing this one does not show.
    """

    name: str
    index: int
    reason: SuggestionReason
    explanation: str
    coverage_gain: float
    coverage_total: float
    shared_gain: float
    score: float
    threshold_ratio: float | None
    near_duplicates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FrameRanking:
    """Frames of a pool in the order in which to label them.

    Attributes:
        revision: The revision they were compared with.
        frames: How many came.
        suggestions: Best first.
        reach: Distance up to which a patch counts as covered by the bank.
        uncovered_share: Share of the pool's patches that lie beyond it, 0 to 1.
        warnings: What a careful engineer should know.
    """

    revision: str
    frames: int
    suggestions: tuple[Suggestion, ...]
    reach: float
    uncovered_share: float
    warnings: tuple[str, ...]


class GoldenPartVerdict(StrEnum):
    """What a golden part looks like to the others."""

    UNSPECIFIED = "UNSPECIFIED"
    OK = "OK"
    CONTAMINATED = "CONTAMINATED"
    REDUNDANT = "REDUNDANT"


@dataclass(frozen=True, slots=True)
class GoldenPartAudit:
    """A golden part as seen by the others.

    Attributes:
        index: Its place in the revision.
        name: File name or label given with the image.
        verdict: What it looks like.
        reason: Why, in words.
        left_out_score: Its image score against all patches of the other parts, without the local scale.
        p_value: (number of parts with at least its suspicion) / (number of parts), in (0, 1].
        suspicion: What it is ranked by; one bad part cannot hide another.
        z_score: Robust z-score of the suspicion among the parts.
        covered_share: Share of its patches that another part covers, 0 to 1.
        worst_patch: The most suspicious patch in the original picture.
        nearest_index: The part that is like it there.
    """

    index: int
    name: str
    verdict: GoldenPartVerdict
    reason: str
    left_out_score: float
    p_value: float
    suspicion: float
    z_score: float
    covered_share: float
    worst_patch: Box
    nearest_index: int


@dataclass(frozen=True, slots=True)
class GoldenAudit:
    """The golden parts of a revision compared with one another.

    Attributes:
        revision: The revision.
        parts: In order.
        contaminated_from: Robust z-score from which on a part is named contaminated.
        reach: Distance up to which a patch counts as covered by the other parts.
        warnings: What a careful engineer should know.
        lie_alike: The parts were laid over each other and compared place by place.
    """

    revision: str
    parts: tuple[GoldenPartAudit, ...]
    contaminated_from: float
    reach: float
    warnings: tuple[str, ...]
    lie_alike: bool = False

    @property
    def suspects(self) -> tuple[GoldenPartAudit, ...]:
        """All parts, the most suspicious first."""
        return tuple(sorted(self.parts, key=lambda part: -part.suspicion))
