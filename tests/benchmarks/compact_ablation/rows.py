"""Measured rows as JSON lines, so that a run that was cut short goes on where it stopped."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tests.benchmarks.compact_ablation.setting import Search, Setting

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """What a row was measured on.

    Attributes:
        digest: of weights and code, see `Weights`.
        category: name of the category.
        shots: golden parts in the bank.
        seed: that drew them.
        good, defective: inspected images.
        pixel_side: shorter side in pixels at which maps met masks; 0 if they did not.
    """

    digest: str
    category: str
    shots: int
    seed: int
    good: int
    defective: int
    pixel_side: int


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement; areas are fractions of 1, None where the category has no masks or none were asked for."""

    setting: Setting
    place: Place
    image_auroc: float
    pixel_auroc: float | None
    aupro: float | None


@dataclass(frozen=True, slots=True)
class Run:
    """How rows came about.

    Attributes:
        command: as typed.
        machine: processor and cores.
        date: ISO 8601 day.
        base: setting the axes start from.
        axes: measured in this run.
        weights: names in the order given.
    """

    command: str
    machine: str
    date: str
    base: Setting
    axes: tuple[str, ...]
    weights: tuple[str, ...]


class RowFile:
    """A file of rows and of the runs that wrote them; one writer at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: list[Row] = []
        self.runs: list[Run] = []
        for line in path.read_text().splitlines() if path.exists() else ():
            entry = json.loads(line)
            if "base" in entry:
                self.runs.append(_run(entry))
            else:
                self.rows.append(_row(entry))

    def add(self, entry: Row | Run) -> None:
        """Append to the file at once."""
        if isinstance(entry, Run):
            self.runs.append(entry)
        else:
            self.rows.append(entry)
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(entry)) + "\n")

    def measured(self) -> set[tuple[Setting, Place]]:
        """List what need not be measured again."""
        return {(row.setting, row.place) for row in self.rows}


def _setting(entry: dict[str, Any]) -> Setting:
    search = Search(**{**entry["search"], "resolutions": tuple(entry["search"]["resolutions"])})
    return Setting(**{**entry, "search": search})


def _row(entry: dict[str, Any]) -> Row:
    return Row(**{**entry, "setting": _setting(entry["setting"]), "place": Place(**entry["place"])})


def _run(entry: dict[str, Any]) -> Run:
    return Run(**{**entry, "base": _setting(entry["base"]), "axes": tuple(entry["axes"]), "weights": tuple(entry["weights"])})
