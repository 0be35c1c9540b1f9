"""``goldenpart suggest``."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from goldenpart.client.cli.connection import DEFAULT_ADDRESS, JsonOption, ServerOption, TlsOption, connect
from goldenpart.client.cli.onboarding_progress import shown_progress
from goldenpart.client.cli.output import answer, table, warn
from goldenpart.client.curation import FrameRanking, GoldenAudit, GoldenPartVerdict
from goldenpart.client.frames import NamedImage
from goldenpart.client.images import distinct_names, expand

EXAMPLES = """Examples:

goldenpart suggest flange shift/ --count 5

goldenpart suggest flange 'camera/**/*.jpg' --json | jq -r '.suggestions[].name'

goldenpart suggest flange --audit
"""
_COUNT = 10
_VERDICTS = {
    GoldenPartVerdict.CONTAMINATED: ("contaminated?", "bold red"),
    GoldenPartVerdict.REDUNDANT: ("redundant", "yellow"),
    GoldenPartVerdict.OK: ("ok", "green"),
}


def suggest(
    category: Annotated[str, typer.Argument(metavar="CATEGORY", help="The product type.")],
    images: Annotated[list[str] | None, typer.Argument(metavar="IMAGES", help="Unlabelled pictures: files, folders or patterns.")] = None,
    *,
    audit: Annotated[bool, typer.Option("--audit", help="Examine the golden parts instead: contaminated, redundant or ok.")] = False,
    count: Annotated[int | None, typer.Option(min=1, max=1000, help="Rank at most so many pictures.", show_default="10")] = None,
    revision: Annotated[str, typer.Option(help="Compare with this revision.", show_default="the active one")] = "",
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Rank unlabelled pictures by what labelling them would teach, or examine the golden parts. Changes nothing.

    First come pictures that are unlike the bank, by how much of what it does not cover they would cover as golden parts; then those whose
    score is close to the threshold.
    """
    if audit and images:
        raise ValueError("--audit examines the golden parts that the server has; leave the pictures out")
    if audit and count is not None:
        raise ValueError(f"--audit examines all golden parts; leave --count {count} out")
    if audit:
        _audit(category, revision, json=json, server=server, tls_ca=tls_ca)
        return
    names = distinct_names(expand(images or ()))
    with connect(server, tls_ca) as client, shown_progress() as on_progress:
        pool = [NamedImage(name, path) for path, name in names.items()]
        ranking = client.suggest_frames(category, pool, count=count or _COUNT, revision=revision, on_progress=on_progress)
    for warning in ranking.warnings:
        warn(warning)
    answer(ranking, _ranking_table(ranking) if ranking.suggestions else "nothing is worth a label", json=json)


def _audit(category: str, revision: str, *, json: bool, server: str, tls_ca: TlsOption) -> None:
    with connect(server, tls_ca) as client, shown_progress() as on_progress:
        found = client.audit_golden_parts(category, revision=revision, on_progress=on_progress)
    for warning in found.warnings:
        warn(warning)
    answer(found, _audit_table(found), json=json)


def _ranking_table(ranking: FrameRanking) -> Table:
    rows = table("", "picture", "covers", "of the limit", "why", right=["", "covers", "of the limit"])
    for place, one in enumerate(ranking.suggestions, 1):
        ratio = f"{one.threshold_ratio:.2f}" if one.threshold_ratio is not None else "-"
        like = f"; {len(one.near_duplicates)} more like it" if one.near_duplicates else ""
        rows.add_row(str(place), Text(one.name), f"{100 * one.coverage_gain:.0f} %", ratio, f"{one.explanation}{like}")
    return rows


def _audit_table(audit: GoldenAudit) -> Table:
    rows = table("golden part", "verdict", "suspicion", "p", "covered", "why", right=["suspicion", "p", "covered"])
    for part in audit.suspects:
        word, style = _VERDICTS.get(part.verdict, (str(part.verdict), ""))
        suspicion, covered = f"{part.suspicion:.3g}", f"{100 * part.covered_share:.0f} %"
        rows.add_row(Text(part.name), Text(word, style), suspicion, f"{part.p_value:.2g}", covered, part.reason)
    rows.caption = "The parts lie alike: compared place by place." if audit.lie_alike else "Compared patch by patch, wherever they lie."
    return rows
