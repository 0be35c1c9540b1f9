"""`goldenpart` against a real server with real files: what it prints, what it writes, how it ends."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tiny_category import SIDE_PX, draw_defect, draw_part

from goldenpart.client.cli import main
from goldenpart.client.demo.process import ServerProcess

SEED, CATEGORY = 51, "cli-flange"
TINY = ["--set", "resolution_px=64", "--set", "coreset_vectors=500"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders golden/ (8 PNG files), normal/ (19 BMP files), good/ and bad/ (2 JPEG files each)."""
    root = tmp_path_factory.mktemp("pictures")
    for folder, numbers, suffix in (("golden", range(8), "png"), ("normal", range(200, 219), "bmp"), ("good", range(102, 104), "png")):
        (root / folder).mkdir()
        for number in numbers:
            Image.fromarray(draw_part(SEED, number)).save(root / folder / f"{number}.{suffix}")
    (root / "bad").mkdir()
    for number in (300, 301):
        Image.fromarray(draw_defect(SEED, number)).save(root / "bad" / f"{number}.jpg", quality=95)
    return root


@dataclass(frozen=True)
class Run:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@dataclass(frozen=True)
class CommandLine:
    """Runs commands against the server."""

    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: object) -> Run:
        self.capture.readouterr()
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        printed = self.capture.readouterr()
        return Run(int(caught.value.code or 0), printed.out, printed.err)

    def done(self, *arguments: object) -> Run:
        run = self(*arguments)
        assert run.status == 0, run.stderr
        return run


@pytest.fixture
def goldenpart(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, server_process: ServerProcess) -> CommandLine:
    monkeypatch.setenv("GOLDENPART_SERVER", server_process.address)
    monkeypatch.setenv("NO_COLOR", "1")
    return CommandLine(capsys)


@pytest.fixture
def onboarded(goldenpart: CommandLine, pictures: Path) -> Iterator[Run]:
    """The category, fitted from 6 of its 8 golden parts."""
    yield goldenpart.done("fit", CATEGORY, pictures / "golden", "--shots", 6, "--seed", 1, *TINY, "--json")
    goldenpart.done("categories", "delete", CATEGORY, "--yes")


def test_the_way_of_a_category(goldenpart: CommandLine, onboarded: Run, pictures: Path, tmp_path: Path) -> None:
    fitted = onboarded.json["revision"]
    assert (fitted["category"], fitted["state"], len(fitted["golden_parts"])) == (CATEGORY, "ACTIVE", 6)
    assert fitted["recipe"]["resolution_px"] == 64
    first = fitted["revision"]

    calibrated = goldenpart.done("calibrate", CATEGORY, "--normal", pictures / "normal", "--defective", pictures / "bad", "--json").json
    second = calibrated["revision"]["revision"]
    assert calibrated["revision"]["calibration"]["normals"] == 19
    assert calibrated["revision"]["calibration"]["auroc"] == 1.0

    overlays = tmp_path / "overlays"
    run = goldenpart("inspect", CATEGORY, pictures / "good", pictures / "bad", "--overlay", overlays, "--regions", "--json")
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.status == 1
    assert [(Path(line["path"]).name, line["verdict"]) for line in lines] == [
        ("102.png", "PASS"),
        ("103.png", "PASS"),
        ("300.jpg", "FAIL"),
        ("301.jpg", "FAIL"),
    ]
    assert all(line["regions"] for line in lines[2:])
    assert {line["revision"] for line in lines} == {second}
    assert sorted(path.name for path in overlays.iterdir()) == ["102.PASS.png", "103.PASS.png", "300.FAIL.png", "301.FAIL.png"]
    for path in overlays.iterdir():
        with Image.open(path) as overlay:
            overlay.load()
            assert overlay.format == "PNG"
            assert min(overlay.size) >= SIDE_PX
    assert goldenpart.done("inspect", CATEGORY, pictures / "good").status == 0

    listed = goldenpart.done("revisions", "list", CATEGORY, "--json").json
    assert [(one["revision"], one["state"]) for one in listed] == [(second, "ACTIVE"), (first, "STAGED")]
    activated = goldenpart.done("revisions", "activate", CATEGORY, first, "--json").json
    assert (activated["category"]["active_revision"], activated["previous_revision"]) == (first, second)
    shown = goldenpart.done("categories", "show", CATEGORY, "--json").json
    assert (shown["active_revision"], shown["revision_count"]) == (first, 2)

    file = tmp_path / "flange.tar"
    written = goldenpart.done("revisions", "export", CATEGORY, file, "--revision", second, "--json").json
    assert written["bytes"] == file.stat().st_size > 100_000
    imported = goldenpart.done("revisions", "import", file, "--category", f"{CATEGORY}-2", "--json").json
    assert imported["bank_digest"] == fitted["bank_digest"]
    assert CATEGORY in {one["category"] for one in goldenpart.done("categories", "list", "--json").json}
    goldenpart.done("categories", "delete", f"{CATEGORY}-2", "--yes")


