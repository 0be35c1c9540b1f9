"""``goldenpart calibrate``."""

from typing import Annotated

import typer

from goldenpart.client.cli.connection import DEFAULT_ADDRESS, JsonOption, ServerOption, TlsOption, connect
from goldenpart.client.cli.gate_view import exit_if_held_back, warn_of
from goldenpart.client.cli.onboarding_progress import shown_progress
from goldenpart.client.cli.output import answer, facts
from goldenpart.client.cli.revision_facts import revision_facts
from goldenpart.client.frames import NamedImage
from goldenpart.client.images import distinct_names, expand
from goldenpart.client.revisions import CalibrationMethod, ThresholdRequest

EXAMPLES = """Examples:

goldenpart calibrate flange --normal good/ --false-reject-rate 0.02

goldenpart calibrate flange --normal good/ --defective scratched/ --defective dented/ --method f1_max

At most 5 % false rejects need 19 normal images, 1 % need 99; they must not be the golden parts.
"""


def calibrate(
    category: Annotated[str, typer.Argument(metavar="CATEGORY", help="The product type.")],
    *,
    normal: Annotated[list[str], typer.Option(metavar="PATH", help="Good parts: file, folder or pattern; may be repeated.")],
    defective: Annotated[list[str] | None, typer.Option(metavar="PATH", help="Parts with defects; may be repeated.")] = None,
    method: Annotated[
        CalibrationMethod, typer.Option(case_sensitive=False, help="How the threshold is chosen.")
    ] = CalibrationMethod.CONFORMAL,
    false_reject_rate: Annotated[float, typer.Option(help="Share of good parts that may be rejected.")] = 0.05,
    review_rate: Annotated[float | None, typer.Option(help="Share of good parts that may be reviewed or rejected.")] = None,
    revision: Annotated[str, typer.Option(help="Whose bank to use.", show_default="the active one")] = "",
    stage: Annotated[bool, typer.Option("--stage", help="Keep the revision staged instead of activating it.")] = False,
    gate: Annotated[bool, typer.Option("--gate", help="Activate it only if it does no worse on the challenge set.")] = False,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Set the threshold from images that are not in the bank: a new revision with the same bank.

    Exit status 1 if a gate holds the new revision back: with --gate, or because the revision it is made from is held back.
    """
    normal_paths = expand(normal)
    defective_paths = expand(defective) if defective else ()
    names = distinct_names(dict.fromkeys((*normal_paths, *defective_paths)))
    with connect(server, tls_ca) as client, shown_progress() as on_progress:
        report = client.calibrate(
            category,
            [NamedImage(names[path], path) for path in normal_paths],
            [NamedImage(names[path], path) for path in defective_paths],
            revision=revision,
            threshold=ThresholdRequest(method, false_reject_rate, review_rate),
            stage_only=stage,
            gate=gate,
            on_progress=on_progress,
        )
    warn_of(report.warnings, report.revision)
    answer(report, facts(revision_facts(report.revision)), json=json)
    exit_if_held_back(report.revision)
