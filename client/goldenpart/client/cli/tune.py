"""``goldenpart tune``."""

import json as json_format
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from goldenpart.client.channel import DEFAULT_ADDRESS
from goldenpart.client.cli.connection import JsonOption, TlsOption
from goldenpart.client.cli.output import answer, warn
from goldenpart.client.evaluation.errors import MissingExtraError
from goldenpart.client.evaluation.recipes import make_recipe
from goldenpart.client.evaluation.server import evaluation_server
from goldenpart.client.json_form import to_json
from goldenpart.client.recipe import Preset
from goldenpart.client.tuning.results import Tuning
from goldenpart.client.tuning.setting import recipe_knobs

JSON_NAME, PAGE_NAME = "tuning.json", "tuning.html"
EXAMPLES = """Examples:

goldenpart tune mvtec --category bottle --report reports/tune-bottle --write bottle.json

goldenpart tune photos/flange --shots 8 --budget 60 --seconds 900

goldenpart fit flange photos/flange/good --recipe bottle.json

DATASET is what `goldenpart evaluate` takes. Knobs that --set gives stay as they are; the others are varied.
"""


def tune(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", exists=True, file_okay=False, help="Folder of a dataset or of one category.")
    ],
    *,
    category: Annotated[str, typer.Option("--category", "-c", metavar="NAME", help="Which category of the dataset.")] = "",
    shots: Annotated[int | None, typer.Option(min=1, help="Golden parts.", show_default="16, and others are tried")] = None,
    budget: Annotated[
        int, typer.Option(min=2, metavar="FITS", help="What to fit, the preset included; each is scored in dozens of ways.")
    ] = 27,
    seconds: Annotated[float | None, typer.Option(help="Stop after about so long.", show_default="no limit")] = None,
    preset: Annotated[
        Preset | None, typer.Option(case_sensitive=False, help="What to start from and compare with.", show_default="default")
    ] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KNOB=VALUE", help="Fix a knob; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the split, the golden parts and the settings.")] = 0,
    validation_share: Annotated[float, typer.Option(help="Share of the test images to choose by; the others are the proof.")] = 0.5,
    report: Annotated[Path | None, typer.Option(metavar="DIR", file_okay=False, help="Write tuning.html and tuning.json here.")] = None,
    write: Annotated[
        Path | None, typer.Option(metavar="RECIPE.json", dir_okay=False, help="Write the recommended knobs, for fit --recipe.")
    ] = None,
    calls: Annotated[int, typer.Option(min=1, max=32, help="Inspect calls in flight.")] = 2,
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
    """Find better knobs for a labelled category, prove them on images they were not chosen by, or say to keep the preset."""
    try:
        from goldenpart.client.cli.tuning_view import shown_tuning, tuning_view  # noqa: PLC0415  # it needs an extra
        from goldenpart.client.tuning import runner  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"tune needs the package {error.name}; install it with: pip install 'goldenpart[evaluation]'") from error
    plan = runner.Plan(
        dataset=dataset,
        category=category,
        shots=shots,
        recipe=make_recipe(preset, None, settings or []),
        budget=budget,
        seconds=seconds,
        seed=seed,
        validation_share=validation_share,
        calls_in_flight=calls,
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    )
    check_targets(report, write)
    with shown_tuning() as view, evaluation_server(server, tls_ca, view.warned) as client:
        found = runner.tune(client, plan, view)
    if found.out_of_time:
        warn("the time was up before all settings had been measured; give more --seconds")
    try:
        answer(found, tuning_view(found), json=json)  # before the files, so that a full disk does not take it along
    finally:  # and a reader who has left does not take the files
        _keep(found, report, write)


def _keep(found: Tuning, report: Path | None, write: Path | None) -> None:
    if write is not None:
        write_recipe(write, found)
    if report is not None:
        write_report(report, found)


def check_targets(report: Path | None, write: Path | None) -> None:
    """Make the folders of what is to be written, and try whether it can be; files that are there stay as they are.

    Args:
        report: Folder of the report.
        write: File of the recipe.

    Raises:
        OSError: Something cannot be written.
    """
    files = [report / name for name in (JSON_NAME, PAGE_NAME)] if report is not None else []
    for file in [*files, write] if write is not None else files:
        file.parent.mkdir(parents=True, exist_ok=True)
        existed = file.exists()
        file.open("ab").close()
        if not existed:
            file.unlink()


def write_recipe(path: Path, found: Tuning) -> None:
    """Write the knobs of the recommended setting, as ``goldenpart fit --recipe`` takes them; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json_format.dumps(to_json(recipe_knobs(found.settings[found.recommended].recipe)), indent=2)
    path.write_text(f"{text}\n", "utf-8")


def write_report(folder: Path, found: Tuning) -> None:
    """Write everything as JSON and as a page; the folder is made."""
    from goldenpart.client.report.tuning_page import write_tuning  # noqa: PLC0415  # Jinja is slow to import

    folder.mkdir(parents=True, exist_ok=True)
    (folder / JSON_NAME).write_text(json_format.dumps(to_json(found), indent=1, ensure_ascii=False, allow_nan=False), "utf-8")
    write_tuning(folder / PAGE_NAME, found)
