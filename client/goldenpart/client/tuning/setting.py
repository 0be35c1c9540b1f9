"""One choice of knobs and golden parts."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from goldenpart.client.recipe import Recipe

Knob = None | bool | int | float | str | tuple[int, ...] | tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """What Fit is asked for.

    Attributes:
        recipe: Knobs; None where the preset decides.
        shots: Golden parts, >= 1.
    """

    recipe: Recipe
    shots: int

    def changed(self, knobs: Mapping[str, Knob]) -> "Setting":
        """Return the setting with other values of knobs; ``shots`` counts as one of them."""
        recipe = {name: value for name, value in knobs.items() if name != "shots"}
        shots = knobs.get("shots", self.shots)
        if not isinstance(shots, int):
            raise TypeError(f"shots is {shots!r}; it must be a whole number")
        return Setting(replace(self.recipe, **recipe), shots)  # type: ignore[arg-type]  # knobs of a recipe by name

    def unlike(self, other: "Setting") -> tuple[str, ...]:
        """Return what differs from another setting, as ``knob=value``; a knob that falls back to the preset is left out."""
        pairs = ((field.name, getattr(self.recipe, field.name), getattr(other.recipe, field.name)) for field in fields(Recipe))
        words = [f"{name}={_text(own)}" for name, own, others in pairs if own != others and own is not None]
        return tuple(words) if self.shots == other.shots else (*words, f"shots={self.shots}")


@dataclass(frozen=True, slots=True)
class Learned:
    """What Fit made of a setting.

    Attributes:
        recipe: All knobs resolved.
        patches: Of its golden parts.
        bank_bytes: Memory of what was learned.
        revision: Its name.
    """

    recipe: Recipe
    patches: int
    bank_bytes: int
    revision: str


def recipe_knobs(recipe: Recipe) -> dict[str, Knob]:
    """Return the knobs that are set, by name, as ``goldenpart fit --recipe`` reads them; enums in lower case."""
    values = {field.name: getattr(recipe, field.name) for field in fields(Recipe)}
    return {name: value.lower() if isinstance(value, str) else value for name, value in values.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(f"{item:g}" if isinstance(item, float) else str(item) for item in value)
    return value.lower() if isinstance(value, str) else str(value)
