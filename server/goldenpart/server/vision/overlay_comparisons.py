"""The row at the foot of an overlay: the first regions, each beside the golden patch it is nearest to."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from goldenpart.server.vision.overlay_regions import CaptionedRegion
from goldenpart.server.vision.overlay_text import fit, font_of

MOST_COMPARISONS = 2
_LEAST_WIDTH = 34  # of a comparison, in sizes of body text; narrower overlays have room for one
_MOST_ENLARGED = 1.5
_INK = "#616d79"


@dataclass(frozen=True, slots=True, eq=False)
class ComparisonRow:
    """Comparisons in one row of equal columns.

    Attributes:
        pictures: with the number of the region, left to right, scaled already.
        top, bottom: in pixels of the overlay; equal where there is nothing to compare.
        margin: left of the first one, and between them.
        unit: size of body text.
    """

    pictures: tuple[tuple[int, Image.Image], ...]
    top: int
    bottom: int
    margin: int
    unit: int

    @classmethod
    def plan(cls, regions: Sequence[CaptionedRegion], width: int, top: int, unit: int) -> ComparisonRow:
        """Choose as many comparisons as the width holds, from the first region on.

        Args:
            regions: highest excess first.
            width: of the overlay in pixels.
            top: where the row begins.
            unit: size of body text.
        """
        margin = round(1.2 * unit)
        columns = min(MOST_COMPARISONS, max(1, (width - margin) // (_LEAST_WIDTH * unit + margin)))
        numbered = [(number, one.comparison_png) for number, one in enumerate(regions, 1) if one.comparison_png][:columns]
        if not numbered:
            return cls((), top, top, margin, unit)
        room = (width - (columns + 1) * margin) // columns
        pictures = tuple((number, _scaled(png, room)) for number, png in numbered)
        bottom = top + round(2.2 * unit) + max(picture.height for _, picture in pictures) + margin
        return cls(pictures, top, bottom, margin, unit)

    def paste(self, canvas: Image.Image, draw: ImageDraw.ImageDraw) -> None:
        """Put the row onto the overlay."""
        x, letters = self.margin, font_of(self.unit)
        for number, picture in self.pictures:
            title = fit(f"Region {number} beside the golden patch it is nearest to", letters, picture.width)
            draw.text((x, self.top + 1.6 * self.unit), title, _INK, letters, anchor="ls")
            canvas.paste(picture, (x, self.top + round(2.2 * self.unit)))
            x += picture.width + self.margin


def _scaled(png: bytes, width: int) -> Image.Image:
    with Image.open(io.BytesIO(png)) as opened:
        factor = min(width / opened.width, _MOST_ENLARGED)
        size = (max(1, round(opened.width * factor)), max(1, round(opened.height * factor)))
        return opened.convert("RGB").resize(size, Image.Resampling.LANCZOS)
