"""``python -m goldenpart.client.demo``: from golden parts to verdicts in a minute, on simulated flanges."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from goldenpart.client.client import Client
from goldenpart.client.demo.flanges import draw_flanges
from goldenpart.client.demo.process import ServerProcess, ServerProcessError
from goldenpart.client.demo.run import DemoRun
from goldenpart.client.errors import GoldenpartError

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with a server of its own.

    Args:
        arguments: Without the program's name; None takes them from ``sys.argv``.

    Returns:
        0 if all went well and the server ended properly, 2 for an error, 130 for an interrupt.
    """
    parser = argparse.ArgumentParser(prog="python -m goldenpart.client.demo", description="Inspect simulated flanges.")
    parser.add_argument("--report", type=Path, default=Path("artifacts/demo/report.html"), help="page to write (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed draws the same parts (default: %(default)s)")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        report = run_demo(console, options.report, options.seed)
    except (GoldenpartError, ServerProcessError, OSError) as error:
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", style="red", markup=False, highlight=False)
        return 2
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted; the server was stopped")
        return _INTERRUPTED
    console.print(f"Report: {report.resolve()}")
    return 0


def run_demo(console: Console, report: Path, seed: int) -> Path:
    """Start a server, run, stop it; return the path of the report.

    Raises:
        GoldenpartError: A call failed.
        ServerProcessError: The server did not start, or did not end properly.
    """
    console.print("Starting a server")
    with ServerProcess() as server:
        console.print(f"  {server.address} (process {server.pid})")
        flanges = draw_flanges(seed)
        with Client(server.address) as client:
            client.wait_until_ready()
            written = DemoRun(client, flanges, console).run(report)
    console.print("The server finished and ended with status 0")
    return written


if __name__ == "__main__":
    sys.exit(main())
