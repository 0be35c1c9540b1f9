"""What a drift means for the people at the line."""

_ADVICE = {
    "score": (
        "anomaly score of passed parts",
        "check the material lot, light and focus; recalibrate if the new look is right",
    ),
    "feature_shift": ("distance of the pictures from the golden parts", "compare a frame with a golden part; the look has changed"),
    "brightness": ("brightness", "check lamp, exposure and gain"),
    "highlight": ("brightest spot", "check lamp, exposure and gain"),
    "contrast": ("contrast", "check for stray light, dust or oil on lens and cover glass"),
    "sharpness": ("sharpness", "check focus, the lens's cleanness and exposure time against vibration"),
}
_SIDES = {"framing_x": ("left", "right", "width"), "framing_y": ("up", "down", "height")}


def advise(signal: str, before: float | None, after: float, since_frame: str, frames: int) -> str:
    """Say what changed, by how much, since when, and what to look at.

    Args:
        signal: A field of FrameStatistics.
        before: Its median before; None if nothing is known.
        after: Its median since.
        since_frame: Id of the frame with which it probably began.
        frames: How many frames that is.
    """
    since = f"since frame {since_frame} ({frames} frames)"
    if signal in _SIDES:
        less, more, side = _SIDES[signal]
        moved = "moved"
        if before is not None:
            moved = f"moved {less if after < before else more} by {100 * abs(after - before):.1f} % of the {side}"
        return f"the picture's content {moved} {since}: check camera mount, part position and trigger"
    what, look = _ADVICE[signal]
    return f"{what} {_change(before, after)} {since}: {look}"


def _change(before: float | None, after: float) -> str:
    if before is None or before <= 0:
        return "changed"
    percent = 100 * (after / before - 1)
    if abs(percent) < 0.5:
        return "scatters otherwise than before"
    return f"{'rose' if percent > 0 else 'fell'} by {abs(percent):.0f} %"
