"""What a drift watch looks at: figures of a frame, each placed among reference frames."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrameStatistic:
    """One figure of a frame, and where it lies among the reference frames of the revision.

    Attributes:
        value: In the unit of its field in :class:`FrameStatistics`.
        references_above: Reference frames whose value is larger.
        references_equal: Reference frames whose value is the same.
        references: Reference frames n; 0 where there is none that may be compared with.
        reference_median: Median of their values; 0 without any.
        reference_scatter: Robust standard deviation of their values; 0 without any.
        p_value: (1 + #{reference >= value}) / (n + 1): near 0 = unusually large, near 1 = unusually small.
    """

    value: float
    references_above: int = 0
    references_equal: int = 0
    references: int = 0
    reference_median: float = 0.0
    reference_scatter: float = 0.0
    p_value: float = 1.0


@dataclass(frozen=True, slots=True)
class FrameStatistics:
    """What a drift watch looks at; a figure that the server could not tell is None.

    Attributes:
        score: Image score, among reference scores that pass; None unless the frame passed.
        feature_shift: Distance of the mean patch token from the golden parts' in standard deviations, >= 0.
        brightness: Mean grey value, share of full scale.
        highlight: Largest grey value, share of full scale.
        contrast: Standard deviation of the grey values over their mean, >= 0.
        sharpness: Variance of the Laplacian over the variance of the grey values, >= 0.
        framing_x: Horizontal place of the edges' centroid, share of the width.
        framing_y: Vertical place of the edges' centroid, share of the height.
    """

    score: FrameStatistic | None = None
    feature_shift: FrameStatistic | None = None
    brightness: FrameStatistic | None = None
    highlight: FrameStatistic | None = None
    contrast: FrameStatistic | None = None
    sharpness: FrameStatistic | None = None
    framing_x: FrameStatistic | None = None
    framing_y: FrameStatistic | None = None
