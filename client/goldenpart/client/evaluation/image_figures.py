"""From the outcomes of images to their figures."""

from collections.abc import Sequence

import numpy as np

from goldenpart.client.evaluation.figures import (
    Confusion,
    DefectTypeFigures,
    Estimate,
    ImageFigures,
    Interval,
    Latency,
    OperatingPoint,
)
from goldenpart.client.evaluation.metrics.bootstrap import bootstrap_intervals
from goldenpart.client.evaluation.metrics.image_level import clopper_pearson, image_metrics
from goldenpart.client.evaluation.results import ImageOutcome
from goldenpart.client.results import Timings, Verdict


def image_figures(images: Sequence[ImageOutcome], *, bootstrap: int) -> ImageFigures:
    """Measure how well images are told apart.

    Args:
        images: Outcomes of all test images.
        bootstrap: Replicates for the intervals; 0 = no intervals.
    """
    inspected = [image for image in images if image.verdict is not Verdict.NOT_INSPECTED]
    good = [image for image in inspected if not image.defective]
    defective = [image for image in inspected if image.defective]
    auroc, precision, f1_max, threshold = _ranking_figures(inspected, bootstrap) if good and defective else (None, None, None, None)
    return ImageFigures(
        good=len(good),
        defective=len(defective),
        not_inspected=len(images) - len(inspected),
        auroc=auroc,
        average_precision=precision,
        f1_max=f1_max,
        f1_max_threshold=threshold,
        operating_point=operating_point(good, defective) if inspected else None,
        defect_types=tuple(_defect_type(name, good, defective) for name in sorted({image.defect_type for image in defective})),
    )


def operating_point(good: Sequence[ImageOutcome], defective: Sequence[ImageOutcome]) -> OperatingPoint:
    """Measure what the verdicts are worth; at least one image.

    Args:
        good: Good images that were inspected.
        defective: Defective images that were inspected.
    """
    hits, rejects = _fails(defective), _fails(good)
    counts = Confusion(hits, rejects, len(good) - rejects, len(defective) - hits)
    interval = Interval(*clopper_pearson(rejects, len(good))) if good else None
    return OperatingPoint(
        confusion=counts,
        precision=hits / (hits + rejects) if hits + rejects else None,
        recall=hits / len(defective) if defective else None,
        f1=2 * hits / (len(defective) + hits + rejects) if defective else None,
        accuracy=(hits + counts.true_negatives) / (len(good) + len(defective)),
        false_reject_rate=rejects / len(good) if good else None,
        false_reject_interval=interval,
    )


def latency(timings: Sequence[Timings], wall_s: float, calls_in_flight: int) -> Latency | None:
    """Summarise the times of the frames that were inspected; None without any.

    Args:
        timings: One per frame.
        wall_s: From the first frame sent to the last answer.
        calls_in_flight: Inspect calls at once.
    """
    if not timings:
        return None
    totals = np.array([one.total_s for one in timings])
    stages = np.array([(one.queue_s, one.decode_s, one.backbone_s, one.search_s, one.post_s) for one in timings]).mean(axis=0)
    p50, p99 = np.percentile(totals, [50, 99])
    queue, decode, backbone, search, post = (float(stage) for stage in stages)
    return Latency(len(timings), float(p50), float(p99), queue, decode, backbone, search, post, wall_s, calls_in_flight)


def _fails(images: Sequence[ImageOutcome]) -> int:
    return sum(image.verdict is Verdict.FAIL for image in images)


def _ranking_figures(images: Sequence[ImageOutcome], bootstrap: int) -> tuple[Estimate, Estimate, Estimate, float]:
    scores, truth = [image.score for image in images], [image.defective for image in images]
    found = image_metrics(scores, truth)
    values = (found.auroc, found.average_precision, found.f1_max)
    intervals: tuple[Interval | None, ...] = (None, None, None)
    if bootstrap:
        drawn = bootstrap_intervals(scores, truth, replicates=bootstrap)
        intervals = tuple(Interval(*ends) for ends in (drawn.auroc, drawn.average_precision, drawn.f1_max))
    auroc, precision, f1_max = (Estimate(*pair) for pair in zip(values, intervals, strict=True))
    return auroc, precision, f1_max, found.f1_max_threshold


def _defect_type(name: str, good: Sequence[ImageOutcome], defective: Sequence[ImageOutcome]) -> DefectTypeFigures:
    images = [image for image in defective if image.defect_type == name]
    auroc = None
    if good:
        against = [*good, *images]
        auroc = image_metrics([image.score for image in against], [image.defective for image in against]).auroc
    return DefectTypeFigures(name, len(images), _fails(images) / len(images), auroc)
