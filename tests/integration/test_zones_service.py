"""Explanations and zones over a real socket, on drawn flanges with a dark scratch of known size and place."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw
from small_server import MakeSettings
from typer.testing import CliRunner

from goldenpart.client import (
    AsyncClient,
    Client,
    FailedPrecondition,
    Frame,
    Inspection,
    InspectOptions,
    InvalidArgument,
    NamedImage,
    OnboardingStage,
    Progress,
    Recipe,
    Verdict,
    Zone,
    ZoneKind,
    Zones,
)
from goldenpart.client.cli.app import app
from goldenpart.client.parts import draw_flange
from goldenpart.server.app import running_server

Pixels = npt.NDArray[np.uint8]
SIDE = 224
RECIPE = Recipe(resolution_px=224, coreset_vectors=1500)
SCRATCH = ((32, 122), (54, 138))
"""Ends of the dark line, 3 px wide, on the flange's face between bore and rim."""
AROUND_SCRATCH = ((0.08, 0.48), (0.32, 0.48), (0.32, 0.7), (0.08, 0.7))
ELSEWHERE = ((0.6, 0.6), (0.9, 0.6), (0.9, 0.9), (0.6, 0.9))
EXPLAINED = InspectOptions(regions=True, overlay=True, explanation=True)


def flange(number: int, *, scratched: bool = False) -> Pixels:
    picture = Image.fromarray(np.asarray(draw_flange(np.random.default_rng([7, number]), size_px=SIDE).image))
    if scratched:
        ImageDraw.Draw(picture).line(SCRATCH, (25, 25, 25), 3)
    return np.asarray(picture, np.uint8)


def inspect(client: Client, category: str, *, scratched: bool = True, options: InspectOptions = EXPLAINED) -> Inspection:
    (result,) = client.inspect([Frame("1", category, flange(100, scratched=scratched), options)])
    return result


@pytest.fixture(scope="module")
def fitted(server_process: object) -> Iterator[str]:
    with Client(server_process.address) as client:  # type: ignore[attr-defined]
        client.fit("zoned-flange", [NamedImage(f"golden-{number}", flange(number)) for number in range(6)], recipe=RECIPE)
        yield "zoned-flange"
        client.delete_category("zoned-flange")


@pytest.fixture
def category(client: Client, fitted: str) -> Iterator[str]:
    """The category, whose first revision is active again afterwards."""
    yield fitted
    client.activate(fitted, "r0001")


def size(png: bytes | None) -> tuple[int, int]:
    assert png is not None
    with Image.open(io.BytesIO(png)) as picture:
        return picture.size


def test_a_dark_scratch_is_explained(client: Client, category: str) -> None:
    result = inspect(client, category)
    assert result.verdict is Verdict.FAIL
    region = result.regions[0]
    found = re.match(r"dark elongated region (\d+)x(\d+) px at \((\d+), (\d+)\), (\d+) L\* darker than around it, ", region.text)
    assert found is not None, region.text
    length, width, x, y, _ = map(int, found.groups())
    assert 20 <= length <= 34, "27 px were drawn"
    assert 2 <= width <= 8
    assert (x, y) == (pytest.approx(43, abs=4), pytest.approx(130, abs=4))
    assert "unlike any of 6 golden parts; nearest: golden" in region.text
    assert region.appearance is not None
    assert region.appearance.orientation_deg == pytest.approx(180 - 36, abs=8)
    assert region.appearance.to_surroundings.lightness < -10
    assert region.appearance.to_golden is not None
    assert region.excess == region.peak >= 1
    nearest = region.nearest
    assert nearest is not None
    assert nearest.golden_name == f"golden-{nearest.golden_index}"
    assert nearest.patch == region.patch
    assert nearest.golden_patch.x_px + nearest.golden_patch.width_px <= SIDE
    assert size(region.side_by_side_png)[0] > 600


def test_a_distance_is_told_against_what_good_parts_reach(client: Client, category: str) -> None:
    region = inspect(client, category).regions[0]
    assert region.normal is not None
    assert region.p_value == pytest.approx(1 / 7), "no golden part that is judged by the 5 others has a patch so far from them"
    assert region.normal.images == 6
    assert 0 < region.normal.smallest <= region.normal.median <= region.normal.largest < region.distance
    low, high = region.normal.smallest, region.normal.largest
    assert f"distance {region.distance:.3g} where good parts reach {low:.3g} to {high:.3g}" in region.text
    client.calibrate(category, [NamedImage(f"normal-{number}", flange(number)) for number in range(300, 320)])
    again = inspect(client, category).regions[0]
    assert again.normal is not None
    assert (again.normal.images, again.p_value, again.distance) == (20, pytest.approx(1 / 21), region.distance)


