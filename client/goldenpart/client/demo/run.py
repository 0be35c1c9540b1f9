"""One run of the demo against a server."""

import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from goldenpart.client.bulk import inspect_all
from goldenpart.client.cli.inspection_view import InspectionView, LiveTable, PlainLines
from goldenpart.client.cli.onboarding_progress import shown_progress
from goldenpart.client.cli.output import table
from goldenpart.client.client import Client
from goldenpart.client.demo.flanges import Flange, Flanges
from goldenpart.client.frames import Frame, InspectOptions
from goldenpart.client.report import InspectedPart, Label, auroc_of, confusion, write_report
from goldenpart.client.results import Verdict
from goldenpart.client.revisions import Revision, ThresholdRequest

CATEGORY = "flange"
FALSE_REJECT_RATE = 0.05
_FRAMES_PER_CALL = 6


class DemoRun:
    """Onboards, inspects, reports. Belongs to one thread.

    Args:
        client: Of a server that is ready.
        flanges: The pictures.
        console: For people.
    """

    def __init__(self, client: Client, flanges: Flanges, console: Console) -> None:
        self._client = client
        self._flanges = flanges
        self._console = console
        self._frames_per_s = 0.0

    def run(self, report: Path) -> Path:
        """Do everything, in order; return the path of the report."""
        revision = self.onboard()
        parts = self.inspect()
        self.conclude(parts)
        return write_report(report, parts, revision, title="Goldenpart demo: flanges", frames_per_s=self._frames_per_s)

    def onboard(self) -> Revision:
        """Fit on the golden parts and calibrate on the good ones; return the calibrated revision."""
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

    def inspect(self) -> tuple[InspectedPart, ...]:
        """Inspect the shift in small batches, shown live on a terminal."""
        shift = self._flanges.shift
        self._console.print(f"Inspecting {len(shift)} parts")
        options = InspectOptions(regions=True, overlay=True)
        frames = [Frame(part.name, CATEGORY, part.jpeg, options) for part in shift]
        parts: list[InspectedPart] = []
        start_s = time.monotonic()
        with self._view() as view:
            for flange, inspection in zip(shift, inspect_all(self._client, frames, most_frames=_FRAMES_PER_CALL), strict=True):
                view.add(_words(flange), inspection)
                parts.append(InspectedPart(flange.name, inspection, flange.label, inspection.overlay_png, flange.kind))
        self._frames_per_s = len(shift) / (time.monotonic() - start_s)
        return tuple(parts)

    def conclude(self, parts: tuple[InspectedPart, ...]) -> None:
        """Print confusion matrix, AUROC and throughput."""
        self._console.print(confusion_table(parts))
        auroc = auroc_of(parts)
        self._console.print(f"image AUROC {auroc:.4f}" if auroc is not None else "image AUROC unknown: too little was inspected")
        self._console.print(f"{self._frames_per_s:.1f} frames/s, pictures of the outcome included")

    def _view(self) -> InspectionView:
        return LiveTable(self._console) if sys.stdout.isatty() else PlainLines()


def _words(flange: Flange) -> str:
    return f"{flange.name} {flange.kind or 'good'}"


def confusion_table(parts: tuple[InspectedPart, ...]) -> Table:
    """Return how often good and defective parts got which verdict."""
    rows = table("truth", *Verdict, right=tuple(Verdict))
    counts = confusion(parts)
    for label, words in ((Label.NORMAL, "good"), (Label.DEFECTIVE, "defective")):
        rows.add_row(words, *(str(counts[label][verdict]) for verdict in Verdict))
    return rows
