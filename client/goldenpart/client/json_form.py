"""What results look like in JSON."""

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


def to_json(value: object) -> JsonValue:
    """Turn dataclasses, enums, times and containers into what JSON knows. Bytes are pictures and become their length.

    Raises:
        TypeError: Something else.
    """
    if value is None or isinstance(value, bool | int | float | str):  # StrEnum is a str
        return value
    if dataclasses.is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return {"bytes": len(value)}
    if isinstance(value, datetime | Path):
        return value.isoformat() if isinstance(value, datetime) else str(value)
    if isinstance(value, Iterable):
        return [to_json(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")
