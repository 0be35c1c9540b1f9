"""Logs and metrics: what an operator sees."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from structlog.tracebacks import ExceptionDictTransformer

from goldenpart.server.api.conversions import reason_of
from goldenpart.server.errors import GoldenpartError, NotCalibratedError
from goldenpart.server.runtime.inspection import Inspection, NotInspected, Outcome

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
OTHER = "_other"


def configure_logging(log_format: str, level: str) -> None:
    """Log to stderr, one line per event: JSON, or coloured text for people.

    Args:
        log_format: json, console, or auto (console where stderr is a terminal).
        level: least level that is logged.
    """
    console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    # Tracebacks without local variables: those hold pictures, and drawing them takes seconds of the thread that owns the device.
    ending: list[Any] = (
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)]
        if console
        else [structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)), structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *ending,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class Metrics:
    """Prometheus metrics of one server. Counting may happen on any thread; prometheus_client locks.

    Args:
        max_categories: categories with a label of their own; verdicts of the others count under `_other`.
    """

    def __init__(self, max_categories: int) -> None:
        self.registry = CollectorRegistry()
        self._max_categories = max_categories
        self._categories: set[str] = set()
        self._calls = self._counter("goldenpart_requests_total", "Calls by method and status code.", "method", "code")
        self._call_s = self._histogram("goldenpart_request_seconds", "Duration of calls.", "method")
        self._stage_s = self._histogram("goldenpart_stage_seconds", "Time of a frame in each stage.", "stage")
        self._frames = self._counter("goldenpart_verdicts_total", "Frames by category and verdict.", "category", "verdict")
        self._refused = self._counter("goldenpart_rejected_total", "Frames that were not inspected, by reason.", "reason")
        self._batch = Histogram("goldenpart_batch_frames", "Frames per backbone batch.", buckets=_BATCHES, registry=self.registry)

    def watch(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Offer a gauge that is read when it is scraped."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def count_call(self, method: str, code: str, duration_s: float) -> None:
        """Count a finished call."""
        self._calls.labels(method, code).inc()
        self._call_s.labels(method).observe(duration_s)

    def count_batch(self, frames: int) -> None:
        """Count a backbone batch."""
        self._batch.observe(frames)

    def count_refusal(self, error: GoldenpartError, frames: int) -> None:
        """Count the frames of a call that was not let in."""
        self._refused.labels(error.reason).inc(frames)

    def count_outcome(self, outcome: Outcome) -> None:
        """Count a frame's outcome."""
        if isinstance(outcome, NotInspected):
            self._refused.labels(reason_of(outcome)).inc()
            # A category name that came from outside gets no label of its own: it may be anything.
            self._frames.labels(outcome.category if outcome.category in self._categories else OTHER, "NOT_INSPECTED").inc()
            return
        verdict = outcome.judgement.value if outcome.judgement is not None else "NOT_INSPECTED"
        if outcome.judgement is None:
            self._refused.labels(NotCalibratedError.reason).inc()
        self._frames.labels(self._label(outcome), verdict).inc()
        timings = outcome.timings
        for stage in ("queue", "decode", "backbone", "search", "post", "total"):
            self._stage_s.labels(stage).observe(getattr(timings, f"{stage}_s"))

    def _label(self, outcome: Inspection) -> str:
        category = outcome.frame.category
        if category not in self._categories and len(self._categories) < self._max_categories:
            self._categories.add(category)
        return category if category in self._categories else OTHER

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=_SECONDS, registry=self.registry)
