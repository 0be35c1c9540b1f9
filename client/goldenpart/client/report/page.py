"""The report: one HTML file with everything inside."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import jinja2
from PIL import Image

from goldenpart.client.report.recipe_rows import recipe_rows
from goldenpart.client.report.score_plot import is_wrong, score_plot
from goldenpart.client.report.scores import InspectedPart, Label, Spread, auroc_of, confusion
from goldenpart.client.results import Timings, Verdict
from goldenpart.client.revisions import Revision

_PICTURE_PX = 1000
_TEMPLATES = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Card:
    """A part worth a look: why, and its picture as a data URI (empty without one)."""

    part: InspectedPart
    remark: str
    picture: str


def write_report(
    path: Path,
    parts: Sequence[InspectedPart],
    revision: Revision,
    *,
    title: str | None = None,
    frames_per_s: float | None = None,
    most_pictures: int = 12,
    now: datetime | None = None,
) -> Path:
    """Write a page about inspections of one revision.

    The page refers to nothing outside itself, so it can be mailed, archived and printed.

    Args:
        path: HTML file to write; its folder is made.
        parts: At least one. All that were inspected must have been judged by ``revision``.
        revision: The revision that judged.
        title: Heading; None makes one of the category.
        frames_per_s: Measured throughput; None = not measured.
        most_pictures: At most so many parts are shown with their picture: wrong ones first, then the doubtful, then by score.
        now: Time of the report; None means the present.

    Returns:
        The path.

    Raises:
        ValueError: There are no parts, or some were judged by another revision.
        OSError: The file cannot be written.
    """
    if not parts:
        raise ValueError("a report needs at least one inspected part")
    others = {part.inspection.revision for part in parts if part.inspection.revision} - {revision.revision}
    if others:
        names = ", ".join(sorted(others))
        raise ValueError(f"a report is about one revision, {revision.revision}, but parts were judged by {names} as well")
    text = (
        page_environment()
        .get_template("report.html.j2")
        .render(
            title=title or f"Inspection of {revision.category}",
            revision=revision,
            now=now or datetime.now(UTC),
            plot=score_plot(parts),
            confusion=confusion(parts),
            totals=_totals(parts),
            auroc=auroc_of(parts),
            cards=cards(parts, most_pictures),
            times=stage_times(parts),
            frames_per_s=frames_per_s,
            recipe=recipe_rows(revision.recipe),
            Verdict=Verdict,
            Label=Label,
        )
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def page_environment() -> jinja2.Environment:
    """Return what renders the templates of this folder; what they are given is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = lambda rate: f"{100 * rate:.3g} %"
    environment.filters["milliseconds"] = lambda seconds: f"{1000 * seconds:.1f}"
    return environment


def _totals(parts: Iterable[InspectedPart]) -> Mapping[Verdict, int]:
    verdicts = [part.inspection.verdict for part in parts]
    return {verdict: verdicts.count(verdict) for verdict in Verdict}


def cards(parts: Iterable[InspectedPart], most: int) -> tuple[Card, ...]:
    """Choose the parts worth a look: wrong ones, then those not inspected, then doubtful ones, then the highest scores."""
    ranked = sorted(parts, key=lambda part: (_interest(part), -part.inspection.score))
    return tuple(Card(part, _remark(part), picture_uri(part.overlay) if part.overlay else "") for part in ranked[:most])


def _interest(part: InspectedPart) -> int:
    if is_wrong(part):
        return 0
    return {Verdict.NOT_INSPECTED: 1, Verdict.REVIEW: 2, Verdict.FAIL: 3}.get(part.inspection.verdict, 4)


def _remark(part: InspectedPart) -> str:
    if is_wrong(part):
        return "missed" if part.label is Label.DEFECTIVE else "false reject"
    if part.inspection.verdict is Verdict.NOT_INSPECTED:
        return f"{part.inspection.reason}: {part.inspection.message}"
    return part.kind


def picture_uri(picture: bytes) -> str:
    """Return a picture as a JPEG data URI, shrunk to what a page shows.

    Raises:
        OSError: Pillow cannot read it.
    """
    with Image.open(io.BytesIO(picture)) as opened:
        shrunk = opened.convert("RGB")
    shrunk.thumbnail((_PICTURE_PX, _PICTURE_PX), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    shrunk.save(stream, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def stage_times(parts: Iterable[InspectedPart]) -> tuple[tuple[str, Spread], ...]:
    """Summarise the server's times per stage over the parts that were inspected; empty if none were."""
    timings = [part.inspection.timings for part in parts if part.inspection.verdict is not Verdict.NOT_INSPECTED]
    stages = [field.name for field in fields(Timings) if field.name.endswith("_s")]
    return tuple(
        (stage.removesuffix("_s"), Spread.of([getattr(t, stage) for t in timings]))
        for stage in stages
        if any(getattr(timing, stage) for timing in timings)
    )
