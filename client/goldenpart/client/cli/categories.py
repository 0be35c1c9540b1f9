"""``goldenpart categories``."""

from typing import Annotated

import typer

from goldenpart.client.cli.confirmation import YesOption, confirm
from goldenpart.client.cli.connection import DEFAULT_ADDRESS, JsonOption, ServerOption, TlsOption, connect
from goldenpart.client.cli.output import answer, facts, table, time_text

app = typer.Typer(
    help="List, show and delete product types.",
    epilog="Examples: goldenpart categories list --json; goldenpart categories show flange; goldenpart categories delete flange --yes",
    no_args_is_help=True,
)
CategoryArgument = Annotated[str, typer.Argument(metavar="CATEGORY", help="The product type.")]


@app.command("list")
def list_categories(*, json: JsonOption = False, server: ServerOption = DEFAULT_ADDRESS, tls_ca: TlsOption = None) -> None:
    """List all product types by name."""
    with connect(server, tls_ca) as client:
        found = tuple(client.list_categories())
    rows = table("category", "active", "revisions", "created", "activated", right=["revisions"])
    for one in found:
        active = one.active_revision or "-"
        rows.add_row(one.category, active, str(one.revision_count), time_text(one.create_time), time_text(one.activate_time))
    answer(found, rows if found else "no categories yet; make one with: goldenpart fit CATEGORY IMAGES...", json=json)


@app.command("show")
def show_category(
    category: CategoryArgument, *, json: JsonOption = False, server: ServerOption = DEFAULT_ADDRESS, tls_ca: TlsOption = None
) -> None:
    """Show one product type."""
    with connect(server, tls_ca) as client:
        found = client.get_category(category)
    rows = [
        ("category", found.category),
        ("active revision", found.active_revision or "none"),
        ("revisions", found.revision_count),
        ("created", time_text(found.create_time)),
        ("activated", time_text(found.activate_time)),
        ("etag", found.etag),
    ]
    answer(found, facts(rows), json=json)


@app.command("delete")
def delete_category(
    category: CategoryArgument,
    *,
    yes: YesOption = False,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Delete a product type with all its revisions."""
    with connect(server, tls_ca) as client:
        found = client.get_category(category)
        confirm(f"Delete {category} with its {found.revision_count} revisions?", yes=yes)
        client.delete_category(category, etag=found.etag)
    answer({"deleted": category}, f"deleted {category}", json=json)
