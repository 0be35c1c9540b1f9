"""Zones: which are refused, which limit and area a region meets, and what becomes of the verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goldenpart.client import zones as client_zones
from goldenpart.server.errors import ZoneError
from goldenpart.server.registry.mask_files import mask_from_files, mask_to_files
from goldenpart.server.vision.calibration import Judgement
from goldenpart.server.vision.mask import InspectionMask
from goldenpart.server.vision.polygons import Polygon
from goldenpart.server.vision.regions import Region, find_regions, reported
from goldenpart.server.vision.zones import Zone, ZoneKind, Zones
from goldenpart.server.vision.zones_ruling import Ruling, rule

Heat = npt.NDArray[np.float32]
PASS, REVIEW, FAIL = Judgement.PASS, Judgement.REVIEW, Judgement.FAIL
CRITICAL, INCLUDE, IGNORE = ZoneKind.CRITICAL, ZoneKind.INCLUDE, ZoneKind.IGNORE


def box(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


LEFT, RIGHT, ALL = box(0, 0, 0.5, 1), box(0.5, 0, 1, 1), box(0, 0, 1, 1)


def heat_with(*spots: tuple[int, int, int, int, float]) -> Heat:
    """(100, 200) heat of 0.2 with rectangles x, y, width, height of a value."""
    heat = np.full((100, 200), 0.2, np.float32)
    for x, y, width, height, value in spots:
        heat[y : y + height, x : x + width] = value
    return heat


def judge(judgement: Judgement, heat: Heat, zones: Zones) -> tuple[Judgement, str]:
    regions = find_regions(heat, failed=judgement is FAIL, zones=zones)
    ruling = rule(judgement, 0.3, 0.25, regions)
    return ruling.judgement, ruling.message


@pytest.mark.parametrize(
    ("zones", "message"),
    [
        ({"zones": (Zone("a", CRITICAL, LEFT), Zone("a", IGNORE, RIGHT))}, "names differ"),
        ({"zones": (Zone("", CRITICAL, LEFT),)}, "called ''"),
        ({"zones": (Zone("a\nb", CRITICAL, LEFT),)}, "called"),
        ({"zones": (Zone("a", CRITICAL, LEFT[:2]),)}, "has 2 vertices"),
        ({"zones": (Zone("a", CRITICAL, box(0, 0, 1.5, 1)),)}, "1.5"),
        ({"zones": (Zone("a", CRITICAL, LEFT, 1.2),)}, "must be 0.1 to 1 in zones of the kind critical"),
        ({"zones": (Zone("a", INCLUDE, LEFT, 0.8),)}, "must be 1 to 10 in zones of the kind include"),
        ({"zones": (Zone("a", CRITICAL, LEFT, float("nan")),)}, "threshold_factor is nan"),
        ({"zones": (Zone("a", IGNORE, LEFT, 1.0),)}, "no threshold and no area"),
        ({"zones": (Zone("a", CRITICAL, LEFT, None, -1.0),)}, "must be 0 or more"),
        ({"zones": (Zone("a", CRITICAL, LEFT, None, 1.0, 1.0),)}, "give one of them"),
        ({"zones": (Zone("a", CRITICAL, LEFT, None, None, 1.0),)}, "needs mm_per_px"),
        ({"minimum_area_mm2": 2.0}, "needs mm_per_px"),
        ({"mm_per_px": 0.0}, "mm_per_px is 0.0"),
        ({"zones": (Zone("a", CRITICAL, LEFT), Zone("b", IGNORE, ALL))}, "Nothing of the critical zone 'a'"),
        ({"zones": (Zone("a", CRITICAL, LEFT), Zone("b", INCLUDE, box(0.6, 0, 1, 1)))}, "Nothing of the critical zone 'a'"),
        ({"zones": tuple(Zone(f"z{number}", IGNORE, LEFT) for number in range(65))}, "at most 64"),
    ],
)
def test_contradictory_zones_are_refused_by_name(zones: dict[str, Any], message: str) -> None:
    with pytest.raises(ZoneError, match=message):
        Zones(**zones)


def test_the_strictest_limit_counts_where_zones_overlap() -> None:
    zones = Zones((Zone("rim", INCLUDE, ALL, 1.5), Zone("thread", CRITICAL, LEFT, 0.8)))
    limits = zones.limits(200, 100)
    assert limits[50, 20] == np.float32(0.8)
    assert limits[50, 180] == np.float32(1.5)
    assert (Zones((Zone("skip", IGNORE, LEFT),)).limits(8, 4) == 1).all()


def test_a_zone_of_its_own_limit_has_regions_from_there_on() -> None:
    zones = Zones((Zone("thread", CRITICAL, LEFT, 0.8),))
    (region,) = find_regions(heat_with((20, 20, 10, 10, 0.85), (150, 20, 10, 10, 0.85)), failed=False, zones=zones)
    assert (region.x_px, region.zone, region.critical, region.limit) == (20, "thread", True, 0.8)
    assert region.peak == pytest.approx(0.85)
    assert region.excess == pytest.approx(0.85 / 0.8)


@pytest.mark.parametrize(("peak", "expected"), [(0.79, PASS), (0.8, FAIL), (1.2, FAIL)])
@pytest.mark.parametrize("by_score", [PASS, REVIEW])
def test_a_critical_zone_fails_from_its_factor_on(peak: float, expected: Judgement, by_score: Judgement) -> None:
    zones = Zones((Zone("thread", CRITICAL, LEFT, 0.8),))
    judgement, message = judge(by_score, heat_with((20, 20, 3, 3, peak)), zones)
    assert judgement is (by_score if expected is PASS else FAIL)
    assert ("'thread'" in message) is (expected is FAIL)


def test_outside_of_critical_zones_heat_alone_fails_nothing() -> None:
    zones = Zones((Zone("thread", CRITICAL, LEFT, 0.8),))
    assert judge(PASS, heat_with((150, 20, 30, 30, 5.0)), zones) == (PASS, "")


@pytest.mark.parametrize(("side", "expected"), [(5, PASS), (6, PASS), (7, FAIL)])
@pytest.mark.parametrize("by_score", [FAIL, REVIEW])
def test_a_part_with_small_regions_only_passes_and_says_why(side: int, expected: Judgement, by_score: Judgement) -> None:
    judgement, message = judge(by_score, heat_with((20, 20, side, side, 2.0), (150, 50, 2, 2, 3.0)), Zones(minimum_area_px=40))
    if expected is PASS:
        assert judgement is PASS
        assert f"{side * side} px, less than the 40 px that fail" in message
        assert "0.3" in message
    else:
        assert (judgement, message) == (by_score, "")


def test_square_millimetres_go_by_the_pitch() -> None:
    zones = Zones((Zone("seal", CRITICAL, LEFT, None, None, 0.5),), minimum_area_mm2=4.0, mm_per_px=0.1)
    assert zones.minimum_area(None) == pytest.approx(400)
    assert zones.minimum_area(zones.zones[0]) == pytest.approx(50)
    assert judge(FAIL, heat_with((120, 10, 19, 19, 2.0)), zones)[0] is PASS
    assert judge(FAIL, heat_with((120, 10, 21, 21, 2.0)), zones)[0] is FAIL
    assert judge(PASS, heat_with((20, 10, 7, 7, 2.0)), zones)[0] is PASS
    assert judge(PASS, heat_with((20, 10, 8, 8, 2.0)), zones)[0] is FAIL


def test_a_region_across_a_border_is_judged_whole_and_by_the_stricter_area() -> None:
    zones = Zones((Zone("seal", CRITICAL, LEFT, None, 60.0),), minimum_area_px=1000)
    across = heat_with((95, 40, 10, 8, 1.5))  # 80 px, half of them in the zone
    (region,) = find_regions(across, failed=True, zones=zones)
    assert (region.area_px, region.minimum_area_px, region.zone) == (80, 60, "seal")
    assert judge(PASS, across, zones)[0] is FAIL


def test_a_hot_place_elsewhere_does_not_hide_a_critical_one() -> None:
    zones = Zones((Zone("seal", CRITICAL, LEFT, 0.8),), minimum_area_px=5000)
    zones = Zones((Zone("seal", CRITICAL, LEFT, 0.8, 0.0),), minimum_area_px=5000)
    heat = heat_with((90, 40, 10, 8, 0.85), (100, 40, 20, 8, 1.0))
    heat[40:48, 110:120] = 9.0
    judgement, message = judge(FAIL, heat, zones)
    assert judgement is FAIL
    assert message == "", "the score says the same"
    (region,) = find_regions(heat, failed=True, zones=zones)
    assert region.excess == pytest.approx(9.0), "what is hottest counts, wherever it lies"
    assert (region.zone, region.critical_excess) == ("seal", pytest.approx(1.0 / 0.8))


def test_a_tolerant_zone_lets_pass_what_stays_below_its_limit() -> None:
    zones = Zones((Zone("rim", INCLUDE, ALL, 1.5),))
    judgement, message = judge(FAIL, heat_with((20, 20, 10, 10, 1.3)), zones)
    assert judgement is PASS
    assert "less than the limit 1.5 here" in message
    assert judge(FAIL, heat_with((20, 20, 10, 10, 1.6)), zones) == (FAIL, "")


def test_a_diffuse_deviation_still_fails() -> None:
    """Blurring has lowered every peak below the limit; the region that is shown instead is large."""
    assert judge(FAIL, heat_with((0, 0, 200, 100, 0.95)), Zones(minimum_area_px=100)) == (FAIL, "")


def blurred_spot(sigma_px: float, peak: float) -> Heat:
    """(400, 400) heat of a Gaussian; at half of its peak it is 2.355 sigma wide."""
    y, x = np.mgrid[:400, :400] - 200.0
    return np.asarray(peak * np.exp(-(x**2 + y**2) / (2 * sigma_px**2)), np.float32)


@pytest.mark.parametrize("peak", [0.5, 0.98, 1.0, 1.02, 1.2, 1.9, 2.1, 9.0])
@pytest.mark.parametrize(("sigma_px", "verdict"), [(30.0, FAIL), (5.0, PASS)])
def test_a_spot_is_as_large_as_at_half_of_its_peak_or_at_the_limit(sigma_px: float, verdict: Judgement, peak: float) -> None:
    """3,920 px and 109 px, however far the peak is above or below the limit; more where the limit lies below half of the peak."""
    assert judge(FAIL, blurred_spot(sigma_px, peak), Zones(minimum_area_px=1000))[0] is verdict


def test_one_hot_pixel_does_not_excuse_a_diffuse_deviation() -> None:
    spread = np.full((100, 200), 0.98, np.float32)
    spread[50, 50] = 1.01
    assert judge(FAIL, spread, Zones(minimum_area_px=100)) == (FAIL, "")
    outside = heat_with((0, 0, 90, 100, 0.95), (150, 50, 5, 5, 0.6))
    assert judge(FAIL, outside, Zones((Zone("seal", CRITICAL, RIGHT, 0.5, 100.0),))) == (FAIL, "")


def test_a_tolerant_zone_answers_for_a_diffuse_deviation_only_where_all_of_it_lies_inside() -> None:
    spread = np.full((100, 200), 0.9, np.float32)
    spread[40:60, 20:40] = 0.97
    assert judge(FAIL, spread, Zones((Zone("whole", INCLUDE, ALL, 1.5),)))[0] is PASS
    assert judge(FAIL, spread, Zones((Zone("left", INCLUDE, LEFT, 1.5), Zone("right", INCLUDE, RIGHT)))) == (FAIL, "")


def test_regions_too_small_to_show_are_judged_all_the_same() -> None:
    heat = heat_with((10, 10, 20, 20, 2.0), (150, 50, 5, 4, 6.0))
    zones = Zones((Zone("rim", CRITICAL, LEFT, None, 1000.0),))
    found = find_regions(heat, failed=True, zones=zones)
    assert [region.area_px for region in reported(found, 50, failed=True)] == [400]
    assert rule(FAIL, 5.0, 1.0, found) == Ruling(FAIL)


def test_no_rules_change_nothing() -> None:
    for judgement in Judgement:
        assert judge(judgement, heat_with((20, 20, 1, 1, 1.1)), Zones((Zone("skip", IGNORE, RIGHT),))) == (judgement, "")
    assert not Zones((Zone("skip", IGNORE, RIGHT), Zone("part", INCLUDE, LEFT))).judge
    assert Zones(minimum_area_px=1).judge
    assert not Zones(minimum_area_px=0).judge


def test_included_zones_name_their_regions() -> None:
    zones = Zones((Zone("part", INCLUDE, LEFT), Zone("label", IGNORE, box(0.9, 0, 1, 1))))
    named = find_regions(heat_with((20, 20, 5, 5, 2.0), (185, 20, 10, 5, 1.5)), failed=True, zones=zones)
    assert [region.zone for region in named] == ["part", ""]


def test_a_mask_of_zones_inspects_where_they_say_and_within_a_drawn_one() -> None:
    zones = Zones((Zone("part", INCLUDE, LEFT), Zone("label", IGNORE, box(0, 0, 1, 0.5)), Zone("seal", CRITICAL, LEFT)))
    drawn = np.ones((4, 4), np.bool_)
    drawn[:, 0] = False
    kept = InspectionMask.of_zones(zones, drawn).render(80, 80)
    assert not kept[:, :20].any()
    assert kept[60, 30]
    assert not kept[20, 30]
    assert not kept[60, 60]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (Zones((Zone("b", IGNORE, LEFT), Zone("seal", CRITICAL, RIGHT, 0.5, 9.0)), minimum_area_px=3), True),
        (Zones((Zone("a", IGNORE, RIGHT),)), False),
        (Zones((Zone("a", INCLUDE, LEFT),)), False),
        (Zones(), False),
    ],
)
def test_only_other_places_need_another_detector(other: Zones, same: bool) -> None:
    mask = InspectionMask.of_zones(Zones((Zone("a", IGNORE, LEFT),)))
    assert mask.inspects_as(InspectionMask.of_zones(other)) is same
    assert mask.inspects_as(InspectionMask(ignore=(LEFT,)))
    assert not mask.inspects_as(InspectionMask.of_zones(Zones((Zone("a", IGNORE, LEFT),)), np.array([[True, False]])))


def test_nameless_polygons_become_zones() -> None:
    zones = InspectionMask(include=(ALL,), ignore=(LEFT, RIGHT)).as_zones
    assert [(zone.name, zone.kind) for zone in zones.zones] == [("include-1", INCLUDE), ("ignore-1", IGNORE), ("ignore-2", IGNORE)]
    assert InspectionMask.of_zones(zones).as_zones is zones


@pytest.mark.parametrize("image", [None, np.array([[True, False]])])
def test_zones_survive_the_disk(image: npt.NDArray[np.bool_] | None) -> None:
    zones = Zones((Zone("part", INCLUDE, LEFT, 2.0), Zone("seal", CRITICAL, LEFT, None, None, 0.25)), minimum_area_px=7, mm_per_px=0.05)
    read = mask_from_files(mask_to_files(InspectionMask.of_zones(zones, image)))
    assert read.zones == zones
    assert read.inspects_as(InspectionMask.of_zones(zones, image))


def test_a_heat_map_of_noise_is_judged_in_reasonable_time() -> None:
    heat = np.random.default_rng(0).random((600, 800), np.float32) * 1.2
    zones = Zones((Zone("seal", CRITICAL, LEFT, 1.0),), minimum_area_px=20)
    regions = find_regions(heat, failed=True, zones=zones)
    assert regions
    assert max(region.area_px for region in regions) >= 20
    assert isinstance(regions[0], Region)


@pytest.mark.parametrize(
    ("zones", "rules"),
    [
        ({}, {}),
        ({"kind": IGNORE}, {}),
        ({"kind": INCLUDE}, {}),
        ({"kind": INCLUDE, "threshold_factor": 1.5}, {}),
        ({"kind": INCLUDE, "minimum_area_px": 0.0}, {}),
        ({"kind": INCLUDE, "minimum_area_px": 3.0}, {}),
        ({"kind": INCLUDE, "minimum_area_mm2": 3.0}, {"mm_per_px": 0.1}),
        ({"kind": CRITICAL}, {}),
        ({}, {"minimum_area_px": 3.0}),
        ({}, {"minimum_area_px": 0.0}),
        ({}, {"minimum_area_mm2": 3.0, "mm_per_px": 0.1}),
    ],
)
def test_the_client_knows_which_zones_overrule(zones: dict[str, object], rules: dict[str, float]) -> None:
    """The client says so beside rates of scores; the server draws heat for it."""
    given = {"name": "a", "polygon": LEFT, **zones} if zones else None
    ours = Zones((Zone(**given),) if given else (), **rules)  # type: ignore[arg-type]
    kind = {"kind": client_zones.ZoneKind(str(zones["kind"]))} if zones else {}
    theirs = client_zones.Zones((client_zones.Zone(**{**given, **kind}),) if given else (), **rules)  # type: ignore[arg-type]
    assert theirs.overrule is ours.judge
