"""Online learning over a real socket: false rejects become golden parts, and a bad update is held back by the gate.

The false rejects come as they do on a line. For the drawn flange the light changes: the category is fitted and calibrated under one
light, and under another one good parts are rejected. Twenty of these become golden parts, and the threshold is set anew on the former
calibration images. False rejects are counted on normal parts that were never sent, under both lights. Recall is compared under the
light the category was calibrated for: under the other one nearly everything was rejected before, so that its recall of then tells
nothing; it is printed too.

Magnetic tiles stay nearly within the promise under all their lights, and so few parts show hardly any difference at one rate: the
threshold moves along. So the rate that is asked for is halved in the same call, from 20 % to 10 %. What learning is worth at equal rates is
measured over several draws by tests/benchmarks/online_learning.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from scipy import stats
from tests.acceptance.changed_light import Parts, flanges, magnetic_tiles

from goldenpart.client import (
    Client,
    Coreset,
    Frame,
    GateDecision,
    GateReport,
    NamedImage,
    Recipe,
    Resize,
    RevisionState,
    ThresholdRequest,
    Verdict,
)
from goldenpart.client.demo.process import ServerProcess

BATCH = 8
FALSE_REJECTS = 20
BAD_UPDATE = 12
FLANGE_PX = 160


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    settings = {"GOLDENPART_ARTIFACTS": str(tmp_path_factory.mktemp("store")), "GOLDENPART_METRICS_LISTEN": ""}
    with ServerProcess(settings) as server, Client(server.address) as connected:
        connected.wait_until_ready()
        yield connected


def test_false_rejects_of_magnetic_tiles_are_learned(
    client: Client, real_images: Path, record_property: Callable[[str, object], None]
) -> None:
    recipe = Recipe(resolution_px=128, resize=Resize.STRETCH, coreset=Coreset.NONE)
    record_property("measured", learn(client, "magnetic_tile", recipe, magnetic_tiles(real_images / "magnetic_tile"), (0.2, 0.1)))


def test_false_rejects_of_drawn_flanges_are_learned(client: Client, record_property: Callable[[str, object], None]) -> None:
    record_property("measured", learn(client, "flange", Recipe(resolution_px=FLANGE_PX), flanges(FLANGE_PX), (0.05, 0.05)))


def learn(client: Client, category: str, recipe: Recipe, parts: Parts, rates: tuple[float, float]) -> str:
    """Fit, calibrate for the first rate, add false rejects for the second, add defective parts; returns what was measured."""
    former, wanted = (ThresholdRequest(false_reject_rate=rate) for rate in rates)
    client.fit(category, parts.golden, recipe=recipe)
    base = client.calibrate(category, parts.calibration, threshold=former).revision.revision
    client.add_challenge_frames(category, parts.challenge_normals, parts.challenge_defective)
    before = Rates.of(client, category, parts)
    rejected = false_rejects(client, category, parts.pool)
    assert len(rejected) == FALSE_REJECTS, "the new light must reject enough good parts"
    # One of 15 normal frames, because the new threshold has luck of its own.
    report = client.add_golden_parts(category, rejected, threshold=wanted, added_false_rejects_allowed=1)
    if report.gate.decision is GateDecision.HELD_BACK:
        client.activate(category, report.revision.revision, override_gate=True)
    assert (report.revision.parent_revision, report.left_out_of_calibration) == (base, ())
    after = Rates.of(client, category, parts)

    bad = client.add_golden_parts(category, parts.defective[:BAD_UPDATE])  # none of them is a challenge frame
    measured = (
        f"{category}: {len(parts.golden)} golden parts, {len(rejected)} false rejects added; before: {before}; after: {after}; "
        f"gate: {report.gate.decision}, {counts(report.gate)}; "
        f"{BAD_UPDATE} defective golden parts: {bad.gate.decision}, {counts(bad.gate)}"
    )
    assert after.false_rejects.rate < before.false_rejects.rate, measured
    assert after.recall.rate >= before.recall.low, measured
    assert bad.gate.decision is GateDecision.HELD_BACK, measured
    assert "does worse" in bad.gate.reason
    assert all(change.name in {part.name for part in (*parts.challenge_normals, *parts.challenge_defective)} for change in bad.gate.worse)
    assert bad.revision.state is RevisionState.STAGED
    assert client.get_category(category).active_revision == report.revision.revision
    return measured


@dataclass(frozen=True)
class Share:
    """A share with its 95 % interval (Clopper-Pearson)."""

    hits: int
    of: int

    @property
    def rate(self) -> float:
        return self.hits / self.of

    @property
    def low(self) -> float:
        return float(stats.beta.ppf(0.025, self.hits, self.of - self.hits + 1)) if self.hits else 0.0

    @property
    def high(self) -> float:
        return float(stats.beta.ppf(0.975, self.hits + 1, self.of - self.hits)) if self.hits < self.of else 1.0

    def __str__(self) -> str:
        return f"{self.rate:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Rates:
    """What the active revision does on parts that it was never shown."""

    false_rejects: Share
    recall: Share
    recall_new: Share

    @classmethod
    def of(cls, client: Client, category: str, parts: Parts) -> Rates:
        shares = [failed(client, category, shown) for shown in ([*parts.normals, *parts.normals_new], parts.defective, parts.defective_new)]
        return cls(*(Share(sum(flags), len(flags)) for flags in shares))

    def __str__(self) -> str:
        return f"false rejects {self.false_rejects}, recall {self.recall} (new light {self.recall_new})"


def failed(client: Client, category: str, parts: Sequence[NamedImage]) -> list[bool]:
    results = []
    for start in range(0, len(parts), BATCH):
        results += client.inspect([Frame(part.name, category, part.image) for part in parts[start : start + BATCH]])
    return [result.verdict is Verdict.FAIL for result in results]


def false_rejects(client: Client, category: str, pool: Sequence[NamedImage]) -> list[NamedImage]:
    """Return the first parts of a shift of good ones that are rejected."""
    flags = failed(client, category, pool)
    return [part for part, flag in zip(pool, flags, strict=True) if flag][:FALSE_REJECTS]


def counts(gate: GateReport) -> str:
    assert gate.before is not None
    assert gate.after is not None
    return f"escapes {gate.before.escapes} -> {gate.after.escapes}, false rejects {gate.before.false_rejects} -> {gate.after.false_rejects}"
