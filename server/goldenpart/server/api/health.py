"""grpc.health.v1.Health.

Of our own, because grpcio-health-checking's asyncio servicer forgets every watcher of a service as soon as one of them leaves, and lets
a watcher that does not read hold up the change of status.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1 import health_pb2_grpc


class HealthServicer(health_pb2_grpc.HealthServicer):
    """Tells whether frames are inspected. Belongs to the event loop.

    Args:
        services: names that can be asked for, beside the empty one for the whole server. All share one status, NOT_SERVING at first.
    """

    def __init__(self, services: Iterable[str]) -> None:
        self._services = frozenset(("", *services))
        self._status: int = pb.HealthCheckResponse.NOT_SERVING
        self._changed = asyncio.Event()
        self._closed = False

    def set_serving(self, *, serving: bool) -> None:
        """Change the status and tell all watchers."""
        self._status = pb.HealthCheckResponse.SERVING if serving else pb.HealthCheckResponse.NOT_SERVING
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def close(self) -> None:
        """Change to NOT_SERVING and let all watchers go once they were told."""
        self._closed = True
        self.set_serving(serving=False)

    async def Check(  # noqa: N802 - gRPC's name
        self, request: pb.HealthCheckRequest, context: grpc.aio.ServicerContext[pb.HealthCheckRequest, pb.HealthCheckResponse]
    ) -> pb.HealthCheckResponse:
        """Tell the status; NOT_FOUND for a service that is not here."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"There is no service {request.service!r} here.")
        return pb.HealthCheckResponse(status=self._status)

    async def Watch(  # noqa: N802 - gRPC's name
        self, request: pb.HealthCheckRequest, context: object
    ) -> AsyncIterator[pb.HealthCheckResponse]:
        """Tell the status now and whenever it changes."""
        del context
        if request.service not in self._services:
            yield pb.HealthCheckResponse(status=pb.HealthCheckResponse.SERVICE_UNKNOWN)
        told = None
        while not (self._closed and told == self._status):
            changed = self._changed
            if request.service in self._services and self._status != told:
                told = self._status
                yield pb.HealthCheckResponse(status=told)
            else:
                await changed.wait()
