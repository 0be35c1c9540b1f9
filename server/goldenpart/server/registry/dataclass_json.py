"""Dataclasses as JSON text that can be compared byte by byte, read back strictly."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_plain(value: object) -> Any:
    """Turn a dataclass into what JSON knows: objects, lists, strings, numbers, booleans, null. Times become ISO 8601 in UTC."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def dump_json(plain: object) -> str:
    """Write JSON for people and for digests: sorted keys, two spaces, floats exact (shortest text that reads back the same).

    Raises:
        ValueError: a number is not finite.
    """
    return json.dumps(plain, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def load_json(text: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ValueError: it is no JSON, not an object, holds NaN or an infinity, or is nested too deeply.
    """
    try:
        plain = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error
    if not isinstance(plain, dict):
        raise ValueError(f"the JSON is a {type(plain).__name__}, not an object")  # noqa: TRY004 - callers catch one kind
    return plain


def from_plain(kind: type[T], plain: object, where: str) -> T:
    """Build a `kind` from what `to_plain` made of one.

    Args:
        kind: a dataclass.
        plain: parsed JSON.
        where: path of `plain` for error messages.

    A key that is missing takes its field's default, so that what was written before the field came can still be read.

    Raises:
        ValueError: a key without a default is missing, one is unknown, or a value has another type; the message names its path.
    """
    value: T = _value(kind, plain, where)
    return value


def _value(kind: Any, plain: object, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return None if plain is None else _value(inner, plain, where)
    if origin is tuple:
        return _tuple(arguments, plain, where)
    if origin is Mapping:
        return {key: _value(arguments[1], item, f"{where}.{key}") for key, item in _object(plain, where).items()}
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, plain, where)
    return _scalar(kind, plain, where)


def _dataclass(kind: Any, plain: object, where: str) -> Any:
    values, kinds = _object(plain, where), get_type_hints(kind)
    fields = dataclasses.fields(kind)
    names, needed = {field.name for field in fields}, {field.name for field in fields if field.default is dataclasses.MISSING}
    if not needed <= values.keys() <= names:
        raise ValueError(f"{where} has the keys {sorted(values)}, expected {sorted(names)}")
    return kind(**{name: _value(kinds[name], value, f"{where}.{name}") for name, value in values.items()})


def _object(plain: object, where: str) -> dict[str, object]:
    if not isinstance(plain, dict):
        raise ValueError(f"{where} is {_shown(plain)}, not an object")  # noqa: TRY004 - callers catch one kind
    return plain


def _tuple(arguments: tuple[Any, ...], plain: object, where: str) -> tuple[Any, ...]:
    if not isinstance(plain, list):
        raise ValueError(f"{where} is {_shown(plain)}, not a list")  # noqa: TRY004 - callers catch one kind
    kinds = (arguments[0],) * len(plain) if arguments[-1] is Ellipsis else arguments
    if len(kinds) != len(plain):
        raise ValueError(f"{where} has {len(plain)} items, expected {len(kinds)}")
    return tuple(_value(kind, item, f"{where}[{place}]") for place, (kind, item) in enumerate(zip(kinds, plain, strict=True)))


def _scalar(kind: Any, plain: object, where: str) -> Any:
    if kind is float and type(plain) in (int, float) and math.isfinite(plain):  # type: ignore[arg-type]
        return float(plain)  # type: ignore[arg-type]
    if kind in (int, str, bool) and type(plain) is kind:  # type() and not isinstance: True is no number here
        return plain
    if isinstance(plain, str) and issubclass(kind, Enum):
        return kind(plain)
    if isinstance(plain, str) and kind is datetime:
        return _time(plain, where)
    raise ValueError(f"{where} is {_shown(plain)}, not a {kind.__name__}")


def _time(text: str, where: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{where} is {text}, which names no time zone")
    return time.astimezone(UTC)


def _shown(plain: object) -> str:
    return repr(plain)[:60]


def _refuse_constant(name: str) -> float:
    raise ValueError(f"the JSON holds {name}; every number must be finite")
