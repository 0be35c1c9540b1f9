"""The report of an evaluation in a real browser: complete, self-contained, nothing clipped, in light and dark, wide and narrow."""

import base64
import dataclasses
import io
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from drawn_evaluation import draw_evaluation, without_frames
from headless_chromium import Browser, headless_chromium
from PIL import Image

from goldenpart.client.cli import main
from goldenpart.client.evaluation.results import Evaluation
from goldenpart.client.json_form import to_json
from goldenpart.client.report.evaluation_curves import precision_recall_points, roc_points
from goldenpart.client.report.evaluation_page import write_evaluation_report
from goldenpart.client.report.evaluation_pictures import tint, wrong_images
from goldenpart.client.report.evaluation_verdicts import histogram

CLIPPED = """[...document.querySelectorAll('.chart > svg text')].filter((text) => {
  if (!text.checkVisibility()) return false;
  const own = text.getBoundingClientRect(), all = text.ownerSVGElement.getBoundingClientRect();
  return own.left < all.left - 1 || own.right > all.right + 1 || own.top < all.top - 1 || own.bottom > all.bottom + 1;
}).map((text) => text.textContent)"""
OVERLAPPING = """[...document.querySelectorAll('.chart > svg')].flatMap((svg) => {
  const texts = [...svg.querySelectorAll('text')].filter((text) => text.checkVisibility());
  const boxes = texts.map((text) => text.getBoundingClientRect());
  return texts.flatMap((text, i) => texts.slice(i + 1).filter((_, j) => {
    const a = boxes[i], b = boxes[i + 1 + j];
    return a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3;
  }).map((other) => `${text.textContent} | ${other.textContent}`));
})"""
SPILLED = """[...document.querySelectorAll('body *')].filter((element) => {
  if (!element.checkVisibility() || element.closest('.scroll, svg')) return false;
  return element.getBoundingClientRect().right > document.documentElement.clientWidth + 1;
}).map((element) => element.tagName + ' ' + element.className)"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with headless_chromium(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def evaluation(folder: Path) -> Evaluation:
    return draw_evaluation(folder)


@pytest.fixture(scope="module")
def page(folder: Path, evaluation: Evaluation) -> Path:
    return write_evaluation_report(folder, evaluation)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width_px", [1200, 400])
def test_the_page_stands_alone_and_nothing_is_cut_off(browser: Browser, page: Path, width_px: int, dark: bool) -> None:
    browser.open(page, width_px=width_px, dark=dark)
    assert browser.problems == []
    assert [url for url in browser.requests if not url.startswith("data:")] == [page.as_uri()]
    browser.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert browser.evaluate(CLIPPED) == []
    assert browser.evaluate(OVERLAPPING) == []
    assert browser.evaluate(SPILLED) == []
    paper = re.findall(r"\d+", browser.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (int(paper[0]) < 60) == dark


@pytest.mark.parametrize("scripts", [True, False])
def test_every_figure_is_there_with_and_without_scripts(browser: Browser, page: Path, scripts: bool) -> None:
    browser.open(page, scripts=scripts)
    titles = browser.evaluate("[...document.querySelectorAll('.chart h4')].map((title) => title.textContent)")
    assert titles == [
        *("Image AUROC", "Recall", "False rejects", "AUPRO 0.3"),
        *("Scores, 16 shots", "ROC curve", "Precision-recall curve", "Per-region overlap (PRO) curve", "6 runs, asked for 5 %"),
        *("Scores, 4 shots", "Scores, 1 shot"),
        *("Scores, 16 shots", "ROC curve", "Precision-recall curve", "6 runs, asked for 5 %"),
        *("Scores, 4 shots", "Scores, 1 shot"),
    ], "masks are known of the first category alone"
    drawn = browser.evaluate(
        "[...document.querySelectorAll('.chart > svg')].map((svg) => svg.querySelectorAll('rect, polyline, circle').length)"
    )
    assert min(drawn) >= 2
    assert browser.evaluate("[...document.querySelectorAll('.chart polyline')].every((line) => line.points.length >= 2)")
    pictures = browser.evaluate("[...document.querySelectorAll('.wrong-image img')].map((image) => image.naturalWidth)")
    assert pictures
    assert set(pictures) == {420}
    assert browser.evaluate("document.querySelectorAll('.confusion').length") == 6
    assert browser.evaluate("document.querySelectorAll('.types tbody tr').length") == 18
    assert browser.evaluate("document.querySelectorAll('table.sortable button').length > 0") == scripts


def test_tables_are_sorted_by_the_head_that_is_pressed(browser: Browser, page: Path) -> None:
    browser.open(page)
    column = "[...document.querySelectorAll('#runs tbody tr')].map((row) => Number(row.cells[3].dataset.value))"
    found = browser.evaluate(column)
    browser.evaluate("document.querySelectorAll('#runs th button')[3].click()")
    assert browser.evaluate(column) == sorted(found)
    browser.evaluate("document.querySelectorAll('#runs th button')[3].click()")
    assert browser.evaluate(column) == sorted(found, reverse=True)


def test_the_page_says_what_the_results_say(browser: Browser, page: Path, evaluation: Evaluation) -> None:
    browser.open(page)
    text = browser.evaluate("document.body.innerText")
    run = next(run for run in evaluation.runs if (run.key.shots, run.key.seed) == (16, 0))
    facts = (
        evaluation.command,
        evaluation.machine.cpu,
        run.key.dataset_digest,
        "2026-11-23",
        "n = 40 good and 36 defective",
        "2 training images repeat",
        "p50 ms with 2 calls in flight, mean wait 4.0 ms",
    )
    assert [fact for fact in facts if fact not in text] == []
    point = run.image.operating_point
    assert point is not None
    cells = browser.evaluate("[...document.querySelector('.confusion').querySelectorAll('td b')].map((cell) => Number(cell.textContent))")
    counts = point.confusion
    assert cells == [counts.true_negatives, counts.false_positives, counts.false_negatives, counts.true_positives]
    worst = browser.evaluate("document.querySelector('.wrong-image figcaption').textContent")
    assert min((image for image in run.images if image.defective), key=lambda image: image.score).path in worst
    assert "LEAK" not in text


def test_a_leak_is_the_first_thing_to_be_seen(browser: Browser, tmp_path: Path) -> None:
    page = write_evaluation_report(tmp_path, draw_evaluation(tmp_path, categories=("flange",), shots=(4,), seeds=(0,), leak=True))
    browser.open(page, width_px=400)
    assert browser.evaluate("document.body.innerText").startswith("LEAK: test images were learned from")
    assert browser.evaluate("document.querySelector('.leak').getBoundingClientRect().top") < 60
    assert browser.evaluate("document.querySelectorAll('#shots').length") == 0, "there is no curve through one point"


def test_results_are_made_a_page_again_also_where_the_frames_are_not(
    browser: Browser, evaluation: Evaluation, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = folder / "results.json"
    results.write_text(json.dumps(to_json(evaluation)), "utf-8")
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", "--from", str(results), "--report", str(tmp_path)])
    assert not caught.value.code
    assert "AUROC" in capsys.readouterr().out
    assert (tmp_path / "report.html").read_bytes() == write_evaluation_report(folder, evaluation).read_bytes()

    elsewhere = write_evaluation_report(tmp_path / "elsewhere", without_frames(evaluation), results=folder)
    browser.open(elsewhere)
    captions = browser.evaluate(
        "[...document.querySelectorAll('.wrong-image')].map((one) => [one.textContent, Boolean(one.querySelector('img'))])"
    )
    assert captions
    assert all("frame not found" in text and picture for text, picture in captions), "the heat map alone is shown"
    nothing = write_evaluation_report(tmp_path / "nothing", without_frames(evaluation))
    browser.open(nothing)
    assert browser.evaluate("document.querySelectorAll('.wrong-image').length") == len(captions)
    assert browser.evaluate("document.querySelectorAll('.wrong-image img').length") == 0
    assert browser.problems == []


def test_runs_that_were_taken_over_are_told_of(evaluation: Evaluation, tmp_path: Path) -> None:
    assert "taken over" not in write_evaluation_report(tmp_path / "at-once", without_frames(evaluation)).read_text("utf-8")
    last = max(run.finish_time for run in evaluation.runs)
    later = dataclasses.replace(without_frames(evaluation), start_time=last + timedelta(seconds=1))
    page = write_evaluation_report(tmp_path / "resumed", later).read_text("utf-8")
    count = len(evaluation.runs)
    oldest = min(run.finish_time for run in evaluation.runs)
    assert f"taken over</dt><dd>{count} of {count} runs, the oldest of {oldest:%Y-%m-%d %H:%M:%S}" in page


def test_the_areas_under_the_curves_are_the_figures_that_are_told(evaluation: Evaluation) -> None:
    for run in evaluation.runs:
        assert run.image.auroc is not None
        assert run.image.average_precision is not None
        assert area(roc_points(run)) == pytest.approx(run.image.auroc.value)
        assert area(precision_recall_points(run)) == pytest.approx(run.image.average_precision.value)


def area(points: list[tuple[float, float]]) -> float:
    return sum((right - left) * (low + high) / 2 for (left, low), (right, high) in pairwise(points))


def test_every_image_is_in_a_bar_also_an_outlier(evaluation: Evaluation) -> None:
    run = evaluation.runs[0]
    far = dataclasses.replace(run.images[-1], score=1e6)
    chart = histogram(dataclasses.replace(run, images=(*run.images[:-1], far)))
    assert chart is not None
    assert chart.x_ticks[-1].text.startswith("≥ ")
    counted = {style: sum(int(bar.title.split()[0]) for bar in chart.bars if bar.style == style) for style in ("good", "defective")}
    assert counted == {"good": run.image.good, "defective": run.image.defective}
    assert all(chart.left <= bar.x and bar.x + bar.width <= chart.right + 0.2 for bar in chart.bars)


def test_heat_is_tinted_from_half_the_limit_and_outlined_at_the_limit() -> None:
    grey = np.zeros((40, 60), np.uint8)
    grey[:, 20:40], grey[:, 40:] = 31, 128  # just below half the limit; twice the limit
    pixels = np.asarray(tint(Image.new("RGB", (60, 40), (100, 100, 100)), grey))
    assert (pixels[:, :37] == 100).all()
    assert (pixels[:, 39:41] == 255).all(), "the outline"
    red, green, blue = pixels[20, 55].tolist()
    assert red > green + 60 > blue


def test_sixteen_bit_frames_are_shown(evaluation: Evaluation, tmp_path: Path) -> None:
    run = evaluation.runs[0]
    frame = tmp_path / run.images[0].path
    frame.parent.mkdir(parents=True)
    Image.fromarray(np.full((20, 30), 40_000, np.uint16)).save(frame)
    (wrong,) = wrong_images(dataclasses.replace(run, folder=str(tmp_path)), run.images[:1], tmp_path)
    with Image.open(io.BytesIO(base64.b64decode(wrong.picture.partition(",")[2]))) as picture:
        assert picture.size == (420, 280)
        assert picture.getpixel((5, 5)) == (156, 156, 156)
    assert wrong.remark == "no heat map"


@pytest.mark.parametrize(
    ("change", "message"),
    [({"format_version": 99}, "format version 99"), ({"runs": 3}, "no results.json"), ({"runs": []}, "no runs")],
)
def test_what_is_no_result_is_refused(
    evaluation: Evaluation, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], message: str
) -> None:
    written = to_json(dataclasses.replace(evaluation, runs=evaluation.runs[:1]))
    assert isinstance(written, dict)
    file = tmp_path / "results.json"
    file.write_text(json.dumps({**written, **change}), "utf-8")
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", "--from", str(file)])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", "--from", str(file), str(tmp_path)])
    assert caught.value.code == 2
    assert "takes no dataset" in capsys.readouterr().err
