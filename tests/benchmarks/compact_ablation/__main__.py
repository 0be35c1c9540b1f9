"""Measure and print the ablation: ``python -m tests.benchmarks.compact_ablation measure --data DIR`` and ``... table ROWS``."""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, get_args

import torch
from tests.benchmarks.compact_ablation.generated_parts import FLANGE, flange_set
from tests.benchmarks.compact_ablation.inspection_set import InspectionSet
from tests.benchmarks.compact_ablation.measurement import Terms, measure, plan
from tests.benchmarks.compact_ablation.rows import RowFile, Run
from tests.benchmarks.compact_ablation.setting import AXES, METRICS, Search, Setting, axis_settings
from tests.benchmarks.compact_ablation.table import render
from tests.benchmarks.compact_ablation.weights import FILTERS, RANDOM, SHIPPED, open_weights
from tqdm import tqdm

from goldenpart.server.vision.backbones.precision import Precision

if TYPE_CHECKING:
    from collections.abc import Sequence

CATEGORIES = ("magnetic_tile", "deeppcb_50600", "dobot_cubes", FLANGE)
_MODULE = "python -m tests.benchmarks.compact_ablation"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    typed = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(typed)
    if options.command == "measure":
        torch.set_num_threads(options.threads)
        with TemporaryDirectory() as folder:
            run_axes(options, f"{_MODULE} {shlex.join(typed)}", Path(folder))
    file = RowFile(options.rows)
    if not file.runs:
        print(f"{options.rows} holds no run; write one with measure --rows {options.rows}", file=sys.stderr)
        return 1
    print(render(file.rows, file.runs))
    return 0


def run_axes(options: argparse.Namespace, command: str, scratch: Path) -> None:
    """Measure what the options ask for and the row file does not hold yet.

    Args:
        options: of the sub-command `measure`.
        command: as typed, for the table.
        scratch: empty folder, for what need not outlive the run.
    """
    weights = [open_weights(named, options.precision) for named in options.weights]
    names = [source.name for source in weights]
    search = Search((options.resolution,), layers=options.layers, metric=options.metric, bank=options.bank, local_scale=options.local_scale)
    base = Setting(options.final or names[-1], search, options.k)
    settings = [setting for axis in options.axes for setting in axis_settings(axis, base, names)]
    search_dtype = torch.bfloat16 if options.search == "bf16" else torch.float32
    terms = Terms(tuple(options.shots), tuple(options.seeds), options.pixel_side, options.cache, search_dtype)
    categories = [_category(name, options, options.cache or scratch) for name in options.categories]
    file = RowFile(options.rows)
    file.add(Run(command, _machine(options.threads), f"{datetime.now(UTC):%Y-%m-%d}", base, tuple(options.axes), tuple(names)))
    jobs = plan(settings, weights, categories, terms, file.measured())
    for rows in tqdm(measure(jobs, terms), "searches", len(jobs), mininterval=0.5 if sys.stderr.isatty() else 15.0):
        for row in rows:
            file.add(row)


def _category(name: str, options: argparse.Namespace, cache: Path) -> InspectionSet:
    parts = flange_set(cache, options.test_images) if name == FLANGE else InspectionSet.read(options.data / name)
    return parts.thinned(options.test_images)


def _machine(threads: int) -> str:
    model = next((line.partition(":")[2].strip() for line in _processor_lines() if line.startswith("model name")), platform.processor())
    return f"{model}, {threads} of {os.cpu_count()} cores"


def _processor_lines() -> list[str]:
    described = Path("/proc/cpuinfo")
    return described.read_text().splitlines() if described.exists() else []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=_MODULE, description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_measure(commands.add_parser("measure", help="measure axes, append the rows to a file and print the table"))
    table = commands.add_parser("table", help="print the table of a file of rows")
    table.add_argument("rows", type=Path)
    return parser


def _add_measure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of categories in the layout of MVTec AD")
    add("--categories", nargs="+", default=list(CATEGORIES), help=f"folders below --data; {FLANGE} is drawn")
    add("--rows", type=Path, required=True, help="JSON lines; rows it holds already are not measured again")
    add("--cache", type=Path, help="folder for tokens and drawn parts that later runs use again")
    sources = f"{FILTERS}, {RANDOM}, {SHIPPED} or NAME[@TRAINING]=FILE.safetensors"
    add("--weights", nargs="+", default=[FILTERS, RANDOM, SHIPPED], help=sources)
    add("--final", help="name of the weights that all axes but `weights` are measured with (default: the last)")
    add("--axes", nargs="+", choices=AXES, default=list(AXES))
    add("--shots", nargs="+", type=int, default=[1, 4, 16], help="golden parts in the bank")
    add("--seeds", nargs="+", type=int, default=[0, 1, 2], help="draws of golden parts")
    add("--test-images", type=int, default=40, help="at most this many good and as many defective ones per category")
    add("--resolution", type=int, default=256, help="pixels of the shorter side, where the axis does not vary it")
    add("--layers", default="123", help="where the axis does not vary them")
    add("--metric", choices=METRICS, default="cosine", help="where the axis does not vary it")
    add("--bank", default="greedy:2000", help="whole, greedy:N or random:N, where the axis does not vary it")
    add(
        "--local-scale", type=int, default=0, help="golden patches that set the unit of distances, where the axis does not vary it; 0 = off"
    )
    add("--k", type=int, default=1, help="where the axis does not vary it")
    add("--pixel-side", type=int, default=128, help="shorter side at which heat maps meet masks; 0 leaves pixel measures out")
    add("--precision", choices=get_args(Precision), default="fp32", help="arithmetic of the network")
    add("--search", choices=("bf16", "fp32"), default="bf16", help="arithmetic that finds neighbours; distances are float32")
    add("--threads", type=int, default=1)


if __name__ == "__main__":
    sys.exit(main())
