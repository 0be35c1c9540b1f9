"""Pictures that can be no picture of the part."""

import pytest

from goldenpart.server.vision.drift import MeasuredFrame, golden_reference
from goldenpart.server.vision.frame_statistics import FrameStatistics
from goldenpart.server.vision.plausibility import PictureGate

SEEN = [FrameStatistics(0.4, 0.9, contrast, sharpness, 0.5, 0.5) for contrast, sharpness in ((0.5, 0.02), (0.7, 0.1), (0.6, 0.04))]
GATE = PictureGate(golden_reference([MeasuredFrame(one, None) for one in SEEN]), [(640, 480), (640, 480)])
SIZE = (640, 480)


@pytest.mark.parametrize(
    ("statistics", "words"),
    [
        (SEEN[0], ""),
        (FrameStatistics(0.081, 0.2, 0.11, 0.0011, 0.9, 0.1), ""),
        (FrameStatistics(0.079, 0.2, 0.5, 0.02, 0.5, 0.5), "brightness is 0.079, and of 3 reference frames none has less than 0.4"),
        (FrameStatistics(1.0, 1.0, 0.0, 0.0, 0.5, 0.5), "contrast is 0"),
        (FrameStatistics(0.4, 0.9, 0.5, 0.0009, 0.5, 0.5), "sharpness is 0.0009"),
    ],
)
def test_a_picture_far_below_all_reference_frames_is_doubted(statistics: FrameStatistics, words: str) -> None:
    doubt = GATE.doubt(statistics, SIZE)
    assert words in doubt
    assert bool(doubt) is bool(words)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((640, 480), ""),
        ((160, 120), ""),
        ((1280, 480), ""),
        ((160, 119), "160 x 119 px, and golden parts measure at least 480 px across"),
        ((1, 1), "1 x 1 px"),
        ((480, 640), ""),
        ((1300, 480), "2.71 times as long as wide, and golden parts are 1.33 to 1.33 times"),
        ((300, 900), "3 times as long as wide"),
    ],
)
def test_a_picture_of_another_shape_or_far_smaller_is_doubted(size: tuple[int, int], words: str) -> None:
    doubt = GATE.doubt(SEEN[0], size)
    assert words in doubt
    assert bool(doubt) is bool(words)


def test_nothing_is_doubted_where_nothing_is_known() -> None:
    assert not PictureGate(None, []).doubt(FrameStatistics(0.0, 0.0, 0.0, 0.0, 0.5, 0.5), (1, 1))


def test_parts_that_are_flat_themselves_may_be_flat() -> None:
    flat = FrameStatistics(0.0, 0.0, 0.0, 0.0, 0.5, 0.5)
    gate = PictureGate(golden_reference([MeasuredFrame(flat, None)]), [SIZE])
    assert not gate.doubt(flat, SIZE)
