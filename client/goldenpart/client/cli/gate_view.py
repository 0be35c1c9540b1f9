"""How a gate report is shown to people."""

from collections.abc import Iterable, Iterator

import typer

from goldenpart.client.cli.output import warn
from goldenpart.client.learning_gate import ChallengeChange, GateDecision, GateReport
from goldenpart.client.results import Verdict
from goldenpart.client.revisions import Revision

HELD_BACK_STATUS = 1


def warn_of(warnings: Iterable[str], revision: Revision) -> None:
    """Print warnings, and why a gate holds the new revision back unless one of them gives the reason."""
    told = tuple(warnings)
    for warning in told:
        warn(warning)
    gate = revision.gate
    if gate is not None and _holds_back(gate) and not any(gate.reason and gate.reason in warning for warning in told):
        warn(f"{revision.revision} is held back: {gate.reason}")


def exit_if_held_back(revision: Revision) -> None:
    """End the command with status 1 if a gate holds the new revision back.

    Raises:
        typer.Exit: It does.
    """
    if revision.gate is not None and _holds_back(revision.gate):
        raise typer.Exit(HELD_BACK_STATUS)


def _holds_back(gate: GateReport) -> bool:
    return gate.decision is GateDecision.HELD_BACK and gate.override_time is None


def gate_facts(gate: GateReport | None) -> Iterator[tuple[str, object]]:
    """Yield what a gate said as names and values; nothing if none did."""
    if gate is None:
        return
    yield "gate", f"{gate.decision}: {gate.reason}"
    if gate.before is not None and gate.after is not None:
        yield "challenge set", f"{gate.normals} normal and {gate.defectives} defective frames, compared with {gate.compared_with}"
        yield "escapes", f"{gate.before.escapes} -> {gate.after.escapes}"
        yield "false rejects on it", f"{gate.before.false_rejects} -> {gate.after.false_rejects}"
    yield "changed for the worse", "\n".join(map(_change_text, gate.worse))
    yield "changed for the better", "\n".join(map(_change_text, gate.better))
    yield "not counted", ", ".join(gate.golden_frames)
    yield "gate overridden", gate.override_time


def _change_text(change: ChallengeChange) -> str:
    kind = "defective" if change.defective else "normal"
    before = _verdict_text(change.verdict_before, change.score_before, change.threshold_before)
    after = _verdict_text(change.verdict_after, change.score_after, change.threshold_after)
    return f"{change.name} ({kind}): {before} -> {after}"


def _verdict_text(verdict: Verdict, score: float, threshold: float) -> str:
    by_zone = (verdict is Verdict.FAIL and score <= threshold) or (verdict is Verdict.PASS and score > threshold)
    return f"{verdict}{' by a zone' if by_zone else ''} ({score:.4g} / {threshold:.4g})"
