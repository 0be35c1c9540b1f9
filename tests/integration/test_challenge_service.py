"""ChallengeService over a real socket, and `goldenpart challenge` and `goldenpart golden` on top of it."""

import io
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from small_server import MakeSettings
from tiny_category import draw_defect, draw_part, fit_category

from goldenpart.client import AsyncClient, Client, FailedPrecondition, GateDecision, InvalidArgument, NamedImage, NotFound
from goldenpart.client.cli import main
from goldenpart.client.demo.process import ServerProcess
from goldenpart.server.app import running_server

SEED = 62


@pytest.fixture
def category(client: Client, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fitted category of the test's own; it is deleted afterwards."""
    name = f"challenge-{zlib.crc32(request.node.name.encode())}"
    fit_category(client, name, SEED)
    yield name
    client.delete_category(name)


def normals(first: int, count: int) -> list[NamedImage]:
    return [NamedImage(f"normal-{number}", draw_part(SEED, number)) for number in range(first, first + count)]


def defectives(first: int, count: int) -> list[NamedImage]:
    return [NamedImage(f"defective-{number}", draw_defect(SEED, number)) for number in range(first, first + count)]


def test_frames_are_kept_listed_shown_and_removed(client: Client, category: str) -> None:
    file = io.BytesIO()
    Image.fromarray(draw_part(SEED, 203)).save(file, "JPEG", quality=95)
    added = client.add_challenge_frames(
        category, [*normals(200, 3), NamedImage("a.jpg", file.getvalue())], defectives(400, 2), note="shift 1"
    )
    assert [frame.name for frame in added.frames] == ["normal-200", "normal-201", "normal-202", "a.jpg", "defective-400", "defective-401"]
    assert [frame.defective for frame in added.frames] == [False] * 4 + [True] * 2
    assert (added.known_count, added.frame_count) == (0, 6)
    assert {frame.note for frame in added.frames} == {"shift 1"}
    again = client.add_challenge_frames(category, normals(199, 2))
    assert ([frame.name for frame in again.frames], again.known_count, again.frame_count) == (["normal-199"], 1, 7)

    listed = list(client.list_challenge_frames(category, page_size=2))
    assert [frame.pixel_digest for frame in listed] == sorted(frame.pixel_digest for frame in listed)
    assert {frame.name for frame in listed} == {frame.name for frame in (*added.frames, *again.frames)}

    frame, encoded = client.get_challenge_frame(category, added.frames[3].pixel_digest)
    assert (frame, encoded) == (added.frames[3], file.getvalue())
    _, encoded = client.get_challenge_frame(category, added.frames[0].pixel_digest)
    with Image.open(io.BytesIO(encoded)) as picture:
        assert list(picture.get_flattened_data()) == list(Image.fromarray(draw_part(SEED, 200)).get_flattened_data())

    client.remove_challenge_frame(category, frame.pixel_digest)
    assert frame not in list(client.list_challenge_frames(category))
    with pytest.raises(NotFound, match="has no frame"):
        client.get_challenge_frame(category, frame.pixel_digest)


def test_a_broken_frame_keeps_all_others_out(client: Client, category: str) -> None:
    with pytest.raises(InvalidArgument, match=r"frame 2 \('broken.png'\)"):
        client.add_challenge_frames(category, [*normals(200, 2), NamedImage("broken.png", b"\x89PNG\r\n\x1a\nno")])
    with pytest.raises(InvalidArgument, match="other label"):
        client.add_challenge_frames(category, normals(200, 1), [NamedImage("same", draw_part(SEED, 200))])
    with pytest.raises(InvalidArgument, match="0 images"):
        client.add_challenge_frames(category)
    with pytest.raises(InvalidArgument, match="it must have 1 to 255"):
        client.add_challenge_frames(category, [NamedImage("x" * 256, draw_part(SEED, 200))])
    with pytest.raises(NotFound, match="nobody"):
        client.add_challenge_frames("nobody", normals(200, 1))
    assert list(client.list_challenge_frames(category)) == []


async def test_a_set_is_bounded_and_outlives_the_server(make_settings: MakeSettings) -> None:
    settings = make_settings(limits={"challenge_frames": 3})
    async with running_server(settings) as app, AsyncClient(app.address) as client:
        await fit_category(client, "part", SEED)
        await client.add_challenge_frames("part", normals(200, 2))
        with pytest.raises(FailedPrecondition, match="would have 4 frames") as caught:
            await client.add_challenge_frames("part", (), defectives(400, 2))
        assert caught.value.reason == "CHALLENGE_SET_FULL"
        await client.add_challenge_frames("part", (), defectives(400, 1))
    async with running_server(settings) as app, AsyncClient(app.address) as client:
        frames = [frame async for frame in client.list_challenge_frames("part", page_size=1)]
        assert sorted(frame.name for frame in frames) == ["defective-400", "normal-200", "normal-201"]
        report = await client.add_golden_parts("part", normals(300, 1))
        assert report.gate.decision is GateDecision.PASSED
        report = await client.remove_golden_part("part", "normal-300")
        assert (report.gate.normals, report.gate.defectives) == (2, 1)
        frame, encoded = await client.get_challenge_frame("part", frames[0].pixel_digest)
        assert (frame, len(encoded)) == (frames[0], frame.size_bytes)
        await client.remove_challenge_frame("part", frame.pixel_digest)
        assert len([frame async for frame in client.list_challenge_frames("part")]) == 2


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, server_process: ServerProcess) -> Run:
    """Run a command; returns its exit status, stdout and stderr."""
    monkeypatch.setenv("GOLDENPART_SERVER", server_process.address)
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return int(caught.value.code or 0), printed.out, printed.err

    return run


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders good/, bad/ and more/ of PNG files."""
    root = tmp_path_factory.mktemp("pictures")
    drawers: dict[str, tuple[Callable[[int, int], Any], range]] = {
        "good": (draw_part, range(200, 203)),
        "bad": (draw_defect, range(400, 403)),
        "more": (draw_part, range(300, 302)),
    }
    for folder, (draw, numbers) in drawers.items():
        (root / folder).mkdir()
        for number in numbers:
            Image.fromarray(draw(SEED, number)).save(root / folder / f"{number}.png")
    return root


def test_the_way_on_the_command_line(run: Run, category: str, pictures: Path) -> None:
    status, out, _ = run("challenge", "add", category, "--good", pictures / "good", "--bad", pictures / "bad", "--json")
    assert (status, json.loads(out)["frame_count"]) == (0, 6)
    status, out, _ = run("challenge", "list", category)
    assert [word for word in ("200.png", "402.png", "good", "bad") if word not in out] == []
    status, out, _ = run("challenge", "remove", category, "402.png")
    assert (status, out) == (0, f"removed 402.png from the challenge set of {category}\n")
    assert len(json.loads(run("challenge", "list", category, "--json")[1])) == 5

    status, out, _ = run("golden", "add", category, pictures / "more", "--json")
    made = json.loads(out)
    assert (status, made["revision"]["state"], made["gate"]["decision"]) == (0, "ACTIVE", "PASSED")
    parts = json.loads(run("golden", "list", category, "--json")[1])
    assert [part["name"] for part in parts][-2:] == ["300.png", "301.png"]
    assert "301.png" in run("golden", "list", category)[1]
    status, out, _ = run("golden", "remove", category, 7)
    assert (status, "PASSED" in out, "escapes" in out) == (0, True, True)
    assert run("golden", "remove", category, "300.png", "--stage")[0] == 0
    _, out, _ = run("golden", "remove", category, "300.png", "--stage", "--false-reject-rate", 0.2, "--review-rate", 0.3, "--json")
    calibration = json.loads(out)["revision"]["calibration"]
    assert (calibration["false_reject_rate"], calibration["review_rate"]) == (0.2, 0.3)
    status, _, err = run("golden", "remove", category, "300.png", "--review-rate", 0.3)
    assert (status, "--review-rate needs --false-reject-rate" in err) == (2, True)

    status, out, err = run("golden", "add", category, pictures / "bad")
    assert (status, "HELD_BACK" in out, " is held back: " in err) == (1, True, True)
    held = json.loads(run("revisions", "list", category, "--json")[1])[0]["revision"]
    assert "HELD_BACK" in run("revisions", "show", category, "--revision", held)[1]
    status, _, err = run("revisions", "activate", category, held)
    assert (status, "[GATE_HELD_BACK]" in err) == (2, True)
    assert "with --override-gate if you know better, or with --gate once" in err
    assert run("revisions", "activate", category, held, "--gate")[0] == 2
    status, _, err = run("threshold", category, "--revision", held, "--set", 1e6)
    assert (status, " is held back: " in err) == (1, True)
    assert run("revisions", "activate", category, held, "--override-gate")[0] == 0


def test_every_command_tells_that_the_new_revision_is_held_back(run: Run, category: str, pictures: Path, tmp_path: Path) -> None:
    for number in range(500, 519):
        Image.fromarray(draw_defect(SEED, number)).save(tmp_path / f"{number}.png")
    run("challenge", "add", category, "--good", pictures / "good", "--bad", pictures / "bad")
    status, out, err = run("calibrate", category, "--normal", tmp_path, "--gate", "--json")
    made = json.loads(out)["revision"]
    held, reason = made["revision"], made["gate"]["reason"]
    assert (status, made["state"], made["gate"]["decision"]) == (1, "STAGED", "HELD_BACK")
    assert f"warning: {held} is held back: {reason}" in err
    zones = tmp_path / "zones.json"
    zones.write_text('{"zones": [{"name": "seal", "kind": "critical", "polygon": [[0, 0], [0.5, 0], [0, 0.5]]}]}')
    for flags in ((), ("--stage",)):
        status, out, err = run("zones", "set", category, zones, "--revision", held, "--json", *flags)
        assert (status, json.loads(out)["revision"]["state"]) == (1, "STAGED")
        assert err.count(reason) == 1
    assert run("zones", "set", category, zones)[0] == 0, "the active revision is not held back"
    assert run("calibrate", category, "--normal", tmp_path)[0] == 0, "nor is what goes through no gate"


def test_a_name_that_two_frames_have_needs_its_digest(run: Run, client: Client, category: str, pictures: Path) -> None:
    frames = client.add_challenge_frames(
        category, [NamedImage("same", draw_part(SEED, 200)), NamedImage("same", draw_part(SEED, 201))]
    ).frames
    status, _, err = run("challenge", "remove", category, "same")
    assert (status, "2 challenge frames are called 'same'" in err) == (2, True)
    assert run("challenge", "remove", category, frames[0].pixel_digest[:12])[0] == 0
    assert list(client.list_challenge_frames(category)) == [frames[1]]
    assert "nor does a digest begin so" in run("challenge", "remove", category, "nobody")[2]
    assert "--good" in run("challenge", "add", category)[2]
