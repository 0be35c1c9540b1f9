"""``goldenpart threshold``."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from goldenpart.client.bulk import inspect_all
from goldenpart.client.challenge import ChallengeFrame
from goldenpart.client.cli.connection import DEFAULT_ADDRESS, JsonOption, ServerOption, TlsOption, connect
from goldenpart.client.cli.gate_view import exit_if_held_back, warn_of
from goldenpart.client.cli.output import print_json, show, table, warn
from goldenpart.client.client import Client
from goldenpart.client.costs import Costs
from goldenpart.client.frames import Frame, ImageSource
from goldenpart.client.images import distinct_names, expand
from goldenpart.client.results import NotInspectedReason
from goldenpart.client.revisions import CalibrationReport, Revision
from goldenpart.client.thresholds import LabelledScores, Operation, Rate, Scores, WhatIf, operation, what_if
from goldenpart.client.thresholds_chart import chart
from goldenpart.client.thresholds_page import write_what_if

EXAMPLES = """Examples:

goldenpart threshold flange --cost-escape 100 --cost-reject 1

goldenpart threshold flange --cost-escape 500 --cost-reject 2 --prior 0.005 --reviewed-good ok/ --reviewed-bad nok/ --plot what-if.html

goldenpart threshold flange --cost-escape 100 --cost-reject 1 --apply

goldenpart threshold flange --set 0.042 --review 0.038 --stage
"""
_FRAME_ID_BYTES = 128


def threshold(
    category: Annotated[str, typer.Argument(metavar="CATEGORY", help="The product type.")],
    *,
    cost_escape: Annotated[float, typer.Option(help="Cost of a defective part that passes, in any unit.")] = 100.0,
    cost_reject: Annotated[float, typer.Option(help="Cost of a good part that fails, in the same unit.")] = 1.0,
    prior: Annotated[float, typer.Option(help="Share of parts on the line that are defective.")] = 0.01,
    reviewed_good: Annotated[list[str] | None, typer.Option(metavar="PATH", help="Good parts to count; may be repeated.")] = None,
    reviewed_bad: Annotated[list[str] | None, typer.Option(metavar="PATH", help="Defective parts to count; may be repeated.")] = None,
    challenge: Annotated[bool, typer.Option("--challenge", help="Count the frames of the challenge set as well.")] = False,
    revision: Annotated[str, typer.Option(help="Whose scores to use.", show_default="the active one")] = "",
    plot: Annotated[Path | None, typer.Option(metavar="FILE.html|png", dir_okay=False, help="Write the plot to this file.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Make the threshold of least expected cost a new revision.")] = False,
    set_to: Annotated[float | None, typer.Option("--set", metavar="VALUE", help="Make this threshold a new revision.")] = None,
    review: Annotated[
        float | None,
        typer.Option(
            metavar="VALUE", help="That revision gives REVIEW above this score; 0 = never.", show_default="as before, if that is below it"
        ),
    ] = None,
    stage: Annotated[bool, typer.Option("--stage", help="Keep that revision staged instead of activating it.")] = False,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Show what other thresholds would do and cost, and set one.

    Rates come from the scores of the calibration and of the reviewed pictures; a reviewed picture that was calibrated on counts twice.
    Nothing changes without --apply or --set. Exit status 1 if the revision they make is held back, as the one it is made from.
    """
    if apply and set_to is not None:
        raise ValueError("--apply and --set both choose the threshold; give one of them")
    if review is not None and not apply and set_to is None:
        raise ValueError("--review belongs to a threshold that is set; give --apply or --set as well")
    costs = Costs(cost_escape, cost_reject, prior)
    if plot is not None and plot.suffix.lower() not in {".html", ".png"}:
        raise ValueError(f"--plot {plot} must end in .html or .png")
    with connect(server, tls_ca) as client:
        etag = client.get_category(category).etag
        judged = client.get_revision(category, revision)
        scores = labelled_scores(client, judged, reviewed_good or (), reviewed_bad or (), challenge=challenge)
        found = what_if(scores, costs, _current(judged), _remarks(client, judged))
        if plot is not None:
            write_what_if(plot, found, judged)
        chosen = _chosen(found, set_to, apply=apply)
        made = None
        if chosen is not None:
            band = _review(judged, chosen) if review is None else review or None
            made = client.set_threshold(category, chosen, review_threshold=band, revision=judged.revision, stage_only=stage, etag=etag)
    if plot is not None and not json:
        show(f"plot written to {plot}")
    _answer(found, judged, chosen, made, json=json)
    if made is not None:
        exit_if_held_back(made.revision)


