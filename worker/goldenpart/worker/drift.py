"""Watches every camera for drift and tells the gateway: one event per alarm, metrics all the time. docs/drift.md explains both.

The event is CloudEvents 1.0 in structured JSON, described by docs/schemas/drift-event.schema.json.
"""

import asyncio
import contextlib
import json
import math
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from goldenpart.client.conversions import inspection
from goldenpart.client.drift import SIGNALS, DriftAlarm, DriftLimits, DriftWatch
from goldenpart.worker.bus import LineSession, Message, PublishRefusedError, SessionLostError
from goldenpart.worker.clock import Clock
from goldenpart.worker.events import JSON_CONTENT_TYPE, Outcome
from goldenpart.worker.labels import Address
from goldenpart.worker.topology import EVENTS_EXCHANGE

EVENT_TYPE = "goldenpart.drift.v1"
SCHEMA_URI = "urn:goldenpart:schema:drift-event:v1"
ROUTING_WORD = "DRIFT"
# Alarms that wait for a broker; older ones are in the log and the metrics.
MAX_WAITING = 1000

_log = structlog.get_logger(__name__)

_Key = tuple[str, str, bool]


class DriftMetrics:
    """Holds what Prometheus sees of drift; a camera and category that are watched no more are taken out."""

    def __init__(self, registry: CollectorRegistry) -> None:
        name, labels = "goldenpart_worker_drift", ["category", "camera"]
        self.evidence = Gauge(
            f"{name}_log10_capital",
            "Evidence of drift: decimal logarithm of the capital of a bettor against exchangeability.",
            [*labels, "signal"],
            registry=registry,
        )
        self.raised = Gauge(f"{name}_raised", "1 from an alarm on until nothing speaks for drift any more.", labels, registry=registry)
        self.alarms = Counter(f"{name}_alarms", "Alarms raised.", [*labels, "signal"], registry=registry)

    def show(self, category: str, camera: str, watch: DriftWatch) -> None:
        """Shows where a watch stands."""
        for signal, capital in watch.evidence.items():
            self.evidence.labels(category, camera, signal).set(math.log10(max(capital, 1e-300)))
        self.raised.labels(category, camera).set(watch.raised)

    def forget(self, category: str, camera: str) -> None:
        """Takes a watch out."""
        for signal in SIGNALS:
            for metric in (self.evidence, self.alarms):
                with contextlib.suppress(KeyError):
                    metric.remove(category, camera, signal)
        with contextlib.suppress(KeyError):
            self.raised.remove(category, camera)


@dataclass(frozen=True, slots=True)
class _Watched:
    watch: DriftWatch
    # When the frames of the last minutes were taken, by frame id; says when a drift began.
    captured: OrderedDict[str, datetime]