def test_people_get_tables(goldenpart: CommandLine, onboarded: Run, pictures: Path) -> None:
    first = onboarded.json["revision"]["revision"]
    assert CATEGORY in goldenpart.done("categories", "list").stdout
    assert "ACTIVE" in goldenpart.done("revisions", "list", CATEGORY).stdout
    shown = goldenpart.done("revisions", "show", CATEGORY).stdout
    active = json.loads(goldenpart.done("revisions", "list", CATEGORY, "--json").stdout)[0]["revision"]
    assert goldenpart.done("revisions", "show", CATEGORY, active).stdout == shown
    assert [word for word in (first, "TOLERANCE_LIMIT", "resolution_px=64", "normally distributed") if word not in shown] == []
    assert "compact" in goldenpart.done("info").stdout
    run = goldenpart("inspect", CATEGORY, pictures / "bad")
    assert run.stdout.count("FAIL") == 2
    assert run.stderr.strip() == "2 inspected: 2 FAIL"


def test_stdout_holds_json_and_nothing_else(server_process: ServerProcess, onboarded: Run, pictures: Path) -> None:
    """As a process of its own, with all that a library might print."""
    assert onboarded.status == 0
    code = "from goldenpart.client.cli import main; main()"
    command = [sys.executable, "-c", code, "calibrate", CATEGORY, "--normal", str(pictures / "normal"), "--json"]
    ended = subprocess.run(command, env={"GOLDENPART_SERVER": server_process.address}, capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout)["revision"]["calibration"]["normals"] == 19
    assert ended.stderr == ""


def test_what_cannot_be_inspected_ends_with_status_2(goldenpart: CommandLine, onboarded: Run, pictures: Path, tmp_path: Path) -> None:
    assert onboarded.status == 0
    broken = tmp_path / "broken.png"
    broken.write_bytes((pictures / "golden" / "0.png").read_bytes()[:-50])
    run = goldenpart("inspect", CATEGORY, broken, pictures / "good", "--json")
    assert run.status == 2
    assert [json.loads(line)["verdict"] for line in run.stdout.splitlines()] == ["NOT_INSPECTED", "PASS", "PASS"]
    assert json.loads(run.stdout.splitlines()[0])["reason"] == "UNDECODABLE"


ERRORS: dict[str, tuple[list[str], list[str]]] = {
    "category name": (["fit", "Bad!", "{golden}"], ["'Bad!'", "1 to 63", "[INVALID_CATEGORY_NAME]"]),
    "knob": (["fit", "cli-x", "{golden}", "--set", "resolution_px=16"], ["16", "32 to 2048", "[INVALID_RECIPE]"]),
    "too few normals": (["calibrate", CATEGORY, "--normal", "{good}"], ["19 are needed, 17 more", "[RATE_NOT_ATTAINABLE]"]),
    "golden part": (["calibrate", CATEGORY, "--normal", "{golden}"], ["is golden part", "[IMAGE_IN_BANK]"]),
    "no such category": (["calibrate", "cli-nobody", "--normal", "{good}"], ["cli-nobody", "[UNKNOWN_CATEGORY]"]),
    "no such revision": (["revisions", "activate", CATEGORY, "r9999"], ["r9999", "[UNKNOWN_REVISION]"]),
    "no such folder": (["fit", "cli-x", "/nowhere/at/all"], ["/nowhere/at/all does not exist"]),
    "no export": (["revisions", "import", "{golden}/0.png"], ["no tar file", "[ARCHIVE_DAMAGED]"]),
    "stale": (["revisions", "activate", CATEGORY, "{first}", "--etag", "stale"], ["'stale'", "[ETAG_MISMATCH]"]),
}


def test_errors_are_one_line_on_stderr(goldenpart: CommandLine, onboarded: Run, pictures: Path) -> None:
    words_for = {"first": onboarded.json["revision"]["revision"], **{name: str(pictures / name) for name in ("golden", "good")}}
    for name, (arguments, words) in ERRORS.items():
        run = goldenpart(*(argument.format(**words_for) for argument in arguments), "--json")
        assert (name, run.status, run.stdout) == (name, 2, "")
        assert run.stderr.startswith("error: ")
        assert run.stderr.count("\n") == 1
        assert [word for word in words if word not in run.stderr] == [], run.stderr


def test_a_server_that_is_not_there_is_named(goldenpart: CommandLine, pictures: Path) -> None:
    for arguments in (["info"], ["fit", "part", pictures / "golden"], ["inspect", "part", pictures / "good"]):
        run = goldenpart(*arguments, "--server", "127.0.0.1:1")
        assert (run.status, run.stdout) == (2, "")
        assert "no Goldenpart server answers at 127.0.0.1:1" in run.stderr
        assert "goldenpart-server" in run.stderr