def labelled_scores(client: Client, revision: Revision, good: Iterable[str], bad: Iterable[str], *, challenge: bool) -> LabelledScores:
    """Gather the scores of the calibration, of reviewed pictures and of the challenge set, all by one revision.

    Raises:
        ValueError: There is no score of a good part.
        NoImagesError: A path means no picture.
    """
    calibration = revision.calibration
    normal, defective = (calibration.normal_scores, calibration.defective_scores) if calibration else ((), ())
    normal += _inspected(client, revision, _pictures(list(good)))
    defective += _inspected(client, revision, _pictures(list(bad)))
    if challenge:
        frames = tuple(client.list_challenge_frames(revision.category))
        golden = {part.pixel_digest for part in revision.golden_parts}
        good_frames = [frame for frame in frames if not frame.defective and frame.pixel_digest not in golden]
        bad_frames = [frame for frame in frames if frame.defective]
        normal += _inspected(client, revision, _kept(client, revision, good_frames))
        defective += _inspected(client, revision, _kept(client, revision, bad_frames))
    return LabelledScores(normal, defective)


def _pictures(sources: list[str]) -> Iterator[tuple[str, ImageSource]]:
    if sources:
        yield from ((name, path) for path, name in distinct_names(expand(sources), limit_bytes=_FRAME_ID_BYTES).items())


def _kept(client: Client, revision: Revision, frames: Iterable[ChallengeFrame]) -> Iterator[tuple[str, ImageSource]]:
    for frame in frames:
        yield frame.pixel_digest, client.get_challenge_frame(revision.category, frame.pixel_digest)[1]


def _inspected(client: Client, revision: Revision, pictures: Iterable[tuple[str, ImageSource]]) -> Scores:
    """Inspect pictures; those that cannot be inspected are told of and left out."""
    frames = (Frame(name, revision.category, picture, revision=revision.revision) for name, picture in pictures)
    scores = []
    for inspection in inspect_all(client, frames):
        if inspection.reason in {None, NotInspectedReason.NOT_CALIBRATED}:  # without a threshold there is a score all the same
            scores.append(inspection.score)
        else:
            warn(f"{inspection.frame_id} is left out: {inspection.message}")
    return tuple(scores)


def _remarks(client: Client, revision: Revision) -> tuple[str, ...]:
    if not client.get_zones(revision.category, revision=revision.revision).zones.overrule:
        return ()
    return (f"Rates and costs are those of the scores alone; the zones of {revision.revision} overrule some of the verdicts.",)


def _review(revision: Revision, threshold: float) -> float | None:
    """Return the review threshold that the revision has, if it still lies below the threshold."""
    former = revision.calibration.review_threshold if revision.calibration else None
    return former if former is not None and former < threshold else None


def _current(revision: Revision) -> float | None:
    return revision.calibration.threshold if revision.calibration else None


def _chosen(found: WhatIf, set_to: float | None, *, apply: bool) -> float | None:
    if not apply:
        return set_to
    if found.best is None:
        raise ValueError("--apply needs scores of defective parts, and there are none; give some with --reviewed-bad, or choose with --set")
    return found.best.threshold


def _answer(found: WhatIf, revision: Revision, chosen: float | None, made: CalibrationReport | None, *, json: bool) -> None:
    for warning in found.warnings:
        warn(warning)
    if made is not None:
        warn_of(made.warnings, made.revision)
    if json:
        plain = {"revision": revision.revision, "costs": found.costs, "current": found.current, "best": found.best}
        plain |= {"normals": len(found.scores.normal), "defectives": len(found.scores.defective), "warnings": found.warnings}
        print_json(plain | {"made": made})
        return
    Console(highlight=False).print(chart(found))
    show(_table(found, None if chosen is None else operation(found.scores, found.costs, chosen)))
    if made is not None and (calibration := made.revision.calibration) is not None:
        review = "" if calibration.review_threshold is None else f" and reviews above {calibration.review_threshold:.6g}"
        show(f"{made.revision.revision} ({made.revision.state}) fails above {chosen:.6g}{review}. {calibration.guarantee}")


def _table(found: WhatIf, chosen: Operation | None) -> Table:
    rows = table("", "threshold", "false rejects", "escapes", "cost per part", right=["threshold"])
    for word, one in (("now", found.current), ("best", found.best), ("set", chosen)):
        if one is not None:
            rows.add_row(word, f"{one.threshold:.6g}", _rate_text(one.false_rejects), _rate_text(one.escapes), _cost_text(one))
    rows.caption = "in brackets: 95 % intervals (Clopper-Pearson)"
    if found.best is not None and found.current is not None and found.best.cost == found.current.cost:
        rows.caption += "; now costs as little as best, which lies midway between scores"
    return rows


def _rate_text(rate: Rate | None) -> str:
    if rate is None:
        return "unknown"
    return f"{100 * rate.share:.3g} % ({100 * rate.low:.2g} to {100 * rate.high:.2g} %)"


def _cost_text(one: Operation) -> str:
    return "unknown" if one.cost is None else f"{one.cost:.3g} ({one.cost_low:.3g} to {one.cost_high:.3g})"
