"""How inspections are shown while they come in."""

from collections import Counter, deque
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from goldenpart.client.cli.output import print_json, table, to_json
from goldenpart.client.json_form import JsonValue
from goldenpart.client.results import Inspection, NotInspectedReason, Verdict

COLOURS: Mapping[Verdict, str] = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.REVIEW: "bold yellow",
    Verdict.NOT_INSPECTED: "bold magenta",
}


class InspectionView(Protocol):
    """Takes inspections one by one; a context manager that ends with a summary."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def add(self, name: str, inspection: Inspection) -> None:
        """Show one more inspection."""


class JsonLines:
    """One JSON object per line on stdout, pictures left out."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def add(self, name: str, inspection: Inspection) -> None:
        """Print one more inspection."""
        print_json({"path": name, **_json_fields(inspection)}, indent=None)


def _json_fields(inspection: Inspection) -> dict[str, JsonValue]:
    """Return an inspection's fields without pictures; figures that were not found are null."""
    found = to_json(inspection)
    assert isinstance(found, dict)
    for region in found["regions"] if isinstance(found["regions"], list) else ():
        if isinstance(region, dict):
            del region["side_by_side_png"]
    missing = _missing_figures(inspection)
    return {name: None if name in missing else value for name, value in found.items() if name not in {"overlay_png", "heatmap"}}


def _missing_figures(inspection: Inspection) -> frozenset[str]:
    if inspection.verdict is not Verdict.NOT_INSPECTED:
        return frozenset()
    figures = frozenset({"score", "threshold", "p_value", "confidence"})
    # without a threshold there is a score all the same
    return figures - {"score"} if inspection.reason is NotInspectedReason.NOT_CALIBRATED else figures


class PlainLines:
    """One line per inspection on stdout, tabs between its parts; the summary on stderr.

    Args:
        sentences: Whether the remark is a sentence per region rather than its box.
    """

    def __init__(self, *, sentences: bool = False) -> None:
        self._counts: Counter[Verdict] = Counter()
        self._sentences = sentences

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        typer.echo(summary(self._counts), err=True)

    def add(self, name: str, inspection: Inspection) -> None:
        """Print one more inspection."""
        self._counts[inspection.verdict] += 1
        typer.echo("\t".join((name, str(inspection.verdict), *_cells(inspection, sentences=self._sentences))).rstrip("\t"))


class LiveTable:
    """A table on a terminal that shows the newest inspections; parts that did not pass stay when it ends.

    Args:
        console: Where it is drawn.
        sentences: Whether the remark is a sentence per region rather than its box.
    """

    def __init__(self, console: Console, *, sentences: bool = False) -> None:
        self._sentences = sentences
        self._counts: Counter[Verdict] = Counter()
        self._newest: deque[tuple[str, Inspection]] = deque(maxlen=max(5, console.height - 8))
        self._kept: list[tuple[str, Inspection]] = []
        self._console = console
        self._live = Live(console=console, transient=True, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()
        if self._kept:
            self._console.print(_table(self._kept, sentences=self._sentences))
        self._console.print(summary(self._counts), highlight=False)

    def add(self, name: str, inspection: Inspection) -> None:
        """Show one more inspection."""
        self._counts[inspection.verdict] += 1
        self._newest.append((name, inspection))
        if inspection.verdict is not Verdict.PASS:
            self._kept.append((name, inspection))
        shown = _table(self._newest, sentences=self._sentences)
        shown.caption = summary(self._counts)
        self._live.update(shown, refresh=True)


def _table(rows: list[tuple[str, Inspection]] | deque[tuple[str, Inspection]], *, sentences: bool) -> Table:
    shown = table("part", "verdict", "score", "threshold", "p", "remark", right=["score", "threshold", "p"])
    for name, inspection in rows:
        shown.add_row(
            Text(name), Text(inspection.verdict, COLOURS[inspection.verdict]), *map(Text, _cells(inspection, sentences=sentences))
        )
    return shown


def _cells(inspection: Inspection, *, sentences: bool) -> tuple[str, str, str, str]:
    if inspection.verdict is Verdict.NOT_INSPECTED:
        return "-", "-", "-", reason_text(inspection)
    remark = _remark(inspection, sentences=sentences)
    return f"{inspection.score:.5g}", f"{inspection.threshold:.5g}", f"{inspection.p_value:.3g}", remark


def reason_text(inspection: Inspection) -> str:
    """Return why a part was not inspected, in one line."""
    return " ".join(f"{inspection.reason}: {inspection.message}".split())


def _remark(inspection: Inspection, *, sentences: bool) -> str:
    """Return why zones overruled the score, if they did, and where the regions are or what they look like."""
    reason = " ".join(inspection.message.split())
    if sentences:
        return " | ".join(text for text in (reason, *(region.text for region in inspection.regions)) if text)
    boxes = " ".join(f"{r.box.x_px},{r.box.y_px},{r.box.width_px},{r.box.height_px}" for r in inspection.regions)
    return " | ".join(text for text in (reason, f"defect at {boxes}" if boxes else "") if text)


def summary(counts: Counter[Verdict]) -> str:
    """Return how many parts got which verdict, in one line."""
    parts = [f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]]
    return f"{counts.total()} inspected: {', '.join(parts)}" if parts else "nothing inspected"
