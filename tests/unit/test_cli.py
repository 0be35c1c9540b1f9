import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_client_canned_server import CannedServer, canned
from typer.testing import CliRunner

from goldenpart.client.cli.app import app, main
from goldenpart.client.cli.fit import make_mask, make_recipe
from goldenpart.client.cli.inspection_view import JsonLines
from goldenpart.client.cli.knobs import knobs, polygon
from goldenpart.client.recipe import Coreset, Metric, Preset, Recipe
from goldenpart.client.results import Inspection, NotInspectedReason, Verdict
from goldenpart.v1 import inspection_pb2

__all__ = ["canned"]
PASS, FAIL = inspection_pb2.VERDICT_PASS, inspection_pb2.VERDICT_FAIL
REVIEW, NOT_INSPECTED = inspection_pb2.VERDICT_REVIEW, inspection_pb2.VERDICT_NOT_INSPECTED


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GOLDENPART_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    for name in ("a/1.png", "b/1.png", "b/2.jpg"):
        path = tmp_path / "parts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "parts"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "flange"], "Missing argument"),
        (["calibrate", "flange"], "Missing option '--normal'"),
        (["calibrate", "flange", "--normal", "x", "--method", "guess"], "'guess' is not one of"),
        (["fit", "flange", "x", "--shots", "many"], "Invalid value for '--shots'"),
        (["inspect", "flange", "x", "--bogus"], "No such option: --bogus"),
        (["fit", "flange", "x", "--mask", "nowhere.png"], "does not exist"),
        (["frobnicate"], "No such command"),
    ],
)
def test_wrong_arguments_are_told_on_stderr(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "command", [[], ["fit"], ["calibrate"], ["inspect"], ["categories"], ["categories", "delete"], ["revisions"], ["info"], ["evaluate"]]
)
def test_every_command_has_help(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage: " in result.stdout


def test_settings_are_read_by_the_knob() -> None:
    read = knobs(
        ["coreset=greedy", "Metric=COSINE", "neighbours= 3 ", "layers=2,3", "rotations_deg=0,90", "coreset-ratio=0.1", "backbone=compact"]
    )
    assert read == {
        "coreset": Coreset.GREEDY,
        "metric": Metric.COSINE,
        "neighbours": 3,
        "layers": (2, 3),
        "rotations_deg": (0.0, 90.0),
        "coreset_ratio": 0.1,
        "backbone": "compact",
    }


def test_every_knob_but_the_preset_can_be_set() -> None:
    with pytest.raises(ValueError, match="there are") as caught:
        knobs(["qqq=1"])
    assert set(re.findall(r"\w+", str(caught.value).partition("there are")[2])) == set(Recipe.__dataclass_fields__) - {"preset"}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("neighbors=3", "no knob 'neighbors'; did you mean neighbours?"),
        ("neighbours", "'neighbours' is not of the form knob=value"),
        ("neighbours=3.5", "neighbours: '3.5' is not a whole number"),
        ("coreset_ratio=half", "coreset_ratio: 'half' is not a number"),
        ("metric=manhattan", "metric: 'manhattan' is none of cosine, centred_cosine, euclidean"),
    ],
)
def test_wrong_settings_are_explained(setting: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        knobs([setting])


def test_recipe_and_mask_of_the_options() -> None:
    assert make_recipe(Preset.SEED, ["neighbours=3"], "0,90") == Recipe(preset=Preset.SEED, neighbours=3, rotations_deg=(0.0, 90.0))
    with pytest.raises(ValueError, match="mean the same"):
        make_recipe(Preset.DEFAULT, ["rotations_deg=0"], "0,90")
    assert make_mask(None, [], []) is None
    mask = make_mask(None, [], ["0,0 0.5,0 0,1"])
    assert mask is not None
    assert mask.ignore == (((0.0, 0.0), (0.5, 0.0), (0.0, 1.0)),)


@pytest.mark.parametrize("text", ["0,0 1,1", "0,0 1,1 2,0", "0,0 1,1 0.5", "a,b c,d e,f"])
def test_wrong_polygons_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a (polygon|number)"):
        polygon(text)


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [([PASS, PASS, PASS], 0), ([PASS, FAIL, PASS], 1), ([PASS, PASS, REVIEW], 1), ([FAIL, NOT_INSPECTED, PASS], 2)],
)
def test_exit_status_of_inspect(
    canned: CannedServer, parts: Path, capsys: pytest.CaptureFixture[str], verdicts: list[inspection_pb2.Verdict], status: int
) -> None:
    remaining = iter(verdicts)
    canned.verdict_of = lambda _: next(remaining)
    assert run("inspect", "flange", parts, "--server", canned.address) == status
    told = capsys.readouterr()
    names = [inspection_pb2.Verdict.Name(verdict).removeprefix("VERDICT_") for verdict in verdicts]
    assert [line.split("\t")[1] for line in told.out.splitlines()] == names
    assert told.err.startswith("3 inspected: ")


