"""What an inspection says about a frame."""

from dataclasses import dataclass, field
from enum import StrEnum

from goldenpart.client.frame_statistics import FrameStatistics


class Verdict(StrEnum):
    """What a part is."""

    PASS = "PASS"  # noqa: S105  # the verdict, not a password
    FAIL = "FAIL"
    REVIEW = "REVIEW"
    NOT_INSPECTED = "NOT_INSPECTED"


class NotInspectedReason(StrEnum):
    """Why a frame got no judgement. UNSPECIFIED stands for reasons that are newer than this client."""

    UNSPECIFIED = "UNSPECIFIED"
    UNSUPPORTED_FORMAT = "UNSUPPORTED_FORMAT"
    UNDECODABLE = "UNDECODABLE"
    IMAGE_TOO_LARGE = "IMAGE_TOO_LARGE"
    INVALID_FRAME = "INVALID_FRAME"
    UNKNOWN_CATEGORY = "UNKNOWN_CATEGORY"
    UNKNOWN_REVISION = "UNKNOWN_REVISION"
    NOT_CALIBRATED = "NOT_CALIBRATED"
    REVISION_DAMAGED = "REVISION_DAMAGED"
    BACKBONE_MISMATCH = "BACKBONE_MISMATCH"
    DEADLINE_PASSED = "DEADLINE_PASSED"
    OVERLOADED = "OVERLOADED"
    DRAINING = "DRAINING"
    NOTHING_TO_INSPECT = "NOTHING_TO_INSPECT"
    SERVER_ERROR = "SERVER_ERROR"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the original upright image.

    Attributes:
        x_px: Left edge, >= 0.
        y_px: Top edge, >= 0.
        width_px: Columns, >= 1.
        height_px: Rows, >= 1.
    """

    x_px: int
    y_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class Nearest:
    """The golden part that comes closest to a patch: the most anomalous one of a frame or of a region.

    Attributes:
        patch: The patch, in pixels of the frame.
        golden_index: Place of the golden part in the order in which the parts were onboarded, 0 = first.
        golden_name: Its file name or label.
        golden_patch: The closest patch, in pixels of the golden part as it was shown (rotated by ``rotation_deg``).
        rotation_deg: Angle by which the golden part was rotated, degrees.
        distance: Distance between the two patches in the revision's metric.
    """

    patch: Box
    golden_index: int
    golden_name: str
    golden_patch: Box
    rotation_deg: float
    distance: float


@dataclass(frozen=True, slots=True)
class ColourDifference:
    """Difference of two mean colours in CIE L*a*b*; 2 to 3 are just visible.

    Attributes:
        lightness: Of L*, in -100..100; positive = brighter.
        red: Of a*; positive = redder, negative = greener.
        yellow: Of b*; positive = yellower, negative = bluer.
    """

    lightness: float
    red: float
    yellow: float


@dataclass(frozen=True, slots=True)
class Appearance:
    """How a region looks: its pixels that stand out from what is around it, or all of it where none do.

    Attributes:
        length_px: Longer side of the smallest rectangle around them at any angle.
        width_px: Its shorter side.
        orientation_deg: Direction of their long axis, counter-clockwise from the horizontal, in [0, 180).
        elongation: Standard deviation along that axis over the one across, >= 1.
        x_px: Their centroid from the left edge.
        y_px: Their centroid from the upper edge.
        area_px: How many they are.
        outlined: Whether pixels stand out; if not, the region differs in texture or structure.
        to_surroundings: Their colour against the surroundings.
        to_golden: The worst patch's colour against the nearest golden patch; None unless an explanation was asked for.
    """

    length_px: float
    width_px: float
    orientation_deg: float
    elongation: float
    x_px: float
    y_px: float
    area_px: float
    outlined: bool
    to_surroundings: ColourDifference
    to_golden: ColourDifference | None = None


@dataclass(frozen=True, slots=True)
class NormalRange:
    """Largest patch distances of normal images: calibration images, or golden parts judged by the others.

    Attributes:
        smallest: Of the image that is nearest to the golden parts.
        median: Half of the images reach it.
        largest: Of the image that is farthest.
        images: How many.
    """

    smallest: float
    median: float
    largest: float
    images: int


@dataclass(frozen=True, slots=True)
class Region:
    """A connected area of the heat map at or above the limit.

    Attributes:
        box: Its bounding box.
        area_px: Its pixels in the original image.
        peak: Highest heat-map value inside, in thresholds (1.0 = at the threshold).
        text: What is known about it, in one sentence.
        zone: The zone it belongs to; empty if none.
        limit: Heat-map value that is the limit there, in thresholds.
        excess: Highest ratio of heat to limit inside.
        tolerated: Why it does not fail the part; empty if it may.
        patch: Its worst patch; None from servers before 0.2.
        distance: Of that patch from normal, in the unit of the detector.
        p_value: Share of normal images with a patch at least so far, in (0, 1]; None where that is not known.
        normal: What such a distance is compared with; None likewise.
        appearance: How it looks; None from servers before 0.2.
        nearest: The golden patch its worst patch is nearest to; None for detectors that compare with no single golden part.
        side_by_side_png: Region and golden patch side by side; None unless an explanation was asked for.
    """

    box: Box
    area_px: int
    peak: float
    text: str = ""
    zone: str = ""
    limit: float = 1.0
    excess: float = 0.0
    tolerated: str = ""
    patch: Box | None = None
    distance: float = 0.0
    p_value: float | None = None
    normal: NormalRange | None = None
    appearance: Appearance | None = None
    nearest: Nearest | None = None
    side_by_side_png: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Heatmap:
    """Distance from normal of every place of a frame, comparable between parts.

    Attributes:
        png: 16-bit grey PNG in the size of the original upright image.
        scale: A pixel value times this is the distance in thresholds (1.0 = at the limit).
    """

    png: bytes = field(repr=False)
    scale: float


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time of a frame went, in seconds.

    Attributes:
        queue_s: From arrival to the start of the backbone, less ``decode_s``.
        decode_s: Decoding and resizing.
        backbone_s: Backbone forward of the whole batch.
        search_s: Search of the bank for the frames of the batch with the same revision.
        post_s: Score, heat map, regions, overlay.
        total_s: From arrival to answer.
        batch_size: Frames in the batch.
    """

    queue_s: float = 0.0
    decode_s: float = 0.0
    backbone_s: float = 0.0
    search_s: float = 0.0
    post_s: float = 0.0
    total_s: float = 0.0
    batch_size: int = 0


