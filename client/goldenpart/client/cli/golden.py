"""``goldenpart golden``."""

from typing import Annotated

import typer

from goldenpart.client.cli.connection import DEFAULT_ADDRESS, JsonOption, ServerOption, TlsOption, connect
from goldenpart.client.cli.gate_view import gate_facts
from goldenpart.client.cli.onboarding_progress import shown_progress
from goldenpart.client.cli.output import answer, facts, table, warn
from goldenpart.client.cli.revision_facts import revision_facts
from goldenpart.client.frames import NamedImage
from goldenpart.client.images import distinct_names, expand
from goldenpart.client.learning import GoldenPartsReport
from goldenpart.client.learning_gate import GateDecision
from goldenpart.client.revisions import Revision

app = typer.Typer(
    help="Add golden parts to a product type that is in use, remove or list them. Every change is a new revision, calibrated anew, and "
    "activated unless the challenge set shows that it is worse.",
    epilog="Examples: goldenpart golden add flange false_rejects/; goldenpart golden remove flange 7; "
    "goldenpart golden remove flange scratched.png; goldenpart golden list flange",
    no_args_is_help=True,
)
HELD_BACK_STATUS = 1
CategoryArgument = Annotated[str, typer.Argument(metavar="CATEGORY", help="The product type.")]
RevisionOption = Annotated[str, typer.Option(help="The revision to start from.", show_default="the active one")]
StageOption = Annotated[bool, typer.Option("--stage", help="Keep the revision staged instead of activating it.")]
AllowOption = Annotated[
    int, typer.Option("--allow-false-rejects", min=0, help="False rejects on the challenge set that it may have beyond those of before.")
]


@app.command("add")
def add_golden_parts(
    category: CategoryArgument,
    images: Annotated[list[str], typer.Argument(metavar="IMAGES", help="Good parts, for example false rejects: files, folders, patterns.")],
    *,
    revision: RevisionOption = "",
    allow_false_rejects: AllowOption = 0,
    stage: StageOption = False,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Add golden parts; exit status 1 if the gate holds the new revision back."""
    parts = [NamedImage(name, path) for path, name in distinct_names(expand(images)).items()]
    with connect(server, tls_ca) as client, shown_progress() as on_progress:
        report = client.add_golden_parts(
            category,
            parts,
            revision=revision,
            stage_only=stage,
            added_false_rejects_allowed=allow_false_rejects,
            on_progress=on_progress,
        )
    _tell(report, json=json)


@app.command("remove")
def remove_golden_part(
    category: CategoryArgument,
    part: Annotated[str, typer.Argument(metavar="INDEX|NAME", help="The golden part, as `goldenpart golden list` shows it.")],
    *,
    revision: RevisionOption = "",
    allow_false_rejects: AllowOption = 0,
    stage: StageOption = False,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Remove a golden part; exit status 1 if the gate holds the new revision back."""
    with connect(server, tls_ca) as client, shown_progress() as on_progress:
        report = client.remove_golden_part(
            category,
            int(part) if part.isascii() and part.isdigit() else part,
            revision=revision,
            stage_only=stage,
            added_false_rejects_allowed=allow_false_rejects,
            on_progress=on_progress,
        )
    _tell(report, json=json)


@app.command("list")
def list_golden_parts(
    category: CategoryArgument,
    *,
    revision: Annotated[str, typer.Option(help="The revision.", show_default="the active one")] = "",
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """List the golden parts of a revision."""
    with connect(server, tls_ca) as client:
        found = client.get_revision(category, revision)
    rows = table("index", "name", "size", "patches", "pixels sha256", right=["index", "patches"])
    for part in found.golden_parts:
        rows.add_row(str(part.index), part.name, f"{part.width_px} x {part.height_px}", str(part.patches), part.pixel_digest[:12])
    answer(found.golden_parts, rows, json=json)


def _tell(report: GoldenPartsReport, *, json: bool) -> None:
    for warning in report.warnings:
        warn(warning)
    answer(report, facts((*_summary(report.revision, report.base_revision), *gate_facts(report.gate))), json=json)
    if report.gate.decision is GateDecision.HELD_BACK:
        raise typer.Exit(HELD_BACK_STATUS)


def _summary(revision: Revision, base: str) -> list[tuple[str, object]]:
    wanted = {"category", "revision", "golden parts", "bank", "calibration", "threshold", "guarantee"}
    return [("derived from", base), *(fact for fact in revision_facts(revision) if fact[0] in wanted)]
