import io
import re
from collections import Counter
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import roc_auc_score

from goldenpart.client import Inspection, NotInspectedReason, Revision, Timings, Verdict, conversions
from goldenpart.client.report import InspectedPart, Label, Spread, auroc_of, confusion, image_auroc, write_report
from goldenpart.client.report.page import cards, stage_times
from goldenpart.client.report.score_plot import nice_ticks, score_plot
from goldenpart.v1 import calibration_pb2, category_pb2

few_values = st.lists(st.integers(0, 8), min_size=1, max_size=30)  # few values make many ties


@given(few_values, few_values)
def test_auroc_is_that_of_sklearn(normal: list[int], defective: list[int]) -> None:
    truth = [0] * len(normal) + [1] * len(defective)
    assert image_auroc(normal, defective) == pytest.approx(roc_auc_score(truth, normal + defective), abs=1e-12)


def test_auroc_needs_both_classes_and_finite_scores() -> None:
    assert image_auroc([1.0], [2.0]) == 1.0
    with pytest.raises(ValueError, match="0 defective"):
        image_auroc([1.0], [])
    with pytest.raises(ValueError, match="finite"):
        image_auroc([1.0], [float("nan")])


def png(width: int = 900, height: int = 300) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (120, 130, 140)).save(stream, "PNG")
    return stream.getvalue()


def part(name: str, score: float, verdict: Verdict, label: Label | None, *, overlay: bytes | None = None) -> InspectedPart:
    reason = NotInspectedReason.UNDECODABLE if verdict is Verdict.NOT_INSPECTED else None
    revision = "" if reason else "r0002"
    inspection = Inspection(
        name, "flange", verdict, revision, reason, score=score, threshold=0.5, review_threshold=0.4, timings=Timings(total_s=score)
    )
    return InspectedPart(name, inspection, label, overlay)


PARTS = (
    part("good", 0.1, Verdict.PASS, Label.NORMAL),
    part("doubtful", 0.45, Verdict.REVIEW, Label.NORMAL),
    part("rejected", 0.6, Verdict.FAIL, Label.NORMAL, overlay=png()),
    part("missed", 0.2, Verdict.PASS, Label.DEFECTIVE),
    part("caught", 0.9, Verdict.FAIL, Label.DEFECTIVE, overlay=png()),
    part("broken", 0.0, Verdict.NOT_INSPECTED, Label.DEFECTIVE),
    part("<script>alert(1)</script>", 0.3, Verdict.PASS, None),
)


def revision() -> Revision:
    calibration = calibration_pb2.Calibration(
        method=calibration_pb2.CALIBRATION_METHOD_CONFORMAL,
        threshold=0.5,
        review_threshold=0.4,
        false_reject_rate=0.05,
        guaranteed_false_reject_rate=0.049,
        guarantee="At most 4.9 % of good parts fail, on average over calibration sets.",
        normals=40,
    )
    return conversions.revision(category_pb2.Revision(category="flange", revision="r0002", calibration=calibration))


def test_figures_leave_out_what_was_not_inspected() -> None:
    assert auroc_of(PARTS) == pytest.approx(roc_auc_score([0, 0, 0, 1, 1], [0.1, 0.45, 0.6, 0.2, 0.9]))
    assert auroc_of(PARTS[:3]) is None
    assert confusion(PARTS) == {
        Label.NORMAL: Counter({Verdict.PASS: 1, Verdict.REVIEW: 1, Verdict.FAIL: 1}),
        Label.DEFECTIVE: Counter({Verdict.PASS: 1, Verdict.FAIL: 1, Verdict.NOT_INSPECTED: 1}),
    }


def test_times_are_median_and_95th_percentile() -> None:
    assert Spread.of([float(value) for value in range(101)]) == Spread(50.0, 95.0)
    totals = dict(stage_times(PARTS))["total"]
    assert totals.p50_s == pytest.approx(np.median([0.1, 0.45, 0.6, 0.2, 0.9, 0.3]))
    assert stage_times(PARTS[5:6]) == ()


def test_wrong_parts_come_first() -> None:
    shown = cards(PARTS, 5)
    assert [card.part.name for card in shown] == ["rejected", "missed", "broken", "doubtful", "caught"]
    assert [card.remark for card in shown[:3]] == ["false reject", "missed", "UNDECODABLE: "]


def test_plot_places_scores_on_one_scale() -> None:
    plot = score_plot(PARTS)
    assert plot is not None
    assert plot.review_x is not None
    by_name = {dot.title.split(":")[0]: dot for dot in plot.dots}
    assert set(by_name) == {"good", "doubtful", "rejected", "missed", "caught", "<script>alert(1)</script>"}
    assert by_name["good"].x < plot.review_x < by_name["doubtful"].x < plot.threshold_x < by_name["rejected"].x < by_name["caught"].x
    assert {name for name, dot in by_name.items() if dot.wrong} == {"rejected", "missed"}
    assert [lane.title for lane in plot.lanes] == ["good parts", "defective parts", "parts"]
    assert score_plot(PARTS[5:6]) is None


def test_equal_scores_do_not_cover_each_other() -> None:
    plot = score_plot([part(str(index), 0.25, Verdict.PASS, Label.NORMAL) for index in range(7)])
    assert plot is not None
    assert len({(dot.x, dot.y) for dot in plot.dots}) == 7


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
@example([-5e-324, 90.0])
@example([-90.0, 5e-324])
def test_ticks_enclose_all_values_and_are_few(values: list[float]) -> None:
    ticks = nice_ticks(values)
    assert ticks[0] <= min(values) + 1e-9 * abs(min(values))
    assert ticks[-1] >= max(values) - 1e-9 * abs(max(values))
    assert 2 <= len(ticks) <= 11
    assert all(one < following for one, following in pairwise(ticks))


class References(HTMLParser):
    """Collects everything that a browser would fetch or run, and checks that elements are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.scripts = 0
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.found += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "data", "xlink:href", "action"}]
        if tag not in {"meta", "img", "br", "link"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def written(tmp_path: Path) -> str:
    now = datetime(2025, 3, 1, 12, tzinfo=UTC)
    path = write_report(tmp_path / "new" / "report.html", PARTS, revision(), frames_per_s=12.34, now=now)
    return path.read_text(encoding="utf-8")


def test_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    text = written(tmp_path)
    references = References()
    references.feed(text)
    references.close()
    assert references.open == []
    assert references.scripts == 0, "names from outside must not become code"
    assert len(references.found) == 2
    assert all(reference.startswith("data:image/jpeg;base64,") for reference in references.found)
    assert not re.search(r"@import|url\(|https?://", text)


def test_page_tells_the_facts(tmp_path: Path) -> None:
    text = written(tmp_path)
    for fact in ("At most 4.9 % of good parts fail", "r0002", "2025-03-01 12:00 UTC", "12.3", "&lt;script&gt;", f"{auroc_of(PARTS):.4f}"):
        assert fact in text


def test_report_is_about_one_revision(tmp_path: Path) -> None:
    stranger = InspectedPart("other", Inspection("1", "flange", Verdict.PASS, "r0009"), Label.NORMAL)
    with pytest.raises(ValueError, match=r"r0002, but parts were judged by r0009"):
        write_report(tmp_path / "report.html", [*PARTS, stranger], revision())
    with pytest.raises(ValueError, match="at least one"):
        write_report(tmp_path / "report.html", [], revision())
