"""What comes out of an onboarding; the part that is the same with and without asyncio."""

from collections.abc import Callable
from typing import Generic, TypeVar

from goldenpart.client.curation import FrameRanking, GoldenAudit
from goldenpart.client.errors import Internal
from goldenpart.client.learning import GoldenPartsReport
from goldenpart.client.revisions import CalibrationReport, FitReport, Progress
from goldenpart.client.zones import ZonesReport

Report = TypeVar("Report", FitReport, CalibrationReport, FrameRanking, GoldenAudit, GoldenPartsReport, ZonesReport)


class Outcome(Generic[Report]):
    """Takes the events of one onboarding: passes progress on, keeps the report. Belongs to the calling thread or task."""

    def __init__(self, on_progress: Callable[[Progress], None] | None) -> None:
        self._on_progress = on_progress
        self._report: Report | None = None

    def take(self, event: Progress | Report) -> None:
        """Take the next event."""
        if not isinstance(event, Progress):
            self._report = event
        elif self._on_progress is not None:
            self._on_progress(event)

    @property
    def report(self) -> Report:
        """What the onboarding made.

        Raises:
            Internal: The server ended the call without saying.
        """
        if self._report is None:
            raise Internal("the server ended the onboarding without a result; its log says why")
        return self._report
