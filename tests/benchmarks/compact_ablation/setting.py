"""What one row of the ablation table varies, and the axes along which it does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

METRICS = ("euclidean", "cosine", "centred_cosine")
AGGREGATES = ("max", "top03", "top1", "mean")
LOCAL_SCALES = (0, 8, 32, 128)
USUAL_AGGREGATES = ("max", "top03", "top1")
LAYERS = ("1", "2", "3", "12", "23", "123")
RESOLUTIONS = (128, 192, 256, 384, 512)
BANKS = ("whole", "greedy:10000", "greedy:2000", "greedy:1000")
NEIGHBOURS = (1, 5)
SINGLE, CONCATENATED, AVERAGED = "single", "concatenated", "averaged"


@dataclass(frozen=True, slots=True)
class Search:
    """How patch distances come about.

    Attributes:
        resolutions: pixels of the shorter side; several only with a fusion.
        fusion: `single`; `concatenated`: tokens of the further resolutions resampled to the grid of the first, all with equal mean length,
            side by side; `averaged`: distance maps divided by their median on golden parts left out, resampled to the grid of the first.
        layers: stages to concatenate, such as "123".
        metric: one of `METRICS`; cosine is 1 - cos, as in the product.
        bank: "whole", "greedy:N" or "random:N" with N vectors kept.
        local_scale: golden patches around a bank vector that set the unit of distances to it, as in the product; 0 = plain distances.
    """

    resolutions: tuple[int, ...] = (256,)
    fusion: str = SINGLE
    layers: str = "123"
    metric: str = "cosine"
    bank: str = "greedy:2000"
    local_scale: int = 0


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    Attributes:
        weights: name of the weights.
        search: how patch distances come about.
        k: nearest bank vectors whose distances are averaged.
        aggregate: from patch distances to the image score; `top1` is the mean of the largest 1 %, at least one; `top03` of 0.3 %.
    """

    weights: str
    search: Search
    k: int = 1
    aggregate: str = "top1"


def axis_settings(axis: str, base: Setting, weights: Sequence[str]) -> list[Setting]:
    """List the settings of one axis: everything as in `base` but for what the axis varies; the usual image scores unless it varies them.

    Args:
        axis: one of `AXES`.
        base: the final weights with the usual settings.
        weights: all names of weights, for the axis `weights`.
    """
    if axis == "weights":
        varied = [replace(base, weights=name) for name in weights]
    elif axis == "k":
        varied = [replace(base, k=k) for k in NEIGHBOURS]
    elif axis == "aggregates":
        return [replace(base, aggregate=aggregate) for aggregate in AGGREGATES]
    else:
        varied = [replace(base, search=search) for search in _SEARCHES[axis](base.search)]
    return [replace(setting, aggregate=aggregate) for setting in varied for aggregate in USUAL_AGGREGATES]


def _multiscale(search: Search) -> list[Search]:
    whole = search.resolutions[0]
    half, double = whole // 2, whole * 2
    fusions = [(CONCATENATED, (whole, half)), (AVERAGED, (whole, half)), (CONCATENATED, (double, whole)), (AVERAGED, (double, whole))]
    return [search, *(replace(search, fusion=fusion, resolutions=resolutions) for fusion, resolutions in fusions)]


_SEARCHES: dict[str, Callable[[Search], list[Search]]] = {
    "layers": lambda search: [replace(search, layers=layers) for layers in LAYERS],
    "resolutions": lambda search: [replace(search, resolutions=(resolution,)) for resolution in RESOLUTIONS],
    "metrics": lambda search: [replace(search, metric=metric) for metric in METRICS],
    "banks": lambda search: [replace(search, bank=bank) for bank in BANKS],
    "local_scale": lambda search: [replace(search, local_scale=neighbours) for neighbours in LOCAL_SCALES],
    "multiscale": _multiscale,
}
AXES = ("weights", "layers", "resolutions", "metrics", "aggregates", "k", "banks", "local_scale", "multiscale")
