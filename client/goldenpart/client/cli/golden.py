"""``goldenpart golden``."""

from typing import Annotated

import typer

from goldenpart.client.cli.connection import DEFAULT_ADDRESS, JsonOption, ServerOption, TlsOption, connect
from goldenpart.client.cli.gate_view import exit_if_held_back, gate_facts, warn_of
from goldenpart.client.cli.onboarding_progress import shown_progress
from goldenpart.client.cli.output import answer, facts, table
from goldenpart.client.cli.revision_facts import revision_facts
from goldenpart.client.frames import NamedImage
from goldenpart.client.images import distinct_names, expand
from goldenpart.client.learning import GoldenPartsReport
from goldenpart.client.revisions import Revision, ThresholdRequest

app = typer.Typer(
    help="Add golden parts to a product type that is in use, remove or list them. Every change is a new revision, calibrated anew, and "
    "activated unless the challenge set shows that it is worse.",
    epilog="Examples: goldenpart golden add flange false_rejects/; goldenpart golden remove flange 7; "
    "goldenpart golden remove flange scratched.png; goldenpart golden list flange",
    no_args_is_help=True,
)
CategoryArgument = Annotated[str, typer.Argument(metavar="CATEGORY", help="The product type.")]
RevisionOption = Annotated[str, typer.Option(help="The revision to start from.", show_default="the active one")]
StageOption = Annotated[bool, typer.Option("--stage", help="Keep the revision staged instead of activating it.")]
AllowOption = Annotated[
    int, typer.Option("--allow-false-rejects", min=0, help="False rejects on the challenge set that it may have beyond those of before.")
]
RateOption = Annotated[float | None, typer.Option(help="Share of good parts that may be rejected.", show_default="as before")]
ReviewRateOption = Annotated[
    float | None,
    typer.Option(help="Share of good parts that may at least be reviewed.", show_default="as before, without --false-reject-rate"),
]


@app.command("add")
def add_golden_parts(
    category: CategoryArgument,
    images: Annotated[list[str], typer.Argument(metavar="IMAGES", help="Good parts, for example false rejects: files, folders, patterns.")],
    *,
    revision: RevisionOption = "",
    false_reject_rate: RateOption = None,
    review_rate: ReviewRateOption = None,
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
            threshold=_wanted(false_reject_rate, review_rate),
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
    false_reject_rate: RateOption = None,
    review_rate: ReviewRateOption = None,
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
            threshold=_wanted(false_reject_rate, review_rate),
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


def _wanted(rate: float | None, review_rate: float | None) -> ThresholdRequest | None:
    """Return the threshold to ask for; None keeps what the base was asked for.

    Raises:
        ValueError: A review rate without a false-reject rate.
    """
    if rate is None and review_rate is not None:
        raise ValueError("--review-rate needs --false-reject-rate, which it must exceed; give both, or neither to keep them as they are")
    return None if rate is None else ThresholdRequest(false_reject_rate=rate, review_rate=review_rate)


def _tell(report: GoldenPartsReport, *, json: bool) -> None:
    warn_of(report.warnings, report.revision)
    answer(report, facts((*_summary(report.revision, report.base_revision), *gate_facts(report.gate))), json=json)
    exit_if_held_back(report.revision)


def _summary(revision: Revision, base: str) -> list[tuple[str, object]]:
    wanted = {"category", "revision", "golden parts", "bank", "calibration", "threshold", "guarantee"}
    return [("derived from", base), *(fact for fact in revision_facts(revision) if fact[0] in wanted)]
