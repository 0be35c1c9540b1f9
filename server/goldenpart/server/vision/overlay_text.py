"""Text of overlays: a font, and words that fit."""

from __future__ import annotations

from functools import lru_cache

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache(maxsize=64)
def font_of(size: int) -> Font:
    """Return the font of overlays in a size in pixels."""
    return ImageFont.load_default(size=size)


def fit(text: str, font: Font, room: float) -> str:
    """Shorten a text with an ellipsis until it fits into `room` pixels."""
    if font.getlength(text) <= room:
        return text
    low, high = 0, min(len(text), 1000)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle] + "…") <= room else (low, middle - 1)
    return text[:low] + "…"


def wrap(text: str, font: Font, room: float, most: int) -> list[str]:
    """Break a text into at most `most` lines of `room` pixels; what is too much ends with an ellipsis."""
    lines: list[str] = []
    words = text[:2000].split()
    while words and len(lines) < most - 1:
        count = 1
        while count < len(words) and font.getlength(" ".join(words[: count + 1])) <= room:
            count += 1
        lines.append(fit(" ".join(words[:count]), font, room))
        words = words[count:]
    return [*lines, fit(" ".join(words), font, room)] if words else lines
