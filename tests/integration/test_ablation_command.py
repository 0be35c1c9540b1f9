"""The ablation command on real images and drawn parts: it finds defects, resumes, and prints its table."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.benchmarks.compact_ablation import __main__ as command

DATA = Path(os.environ.get("GOLDENPART_DATA", Path(__file__).parents[3] / "shared" / "data"))
FEW = ["--resolution", "128", "--shots", "4", "--seeds", "0", "--bank", "random:500", "--pixel-side", "64"]


def cells(text: str, axis: str) -> dict[tuple[str, str], list[float]]:
    """Read a section of the table: numbers by (label, score)."""
    section = text.split(f"### {axis}\n")[1].split("###")[0]
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("|")][2:]
    return {(line[0], line[1]): [float(cell.split()[0]) for cell in line[3:] if cell != "-"] for line in lines}


def test_shipped_weights_find_real_defects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not (DATA / "dobot_cubes").is_dir():
        reason = f"no images in {DATA}/dobot_cubes; set GOLDENPART_DATA"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    rows = ["--rows", str(tmp_path / "rows.jsonl"), "--categories", "dobot_cubes", "--test-images", "10", "--axes", "weights"]
    assert command.main(["measure", "--data", str(DATA), *rows, "--weights", "filters", "shipped", *FEW]) == 0
    found = cells(capsys.readouterr().out, "weights")
    assert found["shipped", "top1"][0] > 0.8
    assert found["shipped", "top1"][0] > found["filters", "top1"][0]


def test_run_goes_on_where_it_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "rows.jsonl"
    asked = ["measure", "--data", str(tmp_path), "--rows", str(rows), "--cache", str(tmp_path / "cache"), "--categories", "flange"]
    asked += ["--weights", "shipped", "--test-images", "10", *FEW]
    assert command.main([*asked, "--axes", "aggregates", "k"]) == 0
    before = rows.read_text().splitlines()
    assert command.main([*asked, "--axes", "aggregates", "k", "multiscale"]) == 0
    after = rows.read_text().splitlines()
    assert after[: len(before)] == before
    added = [json.loads(line) for line in after[len(before) + 1 :]]
    assert added
    assert all(row["setting"]["search"]["fusion"] != "single" for row in added)
    capsys.readouterr()
    assert command.main(["table", str(rows)]) == 0
    printed = capsys.readouterr().out
    multiscale = cells(printed, "multiscale")
    assert len(multiscale) == 15
    for numbers in multiscale.values():
        image_auroc, mean, pixel_auroc, aupro = numbers
        assert image_auroc == mean
        assert pixel_auroc > 0.7
        assert 0.1 < aupro <= 1


def test_table_of_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["table", str(tmp_path / "none.jsonl")]) == 1
    assert "holds no run" in capsys.readouterr().err
