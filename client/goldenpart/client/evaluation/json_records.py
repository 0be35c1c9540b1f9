"""Reads back what :func:`~goldenpart.client.json_form.to_json` wrote, and digests it."""

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from goldenpart.client.json_form import to_json

_Record = TypeVar("_Record")


def from_json(kind: type[_Record], value: object) -> _Record:
    """Make a dataclass of its JSON form; fields that are missing take their defaults.

    Args:
        kind: A dataclass of dataclasses, tuples, mappings with text keys, enums, times, numbers, texts and None.
        value: What ``json.loads`` gave.

    Raises:
        ValueError: The value is no such record.
    """
    try:
        return typing.cast("_Record", _read(kind, value))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no {kind.__name__}: {error}") from error


def digest_of(value: object) -> str:
    """Return the sha256, hex, of a value's JSON form with sorted keys."""
    return hashlib.sha256(json.dumps(to_json(value), sort_keys=True, allow_nan=False).encode()).hexdigest()


def _read(kind: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _read(next(one for one in arguments if one is not types.NoneType), value)
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(kind, value)
    if origin is tuple:
        return _read_tuple(arguments, value)
    if origin in (Mapping, dict):
        return {key: _read(arguments[1], item) for key, item in value.items()}
    if kind is datetime:
        return datetime.fromisoformat(value)
    return _read_scalar(kind, value)


def _read_dataclass(kind: Any, value: Any) -> Any:
    hints = typing.get_type_hints(kind)
    known = {field.name for field in dataclasses.fields(kind)}
    if unknown := set(value) - known:
        raise ValueError(f"{kind.__name__} has no field {', '.join(sorted(unknown))}")
    return kind(**{name: _read(hints[name], item) for name, item in value.items()})


def _read_tuple(arguments: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_read(arguments[0], item) for item in value)
    return tuple(_read(kind, item) for kind, item in zip(arguments, value, strict=True))


def _read_scalar(kind: Any, value: Any) -> Any:
    if issubclass(kind, Enum):
        return kind(value)
    if not isinstance(value, (int, float) if kind is float else kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return float(value) if kind is float else value
