"""What a regression gate said of a revision: `gate.json` beside its files, the one file of a revision that may be replaced.

It is no part of the manifest, because it tells how the revision did on this server's challenge set, and whether somebody overrode that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from goldenpart.server.errors import GateHeldBackError
from goldenpart.server.registry.dataclass_json import dump_json, from_plain, load_json, to_plain
from goldenpart.server.registry.durable_files import replace_file, write_file
from goldenpart.server.vision.calibration import Judgement

GATE_FILE = "gate.json"


class GateDecision(StrEnum):
    """What a gate decided."""

    PASSED = "passed"
    HELD_BACK = "held_back"
    NOT_COMPARED = "not_compared"


@dataclass(frozen=True, slots=True)
class ChallengeCounts:
    """How one revision did: defective frames that got PASS, normal frames that got FAIL, frames of either kind that got REVIEW."""

    escapes: int
    false_rejects: int
    reviews: int


@dataclass(frozen=True, slots=True)
class ChallengeChange:
    """A challenge frame on which two revisions differ.

    Attributes:
        pixel_digest, name, defective: the frame.
        verdict_before, score_before, threshold_before: of the revision compared with.
        verdict_after, score_after, threshold_after: of the new one.
    """

    pixel_digest: str
    name: str
    defective: bool
    verdict_before: Judgement
    score_before: float
    threshold_before: float
    verdict_after: Judgement
    score_after: float
    threshold_after: float


@dataclass(frozen=True, slots=True)
class GateReport:
    """A new revision and the one that judged before, compared on the category's challenge set.

    Attributes:
        decision: what was decided.
        reason: why, in words.
        compared_with: revision compared with; empty if there was none.
        gate_time: when, UTC.
        normals, defectives: frames that counted.
        before, after: how the two did; None if they were not compared.
        added_false_rejects_allowed: beyond those of before; escapes may never increase.
        worse, better: frames that changed.
        golden_frames: names of normal frames that did not count, because they are golden parts of one of the two.
        override_time: when it was activated although it was held back, UTC; None if it was not.
    """

    decision: GateDecision
    reason: str
    compared_with: str
    gate_time: datetime
    normals: int = 0
    defectives: int = 0
    before: ChallengeCounts | None = None
    after: ChallengeCounts | None = None
    added_false_rejects_allowed: int = 0
    worse: tuple[ChallengeChange, ...] = ()
    better: tuple[ChallengeChange, ...] = ()
    golden_frames: tuple[str, ...] = ()
    override_time: datetime | None = None

    @property
    def holds_back(self) -> bool:
        """Whether the revision may not be activated as things stand."""
        return self.decision is GateDecision.HELD_BACK and self.override_time is None

    def to_bytes(self) -> bytes:
        """Write what `read_gate` reads."""
        return dump_json(to_plain(self)).encode()


def read_gate(folder: Path) -> GateReport | None:
    """Read what a gate said of the revision in `folder`; None if none did. Blocks.

    A report that cannot be read holds the revision back: whoever removed the reason must say so by overriding it.
    """
    path = folder / GATE_FILE
    try:
        return from_plain(GateReport, load_json(path.read_text("utf-8")), "gate")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = f"{GATE_FILE} cannot be read ({error}), so nobody knows what the gate said."
        return GateReport(GateDecision.HELD_BACK, reason, "", datetime.fromtimestamp(folder.stat().st_mtime, UTC))


def held_back_by(folder: Path) -> GateReport | None:
    """Return the report that holds the revision in `folder` back; None if nothing does. Blocks."""
    report = read_gate(folder)
    return report if report is not None and report.holds_back else None


def replace_gate(folder: Path, report: GateReport, incoming: Path) -> None:
    """Keep what a gate said of the revision in `folder`, in place of what one said before. Blocks; see `durable_files.replace_file`."""
    replace_file(folder / GATE_FILE, report.to_bytes(), incoming)


def inherit_gate(folder: Path, own: GateReport | None, parent: Path) -> bool:
    """Write the report of a new revision into its folder: its own, else the one that holds its parent back. Blocks.

    Returns:
        Whether the revision may be activated.
    """
    report = own or held_back_by(parent)
    if report is not None:
        write_file(folder / GATE_FILE, [report.to_bytes()])
    return report is None or not report.holds_back


def pass_gate(folder: Path, revision: str, now: datetime, *, override: bool) -> GateReport | None:
    """Let a revision be activated if nothing holds it back, or if that is overridden. Blocks.

    Args:
        folder: of the revision.
        revision: what to call it.
        now: current time, UTC.
        override: whether it is activated all the same.

    Returns:
        The report that records that it was overridden; None if there was nothing to override.

    Raises:
        GateHeldBackError: a gate holds it back.
    """
    report = held_back_by(folder)
    if report is None:
        return None
    if not override:
        raise GateHeldBackError(
            f"Revision {revision} is held back: {report.reason} Activate it with override_gate if you know better, or with gate once the "
            "challenge set has changed.",
            revision=revision,
        )
    return replace(report, override_time=now)
