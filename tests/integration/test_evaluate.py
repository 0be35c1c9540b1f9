"""`goldenpart evaluate` against a real server: figures, files, going on after an interrupt, leaks."""

import csv
import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score
from tiny_category import draw_defect, draw_part

from goldenpart.client import Client, GoldenpartError, Recipe, Unavailable
from goldenpart.client.channel import DEFAULT_ADDRESS
from goldenpart.client.cli import main
from goldenpart.client.demo.process import ServerProcess
from goldenpart.client.evaluation.errors import LeakError
from goldenpart.client.evaluation.results import Evaluation, Run, RunKey
from goldenpart.client.evaluation.runner import Plan, evaluate
from goldenpart.client.evaluation.server import evaluation_server
from goldenpart.client.recipe import Detector
from goldenpart.client.revisions import Progress

SEED = 77
TINY = ["--set", "resolution_px=64", "--set", "coreset_vectors=500"]
RECIPE = Recipe(resolution_px=64, coreset_vectors=500)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One category in MVTec layout: 30 to learn from, 6 good and 4 defective ones to test, 3 of them with masks."""
    folder = tmp_path_factory.mktemp("data") / "stripes"
    for split, numbers in (("train", range(30)), ("test", range(100, 106))):
        (folder / split / "good").mkdir(parents=True)
        for number in numbers:
            Image.fromarray(draw_part(SEED, number)).save(folder / split / "good" / f"{number:03}.png")
    (folder / "test" / "blot").mkdir()
    (folder / "ground_truth" / "blot").mkdir(parents=True)
    for number in range(200, 204):
        pixels = draw_defect(SEED, number)
        Image.fromarray(pixels).save(folder / "test" / "blot" / f"{number}.png")
        if number < 203:
            mask = (pixels == 255).all(axis=2)
            Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "ground_truth" / "blot" / f"{number}_mask.png")
    return folder


@dataclass
class Notes:
    """A watcher that writes down what it is told; stops the evaluation where it is asked to."""

    stop_at: tuple[int, int] | None = None
    finished_runs: list[tuple[RunKey, bool]] = field(default_factory=list)
    number: int = 0
    stages: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)

    def reading(self, category: str, done: int, total: int) -> None: ...

    def started(self, key: RunKey, number: int, total: int) -> None:
        self.number = number

    def onboarding(self, progress: Progress) -> None:
        self.stages.add(progress.stage)

    def inspected(self, done: int, total: int) -> None:
        if self.stop_at == (self.number, done):
            raise KeyboardInterrupt

    def finished(self, run: Run, *, found: bool) -> None:
        self.finished_runs.append((run.key, found))

    def warned(self, message: str) -> None:
        self.warnings.append(message)


def leftovers(client: Client) -> list[str]:
    return [category.category for category in client.list_categories() if category.category.startswith("evaluate-")]


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", *map(str, arguments)])
    printed = capsys.readouterr()
    return int(caught.value.code or 0), printed.out, printed.err


def test_what_was_wrongly_rejected_is_explained_beside_a_golden_part(
    server_process: ServerProcess, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report"
    options = (dataset, "--shots", "4", "--report", report, *TINY, "--false-reject-rate", "0.5", "--server", server_process.address)
    status, out, err = command(capsys, *options, "--json")
    assert status == 0, err
    images = json.loads(out)["runs"][0]["images"]
    rejected = [image for image in images if image["verdict"] == "FAIL" and not image["defective"]]
    assert 1 <= len(rejected) <= 6, "every second good part is rejected, as asked for"
    explained = [image for image in rejected if image["comparison"]]
    assert explained, "a region reaches the limit in at least one of them"
    for image in explained:
        assert re.search(r"the limit, distance [\d.]+ where good parts reach .*; nearest: golden \d", image["explanation"])
        with Image.open(report / image["comparison"]) as picture:
            assert picture.width > 600
    assert not any(image["explanation"] for image in images if image["verdict"] == "PASS" and not image["defective"]), "the right ones"
    page = (report / "report.html").read_text()
    assert page.count('class="comparison"') == len(explained)
    assert all(html.escape(image["explanation"]) in page for image in explained)


def test_the_command_measures_and_writes(
    server_process: ServerProcess, client: Client, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report"
    options = (dataset, "--shots", "4,all", "--seeds", "0,1", "--report", report, *TINY, "--server", server_process.address)
    status, out, err = command(capsys, *options, "--json")
    assert status == 0, err
    found: dict[str, Any] = json.loads(out)
    assert found == json.loads((report / "results.json").read_text())
    assert [(run["key"]["shots"], run["key"]["seed"]) for run in found["runs"]] == [(4, 0), (4, 1), (30, 0)]
    assert [(run["calibration"]["method"], run["calibration"]["from_fit"]) for run in found["runs"]][1:] == [
        ("CONFORMAL", False),
        ("LEAVE_ONE_OUT", True),
    ]
    assert "stripes, all (30) shots: only 0 good images remain beside the golden parts" in err
    checked = subprocess.run(["sha256sum", "--check", "--quiet", report / "manifests" / "stripes.sha256"], cwd=dataset, check=False)
    assert checked.returncode == 0
    assert len((report / "manifests" / "stripes.sha256").read_text().splitlines()) > len(found["runs"][0]["images"])
    for run in found["runs"]:
        check_run(run)
        assert all((report / image["heat_thumbnail"]).is_file() for image in run["images"])
    assert set(found["runs"][0]["golden"]) & set(found["runs"][0]["calibration_images"]) == set()
    assert found["runs"][0]["golden"] != found["runs"][1]["golden"]
    with (report / "images.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    assert {row["defect_type"] for row in rows} == {"good", "blot"}
    with (report / "summary.csv").open(newline="") as file:
        summary = list(csv.DictReader(file))
    assert [(row["category"], row["shots"], row["seeds"], row["leaks"]) for row in summary] == [
        ("stripes", "4", "2", "0"),
        ("stripes", "all (30)", "1", "0"),
    ]
    page = (report / "report.html").read_text()
    assert page.count("<svg") > 10
    markdown = (report / "summary.md").read_text()
    partly = "stripes, 4, all (30) shots: no mask marks the defect in 1 of 4 defective test images"
    assert (err.count(partly), markdown.count(partly), page.count(partly)) == (1, 1, 1)
    assert page.count("mask marks the defect") == 1
    assert [word for word in ("AUPIMO", "6 good + 4 defective", "LEAVE_ONE_OUT (from Fit)", "cores") if word not in markdown] == []
    assert leftovers(client) == []

    status, out, err = command(capsys, *options)
    assert status == 0
    assert err.count("(finished before)") == 3
    assert "image AUROC" in out


def test_broken_and_contradictory_images_are_warned_of_everywhere(
    server_process: ServerProcess, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    doubtful, report = tmp_path / "stripes", tmp_path / "report"
    shutil.copytree(dataset, doubtful)
    Image.fromarray(draw_part(SEED, 300)).save(doubtful / "whole.jpg")
    (doubtful / "test" / "good" / "300.jpg").write_bytes((doubtful / "whole.jpg").read_bytes()[:-60])
    shutil.copy(doubtful / "test" / "blot" / "203.png", doubtful / "test" / "good" / "203.png")
    for mask in (doubtful / "ground_truth" / "blot").iterdir():
        mask.rename(mask.with_suffix(".PNG"))
    options = (doubtful, "--shots", "4", "--report", report, "--bootstrap", "0", *TINY, "--server", server_process.address)
    status, out, err = command(capsys, *options)
    assert (status, "AUPRO" in out) == (0, True), err
    warnings = (
        "stripes, 4 shots: 1 of 12 test images was not inspected and counted in no figure: test/good/300.jpg (UNDECODABLE)",
        "stripes, 4 shots: the same pixels are labelled good and defective, 1 pair: test/good/203.png = test/blot/203.png",
    )
    for text in (err, (report / "summary.md").read_text(), html.unescape((report / "report.html").read_text())):
        assert [text.count(warning) for warning in warnings] == [1, 1]
    with (report / "images.csv").open(newline="") as file:
        (row,) = [row for row in csv.DictReader(file) if row["path"] == "test/good/300.jpg"]
    assert (row["verdict"], row["reason"]) == ("NOT_INSPECTED", "UNDECODABLE")
    assert (row["score"], row["threshold"], row["p_value"]) == ("", "", "")


def check_run(run: dict[str, Any]) -> None:
    """What a run says against the scores that it lists."""
    truth = [image["defective"] for image in run["images"]]
    scores = [image["score"] for image in run["images"]]
    assert run["image"]["auroc"]["value"] == pytest.approx(roc_auc_score(truth, scores))
    assert run["image"]["average_precision"]["value"] == pytest.approx(average_precision_score(truth, scores))
    assert run["image"]["auroc"]["interval"]["low"] <= run["image"]["auroc"]["value"] <= run["image"]["auroc"]["interval"]["high"]
    confusion = run["image"]["operating_point"]["confusion"]
    fails = [image["verdict"] == "FAIL" for image in run["images"]]
    assert confusion["true_positives"] == sum(fail and bad for fail, bad in zip(fails, truth, strict=True)) == 4
    assert confusion["false_positives"] == sum(fail and not bad for fail, bad in zip(fails, truth, strict=True))
    assert [kind["defect_type"] for kind in run["image"]["defect_types"]] == ["blot"]
    pixel = run["pixel"]
    assert (pixel["images"], len(pixel["aupimo_images"])) == (9, 3), "the image without a mask counts for images alone"
    assert pixel["auroc"] > 0.8
    assert pixel["aupro"] > 0.5
    assert set(pixel["intervals"]) == {"auroc", "average_precision", "f1_max", "iou", "aupro", "aupro_005", "aupimo"}
    assert all(0 <= ends["low"] <= ends["high"] <= 1 for ends in pixel["intervals"].values())
    assert run["latency"]["frames"] == 10
    assert 0 < run["latency"]["total_p50_s"] <= run["latency"]["total_p99_s"]


def test_an_interrupt_leaves_finished_runs_and_no_category(client: Client, dataset: Path, tmp_path: Path) -> None:
    plan = Plan(dataset, shots=(2, 3), recipe=RECIPE, report=tmp_path, bootstrap=0)
    with pytest.raises(KeyboardInterrupt):
        evaluate(client, plan, Notes(stop_at=(2, 3)))
    assert leftovers(client) == []
    notes = Notes()
    found: Evaluation = evaluate(client, plan, notes)
    assert [(key.shots, was_found) for key, was_found in notes.finished_runs] == [(2, True), (3, False)]
    assert [run.key.shots for run in found.runs] == [2, 3]
    assert {"RECEIVING", "EMBEDDING"} <= notes.stages

    again = Notes()
    assert evaluate(client, plan, again).runs == found.runs
    assert all(was_found for _, was_found in again.finished_runs)
    other = Notes()
    evaluate(client, Plan(dataset, shots=(2,), recipe=Recipe(resolution_px=72), report=tmp_path, bootstrap=0), other)
    assert [was_found for _, was_found in other.finished_runs] == [False], "another recipe is another run"


@pytest.mark.parametrize("detector", Detector)
def test_every_detector_can_be_evaluated(client: Client, dataset: Path, detector: Detector) -> None:
    notes, recipe = Notes(), Recipe(resolution_px=64, coreset_vectors=500, detector=detector, autoencoder_steps=50)
    evaluate(client, Plan(dataset, shots=(2,), recipe=recipe, bootstrap=0), notes)
    assert [key.shots for key, _ in notes.finished_runs] == [2]


def test_an_ensemble_skips_what_one_golden_part_cannot_do(client: Client, dataset: Path) -> None:
    notes, recipe = Notes(), Recipe(resolution_px=64, coreset_vectors=500, detector=Detector.ENSEMBLE)
    found = evaluate(client, Plan(dataset, shots=(1, 2), recipe=recipe, bootstrap=0), notes)
    assert [run.key.shots for run in found.runs] == [2]
    assert [(skipped.shots, skipped.why) for skipped in found.skipped] == [(1, "an ensemble learns from at least 2 golden parts, not 1")]


def test_reused_features_give_the_same_figures_and_no_times(
    server_process: ServerProcess, client: Client, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (dataset, "--shots", "4", "--seeds", "0", *TINY, "--server", server_process.address, "--json", "--report", tmp_path)
    [plain] = json.loads(command(capsys, *options)[1])["runs"]
    [reused] = json.loads(command(capsys, *options, "--reuse-features")[1])["runs"]
    assert plain["latency"] is not None
    assert reused["latency"] is None
    assert reused["key"]["protocol_digest"] != plain["key"]["protocol_digest"], "a run without times is not taken for one with them"
    assert [one["score"] for one in reused["images"]] == pytest.approx([one["score"] for one in plain["images"]], rel=1e-4)
    assert (tmp_path / "report.html").is_file(), "the page does without times"


def test_a_leak_is_refused_or_marked_everywhere(
    server_process: ServerProcess, client: Client, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leaking = tmp_path / "stripes"
    shutil.copytree(dataset, leaking)
    with Image.open(leaking / "train" / "good" / "007.png") as image:
        image.save(leaking / "test" / "good" / "106.bmp")
    plan = Plan(leaking, shots=(None,), recipe=RECIPE, bootstrap=0)
    with pytest.raises(LeakError, match=r"test/good/106.bmp = train/good/007.png \(golden\)"):
        evaluate(client, plan, Notes())
    report = tmp_path / "report"
    options = (leaking, "--shots", "all", "--report", report, "--bootstrap", "0", *TINY, "--server", server_process.address)
    status, out, err = command(capsys, *options)
    assert (status, out) == (2, "")
    assert "--allow-leak" in err
    status, out, err = command(capsys, *options, "--allow-leak")
    assert status == 0, err
    assert "LEAK" in out
    assert "LEAK" in err
    assert "LEAK" in (report / "summary.md").read_text()
    assert (report / "summary.csv").read_text().rstrip().endswith(",1")
    assert ",golden" in next(line for line in (report / "images.csv").read_text().splitlines() if "106.bmp" in line)
    results = json.loads((report / "results.json").read_text())
    assert results["leak_allowed"]
    assert results["runs"][0]["leaks"] == [{"test": "test/good/106.bmp", "seen": "train/good/007.png", "role": "golden"}]


def test_runs_that_cannot_be_are_skipped_with_the_reason(
    server_process: ServerProcess, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--bootstrap", "0", *TINY, "--server", server_process.address, "--json")
    status, out, err = command(capsys, dataset, "--shots", "2,31", *options)
    assert status == 0, err
    found = json.loads(out)
    assert len(found["runs"]) == 1
    assert found["skipped"] == [
        {"category": "stripes", "shots": 31, "why": "stripes has 30 distinct good training images, fewer than 31 shots"}
    ]
    assert "skipped" in err
    assert command(capsys, dataset, "--shots", "31", *options)[0] == 2


def run_command(dataset: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from goldenpart.client.cli import main; main()",
            "evaluate",
            str(dataset),
            "--shots",
            "4",
            *TINY,
            *arguments,
        ],
        env={**{name: value for name, value in os.environ.items() if not name.startswith("GOLDENPART_")}, "GOLDENPART_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(holds: Callable[[], bool], process: subprocess.Popen[str], limit_s: float = 120.0) -> None:
    """Look again and again, ever less often, until something holds that the process does."""
    end_s, pause_s = time.monotonic() + limit_s, 0.01
    while not holds():
        assert process.poll() is None, "it ended before"
        assert time.monotonic() < end_s
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.2)


def children(process: subprocess.Popen[str]) -> list[int]:
    return [int(pid) for tasks in Path(f"/proc/{process.pid}/task").glob("*/children") for pid in tasks.read_text().split()]


def test_sigterm_leaves_no_category_on_a_server(server_process: ServerProcess, client: Client, dataset: Path) -> None:
    process = run_command(dataset, "--server", server_process.address)
    until(lambda: bool(leftovers(client)), process)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (130, False), err
    assert leftovers(client) == []


def test_sigterm_ends_the_server_that_was_started(dataset: Path) -> None:
    with Client(DEFAULT_ADDRESS) as other:
        try:
            other.wait_until_ready(0.5)
        except GoldenpartError:
            pass
        else:
            pytest.skip(f"a server answers at {DEFAULT_ADDRESS}; no other one would be started")
    process = run_command(dataset)
    until(lambda: bool(children(process)), process)
    (server,) = children(process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (130, False), err
    assert not Path(f"/proc/{server}").exists()


def test_without_an_address_a_server_is_started_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOLDENPART_THREADS", "1")
    told: list[str] = []
    with evaluation_server(None, None, told.append, default_address="127.0.0.1:1") as client:
        address = client.address
        assert client.server_info().limits.golden_parts > 0
    assert told == ["no server answers at 127.0.0.1:1; starting one for this evaluation"]
    with Client(address) as gone, pytest.raises(Unavailable):
        gone.get_category("any")


def test_a_server_that_runs_is_used(server_process: ServerProcess) -> None:
    told: list[str] = []
    with evaluation_server(None, None, told.append, default_address=server_process.address) as client:
        assert client.address == server_process.address
    assert told == []
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"), evaluation_server("127.0.0.1:1", None, told.append):
        pass
    assert told == []