def test_inspect_prints_json_lines(canned: CannedServer, parts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    canned.verdict_of = lambda frame: FAIL if frame.image.encoded == b"b/1.png" else PASS
    assert run("inspect", "flange", parts, "--json", "--server", canned.address) == 1
    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert [(line["path"], line["verdict"], line["score"]) for line in lines] == [
        (str(parts / "a/1.png"), "PASS", 0.25),
        (str(parts / "b/1.png"), "FAIL", 0.25),
        (str(parts / "b/2.jpg"), "PASS", 0.25),
    ]
    assert told.err == ""


@pytest.mark.parametrize(
    ("verdict", "reason", "figures"),
    [
        (Verdict.PASS, None, [0.25, 0.5, 0.75, 0.9]),
        (Verdict.NOT_INSPECTED, NotInspectedReason.UNDECODABLE, [None, None, None, None]),
        (Verdict.NOT_INSPECTED, NotInspectedReason.NOT_CALIBRATED, [0.25, None, None, None]),
    ],
)
def test_figures_that_were_not_found_are_null(
    capsys: pytest.CaptureFixture[str], verdict: Verdict, reason: NotInspectedReason | None, figures: list[float | None]
) -> None:
    JsonLines().add("a.png", Inspection("a", "flange", verdict, "", reason, "", 0.25, 0.5, p_value=0.75, confidence=0.9))
    row = json.loads(capsys.readouterr().out)
    assert [row[name] for name in ("score", "threshold", "p_value", "confidence")] == figures


def test_a_file_that_cannot_be_read_fails_alone(canned: CannedServer, parts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (parts / "a" / "2.png").symlink_to("/proc/self/mem")  # a file whose first byte not even root can read
    (parts / "a" / "3.png").symlink_to("nowhere")
    assert run("inspect", "flange", parts, parts / "a" / "3.png", "--server", canned.address) == 2
    told = capsys.readouterr()
    assert [line.split("\t")[1:] for line in told.out.splitlines()] == [
        ["PASS", "0.25", "0.5", "0"],
        ["NOT_INSPECTED", "-", "-", "-", "INVALID_FRAME: the file cannot be read: Input/output error"],
        ["NOT_INSPECTED", "-", "-", "-", "INVALID_FRAME: the file cannot be read: No such file or directory"],
        ["PASS", "0.25", "0.5", "0"],
        ["PASS", "0.25", "0.5", "0"],
    ]
    assert told.err == "5 inspected: 3 PASS, 2 NOT_INSPECTED\n"


@pytest.mark.parametrize("command", [["fit", "flange"], ["calibrate", "flange", "--normal"]])
def test_a_link_that_leads_nowhere_is_refused_where_all_files_count(
    canned: CannedServer, parts: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    (parts / "a" / "3.png").symlink_to("nowhere")
    assert run(*command, parts, "--server", canned.address) == 2
    assert capsys.readouterr().err == f"error: {parts / 'a' / '3.png'} is a link that leads nowhere; repair it or remove it\n"
    assert canned.calls == []


@pytest.mark.parametrize(
    "arguments", [["inspect", "flange", "{parts}"], ["inspect", "flange", "{parts}", "--json"], ["categories", "list"]]
)
def test_a_broken_pipe_has_a_status_of_its_own(canned: CannedServer, parts: Path, arguments: list[str]) -> None:
    canned.verdict_of = lambda _: FAIL
    ours, theirs = os.pipe()
    os.close(ours)
    code = "from goldenpart.client.cli import main; main()"
    command = [sys.executable, "-c", code, *(argument.format(parts=parts) for argument in arguments), "--server", canned.address]
    try:
        ended = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(theirs)
    assert ended.returncode == 141
    assert "Traceback" not in ended.stderr
    assert "BrokenPipe" not in ended.stderr


def test_overlays_do_not_overwrite_each_other(canned: CannedServer, parts: Path, tmp_path: Path) -> None:
    assert run("inspect", "flange", parts, "--overlay", tmp_path / "out", "--server", canned.address) == 0
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    start = canned.overlay
    assert written == {"1.PASS.png": start + b"a/1.png", "b-1.PASS.png": start + b"b/1.png", "2.PASS.png": start + b"b/2.jpg"}


def test_fit_samples_and_shows_the_revision(canned: CannedServer, parts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run("fit", "flange", parts, "--shots", 2, "--preset", "seed", "--set", "neighbours=3", "--stage", "--server", canned.address) == 0
    )
    config, *sent = canned.upload
    assert (config.config.recipe.preset, config.config.recipe.neighbours, config.config.stage_only) == (2, 3, True)
    assert len(sent) == 2
    told = capsys.readouterr()
    assert "r0001" in told.out
    assert told.err == "warning: few parts\n"


def test_calibrate_sends_both_labels(canned: CannedServer, parts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--normal", parts / "a", "--defective", parts / "b", "--method", "f1_max", "--json", "--server", canned.address)
    assert run("calibrate", "flange", *arguments) == 0
    config, *sent = canned.upload
    assert config.config.threshold.method == 3
    assert [(message.image.name, message.image.label) for message in sent] == [("1.png", 1), ("b-1.png", 2), ("2.jpg", 2)]
    assert json.loads(capsys.readouterr().out)["revision"]["revision"] == "r0001"


def test_categories_and_revisions(canned: CannedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told(*arguments: object) -> str:
        assert run(*arguments, "--server", canned.address) == 0
        return capsys.readouterr().out

    assert [one["category"] for one in json.loads(told("categories", "list", "--json"))] == [f"part-{index}" for index in range(7)]
    assert "part-6" in told("categories", "list")
    assert "e1" in told("categories", "show", "flange")
    assert json.loads(told("categories", "delete", "flange", "--yes", "--json")) == {"deleted": "flange"}
    assert canned.calls[-1][1].etag == "e1"  # type: ignore[attr-defined]
    assert told("revisions", "list", "flange").count("r000") == 2
    assert "r0002 is active (before: r0001)" in told("revisions", "activate", "flange", "r0002")
    told("revisions", "export", "flange", tmp_path / "flange.tar")
    assert json.loads(told("revisions", "import", tmp_path / "flange.tar", "--json"))["revision"] == "r0003"
    assert "deleted flange r0001" in told("revisions", "delete", "flange", "r0001", "--yes")
    assert "NOT_INSPECTED until" in told("revisions", "show", "flange")
    assert json.loads(told("info", "--json"))["limits"]["frames_per_call"] == 4


def test_nothing_is_deleted_without_a_yes(canned: CannedServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("categories", "delete", "flange", "--server", canned.address) == 2
    assert "confirm with --yes" in capsys.readouterr().err
    assert "DeleteCategory" not in canned.names_called()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info"], r"error: no Goldenpart server answers at 127\.0\.0\.1:1 .*`goldenpart-server`.* \[UNREACHABLE\]"),
        (["inspect", "flange", "nowhere"], "error: nowhere does not exist"),
        (["fit", "flange", "{parts}", "--shots", "9"], "error: 9 shots are wanted but only 3 images were found"),
        (["fit", "flange", "{parts}", "--set", "neighbors=3"], "error: there is no knob 'neighbors'; did you mean neighbours"),
        (["revisions", "export", "flange", "nowhere/flange.tar"], r"error: nowhere/flange\.tar: No such file or directory\n"),
    ],
)
def test_errors_are_one_line_on_stderr(parts: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert run(*(argument.format(parts=parts) for argument in arguments), "--server", "127.0.0.1:1") == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert re.match(message, told.err)
    assert told.err.count("\n") == 1


def test_server_comes_from_the_environment(
    canned: CannedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GOLDENPART_SERVER", canned.address)
    assert run("info") == 0
    assert canned.address in capsys.readouterr().out


def test_the_help_of_fit_names_every_knob(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    shown = "".join(capsys.readouterr().out.replace("│", "").split())
    assert [field for field in Recipe.__dataclass_fields__ if field != "preset" and field not in shown] == []
