"""``goldenpart fit``."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from goldenpart.client.cli.connection import DEFAULT_ADDRESS, JsonOption, ServerOption, TlsOption, connect
from goldenpart.client.cli.knobs import NAMES, knobs, numbers, polygon
from goldenpart.client.cli.onboarding_progress import shown_progress
from goldenpart.client.cli.output import answer, facts, warn
from goldenpart.client.cli.revision_facts import revision_facts
from goldenpart.client.evaluation import recipes
from goldenpart.client.frames import Mask, NamedImage
from goldenpart.client.images import distinct_names, expand, sample
from goldenpart.client.recipe import Preset, Recipe
from goldenpart.client.revisions import ThresholdRequest

EXAMPLES = """Examples:

goldenpart fit flange golden/

goldenpart fit flange 'parts/**/*.png' --shots 16 --seed 1 --rotations 0,90,180,270

goldenpart fit flange golden/ --preset seed --set coreset=none --set neighbours=3 --stage
"""


def fit(
    category: Annotated[str, typer.Argument(metavar="CATEGORY", help="Name of the product type: a-z, 0-9, _ and -.")],
    images: Annotated[list[str], typer.Argument(metavar="IMAGES", help="Golden parts: files, folders or patterns.")],
    *,
    shots: Annotated[int | None, typer.Option(help="Take only so many of them, chosen at random.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of that choice.")] = 0,
    preset: Annotated[
        Preset | None, typer.Option(case_sensitive=False, help="Where all knobs that are not set come from.", show_default="default")
    ] = None,
    recipe_file: Annotated[
        Path | None, typer.Option("--recipe", metavar="FILE", exists=True, dir_okay=False, help="JSON or TOML file with knobs by name.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KNOB=VALUE", help=f"Set a knob; may be repeated. Knobs: {', '.join(NAMES)}."),
    ] = None,
    rotations: Annotated[str | None, typer.Option(metavar="DEG,...", help="Also show every golden part turned by these angles.")] = None,
    mask: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Grey image: black is ignored.")] = None,
    include_polygon: Annotated[
        list[str] | None,
        typer.Option(metavar="'X,Y X,Y X,Y ...'", help="Inspect only inside; fractions of width and height; may be repeated."),
    ] = None,
    ignore_polygon: Annotated[
        list[str] | None, typer.Option(metavar="'X,Y X,Y X,Y ...'", help="Ignore inside, for example a serial number; may be repeated.")
    ] = None,
    false_reject_rate: Annotated[float, typer.Option(help="Share of good parts that may be rejected.")] = 0.05,
    review_rate: Annotated[float | None, typer.Option(help="Share of good parts that may be reviewed or rejected.")] = None,
    stage: Annotated[bool, typer.Option("--stage", help="Keep the revision staged instead of activating it.")] = False,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Learn a category from golden parts: a new revision, calibrated by leaving each part out in turn."""
    paths = expand(images)
    if shots is not None:
        paths = sample(paths, shots, seed)
    recipe = make_recipe(preset, settings or [], rotations, recipe_file)
    parts = [NamedImage(name, path) for path, name in distinct_names(paths).items()]
    with connect(server, tls_ca) as client, shown_progress() as on_progress:
        report = client.fit(
            category,
            parts,
            recipe=recipe,
            mask=make_mask(mask, include_polygon or [], ignore_polygon or []),
            threshold=ThresholdRequest(false_reject_rate=false_reject_rate, review_rate=review_rate),
            stage_only=stage,
            on_progress=on_progress,
        )
    for warning in report.warnings:
        warn(warning)
    answer(report, facts(revision_facts(report.revision)), json=json)


def make_recipe(preset: Preset | None, settings: list[str], rotations: str | None, file: Path | None = None) -> Recipe:
    """Make a recipe of the options.

    Raises:
        ValueError: A knob is unknown, of the wrong kind, or given twice; or the file cannot be understood.
    """
    recipe = recipes.make_recipe(preset, file, settings)
    if rotations is None:
        return recipe
    if "rotations_deg" in knobs(settings):
        raise ValueError("--rotations and --set rotations_deg mean the same; give one of them")
    return replace(recipe, rotations_deg=numbers(rotations))


def make_mask(image: Path | None, include: list[str], ignore: list[str]) -> Mask | None:
    """Make a mask of the options; None without any.

    Raises:
        ValueError: Image and polygons together, or something that is no polygon.
    """
    if image is None and not include and not ignore:
        return None
    return Mask(image, tuple(polygon(text) for text in include), tuple(polygon(text) for text in ignore))
