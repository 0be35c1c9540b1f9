"""ZoneService, and its own conversions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc.aio

from goldenpart.server.api.categories import active_or_none
from goldenpart.server.api.conversions import progress_to_pb, revision_to_pb
from goldenpart.server.errors import ZoneError
from goldenpart.server.registry.store import Store
from goldenpart.server.runtime.zoning import ZonedRevision, ZonePlan, Zoning
from goldenpart.server.vision.zones import Zone, ZoneKind, Zones
from goldenpart.v1 import image_pb2, zone_pb2_grpc
from goldenpart.v1 import zone_pb2 as pb

_KINDS = {pb.ZONE_KIND_INCLUDE: ZoneKind.INCLUDE, pb.ZONE_KIND_IGNORE: ZoneKind.IGNORE, pb.ZONE_KIND_CRITICAL: ZoneKind.CRITICAL}


class ZoneServicer(zone_pb2_grpc.ZoneServiceServicer):
    """Tells zones and sets them.

    Args:
        zoning: does the work.
        store: to tell whether a new revision is active.
    """

    def __init__(self, zoning: Zoning, store: Store) -> None:
        self._zoning = zoning
        self._store = store

    async def GetZones(  # noqa: N802 - gRPC's name
        self, request: pb.GetZonesRequest, context: grpc.aio.ServicerContext[pb.GetZonesRequest, pb.GetZonesResponse]
    ) -> pb.GetZonesResponse:
        """Tell the zones of a revision."""
        del context
        revision, mask = await self._zoning.mask(request.category, request.revision)
        return pb.GetZonesResponse(revision=revision, zones=zones_to_pb(mask.as_zones), drawn_mask=mask.image is not None)

    async def SetZones(  # noqa: N802 - gRPC's name
        self, request: pb.SetZonesRequest, context: grpc.aio.ServicerContext[pb.SetZonesRequest, pb.SetZonesResponse]
    ) -> AsyncIterator[pb.SetZonesResponse]:
        """Make a revision with other zones."""
        del context
        plan = ZonePlan(request.category, request.revision, zones_from_pb(request.zones), request.stage_only, request.etag)
        async with aclosing(self._zoning.set_zones(plan)) as events:
            async for event in events:
                if isinstance(event, ZonedRevision):
                    yield pb.SetZonesResponse(result=self._result(event))
                else:
                    yield pb.SetZonesResponse(progress=progress_to_pb(event))

    def _result(self, made: ZonedRevision) -> pb.SetZonesResult:
        revision = revision_to_pb(made.revision, active_or_none(self._store, made.revision.category))
        return pb.SetZonesResult(revision=revision, refitted=made.refitted, warnings=made.warnings)


def zones_from_pb(message: pb.Zones) -> Zones:
    """Read zones.

    Raises:
        ZoneError: a kind is unknown, or what `Zones` refuses.
    """
    zones = tuple(_zone_from_pb(zone, place) for place, zone in enumerate(message.zones))
    return Zones(zones, *_areas(message), message.mm_per_px if message.HasField("mm_per_px") else None)


def zones_to_pb(zones: Zones) -> pb.Zones:
    """Write zones."""
    return pb.Zones(
        zones=[_zone_to_pb(zone) for zone in zones.zones],
        minimum_area_px=zones.minimum_area_px,
        minimum_area_mm2=zones.minimum_area_mm2,
        mm_per_px=zones.mm_per_px,
    )


def _zone_from_pb(message: pb.Zone, place: int) -> Zone:
    kind = _KINDS.get(message.kind)
    if kind is None:
        raise ZoneError(
            f"The kind {message.kind} of zone {message.name[:80]!r} is unknown; it is include, ignore or critical.",
            field=f"zones.zones[{place}].kind",
        )
    polygon = tuple((vertex.x, vertex.y) for vertex in message.polygon.vertices)
    return Zone(message.name, kind, polygon, message.threshold_factor if message.HasField("threshold_factor") else None, *_areas(message))


def _zone_to_pb(zone: Zone) -> pb.Zone:
    return pb.Zone(
        name=zone.name,
        kind=f"ZONE_KIND_{zone.kind.name}",
        polygon=image_pb2.Polygon(vertices=[image_pb2.RelativePoint(x=x, y=y) for x, y in zone.polygon]),
        threshold_factor=zone.threshold_factor,
        minimum_area_px=zone.minimum_area_px,
        minimum_area_mm2=zone.minimum_area_mm2,
    )


def _areas(message: pb.Zone | pb.Zones) -> tuple[float | None, float | None]:
    which = message.WhichOneof("minimum_area")
    return (
        message.minimum_area_px if which == "minimum_area_px" else None,
        message.minimum_area_mm2 if which == "minimum_area_mm2" else None,
    )
