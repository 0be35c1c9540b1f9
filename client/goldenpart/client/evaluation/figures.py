"""Figures of one run, frozen. A figure that cannot be had is None, never zero: AUROC without defective images, for example."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from goldenpart.client.revisions import CalibrationMethod

CONFIDENCE = 0.95
"""Of every interval."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval.

    Attributes:
        low: Lower end.
        high: Upper end.
    """

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and how sure it is.

    Attributes:
        value: On all test images, in [0, 1].
        interval: 95 % bootstrap interval over test images; None where it was not asked for.
    """

    value: float
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Confusion:
    """Verdicts counted; "positive" means FAIL. Images that were not inspected are in none of the counts.

    Attributes:
        true_positives: Defective images with FAIL.
        false_positives: Good images with FAIL: false rejects.
        true_negatives: Good images without FAIL.
        false_negatives: Defective images without FAIL: escapes.
    """

    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What the calibrated threshold does to the test images.

    Attributes:
        confusion: Verdicts counted.
        precision: Share of defective images among those with FAIL; None if nothing failed.
        recall: Share of defective images with FAIL; None without defective images.
        f1: Harmonic mean of precision and recall; 0 if no defective image failed, None without defective images.
        accuracy: Share of right verdicts.
        false_reject_rate: Share of good images with FAIL; None without good images.
        false_reject_interval: Its exact 95 % interval (Clopper and Pearson 1934).
    """

    confusion: Confusion
    precision: float | None
    recall: float | None
    f1: float | None
    accuracy: float
    false_reject_rate: float | None
    false_reject_interval: Interval | None


@dataclass(frozen=True, slots=True)
class DefectTypeFigures:
    """How one type of defect is found.

    Attributes:
        defect_type: Its folder in the dataset.
        images: Inspected images.
        recall: Share with FAIL.
        auroc: Against all good test images; None without those.
    """

    defect_type: str
    images: int
    recall: float
    auroc: float | None


@dataclass(frozen=True, slots=True)
class ImageFigures:
    """How well images are told apart.

    Attributes:
        good: Good test images that were inspected.
        defective: Defective test images that were inspected.
        not_inspected: Test images without a verdict; they are in no other figure.
        auroc: Area under the ROC curve; None unless there are images of both classes (also the next two).
        average_precision: Area under the precision-recall curve as a sum of steps; depends on the share of defective images.
        f1_max: Best F1 over all thresholds; chosen on the test images, so no threshold attains it reliably on others.
        f1_max_threshold: Score from which on an image counts as defective there.
        operating_point: At the calibrated threshold; None if nothing was inspected.
        defect_types: By name.
    """

    good: int
    defective: int
    not_inspected: int
    auroc: Estimate | None
    average_precision: Estimate | None
    f1_max: Estimate | None
    f1_max_threshold: float | None
    operating_point: OperatingPoint | None
    defect_types: tuple[DefectTypeFigures, ...]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A point of a curve; both coordinates in [0, 1]."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class ImageValue:
    """A figure of one image.

    Attributes:
        path: As in :class:`~goldenpart.client.evaluation.results.ImageOutcome`.
        value: In [0, 1].
    """

    path: str
    value: float


@dataclass(frozen=True, slots=True)
class PixelFigures:
    """How well pixels are told apart, from the heat maps in their 16-bit steps and original pixels.

    Attributes:
        images: Test images that count: good ones, and defective ones with a mask that marks something.
        left_out: Defective test images without such a mask.
        defective_share: Share of the pixels that the masks mark.
        saturated_share: Share of the pixels at the upper end of the heat map's range, which cannot be told apart.
        auroc: Area under the ROC curve of pixels.
        average_precision: Area under the precision-recall curve of pixels.
        f1_max: Best F1 of pixels over all thresholds.
        f1_max_heat: Heat from which on a pixel counts as defective there, in thresholds.
        iou: Intersection over union of mask and heat >= 1.0, over all pixels together.
        aupro: Area under the per-region-overlap curve up to a false-positive rate of 0.3, divided by 0.3.
        aupro_005: The same up to 0.05.
        aupimo: Mean over defective images of the area under the per-image-overlap curve, false-positive rates 1e-5 to 1e-4 of good
            images, logarithmic; None without good images.
        aupimo_images: One value per defective image that counts, by path.
        pro_curve: Per-region overlap (y) over the false-positive rate (x) up to 0.3, thinned for drawing.
        intervals: 95 % bootstrap intervals over test images by the name of the attribute, from `auroc` to `aupimo` without `f1_max_heat`;
            empty where they were not asked for.
    """

    images: int
    left_out: int
    defective_share: float
    saturated_share: float
    auroc: float
    average_precision: float
    f1_max: float
    f1_max_heat: float
    iou: float
    aupro: float
    aupro_005: float
    aupimo: float | None
    aupimo_images: tuple[ImageValue, ...]
    pro_curve: tuple[CurvePoint, ...]
    intervals: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Latency:
    """Times of the frames in the server, in seconds; frames of a batch share its backbone and search times.

    Attributes:
        frames: Frames that were inspected.
        total_p50_s: Median from arrival to answer.
        total_p99_s: 99th percentile of the same.
        queue_s: Mean wait.
        decode_s: Mean decoding and resizing.
        backbone_s: Mean backbone forward.
        search_s: Mean search.
        post_s: Mean score, heat map and regions.
        wall_s: From the first frame sent to the last answer, at the client.
        calls_in_flight: Inspect calls at once, which make most of the queue; None in results that do not say it.
    """

    frames: int
    total_p50_s: float
    total_p99_s: float
    queue_s: float
    decode_s: float
    backbone_s: float
    search_s: float
    post_s: float
    wall_s: float
    calls_in_flight: int | None = None


@dataclass(frozen=True, slots=True)
class CalibrationFacts:
    """What the threshold of a run rests on.

    Attributes:
        method: How it was chosen; None if it is newer than this client.
        from_fit: No or too few good images remained beside the golden parts: this is Fit's own provisional threshold.
        threshold: FAIL above this score.
        normals: Scores it was chosen from.
        false_reject_rate: Requested.
        guaranteed_false_reject_rate: Promised on average over calibration sets; None = no promise.
        false_reject_rate_upper_95: With 95 % confidence the realised rate stays below; None = unknown.
        guarantee: The promise and its limits in one sentence.
    """

    method: CalibrationMethod | None
    from_fit: bool
    threshold: float
    normals: int
    false_reject_rate: float
    guaranteed_false_reject_rate: float | None
    false_reject_rate_upper_95: float | None
    guarantee: str
