"""The half of the clients that asks ZoneService."""

from collections.abc import Callable

from goldenpart.client import channel, zones_messages
from goldenpart.client.aio_wire import AsyncWire
from goldenpart.client.onboarding import Outcome
from goldenpart.client.revisions import Progress
from goldenpart.client.wire import Wire
from goldenpart.client.zones import RevisionZones, Zones, ZonesReport
from goldenpart.v1 import zone_pb2, zone_pb2_grpc


class ZoneCalls:
    """Calls of the blocking client; see :class:`~goldenpart.client.client.Client` for errors and threads."""

    _wire: Wire

    def get_zones(self, category: str, *, revision: str = "", timeout_s: float = channel.READ_TIMEOUT_S) -> RevisionZones:
        """Return the zones of a revision (empty = the active one)."""
        stub = zone_pb2_grpc.ZoneServiceStub(self._wire.channel)
        request = zone_pb2.GetZonesRequest(category=category, revision=revision)
        return zones_messages.revision_zones(self._wire.unary(stub.GetZones, request, timeout_s))

    def set_zones(
        self,
        category: str,
        zones: Zones,
        *,
        revision: str = "",
        stage_only: bool = False,
        etag: str = "",
        on_progress: Callable[[Progress], None] | None = None,
        timeout_s: float = channel.ONBOARDING_TIMEOUT_S,
    ) -> ZonesReport:
        """Derive a revision with other zones from one (empty = the active one).

        The detector is fitted again from the stored golden parts where other places are inspected than before.
        """
        stub = zone_pb2_grpc.ZoneServiceStub(self._wire.channel)
        request = zones_messages.set_zones(category, zones, revision=revision, stage_only=stage_only, etag=etag)
        outcome = Outcome[ZonesReport](on_progress)
        for reply in self._wire.download(stub.SetZones, request, timeout_s):
            outcome.take(zones_messages.set_zones_event(reply))
        return outcome.report


class AsyncZoneCalls:
    """Calls of the asyncio client; arguments and errors are those of :class:`ZoneCalls`."""

    _wire: AsyncWire

    async def get_zones(self, category: str, *, revision: str = "", timeout_s: float = channel.READ_TIMEOUT_S) -> RevisionZones:
        """Return the zones of a revision (empty = the active one)."""
        stub = zone_pb2_grpc.ZoneServiceStub(self._wire.channel)
        request = zone_pb2.GetZonesRequest(category=category, revision=revision)
        return zones_messages.revision_zones(await self._wire.unary(stub.GetZones, request, timeout_s))

    async def set_zones(
        self,
        category: str,
        zones: Zones,
        *,
        revision: str = "",
        stage_only: bool = False,
        etag: str = "",
        on_progress: Callable[[Progress], None] | None = None,
        timeout_s: float = channel.ONBOARDING_TIMEOUT_S,
    ) -> ZonesReport:
        """Derive a revision with other zones from one. ``on_progress`` is called in the event loop."""
        stub = zone_pb2_grpc.ZoneServiceStub(self._wire.channel)
        request = zones_messages.set_zones(category, zones, revision=revision, stage_only=stage_only, etag=etag)
        outcome = Outcome[ZonesReport](on_progress)
        async for reply in self._wire.download(stub.SetZones, request, timeout_s):
            outcome.take(zones_messages.set_zones_event(reply))
        return outcome.report
