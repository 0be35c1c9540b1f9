"""A picture of a verdict for people: the frame with its regions, the heat map over it, and the score against its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from goldenpart.server.vision.heatmap import Heat
from goldenpart.server.vision.image import Rgb8
from goldenpart.server.vision.overlay_comparisons import ComparisonRow
from goldenpart.server.vision.overlay_regions import CAPTIONED_REGIONS, CaptionedRegion, draw_regions, draw_zones
from goldenpart.server.vision.overlay_text import fit, font_of, wrap
from goldenpart.server.vision.zones import Zone

HEAT_TOP = 2.0
"""Heat at the upper end of the colour scale; the same for every picture, so that overlays compare."""

_Box = tuple[float, float, float, float]
_Sample = TypeVar("_Sample", np.uint8, np.float32)

_MAX_WIDTH_PX, _MAX_HEIGHT_PX, _SMALL_PX = 1200, 1200, 560
_STACK_ASPECT = 2.2  # wider frames stand above each other
_SHOWN_FROM, _OPACITY = 0.5, 0.72
_PAPER, _INK, _FAINT, _CELL, _BAND = "#ffffff", "#1a2129", "#616d79", "#e9ecef", "#f3f5f7"
_COLOURS = {"PASS": "#1a7f37", "REVIEW": "#a85b00", "FAIL": "#c8202f"}
_OTHER_COLOUR = "#57606a"
_SIGNS: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {  # strokes in a unit square, so that no verdict hangs on colour alone
    "PASS": (((0.1, 0.55), (0.4, 0.85), (0.95, 0.15)),),
    "FAIL": (((0.15, 0.15), (0.85, 0.85)), ((0.85, 0.15), (0.15, 0.85))),
    "REVIEW": (((0.5, 0.0), (1.0, 0.95), (0.0, 0.95), (0.5, 0.0)), ((0.5, 0.35), (0.5, 0.62)), ((0.5, 0.74), (0.5, 0.8))),
}


@dataclass(frozen=True, slots=True)
class OverlayCaption:
    """What is written above the pictures.

    Attributes:
        verdict: ``PASS``, ``REVIEW`` or ``FAIL``; anything else is shown in grey.
        category, revision, frame_id: where the verdict comes from; cut with an ellipsis where they do not fit.
        score: of the image.
        threshold: FAIL above it; None if the revision is not calibrated.
        review_threshold: REVIEW above it; None without a review band.
        p_value: of the score; None if unknown.
        remark: why the verdict is not the score's; written below the pictures.
    """

    verdict: str
    category: str
    revision: str
    frame_id: str
    score: float
    threshold: float | None
    review_threshold: float | None
    p_value: float | None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Places in pixels of the overlay; `unit` is the size of body text."""

    unit: int
    scale: float
    panel: tuple[int, int]
    canvas: tuple[int, int]
    frame_cell: _Box
    heat_cell: _Box
    colour_bar: _Box


