"""``goldenpart zones``."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from goldenpart.client.cli.categories import CategoryArgument
from goldenpart.client.cli.connection import DEFAULT_ADDRESS, JsonOption, ServerOption, TlsOption, connect
from goldenpart.client.cli.gate_view import exit_if_held_back, warn_of
from goldenpart.client.cli.onboarding_progress import shown_progress
from goldenpart.client.cli.output import answer, facts, table
from goldenpart.client.cli.revision_facts import revision_facts
from goldenpart.client.zones import Zone, Zones, read_zones, write_zones

app = typer.Typer(
    help="Show and set named areas with rules of their own: include, ignore, critical.",
    epilog="Examples: goldenpart zones show flange --json > zones.json; goldenpart zones set flange zones.json --stage",
    no_args_is_help=True,
)


@app.command("show")
def show_zones(
    category: CategoryArgument,
    *,
    revision: Annotated[str, typer.Option(help="Of this revision.", show_default="the active one")] = "",
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Show the zones of a product type; --json prints them as `zones set` reads them."""
    with connect(server, tls_ca) as client:
        found = client.get_zones(category, revision=revision)
    rows = table("zone", "kind", "limit", "minimum area", "polygon", right=["limit", "minimum area"])
    for zone in found.zones.zones:
        corners = " ".join(f"{x:g},{y:g}" for x, y in zone.polygon)
        limit = "-" if zone.threshold_factor is None else f"{zone.threshold_factor:g}"
        rows.add_row(zone.name, zone.kind, limit, _area(zone), corners)
    rows.caption = (
        f"{found.revision}; minimum area elsewhere {_area(found.zones)}"
        + (f"; {found.zones.mm_per_px:g} mm per px" if found.zones.mm_per_px else "")
        + ("; a drawn mask restricts what is inspected besides" if found.drawn_mask else "")
    )
    answer(write_zones(found.zones), rows, json=json)


@app.command("set")
def set_zones(
    category: CategoryArgument,
    file: Annotated[
        Path, typer.Argument(metavar="FILE.json", exists=True, dir_okay=False, help="All zones; docs/zones.md has the format.")
    ],
    *,
    revision: Annotated[str, typer.Option(help="Derive from this revision.", show_default="the active one")] = "",
    stage: Annotated[bool, typer.Option("--stage", help="Keep the revision staged instead of activating it.")] = False,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Make a revision with the zones of a file; all others are replaced. Exit status 1 if a gate holds the new revision back."""
    try:
        zones = read_zones(json_format.loads(file.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    with connect(server, tls_ca) as client, shown_progress() as on_progress:
        report = client.set_zones(category, zones, revision=revision, stage_only=stage, on_progress=on_progress)
    warn_of(report.warnings, report.revision)
    learned = ("zones", "other places are inspected: fitted again" if report.refitted else "bank and threshold kept")
    answer(report, facts([learned, *revision_facts(report.revision)]), json=json)
    exit_if_held_back(report.revision)


def _area(zones: Zone | Zones) -> str:
    if zones.minimum_area_px is not None:
        return f"{zones.minimum_area_px:g} px"
    return "-" if zones.minimum_area_mm2 is None else f"{zones.minimum_area_mm2:g} mm2"
