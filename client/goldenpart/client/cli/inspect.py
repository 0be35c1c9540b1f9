"""``goldenpart inspect``."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from goldenpart.client.bulk import inspect_all
from goldenpart.client.cli.connection import DEFAULT_ADDRESS, ServerOption, TlsOption, connect
from goldenpart.client.cli.inspection_view import InspectionView, JsonLines, LiveTable, PlainLines
from goldenpart.client.frames import Frame, InspectOptions
from goldenpart.client.images import distinct_names, expand
from goldenpart.client.results import Inspection, Verdict

EXAMPLES = """Examples:

goldenpart inspect flange part.jpg

goldenpart inspect flange shift/ --overlay pictures/ --regions

goldenpart inspect flange part.jpg --explain --pictures why/

goldenpart inspect flange shift/ --json | jq -r 'select(.verdict != "PASS") | .path'

Exit status: 0 every part passed, 1 a part is FAIL or REVIEW, 2 an error or a part that was not inspected,
141 nobody reads the output any more (`| head`).
"""
_FRAME_ID_BYTES = 128
_STEM_BYTES = 255 - len(".NOT_INSPECTED.png")  # file systems hold names of 255 bytes


def inspect(
    category: Annotated[str, typer.Argument(metavar="CATEGORY", help="The product type.")],
    images: Annotated[list[str], typer.Argument(metavar="IMAGES", help="Pictures of parts: files, folders or patterns.")],
    *,
    overlay: Annotated[
        Path | None, typer.Option(metavar="DIR", file_okay=False, help="Write a picture per part, NAME.VERDICT.png, into this folder.")
    ] = None,
    regions: Annotated[bool, typer.Option("--regions", help="Also tell where the defects are.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Also tell in words what the defects look like.")] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", file_okay=False, help="Write defects beside the golden part they are nearest to, NAME.N.png, into this folder."
        ),
    ] = None,
    revision: Annotated[str, typer.Option(help="Judge by this revision.", show_default="the active one")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per part and line.")] = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Inspect pictures and tell PASS, FAIL, REVIEW or NOT_INSPECTED for each one.

    A file that cannot be read is NOT_INSPECTED, and the others are inspected all the same.

    Exit status: 0 every part passed, 1 a part is FAIL or REVIEW, 2 an error or a part that was not inspected, 141 nobody reads the output
    any more.
    """
    paths = expand(images, unreachable=True)
    for folder in (overlay, pictures):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    names = distinct_names(paths, limit_bytes=_FRAME_ID_BYTES)
    stems = distinct_names(paths, limit_bytes=_STEM_BYTES, with_suffix=False)
    options = InspectOptions(regions=regions or explain, overlay=overlay is not None, explanation=pictures is not None)
    frames = (Frame(names[path], category, path, options, revision=revision) for path in paths)
    verdicts: set[Verdict] = set()
    with connect(server, tls_ca) as client, _view(json=json, sentences=explain) as view:
        for path, inspection in zip(paths, inspect_all(client, frames, report_unreadable=True), strict=True):
            view.add(str(path), inspection)
            verdicts.add(inspection.verdict)
            if overlay is not None and inspection.overlay_png is not None:
                (overlay / f"{stems[path]}.{inspection.verdict}.png").write_bytes(inspection.overlay_png)
            if pictures is not None:
                _write_pictures(pictures, stems[path], inspection)
    raise typer.Exit(exit_status(verdicts))


def _view(*, json: bool, sentences: bool) -> InspectionView:
    if json:
        return JsonLines()
    return LiveTable(Console(), sentences=sentences) if sys.stdout.isatty() else PlainLines(sentences=sentences)


def _write_pictures(folder: Path, stem: str, inspection: Inspection) -> None:
    for number, region in enumerate(inspection.regions, 1):
        if region.side_by_side_png is not None:
            (folder / f"{stem}.{number}.png").write_bytes(region.side_by_side_png)


def exit_status(verdicts: Iterable[Verdict]) -> int:
    """Return 2 if a part was not inspected, else 1 if one did not pass, else 0."""
    found = set(verdicts)
    if Verdict.NOT_INSPECTED in found:
        return 2
    return 1 if found & {Verdict.FAIL, Verdict.REVIEW} else 0
