"""``python -m goldenpart.worker.demo``: the whole line in a minute, on simulated flanges."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from goldenpart.client.client import Client
from goldenpart.client.demo.flanges import draw_flanges
from goldenpart.client.demo.process import ServerProcess, ServerProcessError
from goldenpart.client.demo.run import CATEGORY
from goldenpart.client.errors import GoldenpartError
from goldenpart.worker.broker import URL_VARIABLE, BrokerSetupError, some_broker
from goldenpart.worker.bus import BusError
from goldenpart.worker.demo.errors import LineDemoError
from goldenpart.worker.demo.line import LinePlan
from goldenpart.worker.demo.run import LineDemo

_PROMISE_BROKEN, _ERROR, _INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demo with a broker, a server and a worker of its own.

    Args:
        arguments: Without the program's name; None takes them from ``sys.argv``.

    Returns:
        0 if every frame got exactly one verdict in time and all processes ended properly, 1 if a frame did not, 2 for an error,
        130 for an interrupt.
    """
    options = _parser().parse_args(arguments)
    plan = LinePlan(CATEGORY, rate=options.rate, budget_s=options.budget_s)
    console = Console(highlight=False, soft_wrap=True)
    # pika logs each failed connection as an error with a trace; what matters is raised.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script that starts this in the background has it ignored
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))  # so that these clean up, too
    try:
        kept = run_demo(console, options.report, options.seed, plan)
    except (GoldenpartError, ServerProcessError, BrokerSetupError, BusError, LineDemoError, OSError) as error:
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", style="red", markup=False, highlight=False)
        return _ERROR
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted; all that was started was stopped")
        return _INTERRUPTED
    return 0 if kept else _PROMISE_BROKEN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m goldenpart.worker.demo",
        description="Run a whole line on simulated flanges: RabbitMQ, server, worker, cameras, gateway.",
        epilog=f"{URL_VARIABLE} names a broker to use instead of a private one.",
    )
    parser.add_argument("--report", type=Path, default=Path("artifacts/demo/report.html"), help="page to write (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed draws the same parts (default: %(default)s)")
    parser.add_argument("--rate", type=_positive, default=5.0, help="parts per second (default: %(default)g)")
    parser.add_argument("--budget-s", type=_positive, default=10.0, help="verdicts are wanted within this time (default: %(default)g)")
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if not 0.01 <= number <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.01 and 3600")
    return number


def run_demo(console: Console, report: Path, seed: int, plan: LinePlan) -> bool:
    """Starts broker and server, runs, and stops them in reverse order, whatever happens.

    Returns:
        Whether every frame got exactly one verdict in time.

    Raises:
        BrokerSetupError: RabbitMQ cannot be installed or started.
        GoldenpartError: A call failed.
        ServerProcessError: The server did not start, or did not end properly.
        LineDemoError: The worker did not behave, or the broker serves another line.
        BusError: The broker is not reachable or set up otherwise.
    """
    console.print("Starting RabbitMQ")
    with some_broker() as amqp_url:
        node = urlsplit(amqp_url)
        console.print(f"  {node.hostname}:{node.port or 5672}\nStarting a server")
        with ServerProcess() as server:
            console.print(f"  {server.address} (process {server.pid})")
            flanges = draw_flanges(seed)
            with Client(server.address) as client:
                client.wait_until_ready()
                kept = LineDemo(client, amqp_url, flanges, plan, console).run(report)
        console.print("The server finished and ended with status 0")
    console.print("The broker goes on; it was there before" if os.environ.get(URL_VARIABLE) else "RabbitMQ was stopped")
    return kept


if __name__ == "__main__":
    sys.exit(main())
