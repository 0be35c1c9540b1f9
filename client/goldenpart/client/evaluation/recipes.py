"""Reads recipes from files."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from goldenpart.client.cli.knobs import knobs
from goldenpart.client.evaluation.errors import EvaluationError
from goldenpart.client.recipe import Preset, Recipe


def make_recipe(preset: Preset | None, file: Path | None, settings: Sequence[str]) -> Recipe:
    """Make a recipe of a preset or a file, and of settings that win over it.

    Args:
        preset: Where knobs that are not set come from; None means the file's, or DEFAULT.
        file: JSON or TOML with knobs by name, such as the ``recipe`` of a run in ``results.json``.
        settings: ``knob=value``.

    Raises:
        EvaluationError: The file cannot be understood, or has a preset although one is given.
        ValueError: A knob is unknown or of the wrong kind.
    """
    given = _read(file) if file else {}
    if preset is not None and given.get("preset") is not None:
        raise EvaluationError(f"--preset {preset.lower()} and the preset in {file} exclude each other; leave one of them out")
    base = preset or _preset(str(given.get("preset") or Preset.DEFAULT))
    from_file = knobs(f"{name}={_text(value)}" for name, value in given.items() if name != "preset" and value not in (None, []))
    chosen: dict[str, Any] = {**from_file, **knobs(settings)}
    return Recipe(preset=base, **chosen)


def _preset(name: str) -> Preset:
    try:
        return Preset(name.upper())
    except ValueError:
        raise EvaluationError(f"there is no preset '{name}'; there are {', '.join(known.lower() for known in Preset)}") from None


def _read(file: Path) -> Mapping[str, object]:
    text = file.read_text("utf-8")
    try:
        read = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        raise EvaluationError(f"{file} is neither JSON nor (named .toml) TOML: {error}") from error
    if not isinstance(read, dict):
        raise EvaluationError(f"{file} holds no knobs by name; expected something like {{'resolution_px': 448}}")
    return read


def _text(value: object) -> str:
    return ",".join(str(item) for item in value) if isinstance(value, list) else str(value)