def render_overlay(
    image: Rgb8, heat: Heat, regions: Sequence[CaptionedRegion], caption: OverlayCaption, zones: Sequence[Zone] = ()
) -> bytes:
    """Draw the overlay. May run on any thread; takes some 50 ms for a camera frame.

    Args:
        image: (H, W, 3) uint8 RGB, the frame.
        heat: (H, W) float32, 1.0 = at the threshold.
        regions: boxes to mark, in pixels of the frame, highest excess first; their texts stand below the pictures, then comparisons.
        caption: what is written above.
        zones: outlined in the frame.

    Returns:
        A PNG file. Large frames are scaled down, small ones up; text is of readable size in both.
    """
    layout = _plan(image.shape[1], image.shape[0])
    lines = _write_lines(layout, regions, caption)
    below = layout.canvas[1] + (round((1.5 * len(lines) + 0.4) * layout.unit) if lines else 0)
    comparisons = ComparisonRow.plan(regions, layout.canvas[0], below, layout.unit)
    canvas = Image.new("RGB", (layout.canvas[0], comparisons.bottom), _PAPER)
    draw = ImageDraw.Draw(canvas)
    frame = _resize(image, layout)
    _draw_header(draw, layout, caption)
    frame_box = _paste(canvas, draw, frame, layout, layout.frame_cell, f"Frame, {image.shape[1]} x {image.shape[0]} px")
    draw_zones(draw, zones, frame_box, layout.unit)
    draw_regions(draw, regions, frame_box, layout.frame_cell, layout.scale, layout.unit)
    for place, line in enumerate(lines):
        draw.text((1.2 * layout.unit, layout.canvas[1] + (1.5 * place + 0.6) * layout.unit), line, _INK, font_of(layout.unit), anchor="ls")
    _paste(canvas, draw, _blend(frame, _resize(heat, layout), layout), layout, layout.heat_cell, "Heat map; outlined: above the threshold")
    _draw_colour_bar(canvas, draw, layout)
    comparisons.paste(canvas, draw)
    pixels = np.asarray(canvas)[:, :, ::-1]
    return bytes(cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1])


def _write_lines(layout: _Layout, regions: Sequence[CaptionedRegion], caption: OverlayCaption) -> list[str]:
    """Return what is written below the pictures: why the verdict is not the score's, then a sentence per region."""
    letters, room = font_of(layout.unit), layout.canvas[0] - 2.4 * layout.unit
    sentences = [f"{place}: {one.text}" for place, one in enumerate(regions[:CAPTIONED_REGIONS], 1) if one.text]
    return [line for text in (caption.remark, *sentences) for line in wrap(text, letters, room, 3)]


def _plan(width: int, height: int) -> _Layout:
    scale = min(_MAX_WIDTH_PX / width, _MAX_HEIGHT_PX / height, max(1.0, _SMALL_PX / max(width, height)))
    panel = max(1, round(width * scale)), max(1, round(height * scale))
    stacked = panel[0] > _STACK_ASPECT * panel[1]
    unit = round(min(32.0, max(14.0, panel[0] * (1 if stacked else 2) / 64)))
    cell_width, cell_height = max(panel[0], 20 * unit), max(panel[1], 9 * unit)
    gap, title, bar = 1.2 * unit, 2.0 * unit, 5.0 * unit
    content = cell_width + bar if stacked else 2 * cell_width + gap + bar
    left, top = gap, 7.4 * unit + title
    frame_cell = (left, top, left + cell_width, top + cell_height)
    across, down = (0.0, cell_height + title + 0.4 * unit) if stacked else (cell_width + gap, 0.0)
    heat_cell = (left + across, top + down, left + across + cell_width, top + down + cell_height)
    bar_x = heat_cell[2] + 0.8 * unit
    bar_height = min(cell_height, 26 * unit)
    colour_bar = (bar_x, heat_cell[1], bar_x + 1.1 * unit, heat_cell[1] + bar_height)
    canvas = round(content + 2 * gap), round(heat_cell[3] + gap)
    return _Layout(unit, scale, panel, canvas, frame_cell, heat_cell, colour_bar)


def _resize(picture: npt.NDArray[_Sample], layout: _Layout) -> npt.NDArray[_Sample]:
    interpolation = cv2.INTER_AREA if layout.scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, layout.panel, interpolation=interpolation), picture.dtype)


def _paste(canvas: Image.Image, draw: ImageDraw.ImageDraw, picture: Rgb8, layout: _Layout, cell: _Box, title: str) -> _Box:
    """Put a picture into the middle of its cell and return the box it takes."""
    draw.rectangle(cell, fill=_CELL)
    font = font_of(layout.unit)
    draw.text((cell[0], cell[1] - 0.5 * layout.unit), fit(title, font, cell[2] - cell[0]), _FAINT, font, anchor="ls")
    x, y = round((cell[0] + cell[2] - layout.panel[0]) / 2), round((cell[1] + cell[3] - layout.panel[1]) / 2)
    canvas.paste(Image.fromarray(np.ascontiguousarray(picture)), (x, y))
    return (x, y, x + layout.panel[0], y + layout.panel[1])


