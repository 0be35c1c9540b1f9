"""``goldenpart challenge``."""

from collections.abc import Iterable
from typing import Annotated

import typer

from goldenpart.client.challenge import ChallengeFrame
from goldenpart.client.cli.connection import DEFAULT_ADDRESS, JsonOption, ServerOption, TlsOption, connect
from goldenpart.client.cli.onboarding_progress import shown_progress
from goldenpart.client.cli.output import answer, table, time_text
from goldenpart.client.frames import NamedImage
from goldenpart.client.images import NoImagesError, distinct_names, expand

app = typer.Typer(
    help="Keep labelled frames on which every new revision is compared with the one that judges.",
    epilog="Examples: goldenpart challenge add flange --good parts/good --bad parts/scratched; goldenpart challenge list flange; "
    "goldenpart challenge remove flange scratched.png",
    no_args_is_help=True,
)
CategoryArgument = Annotated[str, typer.Argument(metavar="CATEGORY", help="The product type.")]


@app.command("add")
def add_frames(
    category: CategoryArgument,
    *,
    good: Annotated[list[str] | None, typer.Option(metavar="PATH", help="Good parts: file, folder or pattern; may be repeated.")] = None,
    bad: Annotated[list[str] | None, typer.Option(metavar="PATH", help="Parts with defects; may be repeated.")] = None,
    note: Annotated[str, typer.Option(help="A remark for people, kept with each of them.")] = "",
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Add labelled frames: all of them, or none."""
    if not good and not bad:
        raise NoImagesError("no frames were given; name good parts with --good, parts with defects with --bad")
    good_paths = expand(good) if good else ()
    bad_paths = expand(bad) if bad else ()
    names = distinct_names(dict.fromkeys((*good_paths, *bad_paths)))
    with connect(server, tls_ca) as client, shown_progress() as on_progress:
        added = client.add_challenge_frames(
            category,
            [NamedImage(names[path], path) for path in good_paths],
            [NamedImage(names[path], path) for path in bad_paths],
            note=note,
            on_progress=on_progress,
        )
    known = f", {added.known_count} were there already" if added.known_count else ""
    words = f"{category}: {len(added.frames)} frames added{known}; {added.frame_count} frames, {added.size_bytes / 1e6:.1f} MB in all"
    answer(added, words, json=json)


@app.command("list")
def list_frames(
    category: CategoryArgument, *, json: JsonOption = False, server: ServerOption = DEFAULT_ADDRESS, tls_ca: TlsOption = None
) -> None:
    """List the frames, good ones first."""
    with connect(server, tls_ca) as client:
        found = sorted(client.list_challenge_frames(category), key=lambda frame: (frame.defective, frame.name, frame.pixel_digest))
    rows = table("name", "label", "size", "added", "pixels sha256", "note")
    for frame in found:
        label = "bad" if frame.defective else "good"
        size = f"{frame.width_px} x {frame.height_px}"
        rows.add_row(frame.name, label, size, time_text(frame.create_time), frame.pixel_digest[:12], frame.note)
    answer(found, rows, json=json)


@app.command("remove")
def remove_frame(
    category: CategoryArgument,
    frame: Annotated[str, typer.Argument(metavar="NAME|SHA256", help="Its name, or the beginning of its digest.")],
    *,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Remove a frame."""
    with connect(server, tls_ca) as client:
        chosen = choose(client.list_challenge_frames(category), frame)
        client.remove_challenge_frame(category, chosen.pixel_digest)
    answer({"removed": chosen}, f"removed {chosen.name} from the challenge set of {category}", json=json)


def choose(frames: Iterable[ChallengeFrame], wanted: str) -> ChallengeFrame:
    """Find the one frame of that name, or whose digest begins so.

    Raises:
        ValueError: There is none, or more than one.
    """
    known = list(frames)
    found = [frame for frame in known if frame.name == wanted]
    if not found and len(wanted) >= 8:
        found = [frame for frame in known if frame.pixel_digest.startswith(wanted.lower())]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ValueError(f"no challenge frame is called {wanted!r}, nor does a digest begin so; see `goldenpart challenge list`")
    digests = ", ".join(frame.pixel_digest[:12] for frame in found[:5])
    raise ValueError(f"{len(found)} challenge frames are called {wanted!r}; name one by its digest: {digests}")
