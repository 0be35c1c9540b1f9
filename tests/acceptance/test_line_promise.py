"""A line on drawn parts while everything on it is killed once: each frame has one verdict, in order, and the right one.

`goldenpart-simulate chaos` is the same with 2,000 frames and ten disturbances; artifacts/reports/line.md has its figures.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from goldenpart.worker.broker import PrivateBroker
from goldenpart.worker.simulate.chaos import ChaosPlan, ChaosRun
from goldenpart.worker.simulate.onboarding import CATEGORY, onboard_flange
from goldenpart.worker.simulate.pictures import drawn_pictures
from goldenpart.worker.simulate.processes import RestartableServer


@pytest.mark.timeout(280)
def test_every_frame_has_one_verdict_whatever_is_killed(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    said: list[str] = []
    server = RestartableServer({"GOLDENPART_THREADS": "1"})
    # Impatient, so that a line that stands still is reported with its figures before pytest gives up.
    plan = ChaosPlan(CATEGORY, frames=160, rate=40.0, worker_kills=1, server_kills=1, broker_restarts=1, patience_s=45.0)
    try:
        server.start()
        onboard_flange(server.address)
        with PrivateBroker() as broker:
            run = ChaosRun(broker, server, tmp_path, said.append)
            outcome = asyncio.run(run.run(plan, drawn_pictures(16, seed=11, size_px=128)))
    finally:
        server.close()
    record_property("measured", f"{outcome.balance.answered} of {outcome.balance.sent} frames have one verdict; {said}")
    assert outcome.kept, f"{outcome}\n{said}\n{(tmp_path / 'worker.log').read_text()}"
    assert outcome.balance.answered == 160
    assert sorted(kind for _, kind in outcome.disturbances) == ["broker", "server", "worker"]
    assert "NOT_INSPECTED" not in " ".join(outcome.balance.verdicts)
