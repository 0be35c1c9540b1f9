"""``goldenpart revisions``."""

from pathlib import Path
from typing import Annotated

import typer

from goldenpart.client.cli.confirmation import YesOption, confirm
from goldenpart.client.cli.connection import DEFAULT_ADDRESS, JsonOption, ServerOption, TlsOption, connect
from goldenpart.client.cli.output import answer, facts, table, time_text
from goldenpart.client.cli.revision_facts import revision_facts
from goldenpart.client.revisions import Revision

app = typer.Typer(
    help="List, show, activate (also to roll back), export, import and delete the fitted states of a product type.",
    epilog="Examples: goldenpart revisions activate flange r0003; goldenpart revisions export flange flange.tar; "
    "goldenpart revisions import flange.tar --stage",
    no_args_is_help=True,
)
CategoryArgument = Annotated[str, typer.Argument(metavar="CATEGORY", help="The product type.")]
RevisionArgument = Annotated[str, typer.Argument(metavar="REVISION", help="The revision, for example r0003.")]
RevisionOption = Annotated[str, typer.Option(help="The revision.", show_default="the active one")]


@app.command("list")
def list_revisions(
    category: CategoryArgument, *, json: JsonOption = False, server: ServerOption = DEFAULT_ADDRESS, tls_ca: TlsOption = None
) -> None:
    """List a product type's revisions, newest first."""
    with connect(server, tls_ca) as client:
        found = tuple(client.list_revisions(category))
    rows = table(
        "revision", "state", "created", "golden parts", "vectors", "threshold", "from", right=["golden parts", "vectors", "threshold"]
    )
    for one in found:
        rows.add_row(*_row(one))
    answer(found, rows, json=json)


def _row(revision: Revision) -> tuple[str, ...]:
    threshold = f"{revision.calibration.threshold:.5g}" if revision.calibration else "none"
    return (
        revision.revision,
        f"{revision.state} {revision.damage}".strip(),
        time_text(revision.create_time),
        str(len(revision.golden_parts)),
        str(revision.bank_vectors),
        threshold,
        revision.parent_revision or "-",
    )


@app.command("show")
def show_revision(
    category: CategoryArgument,
    name: Annotated[str, typer.Argument(metavar="[REVISION]", help="The revision.", show_default="the active one")] = "",
    *,
    revision: Annotated[str, typer.Option(help="The same.", show_default=False)] = "",
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Show one revision: recipe, bank, what its threshold rests on."""
    if name and revision and name != revision:
        raise ValueError(f"{name} and --revision {revision} are two revisions; give one")
    with connect(server, tls_ca) as client:
        found = client.get_revision(category, name or revision)
    answer(found, facts(revision_facts(found)), json=json)


@app.command("activate")
def activate_revision(
    category: CategoryArgument,
    revision: RevisionArgument,
    *,
    etag: Annotated[str, typer.Option(help="Only if the category still has this etag.")] = "",
    gate: Annotated[bool, typer.Option("--gate", help="Only if it does no worse on the challenge set than the active one.")] = False,
    override_gate: Annotated[bool, typer.Option("--override-gate", help="Although a gate holds it back; recorded.")] = False,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Make a revision the one that judges; also the way to roll back."""
    with connect(server, tls_ca) as client:
        done = client.activate(category, revision, etag=etag, gate=gate, override_gate=override_gate)
    before = done.previous_revision or "none"
    answer(done, f"{category}: {done.category.active_revision} is active (before: {before})", json=json)


@app.command("export")
def export_revision(
    category: CategoryArgument,
    path: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="Tar file to write.")],
    *,
    revision: RevisionOption = "",
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Write a revision to one file."""
    with connect(server, tls_ca) as client:
        client.export_revision(category, path, revision=revision)
    written = path.stat().st_size
    answer({"path": path, "bytes": written}, f"wrote {path} ({written / 1e6:.1f} MB)", json=json)


@app.command("import")
def import_revision(
    path: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="Tar file from `goldenpart revisions export`.")],
    *,
    category: Annotated[str, typer.Option(help="Where it goes.", show_default="the one the file names")] = "",
    stage: Annotated[bool, typer.Option("--stage", help="Keep the revision staged instead of activating it.")] = False,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Send such a file to a server; it is verified in full and gets a new number."""
    with connect(server, tls_ca) as client:
        made = client.import_revision(path, category=category, stage_only=stage)
    answer(made, facts(revision_facts(made)), json=json)


@app.command("delete")
def delete_revision(
    category: CategoryArgument,
    revision: RevisionArgument,
    *,
    yes: YesOption = False,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Delete a revision that is not active."""
    with connect(server, tls_ca) as client:
        confirm(f"Delete {category} {revision}?", yes=yes)
        client.delete_revision(category, revision)
    answer({"deleted": revision}, f"deleted {category} {revision}", json=json)
