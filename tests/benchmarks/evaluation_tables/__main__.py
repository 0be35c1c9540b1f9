"""``python -m tests.benchmarks.evaluation_tables --data DIR --out DIR``: hours on two cores, and goes on where it was broken off."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.evaluation_tables.rates import measure_rates
from tests.benchmarks.evaluation_tables.tables import render, write_figures
from tests.benchmarks.evaluation_tables.variants import SHOTS, VARIANTS

from goldenpart.client import Client
from goldenpart.client.demo.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

CATEGORIES = ("magnetic_tile", "deeppcb_50600", "dobot_cubes")
_CACHE_BYTES = 10 << 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the server goes with the command
    if not options.render:
        settings = {"GOLDENPART_LIMITS__FEATURES_CACHE_BYTES": str(_CACHE_BYTES), "GOLDENPART_LOG_LEVEL": "warning"}
        with ServerProcess(settings) as server:
            for name in options.variants:
                evaluate(name, server.address, options)
            if options.rates:
                with Client(server.address) as client:
                    measure_rates(client, options.data / options.rates, options.out / "rates.json")
    finished = [name for name in VARIANTS if (options.out / name / "results.json").exists()]
    text = render(options.out, finished)
    options.report.write_text(text, "utf-8")
    write_figures(options.report.with_suffix(".csv"), options.out, finished)
    print(text)
    return 0


def evaluate(name: str, address: str, options: argparse.Namespace) -> None:
    """Run ``goldenpart evaluate`` for one variant.

    Raises:
        CalledProcessError: It failed; what it wrote to standard error says why.
    """
    variant = VARIANTS[name]
    command = [str(Path(sys.executable).with_name("goldenpart"))]
    command += ["evaluate", str(options.data), "--server", address, "--report", str(options.out / name), "--reuse-features"]
    command += [word for category in options.categories for word in ("--category", category)]
    command += ["--shots", SHOTS, "--seeds", options.seeds, *variant.knobs]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.evaluation_tables", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of categories in the layout of MVTec AD")
    add("--out", type=Path, required=True, help="folder for the evaluations, a folder each")
    add(
        "--report",
        type=Path,
        default=Path("artifacts/reports/evaluation.md"),
        help="page to write, and all figures beside it as .csv (default: %(default)s)",
    )
    add("--categories", nargs="+", default=list(CATEGORIES))
    add("--variants", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    add("--seeds", default="0,1,2")
    add("--rates", default=CATEGORIES[0], help="category whose false-reject rates are measured; empty = none (default: %(default)s)")
    add("--render", action="store_true", help="measure nothing; write the table of what --out holds")
    return parser


if __name__ == "__main__":
    sys.exit(main())
