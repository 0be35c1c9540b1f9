"""Which settings are worth a look: those that no other one beats in everything."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Costs:
    """What a setting gives and takes.

    Attributes:
        accuracy: The more, the better: AUROC, ties by average precision.
        milliseconds: Per frame; the less, the better.
        megabytes: Of what was learned; the less, the better.
    """

    accuracy: tuple[float, ...]
    milliseconds: float
    megabytes: float

    def beats(self, other: "Costs") -> bool:
        """Tell whether this is nowhere worse and somewhere better (Pareto dominance)."""
        nowhere_worse = self.accuracy >= other.accuracy and self.milliseconds <= other.milliseconds and self.megabytes <= other.megabytes
        return nowhere_worse and self != other


def pareto_front(costs: Sequence[Costs]) -> tuple[int, ...]:
    """Return the places of those that none beats, in order; equal ones are all in it."""
    return tuple(place for place, own in enumerate(costs) if not any(other.beats(own) for other in costs))