@dataclass(frozen=True, slots=True)
class Inspection:
    """The outcome for one frame.

    Attributes:
        frame_id: As sent.
        category: As sent.
        verdict: What the part is.
        revision: The revision that judged; empty if none did.
        reason: Why it was not inspected; None for every other verdict.
        message: The reason in words: value, limit, way out. Also why the verdict is not the score's: zones decided, or the
            picture cannot be one of the part.
        score: The larger the less normal; its scale belongs to the revision's metric and aggregate.
        threshold: FAIL above it.
        review_threshold: REVIEW above it; None without a review band.
        p_value: Conformal p-value in (0, 1]: how often a good part scores at least so high.
        confidence: Probability in [0.5, 1] that the verdict would stay under the scatter of normal parts; 0 if not
            inspected or not decided by the score.
        regions: Areas at or above the limit, highest excess first; empty unless asked for.
        nearest: What the most anomalous patch was compared with; None if nothing was compared.
        heatmap: None unless asked for.
        overlay_png: Picture for people; None unless asked for.
        width_px: Columns of the upright image.
        height_px: Rows of the upright image.
        patches_inspected: Patches that were compared.
        patches_excluded: Patches that the mask left out.
        timings: Where the time went.
        statistics: What a drift watch looks at; None if the frame was not inspected, or by an older server.
        rescored: Scores by the knobs of ``InspectOptions.rescore``, in that order.
    """

    frame_id: str
    category: str
    verdict: Verdict
    revision: str = ""
    reason: NotInspectedReason | None = None
    message: str = ""
    score: float = 0.0
    threshold: float = 0.0
    review_threshold: float | None = None
    p_value: float = 0.0
    confidence: float = 0.0
    regions: tuple[Region, ...] = ()
    nearest: Nearest | None = None
    heatmap: Heatmap | None = None
    overlay_png: bytes | None = field(default=None, repr=False)
    width_px: int = 0
    height_px: int = 0
    patches_inspected: int = 0
    patches_excluded: int = 0
    timings: Timings = field(default_factory=Timings)
    statistics: FrameStatistics | None = None
    rescored: tuple[float, ...] = ()
