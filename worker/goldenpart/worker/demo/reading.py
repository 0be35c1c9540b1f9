"""Reads an inspection event as the client's own type, so that views and reports are those of the client."""

import math
from collections.abc import Mapping

from goldenpart.client.results import Box, Inspection, NotInspectedReason, Region, Timings, Verdict


def inspection_of(event: Mapping[str, object]) -> Inspection:
    """Reads a CloudEvent of type goldenpart.inspection.v1 (docs/schemas/inspection-event.schema.json).

    What the event leaves out because nothing was compared is zero, as in `Inspection`. Of the server's times the event has the total alone.

    Args:
        event: The event as JSON.

    Raises:
        KeyError: A field is missing.
        ValueError: It is no inspection event, or the verdict is none that this client knows.
    """
    data = event["data"]
    if not isinstance(data, Mapping):
        raise ValueError(f"data of event {event.get('id')!r} is no object but {type(data).__name__}; is it an inspection event?")  # noqa: TRY004 (it is the event that is wrong)
    verdict = Verdict(data["verdict"])
    return Inspection(
        frame_id=str(data["frame_id"]),
        category=data["category"] or "",
        verdict=verdict,
        revision=data["revision"] or "",
        reason=_reason(data["reason"]) if verdict is Verdict.NOT_INSPECTED else None,
        message=data["message"] or "",
        score=data["score"] or 0.0,
        threshold=data["threshold"] or 0.0,
        review_threshold=data["review_threshold"],
        p_value=data["p_value"] or 0.0,
        confidence=data["confidence"] or 0.0,
        regions=tuple(map(_region, data["regions"])),
        width_px=data["width_px"] or 0,
        height_px=data["height_px"] or 0,
        timings=Timings(total_s=data["latencies_s"]["server"]),
    )


def _reason(word: str) -> NotInspectedReason:
    return NotInspectedReason(word) if word in set(NotInspectedReason) else NotInspectedReason.UNSPECIFIED


def _region(region: Mapping[str, int | float | None]) -> Region:
    x_px, y_px, width_px, height_px, area_px = (int(region[name] or 0) for name in ("x_px", "y_px", "width_px", "height_px", "area_px"))
    peak = region["peak"]
    return Region(Box(x_px, y_px, width_px, height_px), area_px, math.inf if peak is None else peak)
