"""Puts the commands together and tells errors in one line."""

import sys
from collections.abc import Sequence
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from goldenpart.client.cli import calibrate, categories, fit, info, inspect, revisions
from goldenpart.client.errors import GoldenpartError
from goldenpart.client.images import NoImagesError

ERROR_STATUS = 2

app = typer.Typer(
    name="goldenpart",
    help="Few-shot visual inspection: show a few golden parts, get PASS or FAIL for every picture.",
    epilog="Start a server with: goldenpart-server. Give its address with --server or GOLDENPART_SERVER.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("fit", epilog=fit.EXAMPLES)(fit.fit)
app.command("calibrate", epilog=calibrate.EXAMPLES)(calibrate.calibrate)
app.command("inspect", epilog=inspect.EXAMPLES)(inspect.inspect)
app.add_typer(categories.app, name="categories")
app.add_typer(revisions.app, name="revisions")
app.command("info", epilog=info.EXAMPLES)(info.info)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Args:
        arguments: Without the program's name; None takes them from ``sys.argv``.
    """
    try:
        app(args=arguments, prog_name="goldenpart")
    except GoldenpartError as error:
        _tell(f"{error} [{error.reason}]")
    except (NoImagesError, ValueError) as error:
        _tell(str(error))
    except OSError as error:
        _tell(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    sys.exit(ERROR_STATUS)


def _tell(message: str) -> None:
    line = " ".join(message.split())
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("error: ", "bold red"), line))
