"""The client's zones: the JSON file says what is wrong with it, and nothing is lost on the way there and back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from goldenpart.client import RevisionZones, Zone, ZoneKind, Zones
from goldenpart.client.zones import read_zones, write_zones
from goldenpart.client.zones_messages import revision_zones, set_zones
from goldenpart.server.api.zones import zones_from_pb, zones_to_pb
from goldenpart.v1 import zone_pb2

TRIANGLE = ((0.0, 0.0), (1.0, 0.25), (0.5, 1.0))
EVERY_KIND = Zones(
    (
        Zone("serial number", ZoneKind.IGNORE, TRIANGLE),
        Zone("seal", ZoneKind.CRITICAL, TRIANGLE[::-1], 0.8, 0.0),
        Zone("part", ZoneKind.INCLUDE, ((0, 0), (1, 0), (1, 1), (0, 1)), 1.5, None, 2.5),
    ),
    minimum_area_px=40.0,
    mm_per_px=0.05,
)


@pytest.mark.parametrize("zones", [EVERY_KIND, Zones(), Zones(minimum_area_mm2=0.5, mm_per_px=1.0)])
def test_zones_survive_the_file(zones: Zones) -> None:
    assert read_zones(json.loads(json.dumps(write_zones(zones)))) == zones


def test_zones_survive_the_wire() -> None:
    seen = EVERY_KIND.zones[1:]  # the server refuses a critical zone that is ignored
    zones = Zones(seen, minimum_area_px=40.0, mm_per_px=0.05)
    request = set_zones("flange", zones, revision="r0003", stage_only=True, etag="e")
    assert (request.category, request.revision, request.stage_only, request.etag) == ("flange", "r0003", True, "e")
    reply = zone_pb2.GetZonesResponse(revision="r0004", zones=zones_to_pb(zones_from_pb(request.zones)), drawn_mask=True)
    assert revision_zones(reply) == RevisionZones("r0004", zones, drawn_mask=True)


def test_a_kind_from_the_future_is_never_ignored() -> None:
    message = zone_pb2.Zone(name="new", kind=9)  # type: ignore[arg-type]
    reply = zone_pb2.GetZonesResponse(zones=zone_pb2.Zones(zones=[message]))
    assert revision_zones(reply).zones.zones[0].kind is ZoneKind.CRITICAL


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "the file is no JSON object"),
        ('{"zone": []}', "unknown key 'zone'; there are minimum_area_mm2, minimum_area_px, mm_per_px, zones"),
        ('{"zones": {}}', "zones is a list"),
        ('{"zones": [7]}', "zones[0] is no JSON object"),
        ('{"zones": [{"kind": "ignore", "polygon": []}]}', "zones[0].name is missing"),
        ('{"zones": [{"name": "a", "polygon": []}]}', "zones[0].kind is None; it is one of include, ignore, critical"),
        ('{"zones": [{"name": "a", "kind": "ignore"}]}', "zones[0].polygon is a list"),
        ('{"zones": [{"name": "a", "kind": "ignore", "polygon": [[0, 0], [1]]}]}', "zones[0].polygon[1] is '[1]'"),
        ('{"zones": [{"name": "a", "kind": "ignore", "polygon": [[0, true]]}]}', "zones[0].polygon[0]"),
        ('{"zones": [{"name": "a", "kind": "critical", "polygon": [], "threshold_factor": "0.8"}]}', "zones[0].threshold_factor is '0.8'"),
        ('{"mm_per_px": true}', "mm_per_px is 'True', not a number"),
    ],
)
def test_a_wrong_file_is_told_by_its_place(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read_zones(json.loads(text))


def test_the_example_of_the_documentation_is_valid() -> None:
    page = (Path(__file__).parents[2] / "docs" / "zones.md").read_text(encoding="utf-8")
    example = re.search(r"```json\n(.*?)```", page, re.DOTALL)
    assert example is not None
    zones = read_zones(json.loads(example[1]))
    assert [zone.kind for zone in zones.zones] == [ZoneKind.IGNORE, ZoneKind.CRITICAL, ZoneKind.INCLUDE]
    assert zones_from_pb(set_zones("a", zones, revision="", stage_only=False, etag="").zones).mm_per_px == 0.05
