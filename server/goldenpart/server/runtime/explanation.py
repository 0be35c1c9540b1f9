"""From a score to an answer people and machines can use: verdict, regions, heat map, overlay, evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace

from goldenpart.server.runtime.golden_pictures import GoldenPictures
from goldenpart.server.runtime.inspection import Frame, Inspection, RegionEvidence, Timings, Wanted
from goldenpart.server.runtime.loaded import LoadedRevision
from goldenpart.server.runtime.region_evidence import MAX_PICTURES, EvidenceSource
from goldenpart.server.vision.calibration import Calibration, Judgement
from goldenpart.server.vision.frame_statistics import FrameStatistics, measure_frame
from goldenpart.server.vision.heatmap import PNG_SCALE, Heat, draw_heat, encode_heat
from goldenpart.server.vision.image import Rgb8
from goldenpart.server.vision.overlay import OverlayCaption, render_overlay
from goldenpart.server.vision.overlay_comparisons import MOST_COMPARISONS
from goldenpart.server.vision.overlay_regions import CaptionedRegion
from goldenpart.server.vision.preparation import PreparedImage
from goldenpart.server.vision.regions import Region, find_regions, reported
from goldenpart.server.vision.scoring import ScoredImage
from goldenpart.server.vision.zones import Zones
from goldenpart.server.vision.zones_ruling import Ruling, rule


@dataclass(frozen=True, slots=True, eq=False)
class _Findings:
    """Heat, regions and what the zones make of them, as far as they were needed."""

    heat: Heat | None
    regions: tuple[Region, ...]
    ruling: Ruling | None


def explain(
    frame: Frame,
    revision: LoadedRevision,
    image: Rgb8,
    prepared: PreparedImage,
    statistics: FrameStatistics,
    scored: ScoredImage,
    timings: Timings,
    pictures: GoldenPictures | None = None,
) -> Inspection:
    """Assemble the answer for a frame; draws only what is wanted. Any thread; blocks on the disk if an explanation or an overlay is wanted.

    Args:
        frame: as it came.
        revision: that judged.
        image: (H, W, 3) uint8, upright.
        prepared: the picture as the backbone saw it.
        statistics: of its pixels.
        scored: score and patch distances.
        timings: so far.
        pictures: of golden parts; without them explanations have no picture.
    """
    found = _find(frame.wanted, revision, prepared, scored)
    found = replace(found, ruling=_unless_doubtful(found.ruling, revision, prepared, statistics, scored.score))
    source = EvidenceSource(revision, image, prepared, scored)
    evidence = [source.gather(region) for region in found.regions]
    compared = evidence
    if pictures is not None:
        most = MAX_PICTURES if frame.wanted.explanation else MOST_COMPARISONS if frame.wanted.overlay else 0
        compared = [*(source.compare(one, pictures) for one in evidence[:most]), *evidence[most:]]
    shown = compared if frame.wanted.explanation else evidence if frame.wanted.regions else ()
    overlay = b""
    if found.heat is not None and frame.wanted.overlay:
        overlay = _draw_overlay(frame, revision, image, found, compared, scored.score)
    return Inspection(
        frame=frame,
        revision=revision.revision,
        score=scored.score,
        calibration=revision.calibration,
        width_px=prepared.geometry.width_px,
        height_px=prepared.geometry.height_px,
        patches=int(prepared.inspected.sum()),
        patches_excluded=prepared.excluded,
        nearest=source.name_worst(),
        timings=timings,
        regions=tuple(shown),
        ruling=found.ruling,
        heatmap_png=encode_heat(found.heat) if found.heat is not None and frame.wanted.heatmap else b"",
        heatmap_scale=PNG_SCALE,
        overlay_png=overlay,
    )


def judge_scored(revision: LoadedRevision, prepared: PreparedImage, scored: ScoredImage) -> Judgement | None:
    """Return the verdict on a picture as an inspection gives it, zones included; None without calibration. Any thread."""
    if revision.calibration is None:
        return None
    ruling = _unless_doubtful(_find(Wanted(), revision, prepared, scored).ruling, revision, prepared, None, scored.score)
    return revision.calibration.judge(scored.score) if ruling is None else ruling.judgement


def _find(wanted: Wanted, revision: LoadedRevision, prepared: PreparedImage, scored: ScoredImage) -> _Findings:
    """Draw heat and look for regions where somebody wants them or the verdict hangs on them."""
    calibration, recipe = revision.calibration, revision.detector.recipe
    zones = _zones_of(revision)
    judging = zones is not None and zones.judge and calibration is not None
    if not (wanted.any or judging):
        return _Findings(None, (), None)
    limit = calibration.threshold if calibration is not None and calibration.threshold > 0 else 1.0
    heat = draw_heat(scored.grid, prepared.geometry, recipe.heatmap_sigma_px, limit)
    shown = wanted.regions or wanted.overlay or wanted.explanation
    if calibration is None or not (shown or judging):
        return _Findings(heat, (), None)
    judgement = calibration.judge(scored.score)
    failed = judgement is Judgement.FAIL
    regions = find_regions(heat, failed=failed, zones=zones)
    ruling = rule(judgement, scored.score, calibration.threshold, regions) if judging else None
    return _Findings(heat, reported(regions, recipe.region_min_area_px, failed=failed) if shown else (), ruling)


def _unless_doubtful(
    ruling: Ruling | None, revision: LoadedRevision, prepared: PreparedImage, statistics: FrameStatistics | None, score: float
) -> Ruling | None:
    """Return the ruling; on a picture that cannot be trusted no PASS, but what the score says where zones excused it, and REVIEW else.

    Args:
        ruling: of the zones; None if only the score counts.
        revision: that judges.
        prepared: the picture.
        statistics: of its pixels; None = measured here if they are needed.
        score: of the picture.
    """
    if revision.calibration is None:
        return ruling
    by_score = revision.calibration.judge(score)
    if (by_score if ruling is None else ruling.judgement) is not Judgement.PASS:
        return ruling
    size = prepared.geometry.width_px, prepared.geometry.height_px
    if not (doubt := revision.picture_gate.doubt(statistics or measure_frame(prepared), size)):
        return ruling
    if by_score is not Judgement.PASS:
        return Ruling(by_score, f"{by_score} by the score {score:.4g}, which the zones would excuse; but {doubt}.")
    return Ruling(
        Judgement.REVIEW,
        f"REVIEW although the score {score:.4g} passes: {doubt}. See whether the part is there, the light on, the lens free and the camera "
        "the right one.",
    )


def _zones_of(revision: LoadedRevision) -> Zones | None:
    return None if revision.mask is None else revision.mask.zones


def _draw_overlay(
    frame: Frame, revision: LoadedRevision, image: Rgb8, found: _Findings, evidence: list[RegionEvidence], score: float
) -> bytes:
    calibration, zones = revision.calibration, _zones_of(revision)
    caption = OverlayCaption(
        verdict=_verdict(calibration, found.ruling, score),
        category=revision.category,
        revision=revision.revision,
        frame_id=frame.frame_id,
        score=score,
        threshold=None if calibration is None else calibration.threshold,
        review_threshold=None if calibration is None else calibration.review_threshold,
        p_value=None if calibration is None else calibration.p_value(score),
        remark="" if found.ruling is None else found.ruling.message,
    )
    assert found.heat is not None
    regions = [CaptionedRegion(one.region, one.caption, one.text, one.picture_png) for one in evidence]
    return render_overlay(image, found.heat, regions, caption, () if zones is None else zones.zones)


def _verdict(calibration: Calibration | None, ruling: Ruling | None, score: float) -> str:
    if calibration is None:
        return "NOT_INSPECTED"
    return (calibration.judge(score) if ruling is None else ruling.judgement).value
