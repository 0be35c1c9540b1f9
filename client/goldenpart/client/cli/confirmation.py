"""Asks before something is deleted."""

import sys
from typing import Annotated

import typer

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def confirm(question: str, *, yes: bool) -> None:
    """Ask on stderr; ends the command unless the answer is yes.

    Raises:
        ValueError: There is nobody to ask.
        typer.Exit: The answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ValueError(f"{question} Nobody can be asked here; confirm with --yes")
    if not typer.confirm(question, err=True):
        typer.echo("nothing was deleted", err=True)
        raise typer.Exit(2)
