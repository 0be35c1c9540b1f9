"""Regions and zones in an overlay: boxes with captions that can be read on dark and on light pictures, outlines with names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import ImageDraw

from goldenpart.server.vision.overlay_text import fit, font_of
from goldenpart.server.vision.regions import Region
from goldenpart.server.vision.zones import Zone, ZoneKind

Box = tuple[float, float, float, float]

CAPTIONED_REGIONS = 12
"""Regions with a number and a caption; the others are boxed only."""

_MARK, _GROUND = "#ffd60a", "#000000"
_ZONE_COLOURS = {ZoneKind.CRITICAL: "#ff6b9d", ZoneKind.INCLUDE: "#4cc9f0", ZoneKind.IGNORE: "#b8c0c8"}


@dataclass(frozen=True, slots=True)
class CaptionedRegion:
    """A region to mark.

    Attributes:
        region: where.
        caption: a few words for its box; empty means its peak.
        text: the sentence below the pictures; empty means none.
        comparison_png: region and nearest golden patch side by side, shown below the sentences; empty means none.
    """

    region: Region
    caption: str = ""
    text: str = ""
    comparison_png: bytes = b""


def draw_regions(draw: ImageDraw.ImageDraw, regions: Sequence[CaptionedRegion], frame: Box, cell: Box, scale: float, unit: int) -> None:
    """Draw boxes, the hottest last and so on top, and the captions of the hottest.

    Args:
        draw: on the canvas.
        regions: hottest first.
        frame: box of the frame on the canvas.
        cell: box that captions must not leave.
        scale: pixels of the canvas per pixel of the frame.
        unit: size of body text.
    """
    stroke = max(2, round(0.14 * unit))
    for place, marked in reversed(list(enumerate(regions))):
        region = marked.region
        left, top = frame[0] + region.x_px * scale - stroke, frame[1] + region.y_px * scale - stroke
        right = frame[0] + (region.x_px + region.width_px) * scale + stroke - 1
        bottom = frame[1] + (region.y_px + region.height_px) * scale + stroke - 1
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_GROUND, width=stroke + 2)
        draw.rectangle((left, top, right, bottom), outline=_MARK, width=stroke)
        if place < CAPTIONED_REGIONS:
            words = marked.caption or f"{region.peak:.2f}"
            _draw_label(draw, f"{place + 1}: {words}", (left, top, right, bottom), cell, unit, _MARK)


def draw_zones(draw: ImageDraw.ImageDraw, zones: Sequence[Zone], frame: Box, unit: int) -> None:
    """Outline zones and write their names inside: critical ones red, included ones blue, ignored ones grey and dashed.

    Args:
        draw: on the canvas.
        zones: all of them.
        frame: box of the frame on the canvas.
        unit: size of body text.
    """
    width, height = frame[2] - frame[0] - 1, frame[3] - frame[1] - 1
    stroke = max(1, round(0.1 * unit))
    for zone in zones:
        corners = [(frame[0] + x * width, frame[1] + y * height) for x, y in zone.polygon]
        for start, end in zip(corners, [*corners[1:], corners[0]], strict=True):
            _draw_edge(draw, start, end, stroke, _ZONE_COLOURS[zone.kind], dashed=zone.kind is ZoneKind.IGNORE)
    for zone in zones:
        x, y = min((x, y) for x, y in zone.polygon)
        place = (frame[0] + x * width, frame[1] + y * height)
        label = zone.name if zone.limit in (None, 1.0) else f"{zone.name} x{zone.limit:g}"
        _draw_label(draw, label, (*place, *place), frame, round(0.85 * unit), _ZONE_COLOURS[zone.kind])


def _draw_edge(
    draw: ImageDraw.ImageDraw, start: tuple[float, float], end: tuple[float, float], stroke: int, colour: str, *, dashed: bool
) -> None:
    length = max(1.0, ((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5)
    pieces = max(1, int(length / (8 * stroke))) if dashed else 1
    for piece in range(pieces):
        low, high = piece / pieces, (piece + 0.55) / pieces if dashed else 1.0
        line = [(start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share) for share in (low, high)]
        draw.line(line, _GROUND, stroke + 2)
        draw.line(line, colour, stroke)


def _draw_label(draw: ImageDraw.ImageDraw, text: str, box: Box, cell: Box, unit: int, colour: str) -> None:
    """Write above a box, or below it where there is no room, always inside the cell."""
    letters = font_of(unit)
    words = fit(text, letters, cell[2] - cell[0] - 0.6 * unit)
    width, height = letters.getlength(words) + 0.6 * unit, 1.3 * unit
    x = min(max(box[0], cell[0]), cell[2] - width)
    y = box[1] - height - 2 if box[1] - height - 2 >= cell[1] else min(box[3] + 2, cell[3] - height)
    draw.rectangle((x, y, x + width, y + height), fill=_GROUND)
    draw.text((x + 0.3 * unit, y + height / 2), words, colour, letters, anchor="lm")