def _draw_header(draw: ImageDraw.ImageDraw, layout: _Layout, caption: OverlayCaption) -> None:
    unit, width = layout.unit, layout.canvas[0]
    draw.rectangle((0, 0, width, 6.4 * unit), fill=_BAND)
    margin = 1.2 * unit
    badge = (margin, 1.2 * unit, margin + 9.4 * unit, 4.0 * unit)
    _draw_badge(draw, layout, badge, caption.verdict)
    middle = width * 0.58
    left, room = badge[2] + margin, middle - margin - badge[2] - margin
    title, body = font_of(round(1.35 * unit)), font_of(unit)
    draw.text((left, 2.3 * unit), fit(caption.category, title, room), _INK, title, anchor="ls")
    draw.text((left, 3.9 * unit), fit(f"revision {caption.revision}", body, room), _FAINT, body, anchor="ls")
    wide = middle - 2 * margin
    draw.text((margin, 5.6 * unit), fit(f"frame {caption.frame_id}", body, wide), _FAINT, body, anchor="ls")
    _draw_score(draw, layout, (middle, 0.0, width - margin, 6.4 * unit), caption)


def _draw_badge(draw: ImageDraw.ImageDraw, layout: _Layout, box: _Box, verdict: str) -> None:
    unit = layout.unit
    draw.rounded_rectangle(box, 0.5 * unit, fill=_COLOURS.get(verdict, _OTHER_COLOUR))
    x, y, side = box[0] + 0.8 * unit, (box[1] + box[3]) / 2 - 0.65 * unit, 1.3 * unit
    signs = _SIGNS.get(verdict, ())
    for stroke in signs:
        draw.line([(x + side * across, y + side * down) for across, down in stroke], _PAPER, max(2, round(0.17 * unit)), joint="curve")
    left = box[0] + (2.7 if signs else 0.8) * unit
    font = next((font for font in (font_of(round(1.4 * unit)), font_of(unit)) if font.getlength(verdict) <= box[2] - left), font_of(unit))
    draw.text((left, (box[1] + box[3]) / 2), fit(verdict, font, box[2] - left - 0.3 * unit), _PAPER, font, anchor="lm")


def _draw_score(draw: ImageDraw.ImageDraw, layout: _Layout, box: _Box, caption: OverlayCaption) -> None:
    """Draw score, limits and p-value into the right part of the header."""
    unit, room = layout.unit, box[2] - box[0]
    title, body = font_of(round(1.35 * unit)), font_of(unit)
    evidence = "" if caption.p_value is None else f"p = {caption.p_value:.3g}"
    taken = body.getlength(evidence)
    draw.text((box[0], 2.3 * unit), fit(f"score {caption.score:.4g}", title, room - taken - unit), _INK, title, anchor="ls")
    draw.text((box[2], 2.3 * unit), evidence, _INK, body, anchor="rs")
    bar = (box[0], 2.9 * unit, box[2], 4.0 * unit)
    draw.rectangle(bar, fill="#d5dade")
    if caption.threshold is None or caption.threshold <= 0:
        draw.text((box[0], 5.6 * unit), fit("no threshold: not calibrated", body, room), _FAINT, body, anchor="ls")
        return
    at = [bar[0] + room * min(1.0, max(0.0, value / (HEAT_TOP * caption.threshold))) for value in (caption.score, caption.threshold)]
    draw.rectangle((bar[0], bar[1], at[0], bar[3]), fill=_COLOURS.get(caption.verdict, _OTHER_COLOUR))
    words = f"threshold {caption.threshold:.4g}"
    if caption.review_threshold is not None:
        review = bar[0] + room * min(1.0, max(0.0, caption.review_threshold / (HEAT_TOP * caption.threshold)))
        _draw_limit(draw, layout, review, bar, dashed=True)
        words += f", review above {caption.review_threshold:.4g}"
    _draw_limit(draw, layout, at[1], bar, dashed=False)
    draw.text((box[0], 5.6 * unit), fit(words, body, room), _FAINT, body, anchor="ls")


