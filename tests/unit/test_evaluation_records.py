"""Runs as files, summaries, tables and options: what is written is read back, and figures are put together rightly."""

import dataclasses
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from goldenpart.client.cli.evaluate import read_seeds, read_shots
from goldenpart.client.cli.evaluation_view import summary_view
from goldenpart.client.evaluation.errors import EvaluationError
from goldenpart.client.evaluation.figures import CalibrationFacts, CurvePoint, ImageValue, PixelFigures
from goldenpart.client.evaluation.image_figures import image_figures, latency
from goldenpart.client.evaluation.json_records import digest_of, from_json
from goldenpart.client.evaluation.recipes import make_recipe
from goldenpart.client.evaluation.results import FORMAT_VERSION, Evaluation, ImageOutcome, Leak, Machine, Run, RunKey
from goldenpart.client.evaluation.run_files import RunFiles
from goldenpart.client.evaluation.summary import run_figures, summarise
from goldenpart.client.evaluation.tables import TITLES, image_rows
from goldenpart.client.json_form import to_json
from goldenpart.client.recipe import Metric, Preset, Recipe
from goldenpart.client.results import NotInspectedReason, Timings, Verdict
from goldenpart.client.revisions import CalibrationMethod

PIXEL = PixelFigures(9, 1, 0.1, 0.0, 0.9, 0.5, 0.6, 1.5, 0.3, 0.8, 0.4, 0.25, (ImageValue("test/bad/0.png", 0.25),), (CurvePoint(0, 0),))


def outcome(name: str, score: float, verdict: Verdict, defect: str = "good") -> ImageOutcome:
    reason = NotInspectedReason.UNDECODABLE if verdict is Verdict.NOT_INSPECTED else None
    return ImageOutcome(name, defect != "good", defect, verdict, reason, score, 0.5, 0.1, 0.02)


IMAGES = (
    outcome("g0", 0.1, Verdict.PASS),
    outcome("g1", 0.6, Verdict.FAIL),
    outcome("g2", 0.2, Verdict.PASS),
    outcome("g3", 0.0, Verdict.NOT_INSPECTED),
    outcome("d0", 0.9, Verdict.FAIL, "dent"),
    outcome("d1", 0.4, Verdict.PASS, "dent"),
    outcome("s0", 0.7, Verdict.FAIL, "scratch"),
)


def make_run(category: str = "part", shots: int = 4, seed: int = 0, *, f1_shift: float = 0.0, pixel: PixelFigures | None = PIXEL) -> Run:
    images = tuple(dataclasses.replace(image, score=image.score + (f1_shift if image.path == "d1" else 0)) for image in IMAGES)
    return Run(
        key=RunKey(category, shots, seed, False, "d" * 64, "r" * 64, "b" * 64, "p" * 64),
        layout="mvtec",
        folder="data/part",
        recipe=Recipe(metric=Metric.COSINE, rotations_deg=(0.0, 90.0)),
        golden=("train/good/0.png",),
        calibration_images=(),
        calibration=CalibrationFacts(CalibrationMethod.CONFORMAL, False, 0.5, 19, 0.05, 0.05, None, "words"),
        bank_vectors=10,
        image=image_figures(images, bootstrap=50),
        pixel=pixel,
        latency=latency([Timings(0.1, 0.2, 0.3, 0.4, 0.5, 1.5, 2)], 3.0, 2),
        fit_s=1.0,
        calibrate_s=0.5,
        images=images,
        leaks=(Leak("g0", "train/good/0.png", "golden"),),
        warnings=("careful",),
        finish_time=datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
    )


def test_image_figures_count_what_was_inspected() -> None:
    figures = image_figures(IMAGES, bootstrap=0)
    assert (figures.good, figures.defective, figures.not_inspected) == (3, 3, 1)
    point = figures.operating_point
    assert point is not None
    assert dataclasses.astuple(point.confusion) == (2, 1, 2, 1)
    assert (point.precision, point.recall, point.f1, point.accuracy) == pytest.approx((2 / 3, 2 / 3, 2 / 3, 4 / 6))
    assert point.false_reject_rate == pytest.approx(1 / 3)
    assert figures.auroc is not None
    assert (figures.auroc.value, figures.auroc.interval) == (pytest.approx(8 / 9), None)
    assert [(kind.defect_type, kind.images, kind.recall, kind.auroc) for kind in figures.defect_types] == [
        ("dent", 2, 0.5, pytest.approx(5 / 6)),
        ("scratch", 1, 1.0, 1.0),
    ]


def test_figures_that_cannot_be_had_are_none() -> None:
    good = image_figures(IMAGES[:3], bootstrap=10)
    assert good.auroc is None
    assert good.operating_point is not None
    assert (good.operating_point.recall, good.operating_point.f1, good.operating_point.precision) == (None, None, 0.0)
    assert image_figures(IMAGES[3:4], bootstrap=10).operating_point is None
    bad = image_figures(IMAGES[4:], bootstrap=10)
    assert bad.operating_point is not None
    assert (bad.operating_point.false_reject_rate, bad.operating_point.false_reject_interval) == (None, None)
    assert bad.defect_types[0].auroc is None
    assert latency([], 1.0, 2) is None


def test_a_run_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    files, run = RunFiles(tmp_path), make_run()
    assert files.find(run.key) is None
    files.keep(run)
    assert files.find(run.key) == run
    assert files.find(dataclasses.replace(run.key, seed=1)) is None
    assert from_json(Run, json.loads(json.dumps(to_json(run)))) == run

    (file,) = (tmp_path / "runs").iterdir()
    text = file.read_text()
    for damaged in (text[:-20], text.replace('"bank_vectors"', '"vectors"'), text.replace('"PASS"', '"MAYBE"'), "[]", '{"key": 1}'):
        file.write_text(damaged)
        assert files.find(run.key) is None


