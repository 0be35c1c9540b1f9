"""``goldenpart evaluate``."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from goldenpart.client.channel import DEFAULT_ADDRESS
from goldenpart.client.cli.connection import JsonOption, TlsOption
from goldenpart.client.cli.evaluation_view import shown_evaluation, summary_view
from goldenpart.client.cli.output import answer, warn
from goldenpart.client.evaluation.errors import EvaluationError, MissingExtraError
from goldenpart.client.evaluation.protocol import CALIBRATION_IMAGES, Protocol
from goldenpart.client.evaluation.recipes import make_recipe
from goldenpart.client.evaluation.results import Evaluation
from goldenpart.client.evaluation.run_files import read_results
from goldenpart.client.evaluation.run_warnings import told_warnings
from goldenpart.client.evaluation.server import evaluation_server
from goldenpart.client.evaluation.tables import LEAK_WARNING, write_tables
from goldenpart.client.recipe import Preset
from goldenpart.client.report.evaluation_page import write_evaluation_report

EXAMPLES = """Examples:

goldenpart evaluate mvtec/bottle

goldenpart evaluate mvtec --category bottle --category screw --shots 1,4,16,all --seeds 0,1,2 --report reports/mvtec

goldenpart evaluate photos/flange --set resolution_px=320 --json | jq .summary

goldenpart evaluate --from reports/mvtec/results.json

DATASET is in the layout of MVTec AD, AD 2, LOCO AD or 3D-AD, is VisA, or has the folders good and bad. Run the command again with the
same --report after an interrupt: finished runs are not repeated.
"""


def evaluate(
    dataset: Annotated[
        Path | None,
        typer.Argument(metavar="DATASET", exists=True, file_okay=False, help="Folder of a dataset or of one category.", show_default=False),
    ] = None,
    *,
    category: Annotated[
        list[str] | None, typer.Option("--category", "-c", metavar="NAME", help="Only this category; may be repeated.")
    ] = None,
    shots: Annotated[str, typer.Option(metavar="N,...", help="Numbers of golden parts; 'all' takes every good training image.")] = "16",
    seeds: Annotated[str, typer.Option(metavar="N,...", help="Seeds of the draws of golden parts.")] = "0",
    preset: Annotated[
        Preset | None, typer.Option(case_sensitive=False, help="Where all knobs that are not set come from.", show_default="default")
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option("--recipe", metavar="FILE", exists=True, dir_okay=False, help="JSON or TOML file with knobs by name.")
    ] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KNOB=VALUE", help="Set a knob; may be repeated.")] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR", file_okay=False, help="Write tables, finished runs and report.html here, and go on from there."),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Measure nothing; make report.html of this results.json, beside it or where --report says.",
        ),
    ] = None,
    false_reject_rate: Annotated[float, typer.Option(help="Share of good parts that may be rejected.")] = 0.05,
    calibration_images: Annotated[int, typer.Option(min=1, help="Most good images to calibrate with.")] = CALIBRATION_IMAGES,
    bootstrap: Annotated[int, typer.Option(min=0, help="Replicates for the 95 % intervals; 0 = none.")] = 1000,
    calls: Annotated[int, typer.Option(min=1, max=32, help="Inspect calls in flight.")] = 2,
    reuse_features: Annotated[
        bool,
        typer.Option(
            "--reuse-features",
            help="Runs share features through the server's cache (limits.features_cache_bytes): quicker, but no times are reported.",
        ),
    ] = False,
    allow_leak: Annotated[
        bool, typer.Option("--allow-leak", help="Go on although test images are learned from; every output is marked.")
    ] = False,
    json: JsonOption = False,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            envvar="GOLDENPART_SERVER",
            metavar="HOST:PORT",
            help="Address of the server.",
            show_default=f"{DEFAULT_ADDRESS}, or one that is started for this",
            rich_help_panel="Connection",
        ),
    ] = None,
    tls_ca: TlsOption = None,
) -> None:
    """Measure how well defects of a labelled dataset are found: learn, calibrate and test in throw-away categories."""
    if results is not None:
        if dataset is not None:
            raise EvaluationError(f"--from {results} measures nothing, so it takes no dataset; leave {dataset} out")
        found = read_results(results)
        write_evaluation_report(report or results.parent, found, results=results.parent)
        _tell(found, json=json)
        return
    if dataset is None:
        raise typer.BadParameter("give the folder of a dataset, or --from results.json", param_hint="DATASET")
    try:
        from goldenpart.client.evaluation import runner  # noqa: PLC0415  # it needs an extra that other commands do without
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"evaluate needs the package {error.name}; install it with: pip install 'goldenpart[evaluation]'"
        ) from error
    plan = runner.Plan(
        dataset=dataset,
        categories=tuple(category or ()),
        shots=read_shots(shots),
        seeds=read_seeds(seeds),
        recipe=make_recipe(preset, recipe, settings or []),
        protocol=Protocol(false_reject_rate, calibration_images, allow_leak),
        report=report,
        bootstrap=bootstrap,
        calls_in_flight=calls,
        reuse_features=reuse_features,
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    )
    with shown_evaluation() as view, evaluation_server(server, tls_ca, view.warned) as client:
        found = runner.evaluate(client, plan, view)
    if report is not None:
        write_tables(report, found)
        write_evaluation_report(report, found)
    _tell(found, json=json)


def _tell(found: Evaluation, *, json: bool) -> None:
    if found.leaks:
        warn(LEAK_WARNING)
    for warning in told_warnings(found.runs):
        warn(warning)
    answer(found, summary_view(found), json=json)


def read_shots(text: str) -> tuple[int | None, ...]:
    """Read numbers of golden parts between commas; None stands for ``all``.

    Raises:
        EvaluationError: Something is neither a number from 1 on nor ``all``.
    """
    return tuple(dict.fromkeys(None if word.strip().lower() == "all" else _number("shots", word, 1) for word in text.split(",")))


def read_seeds(text: str) -> tuple[int, ...]:
    """Read seeds between commas.

    Raises:
        EvaluationError: Something is no number from 0 on.
    """
    return tuple(dict.fromkeys(_number("seeds", word, 0) for word in text.split(",")))


def _number(name: str, word: str, least: int) -> int:
    try:
        number = int(word)
    except ValueError:
        number = least - 1
    if number < least:
        raise EvaluationError(f"--{name}: '{word.strip()}' is no whole number from {least} on; give them between commas, for example 1,2,4")
    return number
