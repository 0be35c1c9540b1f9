"""Where what a drift watch looks at becomes protobuf."""

from __future__ import annotations

from collections.abc import Mapping

from goldenpart.server.vision.drift import Placement, Signal
from goldenpart.v1 import inspection_pb2


def statistics_to_pb(drift: Mapping[Signal, Placement]) -> inspection_pb2.FrameStatistics:
    """Write a frame's signals, each in the field of its name."""
    return inspection_pb2.FrameStatistics(**{signal.value: _placement_to_pb(placed) for signal, placed in drift.items()})


def _placement_to_pb(placed: Placement) -> inspection_pb2.FrameStatistic:
    return inspection_pb2.FrameStatistic(
        value=placed.value,
        references_above=placed.above,
        references_equal=placed.equal,
        references=placed.references,
        reference_median=placed.median,
        reference_scatter=placed.scatter,
        p_value=placed.p_value,
    )
