"""`goldenpart tune` against a real server on drawn flanges, and the reuse of features that it rests on."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from metrics_page import scrape
from PIL import Image
from small_server import MakeSettings
from tiny_category import draw_defect, draw_part, golden_parts

from goldenpart.client import AsyncClient, Client, Frame, InspectOptions, NamedImage, Recipe
from goldenpart.client.cli import main
from goldenpart.client.cli.tune import check_targets
from goldenpart.client.demo.process import ServerProcess
from goldenpart.client.evaluation.datasets import LabelledImage
from goldenpart.client.evaluation.protocol import Draw
from goldenpart.client.evaluation.throwaway import throwaway_category
from goldenpart.client.parts.category_folder import FolderPlan, write_category_folder
from goldenpart.client.recipe import Detector
from goldenpart.client.tuning.bench import Bench
from goldenpart.client.tuning.halving import Rung
from goldenpart.client.tuning.knob_space import recipe_fixed
from goldenpart.client.tuning.results import TriedSetting
from goldenpart.client.tuning.search import Search
from goldenpart.client.tuning.setting import Setting
from goldenpart.server.app import running_server

FIXED = ["--set", "resolution_px=64", "--set", "coreset_vectors=300"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "flange"
    write_category_folder(folder, FolderPlan(train_good=26, test_good=12, defective=12, seed=5, size_px=128))
    return folder


async def test_reused_features_give_what_fresh_ones_give(make_settings: MakeSettings) -> None:
    recipe = Recipe(resolution_px=64, coreset_vectors=300, rotations_deg=(90.0,))
    frames = [draw_part(3, 100), draw_part(3, 101), draw_defect(3, 102)]
    normal = [NamedImage(f"normal-{number}", draw_part(3, number)) for number in range(200, 220)]
    async with running_server(make_settings()) as app, AsyncClient(app.address) as client:

        async def run(name: str, *, reuse: bool) -> tuple[str, list[float], list[float]]:
            fitted = await client.fit(name, golden_parts(3), recipe=recipe, reuse_features=reuse)
            calibrated = await client.calibrate(name, normal, reuse_features=reuse)
            options = InspectOptions(reuse_features=reuse)
            results = await client.inspect([Frame(str(n), name, pixels, options) for n, pixels in enumerate(frames)])
            assert calibrated.revision.calibration is not None
            return fitted.revision.bank_digest, list(calibrated.revision.calibration.normal_scores), [one.score for one in results]

        plain = await run("plain", reuse=False)
        page = await scrape(app.metrics_address)
        assert [page.value(f"goldenpart_features_{name}") for name in ("bytes", "hits", "misses")] == [0, 0, 0], "nobody asked for it"
        read = await run("read", reuse=True)
        page = await scrape(app.metrics_address)
        pictures = 6 * 2 + 20 + 3
        assert page.value("goldenpart_features_misses") == pictures
        assert page.value("goldenpart_features_bytes") > 0
        before = page.value("goldenpart_features_hits")
        found = await run("found", reuse=True)
        page = await scrape(app.metrics_address)
        assert page.value("goldenpart_features_misses") == pictures, "every picture had been read"
        assert page.value("goldenpart_features_hits") >= before + pictures
    assert found == read, "the same numbers, bit by bit, bank included"
    assert read[1] == pytest.approx(plain[1], rel=1e-4), "batches of other sizes round otherwise, see RememberingBackbone"
    assert read[2] == pytest.approx(plain[2], rel=1e-4)


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main([*map(str, arguments)])
    printed = capsys.readouterr()
    return int(caught.value.code or 0), printed.out, printed.err


def leftovers(client: Client) -> list[str]:
    return [category.category for category in client.list_categories() if category.category.startswith("evaluate-")]


def test_the_command_searches_proves_and_writes_a_recipe_that_fit_takes(
    server_process: ServerProcess, client: Client, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, recipe, address = tmp_path / "report", tmp_path / "made" / "recipe.json", server_process.address
    options = ("--shots", "4", "--budget", "6", "--report", report, "--write", recipe, *FIXED, "--server", address)
    status, out, err = command(capsys, "tune", dataset, *options, "--json")
    assert status == 0, err
    found: dict[str, Any] = json.loads(out)
    assert found == json.loads((report / "tuning.json").read_text())
    check_tuning(found)
    assert "rung 1 of 1: 6 fits on" in err
    assert "best of 42 ways to score" in err
    page = (report / "tuning.html").read_text()
    finalists = [one for one in found["settings"] if one["milliseconds"] is not None]
    assert page.count("<circle") == len(finalists)
    assert not re.search(r'(src|href)="?http', page), "it refers to nothing outside itself"
    knobs = json.loads(recipe.read_text())
    assert (knobs["resolution_px"], knobs["preset"]) == (64, "default")
    status, out, err = command(capsys, "fit", "tuned", dataset / "train" / "good", "--recipe", recipe, "--server", address, "--json")
    assert status == 0, err
    fitted = json.loads(out)["revision"]["recipe"]
    assert {name: fitted[name] for name in ("resolution_px", "coreset_vectors")} == {"resolution_px": 64, "coreset_vectors": 300}
    client.delete_category("tuned")
    assert leftovers(client) == []


def test_a_broken_test_image_is_left_out_and_named(
    server_process: ServerProcess, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "flange"
    shutil.copytree(dataset, folder)
    whole = tmp_path / "whole.jpg"
    Image.fromarray(draw_part(3, 100)).save(whole)
    broken = folder / "test" / "good" / "broken.jpg"
    broken.write_bytes(whole.read_bytes()[:-60])
    options = ("--shots", "4", "--budget", "2", "--validation-share", "0.2", *FIXED, "--server", server_process.address, "--json")
    status, out, err = command(capsys, "tune", folder, *options)
    assert status == 0, err
    found = json.loads(out)
    warning = "1 image cannot be decoded and was left out: test/good/broken.jpg"
    assert found["warnings"] == [warning]
    assert f"warning: {warning}" in err
    assert sum(found["validation"]) + found["held_out"]["good"] + found["held_out"]["defective"] == 24


@pytest.mark.parametrize("option", ["--report", "--write"])
def test_what_cannot_be_written_is_told_before_the_search(
    server_process: ServerProcess, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    (tmp_path / "file").write_text("no folder")
    target = tmp_path / "file" / "new"
    status, out, err = command(capsys, "tune", dataset, "--budget", "2", *FIXED, "--server", server_process.address, option, target)
    assert (status, out) == (2, "")
    assert str(tmp_path / "file") in err
    assert "rung" not in err


def test_the_answer_is_printed_also_where_the_disk_is_full(
    server_process: ServerProcess, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, report = tmp_path / "recipe.json", tmp_path / "report"
    recipe.symlink_to("/dev/full")
    options = ("--shots", "4", "--budget", "2", *FIXED, "--server", server_process.address, "--write", recipe, "--report", report)
    status, out, err = command(capsys, "tune", dataset, *options)
    assert (status, "No space left on device" in err) == (2, True)
    assert "Keep the preset" in out or "Use " in out
    assert list(report.iterdir()) == [], "trying whether it can be written leaves nothing behind"


def test_targets_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    report, recipe = tmp_path / "made" / "report", tmp_path / "recipe.json"
    recipe.write_text("{}")
    check_targets(report, recipe)
    assert recipe.read_text() == "{}"
    assert list(report.iterdir()) == []
    check_targets(None, None)


def check_tuning(found: dict[str, Any]) -> None:
    settings, held = found["settings"], found["held_out"]
    assert found["fits"] == 6
    assert {one["fit"] for one in settings} == set(range(6))
    assert len(settings) > 100, "every bank is scored in dozens of ways"
    assert [one["number"] for one in settings] == list(range(len(settings)))
    assert settings[0]["changes"] == []
    assert all(one["recipe"]["resolution_px"] == 64 and one["shots"] == 4 for one in settings), "fixed knobs stay"
    assert sum(found["validation"]) + held["good"] + held["defective"] == 24
    assert any(one["on_front"] for one in settings)
    usable = [one for one in settings if not one["failure"]]
    best = max(usable, key=lambda one: (one["auroc"], one["average_precision"]))
    timed = [one for one in settings if one["milliseconds"] is not None]
    assert settings[0] in timed
    assert len({one["fit"] for one in timed if one["number"]}) == len(timed) - 1, "the reference, and one of every fit"
    assert (best["auroc"], best["average_precision"]) == tuple(settings[found["best"]][name] for name in ("auroc", "average_precision"))
    gain = held["gain"]
    assert gain["value"] == pytest.approx(held["best_auroc"]["value"] - held["reference_auroc"]["value"])
    assert found["recommended"] == (found["best"] if gain["interval"]["low"] > 0 else 0)
    assert (found["calibration_images"], len(found["thresholds"])) == (22, 8)
    assert found["settings_per_minute"] > 0


class Silent:
    """A watcher that keeps how many ways to score each fit had."""

    def __init__(self) -> None:
        self.ways: dict[int, int] = {}

    def reading(self, done: int, total: int) -> None: ...
    def rung(self, number: int, rung: Rung, rungs: int) -> None: ...
    def finishing(self, what: str, done: int, total: int) -> None: ...
    def warned(self, message: str) -> None: ...

    def measured(self, setting: TriedSetting, ways: int) -> None:
        self.ways[setting.fit] = ways


def test_a_fit_that_cannot_inspect_is_listed_once_with_the_reason(client: Client, tmp_path: Path) -> None:
    """The Gaussian belongs to one patch grid, and a validation image has another."""

    def image(number: int, kind: str = "good") -> LabelledImage:
        pixels = draw_part(3, number) if kind == "good" else draw_defect(3, number)
        path = tmp_path / f"{number}.png"
        Image.fromarray(pixels[: 60 if number == 102 else None]).save(path)
        return LabelledImage(path, path.name, kind)

    draw = Draw(tuple(image(number) for number in range(4)), (), (), ())
    validation = [image(100), image(101, "blot"), image(102), image(103, "blot")]
    fixed = Recipe(resolution_px=64, coreset_vectors=300)
    settings = [Setting(fixed, 4), Setting(replace(fixed, detector=Detector.GAUSSIAN), 4)]
    watcher = Silent()
    with throwaway_category(client) as name:
        search = Search(Bench(client, name, {4: draw}, 2), settings, recipe_fixed(fixed), validation, watcher)
        search.run([Rung(4, 2)], settings, None)
        search.time_finalists()
        tried, best = search.tried()
    (failed,) = [one for one in tried if one.fit == 1]
    assert "8 x 13 patches, the golden parts gave 8 x 8" in failed.failure
    assert "INVALID_FRAME" in failed.failure
    assert (failed.auroc, failed.milliseconds, failed.images) == (None, None, 0)
    assert watcher.ways == {0: len(tried) - 1, 1: 1}
    assert search.measurements == len(tried) - 1
    assert tried[best].fit == 0
    assert all(one.auroc is not None and not one.failure for one in tried if one.fit == 0)


def test_sigterm_leaves_no_category_behind(server_process: ServerProcess, client: Client, dataset: Path) -> None:
    arguments = ["tune", str(dataset), "--budget", "90", *FIXED, "--server", server_process.address]
    program = [sys.executable, "-c", "import sys; from goldenpart.client.cli import main; main(sys.argv[1:])", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    with subprocess.Popen(program, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "AUROC" in line:
                break
        assert leftovers(client), "it was at work"
        process.send_signal(signal.SIGTERM)
        started_s = time.monotonic()
        process.stderr.read()
        assert process.wait() != 0
        assert time.monotonic() - started_s < 60
    assert leftovers(client) == []


def test_a_dataset_of_many_categories_or_too_few_images_is_refused(
    server_process: ServerProcess, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "two" / "other").mkdir(parents=True)
    (tmp_path / "two" / "flange").symlink_to(dataset)
    write_category_folder(tmp_path / "two" / "other", FolderPlan(train_good=2, test_good=2, defective=2, size_px=128))
    status, _, err = command(capsys, "tune", tmp_path / "two", "--server", server_process.address)
    assert status == 2
    assert "--category" in err
    status, _, err = command(capsys, "tune", tmp_path / "two", "-c", "other", "--server", server_process.address)
    assert status == 2
    assert "at least 2 of each" in err
