"""Every error Goldenpart's server knows, drawn once.

GoldenpartError
├── InvalidArgumentError            the caller must change the request
│   ├── RecipeError · MaskError · ZoneError · CategoryNameError · DuplicateGoldenPartError · ImageInBankError
│   └── ImageError
│       └── UnsupportedFormatError · UndecodableImageError · ImageTooLargeError · InvalidFrameError
├── FailedPreconditionError         the server's state must change first
│   ├── RateNotAttainableError · NotCalibratedError · BackboneMismatchError · NothingToInspectError
│   └── BackboneUnavailableError · RevisionActiveError · StoreLockedError · GateHeldBackError · ChallengeSetFullError
├── NotFoundError
│   └── UnknownCategoryError · UnknownRevisionError · UnknownBackboneError
├── AbortedError                    somebody else came between
│   └── EtagMismatchError · OnboardingInProgressError
├── DataLossError
│   └── RevisionDamagedError · WeightsDigestError · ArchiveError
├── OverloadedError                 slow down (RESOURCE_EXHAUSTED)
├── UnavailableError                go elsewhere
│   └── DrainingError
├── DeadlinePassedError
└── InternalError
    └── ExecutorDeadError

`reason` is stable: clients and PLC programs may switch on it. `code` is the name of a gRPC status code; `api.status` does the mapping.
Messages name the value, the limit and the way out.
"""

from __future__ import annotations

from typing import ClassVar


class GoldenpartError(Exception):
    """Root of the tree.

    Args:
        message: one or two sentences for a person.
        field: path of the request field at fault, for example ``recipe.resolution_px``; empty if none is.
        retry_after_s: when trying again makes sense; None if it does not.
        metadata: every dynamic part of the message, for machines (AIP-193).
    """

    code: ClassVar[str] = "UNKNOWN"
    reason: ClassVar[str] = "UNKNOWN"

    def __init__(self, message: str, *, field: str = "", retry_after_s: float | None = None, **metadata: object) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s
        self.metadata = {name: str(value) for name, value in metadata.items()}


class InvalidArgumentError(GoldenpartError):
    """The request can never succeed as it is."""

    code = "INVALID_ARGUMENT"
    reason = "INVALID_ARGUMENT"


class RecipeError(InvalidArgumentError):
    """A knob is out of its range or does not go with another."""

    reason = "INVALID_RECIPE"


class MaskError(InvalidArgumentError):
    """A mask cannot be drawn."""

    reason = "INVALID_MASK"


class ZoneError(InvalidArgumentError):
    """A zone cannot be drawn, or its rules contradict each other."""

    reason = "INVALID_ZONE"


class CategoryNameError(InvalidArgumentError):
    """A category name has other characters than it may have."""

    reason = "INVALID_CATEGORY_NAME"


class DuplicateGoldenPartError(InvalidArgumentError):
    """The same picture, or the same name, was given twice."""

    reason = "DUPLICATE_GOLDEN_PART"


class ImageInBankError(InvalidArgumentError):
    """A calibration image is one of the golden parts; its score would be 0 and the threshold a lie."""

    reason = "IMAGE_IN_BANK"


class ImageError(InvalidArgumentError):
    """An image cannot be used."""

    reason = "INVALID_IMAGE"


class UnsupportedFormatError(ImageError):
    """The first bytes are not those of a format on the allow-list."""

    reason = "UNSUPPORTED_FORMAT"


class UndecodableImageError(ImageError):
    """The file is broken or truncated."""

    reason = "UNDECODABLE"


class ImageTooLargeError(ImageError):
    """More pixels or bytes than the server takes."""

    reason = "IMAGE_TOO_LARGE"


class InvalidFrameError(ImageError):
    """A field of a frame is missing or contradicts another."""

    reason = "INVALID_FRAME"


class FailedPreconditionError(GoldenpartError):
    """The request is sound, but the server's state does not admit it."""

    code = "FAILED_PRECONDITION"
    reason = "FAILED_PRECONDITION"


