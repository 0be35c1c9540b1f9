"""Named areas of a category with rules of their own, and the JSON file they are kept in; docs/zones.md says what they mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from goldenpart.client.frames import RelativePoint
from goldenpart.client.revisions import Revision


class ZoneKind(StrEnum):
    """What a zone means."""

    INCLUDE = "include"
    IGNORE = "ignore"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Zone:
    """A named area.

    Attributes:
        name: 1 to 63 letters, digits, blanks or ``_ . -``, unique among the zones.
        kind: What it means.
        polygon: At least 3 vertices, fractions of width and height.
        threshold_factor: Limit of the heat map here, in thresholds: 0.1 to 1 for a critical zone (None = 1), 1 to 10 for an included one.
        minimum_area_px: Smaller regions that touch the zone do not fail the part, pixels of the original image; None = see below.
        minimum_area_mm2: The same in square millimetres; None as well = the area of :class:`Zones` counts.
    """

    name: str
    kind: ZoneKind
    polygon: tuple[RelativePoint, ...]
    threshold_factor: float | None = None
    minimum_area_px: float | None = None
    minimum_area_mm2: float | None = None


@dataclass(frozen=True, slots=True)
class Zones:
    """All zones of a category.

    Attributes:
        zones: At most 64.
        minimum_area_px: Smaller regions do not fail the part, where no zone has an area of its own; None = see below.
        minimum_area_mm2: The same in square millimetres; None as well = any size fails.
        mm_per_px: Side of a pixel of the original image on the part, in millimetres.
    """

    zones: tuple[Zone, ...] = ()
    minimum_area_px: float | None = None
    minimum_area_mm2: float | None = None
    mm_per_px: float | None = None

    @property
    def overrule(self) -> bool:
        """Whether a verdict may be another one than the score alone gives."""
        rules = any(
            zone.kind is ZoneKind.CRITICAL or zone.threshold_factor or zone.minimum_area_px or zone.minimum_area_mm2 for zone in self.zones
        )
        return bool(rules or self.minimum_area_px or self.minimum_area_mm2)


@dataclass(frozen=True, slots=True)
class RevisionZones:
    """The zones of a revision.

    Attributes:
        revision: Its number.
        zones: Its zones; a mask's polygons without names are called include-1, ignore-1, ...
        drawn_mask: Whether a drawn mask restricts where parts are inspected, besides the zones.
    """

    revision: str
    zones: Zones
    drawn_mask: bool


@dataclass(frozen=True, slots=True)
class ZonesReport:
    """What setting zones made.

    Attributes:
        revision: The new revision.
        refitted: Whether the detector was fitted again, because other places are inspected than before.
        warnings: What a careful engineer should know.
    """

    revision: Revision
    refitted: bool
    warnings: tuple[str, ...]


def read_zones(plain: object) -> Zones:
    """Read zones from parsed JSON; what is null or missing is None.

    Raises:
        ValueError: A key is unknown, or a value has another type; the message names its place.
    """
    values = _object(plain, "the file", {"zones", "minimum_area_px", "minimum_area_mm2", "mm_per_px"})
    listed = values.get("zones", [])
    if not isinstance(listed, list):
        raise ValueError(f"zones is a list of zones, not {str(listed)[:40]!r}")  # noqa: TRY004 - callers catch one kind
    zones = tuple(_zone(one, f"zones[{place}]") for place, one in enumerate(listed))
    return Zones(zones, *(_number(values, name, "") for name in ("minimum_area_px", "minimum_area_mm2", "mm_per_px")))


def write_zones(zones: Zones) -> dict[str, object]:
    """Return zones as :func:`read_zones` reads them; what is None is left out."""
    areas = {name: getattr(zones, name) for name in ("minimum_area_px", "minimum_area_mm2", "mm_per_px")}
    return {**_given(areas), "zones": [_plain_zone(zone) for zone in zones.zones]}


def _zone(plain: object, where: str) -> Zone:
    numbers = ("threshold_factor", "minimum_area_px", "minimum_area_mm2")
    values = _object(plain, where, {"name", "kind", "polygon", *numbers})
    name, kind = values.get("name"), values.get("kind")
    if not isinstance(name, str):
        raise ValueError(f"{where}.name is missing or is no text")  # noqa: TRY004 - callers catch one kind
    if kind not in tuple(ZoneKind):
        raise ValueError(f"{where}.kind is {kind!r}; it is one of {', '.join(ZoneKind)}")
    return Zone(
        name, ZoneKind(str(kind)), _polygon(values.get("polygon"), where), *(_number(values, number, f"{where}.") for number in numbers)
    )


def _polygon(plain: object, where: str) -> tuple[RelativePoint, ...]:
    if not isinstance(plain, list):
        raise ValueError(f"{where}.polygon is a list of vertices [x, y]")  # noqa: TRY004 - callers catch one kind
    for place, vertex in enumerate(plain):
        if not isinstance(vertex, list) or len(vertex) != 2 or any(type(value) not in (int, float) for value in vertex):
            raise ValueError(f"{where}.polygon[{place}] is {str(vertex)[:40]!r}; a vertex is [x, y], fractions of width and height")
    return tuple((float(x), float(y)) for x, y in plain)


def _number(values: Mapping[str, object], name: str, where: str) -> float | None:
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{where}{name} is {str(value)[:40]!r}, not a number")  # noqa: TRY004 - callers catch one kind
    return float(value)


def _object(plain: object, where: str, known: set[str]) -> Mapping[str, object]:
    if not isinstance(plain, dict):
        raise ValueError(f"{where} is no JSON object")  # noqa: TRY004 - callers catch one kind
    if unknown := sorted(set(plain) - known):
        raise ValueError(f"{where} has the unknown key {unknown[0]!r}; there are {', '.join(sorted(known))}")
    return plain


def _plain_zone(zone: Zone) -> dict[str, object]:
    numbers = {name: getattr(zone, name) for name in ("threshold_factor", "minimum_area_px", "minimum_area_mm2")}
    return {"name": zone.name, "kind": str(zone.kind), "polygon": [list(vertex) for vertex in zone.polygon], **_given(numbers)}


def _given(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}
