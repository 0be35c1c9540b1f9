"""``goldenpart drift``."""

import math
from typing import Annotated

import typer

from goldenpart.client.bulk import inspect_all
from goldenpart.client.cli.connection import DEFAULT_ADDRESS, ServerOption, TlsOption, connect
from goldenpart.client.cli.inspection_view import reason_text
from goldenpart.client.cli.output import print_json
from goldenpart.client.drift import DriftAlarm, DriftLimits, DriftWatch
from goldenpart.client.drift.limits import DEFAULT_FALSE_ALARM_PROBABILITY, DEFAULT_PERIOD_FRAMES
from goldenpart.client.frames import Frame
from goldenpart.client.images import distinct_names, expand
from goldenpart.client.results import Inspection, Verdict

EXAMPLES = """Examples:

goldenpart drift flange shift/

goldenpart drift flange shift/ --json | jq -r 'select(.alarm) | .alarm.advice'

Frames are taken in the order of their paths. Exit status: 0 no alarm, 1 drift, 2 an error or a frame that was not inspected,
141 nobody reads the output any more.
"""
_FRAME_ID_BYTES = 128
_BAR_CHARACTERS = 30


def drift(
    category: Annotated[str, typer.Argument(metavar="CATEGORY", help="The product type.")],
    frames: Annotated[list[str], typer.Argument(metavar="FRAMES", help="Frames of one camera: files, folders or patterns.")],
    *,
    revision: Annotated[str, typer.Option(help="Compare with this revision.", show_default="the active one")] = "",
    period: Annotated[int, typer.Option(help="Frames after which the watch begins anew.", min=100)] = DEFAULT_PERIOD_FRAMES,
    false_alarm: Annotated[
        float, typer.Option(help="Most probable false alarm within a period, between 0 and 1.")
    ] = DEFAULT_FALSE_ALARM_PROBABILITY,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per frame and line.")] = False,
    server: ServerOption = DEFAULT_ADDRESS,
    tls_ca: TlsOption = None,
) -> None:
    """Replay frames in order and tell whether the station's light, focus, framing or look has drifted.

    Prints the evidence after each frame: the decimal logarithm of what a bettor against "nothing has drifted" made of 1.
    A bar begins where the bettor has won nothing, and is full at the alarm. A frame that was not inspected is told with its reason.
    """
    paths = expand(frames, unreachable=True)
    names = distinct_names(paths, limit_bytes=_FRAME_ID_BYTES)
    limits = DriftLimits(period_frames=period, false_alarm_probability=false_alarm)
    watch = DriftWatch(limits, name=category)
    alarms = missed = 0
    sent = (Frame(names[path], category, path, revision=revision) for path in paths)
    with connect(server, tls_ca) as client:
        for path, inspection in zip(paths, inspect_all(client, sent, report_unreadable=True), strict=True):
            alarm = watch.observe(inspection)
            alarms += alarm is not None
            missed += inspection.verdict is Verdict.NOT_INSPECTED
            (_print_json if json else _print_line)(str(path), inspection, watch, alarm)
    typer.echo(f"{len(paths)} frames, {alarms} alarms, {missed} not inspected", err=True)
    raise typer.Exit(2 if missed else int(alarms > 0))


def _print_json(path: str, inspection: Inspection, watch: DriftWatch, alarm: DriftAlarm | None) -> None:
    evidence = alarm.evidence if alarm is not None else watch.evidence
    judged = {"verdict": inspection.verdict, "reason": inspection.reason, "message": inspection.message}
    watched = {"statistics": inspection.statistics, "evidence": evidence, "raised": watch.raised, "alarm": alarm}
    print_json({"path": path, **judged, **watched}, indent=None)


def _print_line(path: str, inspection: Inspection, watch: DriftWatch, alarm: DriftAlarm | None) -> None:
    evidence = alarm.evidence if alarm is not None else watch.evidence
    signal = max(evidence, key=lambda name: evidence[name])
    height, limit = math.log10(evidence[signal]), math.log10(watch.alarm_capital)
    filled = round(_BAR_CHARACTERS * min(1.0, max(0.0, height / limit)))
    bar = "#" * filled + "." * (_BAR_CHARACTERS - filled)
    reason = f"\t{reason_text(inspection)}" if inspection.verdict is Verdict.NOT_INSPECTED else ""
    typer.echo(f"{path}\t{inspection.verdict}\t{height:+.2f}\t{bar}\t{signal if height > 0 else '-'}{reason}")
    if alarm is not None:
        typer.echo(f"DRIFT\t{alarm.advice}")