class RateNotAttainableError(FailedPreconditionError):
    """So few normal scores cannot promise so small a false-reject rate."""

    reason = "RATE_NOT_ATTAINABLE"


class NotCalibratedError(FailedPreconditionError):
    """A revision has no threshold."""

    reason = "NOT_CALIBRATED"


class BackboneMismatchError(FailedPreconditionError):
    """A revision was fitted with other backbone weights."""

    reason = "BACKBONE_MISMATCH"


class NothingToInspectError(FailedPreconditionError):
    """A mask leaves no patch."""

    reason = "NOTHING_TO_INSPECT"


class BackboneUnavailableError(FailedPreconditionError):
    """The weights of a backbone cannot be had."""

    reason = "BACKBONE_UNAVAILABLE"


class RevisionActiveError(FailedPreconditionError):
    """The active revision cannot be deleted."""

    reason = "REVISION_ACTIVE"


class StoreLockedError(FailedPreconditionError):
    """Another server holds the store."""

    reason = "STORE_LOCKED"


class GateHeldBackError(FailedPreconditionError):
    """A revision does worse on the challenge set than the one that judges; it can be activated by overriding the gate."""

    reason = "GATE_HELD_BACK"


class ChallengeSetFullError(FailedPreconditionError):
    """A category has as many challenge frames as the server keeps."""

    reason = "CHALLENGE_SET_FULL"


class NotFoundError(GoldenpartError):
    """There is nothing of that name."""

    code = "NOT_FOUND"
    reason = "NOT_FOUND"


class UnknownCategoryError(NotFoundError):
    """No such category, or it has no active revision."""

    reason = "UNKNOWN_CATEGORY"


class UnknownRevisionError(NotFoundError):
    """No such revision."""

    reason = "UNKNOWN_REVISION"


class UnknownBackboneError(NotFoundError):
    """No such backbone."""

    reason = "UNKNOWN_BACKBONE"


class AbortedError(GoldenpartError):
    """A concurrent change came first; read again, then retry."""

    code = "ABORTED"
    reason = "ABORTED"


class EtagMismatchError(AbortedError):
    """The category changed since the caller read it."""

    reason = "ETAG_MISMATCH"


class OnboardingInProgressError(AbortedError):
    """Another Fit or Calibrate of this category is running."""

    reason = "ONBOARDING_IN_PROGRESS"


class DataLossError(GoldenpartError):
    """Bytes are not what they should be."""

    code = "DATA_LOSS"
    reason = "DATA_LOSS"


class RevisionDamagedError(DataLossError):
    """A file of a revision is missing or does not match its digest."""

    reason = "REVISION_DAMAGED"


class WeightsDigestError(DataLossError):
    """A weights file does not match its digest."""

    reason = "WEIGHTS_DIGEST_MISMATCH"


class ArchiveError(DataLossError):
    """An exported revision is broken or is no such file."""

    reason = "ARCHIVE_DAMAGED"


class OverloadedError(GoldenpartError):
    """No room; slow down."""

    code = "RESOURCE_EXHAUSTED"
    reason = "OVERLOADED"


class UnavailableError(GoldenpartError):
    """Not now, not here; go elsewhere."""

    code = "UNAVAILABLE"
    reason = "UNAVAILABLE"


class DrainingError(UnavailableError):
    """The server is shutting down."""

    reason = "DRAINING"


class DeadlinePassedError(GoldenpartError):
    """Time was up before the work was done."""

    code = "DEADLINE_EXCEEDED"
    reason = "DEADLINE_PASSED"


class InternalError(GoldenpartError):
    """A defect of ours; the log says more."""

    code = "INTERNAL"
    reason = "SERVER_ERROR"


class ExecutorDeadError(InternalError):
    """The device executor is gone; the server is about to exit."""

    reason = "SERVER_ERROR"