class LineDrift:
    """Keeps a watch per camera and category. Belongs to the line's loop.

    Simulated frames have watches of their own, which show no metrics.

    Args:
        limits: Of each watch; None watches nothing.
        most: Cameras and categories that are watched at once; the one that was silent longest goes first.
        registry: For the metrics.
        clock: Tells the time.
    """

    def __init__(self, limits: DriftLimits | None, most: int, registry: CollectorRegistry, clock: Clock) -> None:
        self._limits = limits
        self._most = most
        self._clock = clock
        self._metrics = DriftMetrics(registry)
        self._watches: OrderedDict[_Key, _Watched] = OrderedDict()
        self._waiting: deque[tuple[str, Message]] = deque(maxlen=MAX_WAITING)
        self._wake = asyncio.Event()

    def observe(self, outcome: Outcome) -> None:
        """Takes a verdict; never raises, since a watch must not cost a frame its event."""
        if self._limits is None or not outcome.result.HasField("statistics"):
            return
        try:
            self._observe(outcome)
        except Exception:  # noqa: BLE001 (the event comes first; the log has the trace)
            _log.exception("drift_watch_broke", camera=outcome.label.address.routing_key, category=outcome.label.category)

    async def publish(self, session: LineSession) -> None:
        """Sends alarms as they come until the session is lost or this is cancelled; what was not confirmed goes to the next session."""
        with contextlib.suppress(SessionLostError):
            while True:
                while self._waiting:
                    routing_key, message = self._waiting[0]
                    # An alarm is advice: one that the broker refuses is in the log and the metrics.
                    with contextlib.suppress(PublishRefusedError):
                        await session.publish(EVENTS_EXCHANGE, routing_key, message)
                    with contextlib.suppress(ValueError):
                        self._waiting.remove((routing_key, message))
                self._wake.clear()
                await self._wake.wait()

    def _observe(self, outcome: Outcome) -> None:
        label = outcome.label
        watched = self._watched((label.address.routing_key, label.category, label.simulated))
        watched.captured[label.frame_id] = outcome.captured_at
        while len(watched.captured) > 1000:
            watched.captured.popitem(last=False)
        result = inspection(outcome.result)
        alarm = watched.watch.observe(result)
        if not label.simulated:
            self._metrics.show(label.category, label.address.routing_key, watched.watch)
        if alarm is None:
            return
        if not label.simulated:
            self._metrics.alarms.labels(label.category, label.address.routing_key, alarm.signal).inc()
        _log.warning("drift", camera=label.address.routing_key, category=alarm.category, signal=alarm.signal, advice=alarm.advice)
        since = watched.captured.get(alarm.since_frame)
        message = to_message(alarm, label.address, self._clock.now(), since, simulated=label.simulated)
        self._waiting.append((f"{label.address.routing_key}.{ROUTING_WORD}", message))
        self._wake.set()

    def _watched(self, key: _Key) -> _Watched:
        assert self._limits is not None
        if key not in self._watches:
            self._watches[key] = _Watched(DriftWatch(self._limits, name=f"{key}"), OrderedDict())
            if len(self._watches) > self._most:
                (camera, category, simulated), _ = self._watches.popitem(last=False)
                if not simulated:
                    self._metrics.forget(category, camera)
        self._watches.move_to_end(key)
        return self._watches[key]


def to_message(alarm: DriftAlarm, address: Address, at: datetime, since: datetime | None, *, simulated: bool) -> Message:
    """Writes the event of an alarm.

    Args:
        alarm: What drifted.
        address: Of the camera.
        at: Now.
        since: When the frame was taken with which the drift probably began; None if that is not known any more.
        simulated: Whether the frames are; no machine may act upon the event then.
    """
    event_id = f"drift:{alarm.category}:{alarm.revision}:{alarm.frame_id}"
    data = {
        "line": address.line,
        "station": address.station,
        "camera": address.camera,
        "category": alarm.category,
        "revision": alarm.revision,
        "signal": alarm.signal,
        "capital": alarm.capital,
        "alarm_capital": alarm.alarm_capital,
        "evidence": alarm.evidence,
        "before": alarm.before,
        "after": alarm.after,
        "since": {"frame_id": alarm.since_frame, "captured_at": _rfc3339(since) if since else None, "frames": alarm.frames_since},
        "frame_id": alarm.frame_id,
        "frames_watched": alarm.frames_watched,
        "advice": alarm.advice,
        "simulated": simulated,
    }
    event = {
        "specversion": "1.0",
        "type": EVENT_TYPE,
        "source": address.source,
        "id": event_id,
        "time": _rfc3339(at),
        "datacontenttype": "application/json",
        "dataschema": SCHEMA_URI,
        "data": data,
    }
    body = json.dumps(event, allow_nan=False, separators=(",", ":")).encode()
    # Without the headers of an inspection event: a worker that reads events back must not take it for one.
    return Message(body, {}, JSON_CONTENT_TYPE, message_id=event_id, sent_at=at.replace(microsecond=0))


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
