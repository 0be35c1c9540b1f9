"""How a gate report is shown to people."""

from collections.abc import Iterator

from goldenpart.client.learning_gate import ChallengeChange, GateReport


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
    before = f"{change.verdict_before} ({change.score_before:.4g} / {change.threshold_before:.4g})"
    return f"{change.name} ({kind}): {before} -> {change.verdict_after} ({change.score_after:.4g} / {change.threshold_after:.4g})"
