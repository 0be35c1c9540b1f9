"""Whether a picture can show the part at all: the last question before a PASS.

A bank answers how unlike the golden parts a patch is. Where parts vary a lot, or some of their patches are plain, a picture of nothing
is no more unlike: a covered lens or a dead lamp can score as low as a good part. Such pictures differ from all reference
frames by factors in the plainest figures, so they are told by these. What fades or slips slowly is for the drift watch (docs/drift.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from goldenpart.server.vision.drift import DriftReference, Signal
from goldenpart.server.vision.frame_statistics import FrameStatistics

Size = tuple[int, int]
"""Width and height of an upright picture in pixels."""

_LEAST_SHARE = {Signal.BRIGHTNESS: 1 / 5, Signal.CONTRAST: 1 / 5, Signal.SHARPNESS: 1 / 20}
"""Of the smallest value of all reference frames: good pictures of one part can differ several times in contrast, more in sharpness."""
_LEAST_SIDE = 1 / 4  # of the shorter side of the smallest golden part
_MOST_STRETCH = 2.0  # of the longer by the shorter side, against all golden parts; a picture may be turned


class PictureGate:
    """Doubts pictures that are unlike all that a revision has seen. Immutable; any thread.

    Args:
        reference: frames of the revision; None if it has none.
        golden: sizes of its golden parts.
    """

    def __init__(self, reference: DriftReference | None, golden: Sequence[Size]) -> None:
        signals = {} if reference is None else reference.signals
        self._smallest = {signal: min(signals[signal].values) for signal in _LEAST_SHARE if signal in signals}
        self._frames = max((len(signals[signal].values) for signal in self._smallest), default=0)
        self._shorter_px = min((min(size) for size in golden), default=0)
        self._shapes = [_shape(size) for size in golden]

    def doubt(self, statistics: FrameStatistics, size: Size) -> str:
        """Say in a few words why a picture cannot be trusted; empty if it can."""
        return self._doubt_size(size) or self._doubt_light(statistics)

    def _doubt_size(self, size: Size) -> str:
        width, height = size
        if min(size) < _LEAST_SIDE * self._shorter_px:
            return f"the picture is {width} x {height} px, and golden parts measure at least {self._shorter_px} px across"
        shape = _shape(size)
        if self._shapes and not min(self._shapes) / _MOST_STRETCH <= shape <= max(self._shapes) * _MOST_STRETCH:
            return (
                f"the picture is {width} x {height} px, {shape:.3g} times as long as wide, and golden parts are {min(self._shapes):.3g} "
                f"to {max(self._shapes):.3g} times"
            )
        return ""

    def _doubt_light(self, statistics: FrameStatistics) -> str:
        for signal, smallest in self._smallest.items():
            value: float = getattr(statistics, signal)
            if value < _LEAST_SHARE[signal] * smallest:
                return f"its {signal} is {value:.3g}, and of {self._frames} reference frames none has less than {smallest:.3g}"
        return ""


def _shape(size: Size) -> float:
    return max(size) / min(size)
