"""Puts the commands together and tells errors in one line."""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from goldenpart.client.cli import (
    calibrate,
    categories,
    challenge,
    drift,
    evaluate,
    fit,
    golden,
    info,
    inspect,
    revisions,
    suggest,
    threshold,
    tune,
    zones,
)
from goldenpart.client.errors import GoldenpartError
from goldenpart.client.images import NoImagesError

ERROR_STATUS = 2
BROKEN_PIPE_STATUS = 141  # as a shell reports an end by SIGPIPE, which not every system has
_FLAGS = (("with override_gate", "with --override-gate"), ("or with gate", "or with --gate"))

app = typer.Typer(
    name="goldenpart",
    help="Few-shot visual inspection: show a few golden parts, get PASS or FAIL for every picture.",
    epilog="Start a server with: goldenpart-server. Give its address with --server or GOLDENPART_SERVER. "
    f"Exit status: 0 done, 1 as a command's own help says, 2 an error, {BROKEN_PIPE_STATUS} nobody reads the output any more.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("fit", epilog=fit.EXAMPLES)(fit.fit)
app.command("calibrate", epilog=calibrate.EXAMPLES)(calibrate.calibrate)
app.command("inspect", epilog=inspect.EXAMPLES)(inspect.inspect)
app.command("drift", epilog=drift.EXAMPLES)(drift.drift)
app.command("suggest", epilog=suggest.EXAMPLES)(suggest.suggest)
app.command("threshold", epilog=threshold.EXAMPLES)(threshold.threshold)
app.add_typer(categories.app, name="categories")
app.add_typer(revisions.app, name="revisions")
app.add_typer(golden.app, name="golden")
app.add_typer(challenge.app, name="challenge")
app.add_typer(zones.app, name="zones")
app.command("evaluate", epilog=evaluate.EXAMPLES)(evaluate.evaluate)
app.command("tune", epilog=tune.EXAMPLES)(tune.tune)
app.command("info", epilog=info.EXAMPLES)(info.info)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Args:
        arguments: Without the program's name; None takes them from ``sys.argv``.
    """
    try:
        _run(arguments)
    except SystemExit as end:
        if _is_broken_pipe(end):
            sys.exit(BROKEN_PIPE_STATUS)
        raise
    sys.exit(ERROR_STATUS)


def _run(arguments: Sequence[str] | None) -> None:
    """Run a command, which exits; returns after an error that it told."""
    try:
        with _termination_as_interrupt():
            app(args=arguments, prog_name="goldenpart")
    except GoldenpartError as error:
        _tell(f"{_with_flags(error)} [{error.reason}]")
    except (NoImagesError, ValueError) as error:
        _tell(str(error))
    except OSError as error:
        _tell(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _with_flags(error: GoldenpartError) -> str:
    """Return an error's message with the command line's flags where the server names the contract's fields as the way out."""
    message = str(error)
    if error.reason == "GATE_HELD_BACK":
        for field, flag in _FLAGS:
            message = message.replace(field, flag)
    return message


def _is_broken_pipe(end: SystemExit) -> bool:
    """Tell whether a command ends because nobody reads its output: typer and rich turn that error into an exit with status 1."""
    return isinstance(end.__context__, BrokenPipeError)


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, so that servers and categories of its own do not outlive it."""
    if threading.current_thread() is not threading.main_thread():  # no other thread may set handlers, or is told of signals
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _tell(message: str) -> None:
    line = " ".join(message.split())
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("error: ", "bold red"), line))
