"""Messages of ZoneService to and from the client's own types."""

from goldenpart.client import conversions
from goldenpart.client.revisions import Progress
from goldenpart.client.zones import RevisionZones, Zone, ZoneKind, Zones, ZonesReport
from goldenpart.v1 import image_pb2, zone_pb2


def set_zones(category: str, zones: Zones, *, revision: str, stage_only: bool, etag: str) -> zone_pb2.SetZonesRequest:
    """Make the request of SetZones."""
    message = zone_pb2.Zones(
        zones=[_zone(zone) for zone in zones.zones],
        minimum_area_px=zones.minimum_area_px,
        minimum_area_mm2=zones.minimum_area_mm2,
        mm_per_px=zones.mm_per_px,
    )
    return zone_pb2.SetZonesRequest(category=category, revision=revision, zones=message, stage_only=stage_only, etag=etag)


def set_zones_event(message: zone_pb2.SetZonesResponse) -> Progress | ZonesReport:
    """Convert a message of SetZones."""
    if not message.HasField("result"):
        return conversions.progress(message.progress)
    result = message.result
    return ZonesReport(conversions.revision(result.revision), result.refitted, tuple(result.warnings))


def revision_zones(message: zone_pb2.GetZonesResponse) -> RevisionZones:
    """Convert the zones of a revision; a kind that is newer than this client counts as critical, never as ignored."""
    zones = tuple(_read_zone(zone) for zone in message.zones.zones)
    pitch = message.zones.mm_per_px if message.zones.HasField("mm_per_px") else None
    return RevisionZones(message.revision, Zones(zones, *_areas(message.zones), pitch), message.drawn_mask)


def _zone(zone: Zone) -> zone_pb2.Zone:
    return zone_pb2.Zone(
        name=zone.name,
        kind=f"ZONE_KIND_{zone.kind.name}",
        polygon=image_pb2.Polygon(vertices=[image_pb2.RelativePoint(x=x, y=y) for x, y in zone.polygon]),
        threshold_factor=zone.threshold_factor,
        minimum_area_px=zone.minimum_area_px,
        minimum_area_mm2=zone.minimum_area_mm2,
    )


def _read_zone(message: zone_pb2.Zone) -> Zone:
    known = {zone_pb2.ZONE_KIND_INCLUDE: ZoneKind.INCLUDE, zone_pb2.ZONE_KIND_IGNORE: ZoneKind.IGNORE}
    factor = message.threshold_factor if message.HasField("threshold_factor") else None
    polygon = tuple((vertex.x, vertex.y) for vertex in message.polygon.vertices)
    return Zone(message.name, known.get(message.kind, ZoneKind.CRITICAL), polygon, factor, *_areas(message))


def _areas(message: zone_pb2.Zone | zone_pb2.Zones) -> tuple[float | None, float | None]:
    which = message.WhichOneof("minimum_area")
    return (
        message.minimum_area_px if which == "minimum_area_px" else None,
        message.minimum_area_mm2 if which == "minimum_area_mm2" else None,
    )
