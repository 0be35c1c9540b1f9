"""`goldenpart drift` against a real server: quiet on good frames, status 1 and a word of advice on dark ones."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_category import RECIPE, draw_part, golden_parts

from goldenpart.client import Client, NamedImage
from goldenpart.client.cli import main
from goldenpart.client.demo.process import ServerProcess

SEED, CATEGORY, DARK_FROM = 77, "drift-flange", 60


@pytest.fixture
def frames(client: Client, tmp_path: Path) -> Path:
    client.fit(CATEGORY, golden_parts(SEED), recipe=RECIPE)
    client.calibrate(CATEGORY, normal=[NamedImage(f"n{number}", draw_part(SEED, number)) for number in range(200, 230)])
    for number in range(DARK_FROM + 40):
        pixels = draw_part(SEED, 300 + number)
        shown = (pixels * 0.8).astype(np.uint8) if number >= DARK_FROM else pixels
        Image.fromarray(shown).save(tmp_path / f"{number:03d}.png")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return int(caught.value.code or 0), printed.out, printed.err


def test_replays_a_folder(
    frames: Path, client: Client, server_process: ServerProcess, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOLDENPART_SERVER", server_process.address)
    status, out, err = run(capsys, "drift", CATEGORY, frames / "0[0-5]*.png")
    assert (status, len(out.splitlines())) == (0, DARK_FROM), err
    status, out, err = run(capsys, "drift", CATEGORY, frames)
    told = [line for line in out.splitlines() if line.startswith("DRIFT")]
    assert (status, len(told), err.strip()) == (1, 1, "100 frames, 1 alarms, 0 not inspected")
    assert any(word in told[0] for word in ("brightness", "brightest spot"))
    status, out, _ = run(capsys, "drift", CATEGORY, frames, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    [alarm] = [row["alarm"] for row in rows if row["alarm"]]
    assert status == 1
    assert abs(int(alarm["since_frame"].removesuffix(".png")) - DARK_FROM) <= 5
    assert (rows[0]["reason"], rows[0]["message"]) == (None, "")
    assert rows[0]["statistics"]["brightness"]["value"] > rows[-1]["statistics"]["brightness"]["value"] > 0
    placed = client.get_revision(CATEGORY)
    assert placed.calibration is not None
    assert rows[0]["evidence"].keys() == rows[-1]["evidence"].keys()


def test_a_frame_that_was_not_inspected_is_told_with_its_reason(
    frames: Path, server_process: ServerProcess, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOLDENPART_SERVER", server_process.address)
    (frames / "001.png").write_bytes((frames / "001.png").read_bytes()[:-50])
    (frames / "002.png").unlink()
    (frames / "002.png").symlink_to("/proc/self/mem")  # a file whose first byte not even root can read
    status, out, err = run(capsys, "drift", CATEGORY, frames / "00*.png")
    cells = [line.split("\t") for line in out.splitlines()]
    assert (status, err.strip()) == (2, "10 frames, 0 alarms, 2 not inspected")
    assert [len(row) for row in cells] == [5, 6, 6, *[5] * 7]
    assert cells[1][5].startswith("UNDECODABLE: ")
    assert cells[2][5] == "INVALID_FRAME: the file cannot be read: Input/output error"
    _, out, _ = run(capsys, "drift", CATEGORY, frames / "00*.png", "--json")
    row = json.loads(out.splitlines()[1])
    assert (row["verdict"], row["reason"], row["statistics"]) == ("NOT_INSPECTED", "UNDECODABLE", None)
    assert cells[1][5] == f"UNDECODABLE: {' '.join(row['message'].split())}"
