"""What zones make of a verdict: the rule of docs/zones.md, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from goldenpart.server.vision.calibration import Judgement
from goldenpart.server.vision.regions import Region


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a part is.

    Attributes:
        judgement: the verdict.
        message: why it is not what the score alone says; empty if it is.
    """

    judgement: Judgement
    message: str = ""


def rule(judgement: Judgement, score: float, threshold: float, regions: Sequence[Region]) -> Ruling:
    """Apply the rules of zones to the verdict that the score gives.

    A region that reaches the limit of a critical zone and is not too small fails the part, whatever the score. Otherwise a part that
    its score does not let pass does pass if it has regions and none of them may fail it.

    Args:
        judgement: by the score.
        score: of the image, for the message.
        threshold: FAIL above it, for the message.
        regions: all of the part, highest excess first.
    """
    critical = next((region for region in regions if region.critical and not region.tolerance), None)
    if critical is not None:
        if judgement is Judgement.FAIL:
            return Ruling(judgement)
        return Ruling(
            Judgement.FAIL,
            f"FAIL by the critical zone {critical.zone!r}: the region at ({critical.x_px}, {critical.y_px}) reaches "
            f"{critical.critical_excess:.2f} times the limit, which is {critical.limit:g} of the threshold there; the score {score:.4g} "
            f"alone would be {judgement}.",
        )
    if judgement is Judgement.PASS or not regions or not all(region.tolerance for region in regions):
        return Ruling(judgement)
    largest = max(regions, key=lambda region: region.area_px)
    place = f" in zone {largest.zone!r}" if largest.zone else ""
    return Ruling(
        Judgement.PASS,
        f"PASS although the score {score:.4g} is {judgement} (threshold {threshold:.4g}): none of its {len(regions)} regions may fail the "
        f"part; the largest{place} has {largest.tolerance}.",
    )
