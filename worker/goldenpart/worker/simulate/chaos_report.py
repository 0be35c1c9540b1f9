"""Writes down how the line kept its promise."""

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from goldenpart.worker.simulate.chaos import ChaosOutcome, ChaosPlan


@dataclass(frozen=True, slots=True)
class Chapter:
    """Holds one scenario of the report.

    Attributes:
        title: What was tried.
        plan: With what.
        outcome: What came of it.
    """

    title: str
    plan: ChaosPlan
    outcome: ChaosOutcome


def to_markdown(chapters: Sequence[Chapter], command: str, broker_version: str) -> str:
    """Writes the report."""
    lines = [
        "# The line under disturbance",
        "",
        provenance(command, broker_version),
        "Real broker, server and worker processes; a kill is SIGKILL, a supervisor starts what ended again.",
    ]
    for chapter in chapters:
        lines += ["", f"## {chapter.title}", "", *_rows(chapter)]
        lines += ["", "First events by lateness (seconds after the frame's time was up):", "", *_histogram(chapter.outcome)]
        if chapter.outcome.disturbances:
            deeds = ", ".join(f"{kind} at {answered}" for answered, kind in chapter.outcome.disturbances)
            lines += ["", f"Disturbances (at how many answered frames): {deeds}."]
    return "\n".join(lines) + "\n"


def provenance(command: str, broker_version: str) -> str:
    """Says how and where figures came about: command, day, machine, versions."""
    machine = f"{os.cpu_count()} CPU cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    versions = f"RabbitMQ {broker_version}, pika {version('pika')}, grpcio {version('grpcio')}"
    return f"Written by `{command}` on {datetime.now(UTC):%Y-%m-%d}. {machine}, {versions}."


def _rows(chapter: Chapter) -> list[str]:
    plan, outcome, balance = chapter.plan, chapter.outcome, chapter.outcome.balance
    median_s, p99_s = balance.latency_s
    facts = {
        "frames sent": f"{balance.sent} from {plan.cameras} cameras at {plan.rate:g}/s together",
        "verdict wanted within": f"{plan.budget_s:g} s",
        "worker killed / server killed / broker restarted": f"{plan.worker_kills} / {plan.server_kills} / {plan.broker_restarts}",
        "frames with a verdict": balance.answered,
        "frames without": balance.missing,
        "frames with two different verdicts": balance.conflicts,
        "events nobody sent a frame for": balance.unexpected,
        "events repeated with the same id and verdict": balance.repeats,
        "first events out of their camera's order": balance.out_of_order,
        "late": balance.late,
        "verdicts": ", ".join(f"{name} {count}" for name, count in sorted(balance.verdicts.items())),
        "capture to event, median / p99": f"{median_s:.2f} s / {p99_s:.2f} s",
        "first frame to last verdict": f"{outcome.seconds:.1f} s",
        "frames that cameras had to send again": outcome.resent,
        "left in the queue / in the parking lot": f"{outcome.left_in_queue} / {outcome.parked}",
        "exit status of the worker after SIGTERM": outcome.worker_exit,
        "promise kept": "yes" if outcome.kept else "NO",
    }
    return ["| what | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items())]


def _histogram(outcome: ChaosOutcome) -> list[str]:
    names = [_bound_name(high) for high, _ in outcome.balance.lateness]
    counts = [str(count) for _, count in outcome.balance.lateness]
    return [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}", f"| {' | '.join(counts)} |"]


def _bound_name(high_s: float) -> str:
    if high_s == 0:
        return "in time"
    return "more" if math.isinf(high_s) else f"<= {high_s:g}"
