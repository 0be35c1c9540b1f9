"""What the server knows about categories, their revisions and its onboarding."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from goldenpart.client.learning_gate import GateReport
from goldenpart.client.recipe import Recipe


class CalibrationMethod(StrEnum):
    """How a threshold is chosen; the contract's calibration.proto has the formulas and papers."""

    CONFORMAL = "CONFORMAL"
    PERCENTILE = "PERCENTILE"
    F1_MAX = "F1_MAX"
    LEAVE_ONE_OUT = "LEAVE_ONE_OUT"
    TOLERANCE_LIMIT = "TOLERANCE_LIMIT"
    MANUAL = "MANUAL"


@dataclass(frozen=True, slots=True)
class ThresholdRequest:
    """Which threshold is wanted.

    Attributes:
        method: None lets the server choose: conformal for Calibrate; for Fit leave-one-out, else the tolerance limit.
        false_reject_rate: Share of good parts that may be rejected, in (0, 1).
        review_rate: Share of good parts that may be reviewed or rejected, above ``false_reject_rate``; None = no review band, unless
            Fit falls back on the tolerance limit of few golden parts: then what scores above all of them is for REVIEW.
    """

    method: CalibrationMethod | None = None
    false_reject_rate: float = 0.05
    review_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a threshold rests on.

    Attributes:
        method: How it was chosen; None if it is newer than this client.
        threshold: FAIL above this score.
        review_threshold: REVIEW above this score up to the threshold; None without a review band.
        false_reject_rate: Requested rate of good parts rejected, in (0, 1).
        review_rate: Requested rate of good parts at least reviewed; None if none was requested.
        normals: Number n of normal scores.
        defectives: Number of defective scores.
        guaranteed_false_reject_rate: Promised bound of P(FAIL | good), on average over calibration sets; None = no promise.
        false_reject_rate_upper_95: With 95 % confidence the realised rate stays below this; None = unknown.
        guarantee: The promise and its limits in one sentence.
        smallest_attainable_rate: 1 / (n + 1).
        normal_scores: In the order the images came; empty in listings.
        defective_scores: In the order the images came; empty in listings.
        f1_max: Best F1 on the given images; None without defective ones.
        auroc: Area under the ROC curve on the given images; None without defective ones.
    """

    method: CalibrationMethod | None
    threshold: float
    review_threshold: float | None
    false_reject_rate: float
    review_rate: float | None
    normals: int
    defectives: int
    guaranteed_false_reject_rate: float | None
    false_reject_rate_upper_95: float | None
    guarantee: str
    smallest_attainable_rate: float
    normal_scores: tuple[float, ...]
    defective_scores: tuple[float, ...]
    f1_max: float | None
    auroc: float | None


@dataclass(frozen=True, slots=True)
class Category:
    """A product type.

    Attributes:
        category: Its name.
        active_revision: The revision that judges its parts; empty if none was activated yet.
        revision_count: Revisions kept.
        create_time: When the first revision was made, UTC; None if not stated.
        activate_time: When the active revision last changed, UTC; None if never.
        etag: Changes whenever the active revision does; give it back to be sure that nobody else came between.
    """

    category: str
    active_revision: str
    revision_count: int
    create_time: datetime | None
    activate_time: datetime | None
    etag: str


class RevisionState(StrEnum):
    """Whether a revision can judge."""

    UNSPECIFIED = "UNSPECIFIED"
    STAGED = "STAGED"
    ACTIVE = "ACTIVE"
    DAMAGED = "DAMAGED"


@dataclass(frozen=True, slots=True)
class GoldenPart:
    """A golden part of a revision.

    Attributes:
        index: Place in the order the parts came, 0 = first.
        name: File name or label given with the image.
        pixel_digest: sha256 of its upright RGB pixels, hex.
        width_px: Columns of the original image.
        height_px: Rows of the original image.
        patches: Patches that entered the bank before thinning, over all rotations.
        patches_excluded: Patches left out by the mask, over all rotations.
    """

    index: int
    name: str
    pixel_digest: str
    width_px: int
    height_px: int
    patches: int
    patches_excluded: int


@dataclass(frozen=True, slots=True)
class Revision:
    """An immutable fitted state of a category.

    Attributes:
        category: The category.
        revision: Number within the category: r0001, r0002, ...
        state: Whether it can judge.
        create_time: When it was made, UTC; None if not stated.
        recipe: All knobs, resolved.
        backbone_digest: sha256 of the backbone's weights.
        golden_parts: The golden parts, in order.
        bank_vectors: Vectors in the bank.
        bank_dimensions: Length of a vector.
        bank_bytes: Size of the bank in memory.
        coreset_radius: Largest distance from a vector left out to the bank; 0 if nothing was left out.
        calibration: None if it is not calibrated; it then answers NOT_INSPECTED.
        bank_digest: sha256 over the bank's bytes.
        parent_revision: The revision it was derived from, else empty.
        damage: What is wrong, for a damaged revision.
        masked: Whether a mask restricts where parts are inspected.
        gate: What a regression gate said of it; None if none did.
    """

    category: str
    revision: str
    state: RevisionState
    create_time: datetime | None
    recipe: Recipe
    backbone_digest: str
    golden_parts: tuple[GoldenPart, ...]
    bank_vectors: int
    bank_dimensions: int
    bank_bytes: int
    coreset_radius: float
    calibration: Calibration | None
    bank_digest: str
    parent_revision: str
    damage: str
    masked: bool
    gate: GateReport | None = None


@dataclass(frozen=True, slots=True)
class Activation:
    """A switch of the active revision.

    Attributes:
        category: The category with its new active revision and etag.
        previous_revision: The revision that was active before; empty if none was.
        gate: What a regression gate said of the revision; None if none did.
    """

    category: Category
    previous_revision: str
    gate: GateReport | None = None


class OnboardingStage(StrEnum):
    """Which step of an onboarding is running."""

    UNSPECIFIED = "UNSPECIFIED"
    RECEIVING = "RECEIVING"
    EMBEDDING = "EMBEDDING"
    CORESET = "CORESET"
    TRAINING = "TRAINING"
    COMPARING = "COMPARING"
    CALIBRATING = "CALIBRATING"
    SAVING = "SAVING"
    GATING = "GATING"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an onboarding is.

    Attributes:
        stage: The step.
        done: Units done within the step.
        total: Units in the step; 0 while unknown.
    """

    stage: OnboardingStage
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class FitReport:
    """What Fit made.

    Attributes:
        revision: The new revision.
        patches: Patches of all golden parts and rotations that were read.
        patches_excluded: Patches that the mask left out.
        warnings: What a careful engineer should know.
    """

    revision: Revision
    patches: int
    patches_excluded: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """What Calibrate made.

    Attributes:
        revision: The new revision, calibration included.
        warnings: What a careful engineer should know.
        gate: What the regression gate said; None without one.
    """

    revision: Revision
    warnings: tuple[str, ...]
    gate: GateReport | None = None