def test_a_run_whose_thumbnails_are_gone_is_measured_again(tmp_path: Path) -> None:
    files, run = RunFiles(tmp_path), make_run()
    thumbnail = files.thumbnail(run.key, 3)
    run = dataclasses.replace(run, images=(dataclasses.replace(run.images[0], heat_thumbnail=thumbnail),))
    files.keep(run)
    assert files.find(run.key) is None
    (tmp_path / thumbnail).parent.mkdir(parents=True)
    (tmp_path / thumbnail).write_bytes(b"")
    assert files.find(run.key) == run


def test_an_image_that_was_not_inspected_has_no_score_in_the_table() -> None:
    rows = {row[3]: row for row in image_rows(make_run())}
    assert rows["g3"][4:12] == ("good", "good", "", "", "NOT_INSPECTED", "UNDECODABLE", "", 0.02)
    assert rows["g0"][4:12] == ("good", "good", 0.1, 0.5, "PASS", "", 0.1, 0.02)


def make_evaluation(runs: Sequence[Run]) -> Evaluation:
    machine = Machine("a processor", 2, "Linux", "cpu", "0.1.0", ())
    when = runs[0].finish_time
    return Evaluation(FORMAT_VERSION, "goldenpart evaluate x", "x", machine, when, when, False, tuple(runs), summarise(runs), ())


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("categories", [("part", "flange"), ("part",)])
def test_no_head_and_no_figure_of_the_summary_is_broken(width: int, categories: tuple[str, ...]) -> None:
    found = make_evaluation([make_run(category, shots, seed) for category in categories for shots in (1, 4, 16, 32, 50) for seed in (0, 1)])
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False).print(summary_view(found))
    lines = stream.getvalue().splitlines()
    heads = [line for line in lines if line.startswith(" category ")]
    shown = [title for line in heads for title in line.split("   ") if title.strip()]
    assert [title.strip() for title in shown if title.strip() in TITLES.values()] == list(TITLES.values()), "each once, in one piece"
    rows = [line for line in lines if line.startswith((" part ", " flange ", " mean "))]
    assert len(rows) == len(heads) * len(found.summary), "a row in one line"
    assert all(len(line) <= width for line in lines)


def test_digests_do_not_depend_on_order() -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1}) != digest_of({"a": 2, "b": 1})


def test_runs_are_put_together_over_seeds_and_categories() -> None:
    runs = [make_run("a", seed=0), make_run("a", seed=1, f1_shift=0.3), make_run("b", seed=0), make_run("b", seed=1, pixel=None)]
    rows = summarise(runs)
    assert [(row.category, row.shots) for row in rows] == [("a", 4), ("b", 4), ("mean", 4)]
    first = rows[0].figures["image_auroc"]
    values = [run_figures(run)["image_auroc"] for run in runs]
    assert values[0] == pytest.approx(8 / 9)
    assert values[1] == 1.0
    assert (first.mean, first.n) == (pytest.approx((values[0] + values[1]) / 2), 2)
    assert first.sd == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
    mean = rows[2].figures["image_auroc"]
    by_seed = [(values[0] + values[2]) / 2, (values[1] + values[3]) / 2]
    assert (mean.mean, mean.n) == (pytest.approx(sum(by_seed) / 2), 2)
    assert mean.sd == pytest.approx(abs(by_seed[0] - by_seed[1]) / 2**0.5)
    assert rows[1].figures["aupro"].sd is None, "one of the two runs has no masks"
    assert rows[2].figures["aupro"].n == 1
    assert [row.category for row in summarise([make_run("a"), make_run("b", shots=8)])] == ["a", "b"]


def test_recipes_come_from_presets_files_and_settings(tmp_path: Path) -> None:
    assert make_recipe(None, None, []) == Recipe()
    assert make_recipe(Preset.SEED, None, ["neighbours=3"]) == Recipe(preset=Preset.SEED, neighbours=3)
    file = tmp_path / "recipe.json"
    written = Recipe(preset=Preset.SEED, metric=Metric.EUCLIDEAN, rotations_deg=(0.0, 90.0), coreset_ratio=0.1, layers=(2, 3))
    file.write_text(json.dumps(to_json(written)))
    assert make_recipe(None, file, []) == written
    assert make_recipe(None, file, ["coreset_ratio=0.2"]) == dataclasses.replace(written, coreset_ratio=0.2)
    toml = tmp_path / "recipe.toml"
    toml.write_text('metric = "cosine"\nresolution_px = 320\n')
    assert make_recipe(Preset.DEFAULT, toml, []) == Recipe(metric=Metric.COSINE, resolution_px=320)
    with pytest.raises(EvaluationError, match="exclude each other"):
        make_recipe(Preset.DEFAULT, file, [])
    for text, words in (
        ("{", "neither JSON"),
        ("[1]", "no knobs by name"),
        ('{"preset": "best"}', "no preset 'best'"),
        ('{"k": 1}', "no knob 'k'"),
    ):
        file.write_text(text)
        with pytest.raises(ValueError, match=words):
            make_recipe(None, file, [])


def test_shots_and_seeds_are_read() -> None:
    assert read_shots("1, 4,all,4") == (1, 4, None)
    assert read_seeds("0,1,2") == (0, 1, 2)
    for wrong in ("0", "x", "", "-1", "1,,2"):
        with pytest.raises(EvaluationError, match="no whole number from 1 on"):
            read_shots(wrong)
    with pytest.raises(EvaluationError, match="no whole number from 0 on"):
        read_seeds("-1")