def test_an_overlay_shows_regions_beside_golden_patches(client: Client, category: str) -> None:
    scratched = inspect(client, category, options=InspectOptions(overlay=True))
    assert scratched.regions == ()
    patches = np.argwhere(patch_boxes(scratched.overlay_png))
    assert len(patches) > 100
    good = patch_boxes(inspect(client, category, scratched=False, options=InspectOptions(overlay=True)).overlay_png)
    assert not good.any(), "nothing to compare"
    assert patches[:, 0].min() > good.shape[0], "below what every overlay has"


def patch_boxes(png: bytes | None) -> npt.NDArray[np.bool_]:
    """Tell where a picture has the blue of the boxes around the two patches that are compared, blurred by scaling as it may be."""
    assert png is not None
    with Image.open(io.BytesIO(png)) as picture:
        pixels = np.asarray(picture.convert("RGB"), np.int16)
    return np.asarray((pixels[..., 2] - pixels[..., 0] > 80) & (pixels[..., 1] - pixels[..., 0] > 60))


def test_words_and_pictures_come_only_if_wanted(client: Client, category: str) -> None:
    plain = inspect(client, category, options=InspectOptions(regions=True))
    assert plain.regions[0].text
    assert all(region.side_by_side_png is None for region in plain.regions)
    assert inspect(client, category, options=InspectOptions()).regions == ()


async def test_a_damaged_golden_picture_costs_the_picture_only(make_settings: MakeSettings, tmp_path: Path) -> None:
    async with running_server(make_settings()) as server, AsyncClient(server.address) as client:
        await client.fit("flange", [NamedImage(f"golden-{number}", flange(number)) for number in range(6)], recipe=RECIPE)
        frame = Frame("1", "flange", flange(100, scratched=True), EXPLAINED)
        await client.inspect([Frame("1", "flange", flange(100))])  # the revision is in memory
        for picture in (tmp_path / "artifacts" / "categories" / "flange" / "revisions" / "r0001" / "golden").iterdir():
            picture.write_bytes(b"broken")
        (result,) = await client.inspect([frame])
        assert result.verdict is Verdict.FAIL
        assert "nearest: golden" in result.regions[0].text
        assert result.regions[0].side_by_side_png is None


def test_an_ignored_place_is_not_inspected(client: Client, category: str) -> None:
    before = inspect(client, category)
    seen: list[Progress] = []
    report = client.set_zones(category, Zones((Zone("label", ZoneKind.IGNORE, AROUND_SCRATCH),)), on_progress=seen.append)
    assert report.refitted
    assert OnboardingStage.EMBEDDING in {progress.stage for progress in seen}
    assert report.revision.masked
    assert report.revision.parent_revision == "r0001"
    assert report.revision.calibration is not None
    after = inspect(client, category)
    assert after.revision == report.revision.revision
    assert after.patches_excluded > before.patches_excluded == 0
    assert after.verdict is Verdict.PASS
    assert client.get_zones(category).zones.zones[0].name == "label"


def test_a_critical_zone_is_stricter_and_keeps_the_bank(client: Client, category: str) -> None:
    quiet = inspect(client, category, scratched=False)
    assert quiet.verdict is Verdict.PASS
    report = client.set_zones(category, Zones((Zone("seal", ZoneKind.CRITICAL, AROUND_SCRATCH, 0.1),)))
    assert not report.refitted
    assert not report.revision.masked
    assert "Critical zones fail parts beyond" in report.warnings[0]
    first = client.get_revision(category, "r0001")
    assert report.revision.bank_digest == first.bank_digest
    assert report.revision.calibration is not None
    assert report.revision.calibration.threshold == quiet.threshold
    strict = inspect(client, category, scratched=False)
    assert strict.verdict is Verdict.FAIL, "every golden patch has a tenth of the threshold"
    assert (strict.score, strict.p_value, strict.confidence) == (quiet.score, quiet.p_value, 0.0)
    assert "FAIL by the critical zone 'seal'" in strict.message
    assert strict.regions[0].zone == "seal"
    assert strict.regions[0].limit == pytest.approx(0.1)
    far = client.set_zones(category, Zones((Zone("seal", ZoneKind.CRITICAL, AROUND_SCRATCH, 1.0),)))
    assert inspect(client, category, scratched=False).verdict is Verdict.PASS
    assert inspect(client, category).regions[0].zone == "seal"
    assert far.revision.parent_revision == report.revision.revision


