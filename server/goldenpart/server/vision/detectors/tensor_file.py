"""Arrays of a detector on their way to and from a safetensors file."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

from goldenpart.server.errors import RevisionDamagedError
from goldenpart.server.vision.detectors.base import Tensors

FILE = "detector.safetensors"


def to_file(tensors: Tensors) -> bytes:
    """Serialise; the same arrays give the same bytes."""
    return save({name: np.ascontiguousarray(array) for name, array in tensors.items()})


def from_file(data: bytes) -> Tensors:
    """Read what `to_file` wrote.

    Raises:
        RevisionDamagedError: it is something else.
    """
    try:
        return load(data)
    except Exception as error:  # safetensors raises its own and struct's errors
        raise RevisionDamagedError(f"The detector cannot be read: {error}.", file=FILE) from error


def floats(tensors: Tensors, name: str, dimensions: int) -> npt.NDArray[np.float32]:
    """Return a float32 array.

    Raises:
        RevisionDamagedError: it is not there, or has another type or number of dimensions, or a value is not finite.
    """
    array = _named(tensors, name, np.float32, dimensions)
    if not np.isfinite(array).all():
        raise RevisionDamagedError(f"The detector's {name} hold a value that is not finite.", file=FILE)
    return array


def integers(tensors: Tensors, name: str, dimensions: int) -> npt.NDArray[np.int32]:
    """Return an int32 array; errors as in `floats`."""
    return _named(tensors, name, np.int32, dimensions)


def require(sound: bool, what: str) -> None:  # noqa: FBT001 - an assertion
    """Raise RevisionDamagedError unless arrays fit each other."""
    if not sound:
        raise RevisionDamagedError(f"The detector's arrays contradict each other: {what}.", file=FILE)


def _named(tensors: Tensors, name: str, kind: type[np.generic], dimensions: int) -> npt.NDArray[Any]:
    array = tensors.get(name)
    if array is None or array.dtype != kind or array.ndim != dimensions or not array.size:
        seen = "is missing" if array is None else f"is {array.dtype} of shape {array.shape}"
        raise RevisionDamagedError(f"The detector's {name} {seen}; want {kind.__name__} with {dimensions} dimensions.", file=FILE)
    return np.ascontiguousarray(array)
