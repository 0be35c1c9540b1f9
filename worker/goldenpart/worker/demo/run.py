"""The demo from golden parts to the report, against a broker and a server."""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from goldenpart.client.bulk import inspect_all
from goldenpart.client.cli.inspection_view import InspectionView, LiveTable, PlainLines
from goldenpart.client.cli.onboarding_progress import shown_progress
from goldenpart.client.client import Client
from goldenpart.client.demo.flanges import Flanges
from goldenpart.client.demo.run import CATEGORY, FALSE_REJECT_RATE, confusion_table
from goldenpart.client.frames import Frame, InspectOptions
from goldenpart.client.report import InspectedPart, auroc_of, write_report
from goldenpart.client.report.page import cards
from goldenpart.client.revisions import Revision, ThresholdRequest
from goldenpart.worker.demo.line import DemoLine, LineOutcome, LinePlan, claim_broker

PICTURES = 12
_FRAMES_PER_CALL = 6


class LineDemo:
    """Onboards, runs the line, reports. Belongs to one thread; not to be used inside an event loop.

    Args:
        client: Of a server that is ready.
        amqp_url: Broker.
        flanges: The pictures.
        plan: How the parts come.
        console: For people.
    """

    def __init__(self, client: Client, amqp_url: str, flanges: Flanges, plan: LinePlan, console: Console) -> None:
        self._client = client
        self._amqp_url = amqp_url
        self._flanges = flanges
        self._plan = plan
        self._console = console

    def run(self, report: Path) -> bool:
        """Does everything, in order, and writes the report.

        Returns:
            Whether every frame got exactly one verdict, in time and in order.

        Raises:
            GoldenpartError: A call failed.
            LineDemoError: The worker did not behave, or the broker serves another line.
            BusError: The broker is not reachable or set up otherwise.
            OSError: The report cannot be written.
        """
        asyncio.run(claim_broker(self._amqp_url))
        revision = self._onboard()
        outcome = self._inspect()
        self._conclude(outcome)
        if outcome.parts:
            parts = self._with_pictures(outcome.parts, revision)
            write_report(
                report, parts, revision, title="Goldenpart demo: the line", frames_per_s=outcome.frames_per_s, most_pictures=PICTURES
            )
            self._console.print(f"Report: {report.resolve()}")
        return outcome.kept

    def _onboard(self) -> Revision:
        self._console.print(f"Onboarding '{CATEGORY}' from {len(self._flanges.golden)} golden parts")
        with shown_progress() as on_progress:
            fitted = self._client.fit(CATEGORY, self._flanges.golden, on_progress=on_progress)
        self._console.print(f"  {fitted.revision.revision}: {fitted.revision.bank_vectors} of {fitted.patches} patches kept in the bank")
        self._console.print(f"Calibrating on {len(self._flanges.normal)} good parts that are not in the bank")
        threshold = ThresholdRequest(false_reject_rate=FALSE_REJECT_RATE)
        with shown_progress() as on_progress:
            revision = self._client.calibrate(CATEGORY, self._flanges.normal, threshold=threshold, on_progress=on_progress).revision
        assert revision.calibration is not None
        self._console.print(f"  {revision.revision}: threshold {revision.calibration.threshold:.5g}. {revision.calibration.guarantee}")
        return revision

    def _inspect(self) -> LineOutcome:
        plan, shift = self._plan, self._flanges.shift
        self._console.print(f"{len(shift)} parts pass {plan.cameras} cameras, {plan.rate:g} a second; verdicts within {plan.budget_s:g} s")

        async def run_line(log_file: Path) -> LineOutcome:
            return await DemoLine(self._amqp_url, self._client.address, plan, shift).run(self._view(), log_file)

        with tempfile.TemporaryDirectory(prefix="goldenpart-worker-") as folder:
            outcome = asyncio.run(run_line(Path(folder) / "worker.log"))
        self._console.print("The worker finished and ended with status 0")
        return outcome

    def _conclude(self, outcome: LineOutcome) -> None:
        balance = outcome.balance
        self._console.print(
            f"{balance.sent} frames sent: {balance.answered} answered, {balance.missing} missing, {balance.repeats} repeated, "
            f"{balance.conflicts} contradictory, {balance.unexpected + outcome.unreadable} unexpected, "
            f"{balance.out_of_order} out of order, {balance.late} late"
        )
        self._console.print(
            "Every frame got exactly one verdict, in time" if outcome.kept else "Not every frame got exactly one verdict in time",
            style="green" if outcome.kept else "bold red",
        )
        self._console.print(confusion_table(outcome.parts))
        auroc = auroc_of(outcome.parts)
        self._console.print(f"image AUROC {auroc:.4f}" if auroc is not None else "image AUROC unknown: too little was inspected")
        p50_s, p99_s = balance.latency_s
        self._console.print(f"latency from picture to event: p50 {p50_s * 1e3:.0f} ms, p99 {p99_s * 1e3:.0f} ms")
        self._console.print(f"{outcome.frames_per_s:.1f} frames/s; the cameras sent {self._plan.rate:g} a second")

    def _with_pictures(self, parts: Sequence[InspectedPart], revision: Revision) -> tuple[InspectedPart, ...]:
        """Adds overlays and nearest golden parts, which events do not carry, to the parts that the report shows."""
        shown = {card.part.name for card in cards(parts, PICTURES)}
        options = InspectOptions(overlay=True)
        frames = [
            Frame(flange.name, CATEGORY, flange.jpeg, options, revision=revision.revision)
            for flange in self._flanges.shift
            if flange.name in shown
        ]
        seen = {again.frame_id: again for again in inspect_all(self._client, frames, most_frames=_FRAMES_PER_CALL)}
        return tuple(
            replace(part, overlay=again.overlay_png, inspection=replace(part.inspection, nearest=again.nearest))
            if (again := seen.get(part.name)) is not None
            else part
            for part in parts
        )

    def _view(self) -> InspectionView:
        return LiveTable(self._console) if sys.stdout.isatty() else PlainLines()