def test_regions_below_the_minimum_area_pass_and_say_so(client: Client, category: str) -> None:
    client.set_zones(category, Zones(minimum_area_px=1))
    failed = inspect(client, category)
    assert failed.verdict is Verdict.FAIL
    largest = max(region.area_px for region in failed.regions)
    client.set_zones(category, Zones(minimum_area_px=largest + 1))
    passed = inspect(client, category)
    assert passed.verdict is Verdict.PASS
    assert (passed.score, passed.p_value) == (failed.score, failed.p_value)
    assert f"less than the {largest + 1} px that fail" in passed.message
    assert all(region.tolerated for region in passed.regions)
    client.set_zones(category, Zones(minimum_area_mm2=largest * 0.04, mm_per_px=0.2))
    assert inspect(client, category).verdict is Verdict.FAIL
    assert inspect(client, category, options=InspectOptions()).verdict is Verdict.FAIL, "the verdict needs no option"


def test_zones_that_cannot_be_are_refused(client: Client, category: str) -> None:
    with pytest.raises(InvalidArgument, match="Nothing of the critical zone") as caught:
        client.set_zones(
            category, Zones((Zone("seal", ZoneKind.CRITICAL, ELSEWHERE), Zone("all", ZoneKind.IGNORE, ((0, 0), (1, 0), (1, 1), (0, 1)))))
        )
    assert caught.value.reason == "INVALID_ZONE"
    with pytest.raises(FailedPrecondition, match="leaves no patch"):
        client.set_zones(category, Zones((Zone("all", ZoneKind.IGNORE, ((0, 0), (1, 0), (1, 1), (0, 1))),)))
    assert client.get_zones(category) == client.get_zones(category, revision="r0001")


async def test_zones_outlive_a_restart_and_calibration(make_settings: MakeSettings) -> None:
    zones = Zones((Zone("seal", ZoneKind.CRITICAL, AROUND_SCRATCH, 0.5), Zone("label", ZoneKind.IGNORE, ELSEWHERE)), minimum_area_px=3)
    async with running_server(make_settings()) as server, AsyncClient(server.address) as client:
        await client.fit("flange", [NamedImage(f"golden-{number}", flange(number)) for number in range(3)], recipe=RECIPE)
        await client.set_zones("flange", zones)
        await client.calibrate("flange", [NamedImage(f"normal-{number}", flange(50 + number)) for number in range(19)])
    async with running_server(make_settings()) as server, AsyncClient(server.address) as client:
        found = await client.get_zones("flange")
        assert found.revision == "r0003"
        assert found.zones == zones


def test_command_line_sets_shows_and_explains(client: Client, category: str, tmp_path: Path) -> None:
    runner, where = CliRunner(), ["--server", client.address]
    file = tmp_path / "zones.json"
    polygon = [list(vertex) for vertex in AROUND_SCRATCH]
    plain = {"minimum_area_px": 12.0, "zones": [{"name": "seal", "kind": "critical", "polygon": polygon, "threshold_factor": 0.8}]}
    file.write_text(json.dumps(plain))
    made = runner.invoke(app, ["zones", "set", category, str(file), "--json", *where])
    assert made.exit_code == 0, made.output
    shown = runner.invoke(app, ["zones", "show", category, "--json", *where])
    assert json.loads(shown.stdout) == plain
    Image.fromarray(flange(100, scratched=True)).save(tmp_path / "part.png")
    why = tmp_path / "why"
    told = runner.invoke(app, ["inspect", category, str(tmp_path / "part.png"), "--explain", "--pictures", str(why), *where])
    assert told.exit_code == 1
    assert "dark elongated region" in told.stdout
    assert "in zone seal" in told.stdout
    assert size((why / "part.1.png").read_bytes())[0] > 600
    file.write_text('{"zones": [{"name": "seal", "kind": "crucial", "polygon": []}]}')
    refused = runner.invoke(app, ["zones", "set", category, str(file), *where])
    assert isinstance(refused.exception, ValueError)
    assert "zones[0].kind is 'crucial'" in str(refused.exception)
