"""Waiting for a server; the part that is the same with and without asyncio."""

import time
from collections.abc import Callable

from grpc_health.v1 import health_pb2

from goldenpart.client.errors import DeadlineExceeded, GoldenpartError, NotFound, Unavailable

# Check rather than Watch: grpcio-health-checking forgets every watcher of a service as soon as one of them leaves.
POLL_INTERVAL_S = 0.1
CHECK = health_pb2.HealthCheckRequest(service="goldenpart.v1.InspectionService")


class ReadinessWait:
    """Keeps the time and the last news of one wait. Belongs to the waiting thread or task.

    Args:
        address: Where the server is expected, for the message.
        timeout_s: Longest wait.
        clock: Seconds that never go back.
    """

    def __init__(self, address: str, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._clock = clock
        self._end_s = clock() + timeout_s
        self._last_news = "nobody answers"

    def remaining_s(self) -> float:
        """Return the time left, > 0.

        Raises:
            DeadlineExceeded: None is left.
        """
        remaining_s = self._end_s - self._clock()
        if remaining_s <= 0:
            raise self._too_late()
        return remaining_s

    def is_over(self, reply: health_pb2.HealthCheckResponse) -> bool:
        """Take a health reply; return whether the server inspects frames now."""
        self._last_news = health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)
        return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)

    def forgive(self, error: GoldenpartError) -> None:
        """Take an error of the health call: a server that comes up or restarts is waited for.

        Raises:
            GoldenpartError: Waiting will not help, or the time is up.
        """
        if isinstance(error, DeadlineExceeded):
            raise self._too_late() from error
        if not isinstance(error, Unavailable | NotFound):
            raise error
        self._last_news = error.reason

    def _too_late(self) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"the server at {self._address} is not ready after {self._timeout_s:g} s (last news: {self._last_news}); "
            "look into its log, or allow more with timeout_s"
        )
