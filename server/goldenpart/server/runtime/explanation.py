"""From a score to an answer people and machines can use: regions, heat map, overlay, evidence."""

from __future__ import annotations

from goldenpart.server.runtime.inspection import Frame, Inspection, Nearest, Timings
from goldenpart.server.runtime.loaded import LoadedRevision
from goldenpart.server.vision.calibration import Judgement
from goldenpart.server.vision.heatmap import PNG_SCALE, Heat, Region, draw_heat, encode_heat, find_regions
from goldenpart.server.vision.image import Rgb8
from goldenpart.server.vision.overlay import OverlayCaption, render_overlay
from goldenpart.server.vision.preparation import PreparedImage, plan_geometry
from goldenpart.server.vision.scoring import ScoredImage


def explain(
    frame: Frame, revision: LoadedRevision, image: Rgb8, prepared: PreparedImage, scored: ScoredImage, timings: Timings
) -> Inspection:
    """Assemble the answer for a frame; draws only what is wanted. Any thread.

    Args:
        frame: as it came.
        revision: that judged.
        image: (H, W, 3) uint8, upright.
        prepared: the picture as the backbone saw it.
        scored: score and patch distances.
        timings: so far.
    """
    calibration = revision.calibration
    failed = calibration is not None and calibration.judge(scored.score) is Judgement.FAIL
    heat: Heat | None = None
    regions: tuple[Region, ...] = ()
    if frame.wanted.any:
        limit = calibration.threshold if calibration is not None and calibration.threshold > 0 else 1.0
        heat = draw_heat(scored.grid, prepared.geometry, revision.bank.recipe.heatmap_sigma_px, limit)
        if calibration is not None and (frame.wanted.regions or frame.wanted.overlay):
            regions = find_regions(heat, revision.bank.recipe.region_min_area_px, failed=failed)
    overlay = b""
    if heat is not None and frame.wanted.overlay:
        overlay = _draw_overlay(frame, revision, image, heat, regions, scored.score)
    return Inspection(
        frame=frame,
        revision=revision.revision,
        score=scored.score,
        calibration=calibration,
        width_px=prepared.geometry.width_px,
        height_px=prepared.geometry.height_px,
        patches=int(prepared.inspected.sum()),
        patches_excluded=prepared.excluded,
        nearest=_name_nearest(revision, prepared, scored),
        timings=timings,
        regions=regions,
        heatmap_png=encode_heat(heat) if heat is not None and frame.wanted.heatmap else b"",
        heatmap_scale=PNG_SCALE,
        overlay_png=overlay,
    )


def _name_nearest(revision: LoadedRevision, prepared: PreparedImage, scored: ScoredImage) -> Nearest:
    worst = scored.worst
    golden = revision.golden_parts[worst.golden]
    geometry = plan_geometry(golden.width_px, golden.height_px, revision.bank.recipe, prepared.geometry.patch_px)
    return Nearest(
        worst=worst,
        box=prepared.geometry.patch_box(worst.row, worst.column),
        golden_name=golden.name,
        golden_box=geometry.patch_box(worst.golden_row, worst.golden_column),
    )


def _draw_overlay(frame: Frame, revision: LoadedRevision, image: Rgb8, heat: Heat, regions: tuple[Region, ...], score: float) -> bytes:
    calibration = revision.calibration
    caption = OverlayCaption(
        verdict="NOT_INSPECTED" if calibration is None else calibration.judge(score).value,
        category=revision.category,
        revision=revision.revision,
        frame_id=frame.frame_id,
        score=score,
        threshold=None if calibration is None else calibration.threshold,
        review_threshold=None if calibration is None else calibration.review_threshold,
        p_value=None if calibration is None else calibration.p_value(score),
    )
    return render_overlay(image, heat, regions, caption)
