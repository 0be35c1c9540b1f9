"""How the command line prints: tables for people, JSON for machines."""

import json as json_format
import sys
from collections.abc import Iterable
from datetime import datetime

import typer
from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from goldenpart.client.json_form import JsonValue, to_json

__all__ = ["JsonValue", "answer", "facts", "percent", "print_json", "show", "table", "time_text", "to_json", "warn"]


def print_json(value: object, *, indent: int | None = 2) -> None:
    """Print a value to stdout; ``indent=None`` gives one line."""
    typer.echo(json_format.dumps(to_json(value), indent=indent, ensure_ascii=False, allow_nan=False))


def table(*columns: str, right: Iterable[str] = ()) -> Table:
    """Make an empty table; columns in ``right`` hold numbers."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def facts(pairs: Iterable[tuple[str, object]]) -> Table:
    """Make a table of names and values; empty values are left out."""
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, ""):
            made.add_row(name, str(value))
    return made


def show(what: Table | Group | str) -> None:
    """Print to stdout, as wide as it needs to be where stdout is not a terminal."""
    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=200)
    console.print(what, soft_wrap=isinstance(what, str))


def answer(value: object, view: Table | Group | str, *, json: bool) -> None:
    """Print a value to stdout: as JSON, or as people like to see it."""
    if json:
        print_json(value)
    else:
        show(view)


def warn(message: str) -> None:
    """Print a warning to stderr."""
    Console(stderr=True, highlight=False).print(Text.assemble(("warning: ", "yellow"), message), soft_wrap=True)


def time_text(when: datetime | None) -> str:
    """Return a time in the reader's time zone, to the minute."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M") if when else "-"


def percent(rate: float | None) -> str:
    """Return a rate as per cent with as many digits as it needs."""
    return "-" if rate is None else f"{100 * rate:.3g} %"
