"""Regions and their evidence as protobuf."""

from __future__ import annotations

from goldenpart.server.runtime.inspection import Box, Nearest, RegionEvidence
from goldenpart.server.vision.explanation import Appearance, Tone
from goldenpart.server.vision.explanation_text import NormalRange
from goldenpart.v1 import inspection_pb2 as pb


def region_to_pb(evidence: RegionEvidence) -> pb.Region:
    """Write a region with all that is known about it."""
    region = evidence.region
    return pb.Region(
        box=box_to_pb(region.box),
        area_px=region.area_px,
        peak=region.peak,
        text=evidence.text,
        zone=region.zone,
        limit=region.limit,
        excess=region.excess,
        tolerated=region.tolerance,
        patch=box_to_pb(evidence.patch),
        distance=evidence.distance,
        p_value=evidence.p_value,
        normal=_range_to_pb(evidence.normal),
        appearance=_appearance_to_pb(evidence.appearance, evidence.tone_to_golden),
        nearest=nearest_to_pb(evidence.nearest),
        side_by_side_png=evidence.picture_png,
    )


def nearest_to_pb(nearest: Nearest | None) -> pb.NearestGoldenPart | None:
    """Write what a patch was compared with; None for a detector that compares with no single golden part."""
    if nearest is None:
        return None
    return pb.NearestGoldenPart(
        patch=box_to_pb(nearest.box),
        golden_index=nearest.worst.golden,
        golden_name=nearest.golden_name,
        golden_patch=box_to_pb(nearest.golden_box),
        rotation_deg=nearest.worst.angle_deg,
        distance=nearest.worst.distance,
    )


def box_to_pb(box: Box) -> pb.Box:
    """Write a rectangle."""
    return pb.Box(x_px=box[0], y_px=box[1], width_px=box[2], height_px=box[3])


def _range_to_pb(normal: NormalRange | None) -> pb.NormalRange | None:
    if normal is None:
        return None
    return pb.NormalRange(smallest=normal.smallest, median=normal.median, largest=normal.largest, images=normal.images)


def _appearance_to_pb(appearance: Appearance, to_golden: Tone | None) -> pb.RegionAppearance:
    shape = appearance.shape
    return pb.RegionAppearance(
        length_px=shape.length_px,
        width_px=shape.width_px,
        orientation_deg=shape.orientation_deg,
        elongation=shape.elongation,
        x_px=shape.x_px,
        y_px=shape.y_px,
        area_px=shape.area_px,
        outlined=appearance.outlined,
        to_surroundings=_tone_to_pb(appearance.tone),
        to_golden=None if to_golden is None else _tone_to_pb(to_golden),
    )


def _tone_to_pb(tone: Tone) -> pb.ColourDifference:
    return pb.ColourDifference(lightness=tone.lightness, red=tone.red, yellow=tone.yellow)
