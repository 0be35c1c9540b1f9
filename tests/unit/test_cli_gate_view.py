"""What people are told of a gate report."""

from datetime import UTC, datetime

import pytest

from goldenpart.client.cli.gate_view import gate_facts
from goldenpart.client.learning_gate import ChallengeChange, ChallengeCounts, GateDecision, GateReport
from goldenpart.client.results import Verdict

PASS, FAIL, REVIEW = Verdict.PASS, Verdict.FAIL, Verdict.REVIEW


def report(change: ChallengeChange) -> GateReport:
    counts = ChallengeCounts(escapes=0, false_rejects=0, reviews=0)
    return GateReport(
        GateDecision.HELD_BACK, "worse", "r0001", datetime(2026, 1, 2, tzinfo=UTC), 1, 0, counts, counts, 0, (change,), (), (), None
    )


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ((PASS, 4.852, 5.411), (FAIL, 5.04, 5.502), "PASS (4.852 / 5.411) -> FAIL by a zone (5.04 / 5.502)"),
        ((FAIL, 6.0, 5.5), (PASS, 6.0, 5.5), "FAIL (6 / 5.5) -> PASS by a zone (6 / 5.5)"),
        ((PASS, 5.5, 5.5), (FAIL, 5.6, 5.5), "PASS (5.5 / 5.5) -> FAIL (5.6 / 5.5)"),
        ((REVIEW, 5.4, 5.5), (FAIL, 5.5, 5.5), "REVIEW (5.4 / 5.5) -> FAIL by a zone (5.5 / 5.5)"),
    ],
)
def test_verdicts_that_are_not_the_scores_are_told_as_a_zones(
    before: tuple[Verdict, float, float], after: tuple[Verdict, float, float], text: str
) -> None:
    facts = dict(gate_facts(report(ChallengeChange("digest", "x.jpg", False, *before, *after))))
    assert facts["changed for the worse"] == f"x.jpg (normal): {text}"
