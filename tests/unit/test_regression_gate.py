"""What a gate decides from what two revisions say about the same frames."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fitted_category import loaded

from goldenpart.server.registry.challenge_frame import ChallengeFrame
from goldenpart.server.registry.challenge_gate import GATE_FILE, ChallengeCounts, GateDecision, GateReport, held_back_by, read_gate
from goldenpart.server.runtime.gate import JudgedFrame, decide
from goldenpart.server.vision.calibration import Judgement

PASS, REVIEW, FAIL = Judgement.PASS, Judgement.REVIEW, Judgement.FAIL
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def judged(number: int, *, defective: bool, before: Judgement, after: Judgement) -> JudgedFrame:
    frame = ChallengeFrame(f"{number:064x}", f"frame-{number}", defective, "", 8, 8, ".png", "0" * 64, 1, NOW)
    return JudgedFrame(frame, (before, 0.2), (after, 0.3))


def report(*frames: tuple[bool, Judgement, Judgement], allowed: int = 0) -> GateReport:
    known = [judged(number, defective=defective, before=before, after=after) for number, (defective, before, after) in enumerate(frames)]
    return decide(known, loaded(), replace(loaded(), revision="r0002"), allowed, ("idle",))


CASES = {
    "nothing changed": ([(True, FAIL, FAIL), (False, PASS, PASS)], 0, GateDecision.PASSED),
    "one escape more": ([(True, FAIL, PASS), (True, FAIL, FAIL)], 9, GateDecision.HELD_BACK),
    "an escape for an escape": ([(True, FAIL, PASS), (True, PASS, FAIL)], 0, GateDecision.PASSED),
    "an escape for three false rejects": ([(True, FAIL, PASS), *[(False, FAIL, PASS)] * 3], 0, GateDecision.HELD_BACK),
    "one false reject more": ([(False, PASS, FAIL)], 0, GateDecision.HELD_BACK),
    "one false reject more, one allowed": ([(False, PASS, FAIL)], 1, GateDecision.PASSED),
    "two false rejects more, one allowed": ([(False, PASS, FAIL), (False, PASS, FAIL)], 1, GateDecision.HELD_BACK),
    "review is no error": ([(True, FAIL, REVIEW), (False, PASS, REVIEW)], 0, GateDecision.PASSED),
    "from review to an escape": ([(True, REVIEW, PASS)], 0, GateDecision.HELD_BACK),
}


@pytest.mark.parametrize("name", CASES)
def test_escapes_never_increase_and_false_rejects_by_what_is_allowed(name: str) -> None:
    frames, allowed, expected = CASES[name]
    assert report(*frames, allowed=allowed).decision is expected


def test_frames_are_named_even_where_the_counts_are_equal() -> None:
    swapped = report((True, FAIL, PASS), (True, PASS, FAIL), (False, FAIL, PASS))
    assert [change.name for change in swapped.worse] == ["frame-0"]
    assert [change.name for change in swapped.better] == ["frame-1", "frame-2"]
    assert "frame-0" in swapped.reason
    assert (swapped.before, swapped.after) == (ChallengeCounts(1, 1, 0), ChallengeCounts(1, 0, 0))
    assert (swapped.normals, swapped.defectives, swapped.golden_frames, swapped.compared_with) == (1, 2, ("idle",), "r0001")


def test_a_report_is_kept_and_an_unreadable_one_holds_back(tmp_path: Path) -> None:
    assert read_gate(tmp_path) is None
    held = report((True, FAIL, PASS))
    (tmp_path / GATE_FILE).write_bytes(held.to_bytes())
    assert read_gate(tmp_path) == held == held_back_by(tmp_path)
    overridden = replace(held, override_time=NOW)
    (tmp_path / GATE_FILE).write_bytes(overridden.to_bytes())
    assert read_gate(tmp_path) == overridden
    assert held_back_by(tmp_path) is None
    (tmp_path / GATE_FILE).write_text("{}")
    damaged = held_back_by(tmp_path)
    assert damaged is not None
    assert "cannot be read" in damaged.reason
