"""Reads ``--set knob=value``."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from goldenpart.client.frames import RelativePoint
from goldenpart.client.recipe import Aggregate, Coreset, Detector, Metric, Resize, SearchIndex

KnobValue = int | float | str | StrEnum | tuple[int, ...] | tuple[float, ...] | tuple[StrEnum, ...]


def numbers(text: str) -> tuple[float, ...]:
    """Read numbers between commas, for example ``0,90,180``.

    Raises:
        ValueError: Something is not a number.
    """
    return tuple(_real(part) for part in text.split(","))


def polygon(text: str) -> tuple[RelativePoint, ...]:
    """Read vertices ``x,y`` between blanks, fractions of width and height, for example ``0,0 0.3,0 0.3,0.1``.

    Raises:
        ValueError: Fewer than 3 vertices, or one that is not two numbers in [0, 1].
    """
    vertices = [numbers(vertex) for vertex in text.split()]
    if len(vertices) < 3 or any(len(vertex) != 2 or not all(0 <= x <= 1 for x in vertex) for vertex in vertices):
        raise ValueError(f"'{text}' is not a polygon; give at least 3 vertices x,y in 0..1 between blanks, for example '0,0 0.3,0 0.3,0.1'")
    return tuple((x, y) for x, y in vertices)


def knobs(settings: Iterable[str]) -> dict[str, KnobValue]:
    """Read settings of the form ``knob=value``; names and words in either case, lists between commas.

    Raises:
        ValueError: No such knob, or a value of another kind.
    """
    read: dict[str, KnobValue] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        name = name.strip().lower().replace("-", "_")
        if not equals:
            raise ValueError(f"'{setting}' is not of the form knob=value")
        if name not in _READERS:
            close = difflib.get_close_matches(name, _READERS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(_READERS)}"
            raise ValueError(f"there is no knob '{name}'; {hint}")
        try:
            read[name] = _READERS[name](value.strip())
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return read


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a whole number") from None


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a number") from None


def _integers(text: str) -> tuple[int, ...]:
    return tuple(_integer(part) for part in text.split(","))


def _word(words: type[StrEnum]) -> Callable[[str], StrEnum]:
    def read(text: str) -> StrEnum:
        try:
            return words(text.upper())
        except ValueError:
            raise ValueError(f"'{text}' is none of {', '.join(word.lower() for word in words)}") from None

    return read


def _words(words: type[StrEnum]) -> Callable[[str], tuple[StrEnum, ...]]:
    read = _word(words)
    return lambda text: tuple(read(part.strip()) for part in text.split(","))


_READERS: Mapping[str, Callable[[str], KnobValue]] = {
    "backbone": str,
    "layers": _integers,
    "resolution_px": _integer,
    "resize": _word(Resize),
    "neighbourhood_patches": _integer,
    "metric": _word(Metric),
    "neighbours": _integer,
    "aggregate": _word(Aggregate),
    "aggregate_patches": _integer,
    "aggregate_percent": _real,
    "reweight_neighbours": _integer,
    "local_scale_neighbours": _integer,
    "coreset": _word(Coreset),
    "coreset_vectors": _integer,
    "coreset_ratio": _real,
    "coreset_projection_dimensions": _integer,
    "rotations_deg": numbers,
    "search_index": _word(SearchIndex),
    "heatmap_sigma_px": _real,
    "region_min_area_px": _integer,
    "seed": _integer,
    "detector": _word(Detector),
    "gaussian_dimensions": _integer,
    "subspace_variance": _real,
    "subspace_components": _integer,
    "autoencoder_steps": _integer,
    "ensemble_detectors": _words(Detector),
}
NAMES = tuple(_READERS)
"""Every knob, in the order of the recipe."""