def _draw_limit(draw: ImageDraw.ImageDraw, layout: _Layout, x: float, bar: _Box, *, dashed: bool) -> None:
    """Draw a limit across the score bar: solid for the threshold, dashed for the review threshold."""
    unit = layout.unit
    top, bottom, half = bar[1] - 0.3 * unit, bar[3] + 0.3 * unit, max(1.0, 0.08 * unit)
    draw.rectangle((x - half - 1, top, x + half + 1, bottom), fill=_PAPER)
    pieces = 7 if dashed else 1
    step = (bottom - top) / pieces
    for piece in range(0, pieces, 2):
        draw.rectangle((x - half, top + piece * step, x + half, top + (piece + 1) * step), fill=_INK)


def _blend(frame: Rgb8, heat: Heat, layout: _Layout) -> Rgb8:
    mixed = _colour(heat, frame.astype(np.float32))
    outlines, _ = cv2.findContours((heat >= 1.0).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    stroke = max(1, round(0.09 * layout.unit))
    for colour, width in (((0, 0, 0), stroke + 2), ((255, 255, 255), stroke)):
        cv2.drawContours(mixed, outlines, -1, colour, width, cv2.LINE_AA)
    return mixed


def _colour(heat: Heat, ground: npt.NDArray[np.float32]) -> Rgb8:
    """Lay colours over a ground (H, W, 3): none below half the threshold, their full opacity from the threshold on."""
    steps = np.clip(heat * (255.0 / HEAT_TOP), 0, 255).astype(np.uint8)
    colours = np.asarray(cv2.applyColorMap(steps, cv2.COLORMAP_INFERNO), np.float32)[:, :, ::-1]
    opacity = _OPACITY * np.clip((heat - _SHOWN_FROM) / (1.0 - _SHOWN_FROM), 0.0, 1.0)[:, :, None]
    return np.ascontiguousarray(ground + (colours - ground) * opacity).round().astype(np.uint8)


def _draw_colour_bar(canvas: Image.Image, draw: ImageDraw.ImageDraw, layout: _Layout) -> None:
    left, top, right, bottom = (round(value) for value in layout.colour_bar)
    height, width = bottom - top, right - left
    heat = np.repeat(np.linspace(HEAT_TOP, 0.0, height, dtype=np.float32)[:, None], width, axis=1)
    ground = np.full((height, width, 3), 200.0, np.float32)
    canvas.paste(Image.fromarray(_colour(heat, ground)), (left, top))
    draw.rectangle((left - 1, top - 1, right, bottom), outline=_FAINT)
    font, small = font_of(layout.unit), font_of(round(0.85 * layout.unit))
    for value, text in ((0.0, "0"), (0.5, "0.5"), (1.0, "1.0"), (1.5, "1.5"), (HEAT_TOP, "2+")):
        y = min(max(bottom - height * value / HEAT_TOP, top + 0.4 * layout.unit), bottom - 0.4 * layout.unit)
        draw.text((right + 0.5 * layout.unit, y), text, _INK if value == 1.0 else _FAINT, font if value == 1.0 else small, anchor="lm")
    limit = (top + bottom) / 2
    if height > 12 * layout.unit:
        draw.text((right + 0.5 * layout.unit, limit + layout.unit), "limit", _INK, small, anchor="lm")
    draw.rectangle((left - 0.3 * layout.unit, limit - 1, right + 0.3 * layout.unit, limit + 1), fill=_INK)
