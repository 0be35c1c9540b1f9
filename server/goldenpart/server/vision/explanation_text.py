"""A region in one sentence, put together from templates: every number in it was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from goldenpart.server.vision.explanation import Appearance, Tone
from goldenpart.server.vision.regions import Region

_VISIBLE_LIGHTNESS, _VISIBLE_HUE = 3.0, 5.0
_ELONGATED = 2.5
_LARGE_SHARE = 0.05
_HUES = ("reddish", "yellowish", "greenish", "bluish")  # about +a*, +b*, -a*, -b*


@dataclass(frozen=True, slots=True)
class NearestWords:
    """The golden patch that a region's worst patch is nearest to.

    Attributes:
        golden: index of the golden part.
        x_px, y_px: centre of the patch in the golden part as it was shown.
        rotation_deg: by which it was turned.
    """

    golden: int
    x_px: int
    y_px: int
    rotation_deg: float


@dataclass(frozen=True, slots=True)
class NormalRange:
    """Largest patch distances of normal images: the smallest, the median and the largest of them, and how many there are."""

    smallest: float
    median: float
    largest: float
    images: int

    @classmethod
    def of(cls, peaks: Sequence[float]) -> NormalRange | None:
        """Summarise the largest distance of each image; None without any."""
        return cls(min(peaks), median(peaks), max(peaks), len(peaks)) if peaks else None


def describe(
    region: Region,
    appearance: Appearance,
    image_px: int,
    golden_parts: int,
    nearest: NearestWords | None,
    distance: float = 0.0,
    normal: NormalRange | None = None,
) -> str:
    """Return the sentence about a region, for example ``dark elongated region 41x6 px at (210, 143), 23 L* darker than around it, 3.2x
    the limit, distance 4.1 where good parts reach 0.9 to 1.4, unlike any of 16 golden parts; nearest: golden 7 at (120, 88)``.

    Args:
        region: where and how much.
        appearance: how it looks.
        image_px: pixels of the whole picture.
        golden_parts: that the category was learned from.
        nearest: None for a detector that compares with no single golden part.
        distance: of its worst patch.
        normal: what distances are normal; None if unknown.
    """  # noqa: D205 - the example does not fit into one line
    shape = appearance.shape
    zone = f" in zone {region.zone}" if region.zone else ""
    pieces = [
        f"{tone_word(appearance)} {shape_word(appearance, image_px)} region {_whole(shape.length_px)}x{_whole(shape.width_px)} px at "
        f"({math.floor(shape.x_px)}, {math.floor(shape.y_px)}){zone}",
        *_tone_facts(appearance.tone),
        _limit_words(region),
    ]
    if normal is not None:
        pieces.append(f"distance {distance:.3g} where good parts reach {normal.smallest:.3g} to {normal.largest:.3g}")
    if region.excess >= 1 and (normal is None or distance > normal.largest):
        pieces.append(f"unlike any of {golden_parts} golden parts" if golden_parts != 1 else "unlike the golden part")
    text = ", ".join(pieces)
    if nearest is not None:
        turned = f" turned by {nearest.rotation_deg:g} degrees" if nearest.rotation_deg else ""
        text += f"; nearest: golden {nearest.golden}{turned} at ({nearest.x_px}, {nearest.y_px})"
    return f"{text}; tolerated: {region.tolerance}" if region.tolerance else text


def shape_word(appearance: Appearance, image_px: int) -> str:
    """Return ``large`` from 5 % of the picture on, else ``elongated`` from an elongation of 2.5 on, else ``compact``."""
    if appearance.shape.area_px >= _LARGE_SHARE * image_px:
        return "large"
    return "elongated" if appearance.shape.elongation >= _ELONGATED else "compact"


def tone_word(appearance: Appearance) -> str:
    """Return ``dark`` or ``bright`` and a hue where the difference is visible, ``unusual`` where neither is."""
    tone, words = appearance.tone, []
    if abs(tone.lightness) >= _VISIBLE_LIGHTNESS:
        words.append("bright" if tone.lightness > 0 else "dark")
    if tone.hue_shift >= _VISIBLE_HUE:
        words.append(_hue(tone))
    return " ".join(words) or "unusual"


def short_caption(region: Region, appearance: Appearance, image_px: int) -> str:
    """Return a few words for a picture: ``dark elongated 3.2x``."""
    return f"{tone_word(appearance)} {shape_word(appearance, image_px)} {_times(region.excess)}"


def _tone_facts(tone: Tone) -> list[str]:
    facts = []
    if abs(tone.lightness) >= _VISIBLE_LIGHTNESS:
        facts.append(f"{_whole(abs(tone.lightness))} L* {'brighter' if tone.lightness > 0 else 'darker'}")
    if tone.hue_shift >= _VISIBLE_HUE:
        facts.append(f"{_whole(tone.hue_shift)} a*b* more {_hue(tone)}")
    return [" and ".join(facts) + " than around it"] if facts else []


def _limit_words(region: Region) -> str:
    share = f" ({region.limit:g} of the threshold)" if region.limit != 1 else ""
    if region.critical and region.excess > region.critical_excess:
        return f"{_times(region.excess)} the limit, {_times(region.critical_excess)} that of critical zone {region.zone}{share}"
    own = f" of zone {region.zone}{share}" if region.limit != 1 and region.zone else ""
    return f"{_times(region.excess)} the limit{own}"


def _hue(tone: Tone) -> str:
    quarter = round(math.atan2(tone.yellow, tone.red) / (math.pi / 2)) % 4
    return _HUES[quarter]


def _times(excess: float) -> str:
    return f"{excess:.2f}x" if excess < 2 else f"{excess:.1f}x"


def _whole(value: float) -> int:
    return max(1, round(value))
