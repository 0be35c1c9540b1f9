"""What Prometheus sees of the worker. Labels have few values; cameras and frame ids are in the log and the events."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LATENESS = (0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 600.0)


class WorkerMetrics:
    """Holds the worker's metrics in a registry of its own, so that several workers can live in one test process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        name, registry = "goldenpart_worker", self.registry
        self.events = Counter(f"{name}_events", "Events confirmed by the broker.", ["verdict", "reason"], registry=registry)
        self.late = Counter(f"{name}_events_late", "Events that left after the frame's deadline.", registry=registry)
        self.lateness = Histogram(f"{name}_lateness_seconds", "How late the late events were.", buckets=_LATENESS, registry=registry)
        self.parked = Counter(f"{name}_frames_parked", "Messages put into the parking lot.", ["reason"], registry=registry)
        self.redeliveries = Counter(f"{name}_redeliveries", "Deliveries that were not the first of their frame.", registry=registry)
        self.repeated = Counter(f"{name}_events_repeated", "Frames answered with the event they already had.", registry=registry)
        self.queue_wait = Histogram(f"{name}_queue_wait_seconds", "From capture to the worker.", buckets=_SECONDS, registry=registry)
        self.latency = Histogram(f"{name}_latency_seconds", "From capture to the event.", buckets=_SECONDS, registry=registry)
        self.confirm = Histogram(f"{name}_confirm_seconds", "From publishing to the broker's confirm.", buckets=_SECONDS, registry=registry)
        self.batch = Histogram(f"{name}_batch_frames", "Frames per Inspect call.", buckets=(1, 2, 4, 8, 16, 32, 64), registry=registry)
        self.call = Histogram(f"{name}_call_seconds", "Duration of Inspect calls.", buckets=_SECONDS, registry=registry)
        self.call_failures = Counter(f"{name}_call_failures", "Inspect calls without results.", ["kind"], registry=registry)
        self.frames_held = Gauge(f"{name}_frames_held", "Frames received and not yet acked.", registry=registry)
        self.calls_in_flight = Gauge(f"{name}_calls_in_flight", "Inspect calls running.", registry=registry)
        self.sessions = Counter(f"{name}_broker_sessions", "Sessions opened with the broker.", registry=registry)
        self.connected = Gauge(f"{name}_broker_connected", "1 while there is a session with the broker.", registry=registry)
        self.server_reachable = Gauge(f"{name}_server_reachable", "1 while Inspect calls succeed.", registry=registry)
