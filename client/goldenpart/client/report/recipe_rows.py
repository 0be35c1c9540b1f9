"""Knobs of a recipe as rows of a page."""

from dataclasses import fields

from goldenpart.client.recipe import Recipe


def recipe_rows(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    """Return names and values of the knobs that are set."""
    given = ((knob.name, getattr(recipe, knob.name)) for knob in fields(recipe))
    return tuple((name.replace("_", " "), _text(value)) for name, value in given if value is not None)


def _text(value: object) -> str:
    return ", ".join(f"{item:g}" if isinstance(item, float) else str(item) for item in value) if isinstance(value, tuple) else str(value)
