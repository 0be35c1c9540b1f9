"""Fit and Calibrate over a real socket: the same in gives the same out, every knob works, and what breaks off leaves nothing behind."""

import asyncio
import io
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from PIL import Image
from tiny_category import RECIPE, SIDE_PX, Pixels, draw_defect, draw_part, fit_category, golden_parts

from goldenpart.client import (
    Aborted,
    Aggregate,
    AsyncClient,
    CalibrationMethod,
    Client,
    Coreset,
    Frame,
    InspectOptions,
    Mask,
    Metric,
    NamedImage,
    OnboardingStage,
    Preset,
    Progress,
    Recipe,
    Resize,
    RevisionState,
    SearchIndex,
    ThresholdRequest,
    Verdict,
    requests,
)
from goldenpart.server.app import App, running_server
from goldenpart.server.settings import Settings
from goldenpart.v1 import onboarding_pb2, onboarding_pb2_grpc

MakeSettings = Callable[..., Settings]
SEED = 31
PATCHES = 64
"""Patches of a picture with the tiny recipe: 64 px in patches of 8."""
FEW = Recipe(resolution_px=64, coreset_vectors=100)
"""Thins the bank: 6 parts have 384 patches."""
LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


@pytest.fixture
def category(client: Client, request: pytest.FixtureRequest) -> Iterator[str]:
    """A name of the test's own; the category is deleted afterwards."""
    name = f"onboarding-{zlib.crc32(request.node.name.encode())}"
    yield name
    client.delete_category(name)


def png(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def normals(first: int, count: int) -> list[NamedImage]:
    return [NamedImage(f"normal-{number}", draw_part(SEED, number)) for number in range(first, first + count)]


def defectives(count: int) -> list[NamedImage]:
    return [NamedImage(f"defective-{number}", draw_defect(SEED, number)) for number in range(300, 300 + count)]


def test_same_input_and_seed_give_the_same_bank(client: Client, category: str) -> None:
    first = fit_category(client, category, SEED, recipe=FEW).revision
    again = fit_category(client, category, SEED, recipe=FEW).revision
    assert (first.revision, again.revision) == ("r0001", "r0002")
    assert first.bank_vectors == again.bank_vectors == 100
    assert first.bank_digest == again.bank_digest
    assert first.calibration == again.calibration
    other = fit_category(client, category, SEED, recipe=Recipe(resolution_px=64, coreset_vectors=100, seed=1)).revision
    assert other.bank_digest != first.bank_digest


async def test_the_bank_is_the_same_after_a_restart(make_settings: MakeSettings) -> None:
    digests = []
    for _ in range(2):
        async with running_server(make_settings()) as app, AsyncClient(app.address) as client:
            digests.append((await fit_category(client, "part", SEED, recipe=FEW)).revision.bank_digest)
    assert digests[0] == digests[1]


def test_fit_tells_how_far_it_is(client: Client, category: str) -> None:
    seen: list[Progress] = []
    report = fit_category(client, category, SEED, on_progress=seen.append)
    stages = list(dict.fromkeys(progress.stage for progress in seen))
    assert stages[0] is OnboardingStage.RECEIVING
    assert stages[-2:] == [OnboardingStage.CALIBRATING, OnboardingStage.SAVING]
    assert OnboardingStage.EMBEDDING in stages
    assert [progress.done for progress in seen if progress.stage is OnboardingStage.RECEIVING] == [1, 2, 3, 4, 5, 6]
    assert report.patches == 6 * PATCHES
    assert report.patches_excluded == 0
    assert [part.name for part in report.revision.golden_parts] == [f"golden-{number}" for number in range(6)]
    calibration = report.revision.calibration
    assert calibration is not None
    assert calibration.method is CalibrationMethod.TOLERANCE_LIMIT
    assert len(calibration.normal_scores) == 6


def test_one_golden_part_has_no_threshold_and_says_so(client: Client, category: str) -> None:
    report = client.fit(category, golden_parts(SEED)[:1], recipe=RECIPE)
    assert report.revision.calibration is None
    assert "Run Calibrate" in report.warnings[0]
    (result,) = client.inspect([Frame("1", category, draw_part(SEED, 100))])
    assert (result.verdict, result.reason) == (Verdict.NOT_INSPECTED, "NOT_CALIBRATED")
    assert result.score > 0
    client.calibrate(category, normals(50, 9), threshold=ThresholdRequest(false_reject_rate=0.1))
    (result,) = client.inspect([Frame("1", category, draw_defect(SEED, 100))])
    assert result.verdict is Verdict.FAIL


def test_a_threshold_far_above_few_golden_parts_is_warned_of(client: Client, category: str) -> None:
    few = client.fit(category, golden_parts(SEED, shots=3))
    assert few.revision.calibration is not None
    highest = max(few.revision.calibration.normal_scores)
    assert few.revision.calibration.threshold > 1.5 * highest
    assert few.revision.calibration.review_threshold == highest
    (warning,) = few.warnings
    assert "times the highest score of the 3 golden parts" in warning
    assert "gets REVIEW. Calibrate with 19" in warning
    many = client.fit(category, golden_parts(SEED, shots=20))
    assert many.warnings == ()


def test_a_fit_may_leave_the_threshold_to_calibrate(client: Client, category: str) -> None:
    report = fit_category(client, category, SEED, without_threshold=True)
    assert (report.revision.calibration, report.revision.state) == (None, RevisionState.STAGED)
    assert any("as wanted" in warning for warning in report.warnings)
    assert client.get_category(category).active_revision == ""
    calibrated = client.calibrate(category, normals(100, 20), revision=report.revision.revision)
    assert calibrated.revision.state is RevisionState.ACTIVE
    (result,) = client.inspect([Frame("a", category, draw_part(SEED, 200))])
    assert result.verdict is Verdict.PASS
    with_threshold = fit_category(client, category, SEED)
    assert with_threshold.revision.bank_digest == report.revision.bank_digest, "what is learned is the same"


def test_a_frame_is_scored_by_other_knobs_as_well(client: Client, category: str) -> None:
    plain = fit_category(client, category, SEED).revision
    other = fit_category(client, category, SEED, recipe=replace(RECIPE, neighbours=3, aggregate=Aggregate.MAX), stage_only=True).revision
    knobs = (Recipe(), Recipe(neighbours=3, aggregate=Aggregate.MAX))
    frame = Frame("a", category, draw_defect(SEED, 200), InspectOptions(rescore=knobs))
    (result,) = client.inspect([frame])
    (expected,) = client.inspect([replace(frame, revision=other.revision, options=InspectOptions())])
    assert result.revision == plain.revision
    assert result.rescored == pytest.approx((result.score, expected.score), rel=1e-5)
    assert expected.rescored == ()
    with pytest.raises(ValueError, match="preset SEED cannot be named"):
        client.inspect([replace(frame, options=InspectOptions(rescore=(Recipe(preset=Preset.SEED),)))])


def test_calibration_keeps_the_bank_and_states_its_promise(client: Client, category: str) -> None:
    fitted = fit_category(client, category, SEED).revision
    report = client.calibrate(category, normals(50, 19), defectives(4), threshold=ThresholdRequest(review_rate=0.3))
    made = report.revision
    assert (made.revision, made.parent_revision, made.bank_digest) == ("r0002", "r0001", fitted.bank_digest)
    assert client.get_category(category).active_revision == "r0002"
    calibration = made.calibration
    assert calibration is not None
    assert (calibration.method, calibration.normals, calibration.defectives) == (CalibrationMethod.CONFORMAL, 19, 4)
    assert calibration.guaranteed_false_reject_rate == pytest.approx(0.05)
    assert calibration.threshold == max(calibration.normal_scores)
    assert calibration.review_threshold == sorted(calibration.normal_scores)[13]
    assert calibration.smallest_attainable_rate == pytest.approx(1 / 20)
    assert calibration.auroc == 1.0
    assert "95 % confidence" in calibration.guarantee
    assert report.warnings == ()


def test_images_given_twice_count_once(client: Client, category: str) -> None:
    fit_category(client, category, SEED)
    twice = [*normals(50, 9), NamedImage("copy", png(draw_part(SEED, 53)))]
    report = client.calibrate(category, twice, threshold=ThresholdRequest(false_reject_rate=0.1), stage_only=True)
    assert report.revision.calibration is not None
    assert report.revision.calibration.normals == 9
    assert len(report.warnings) == 1
    assert "1 images were given twice and counted once, for example 'copy'" in report.warnings[0]
    assert client.get_category(category).active_revision == "r0001", "it was to be staged only"


@pytest.mark.parametrize("method", [CalibrationMethod.PERCENTILE, CalibrationMethod.F1_MAX, CalibrationMethod.TOLERANCE_LIMIT])
def test_every_other_method_sets_a_threshold(client: Client, category: str, method: CalibrationMethod) -> None:
    fit_category(client, category, SEED)
    calibration = client.calibrate(category, normals(50, 9), defectives(3), threshold=ThresholdRequest(method)).revision.calibration
    assert calibration is not None
    assert calibration.method is method
    assert min(calibration.normal_scores) < calibration.threshold < max(calibration.defective_scores)
    assert calibration.guaranteed_false_reject_rate is None


def test_rate_0_means_the_default(client: Client, category: str) -> None:
    calibration = fit_category(client, category, SEED, threshold=ThresholdRequest(false_reject_rate=0.0)).revision.calibration
    assert calibration is not None
    assert calibration.false_reject_rate == 0.05


@pytest.mark.parametrize("drawn", [False, True])
def test_a_mask_is_reported_wherever_it_acts(client: Client, category: str, drawn: bool) -> None:
    picture = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    picture[:, : SIDE_PX // 2] = 255
    mask = Mask(png(picture)) if drawn else Mask(include=(LEFT_HALF,))
    local = Recipe(resolution_px=64, layers=(1,))  # deeper layers see beyond the mask's edge
    report = fit_category(client, category, SEED, mask=mask, recipe=local)
    assert (report.patches, report.patches_excluded) == (6 * PATCHES // 2, 6 * PATCHES // 2)
    assert report.revision.masked
    assert {(part.patches, part.patches_excluded) for part in report.revision.golden_parts} == {(PATCHES // 2, PATCHES // 2)}
    left, right = draw_part(SEED, 100), draw_part(SEED, 100)
    left[30:60, 5:35], right[30:60, 78:] = 255, 255
    in_mask, outside = client.inspect([Frame("in", category, left), Frame("out", category, right)])
    assert (in_mask.verdict, outside.verdict) == (Verdict.FAIL, Verdict.PASS)
    assert (outside.patches_inspected, outside.patches_excluded) == (PATCHES // 2, PATCHES // 2)


def test_mask_image_and_polygons_agree(client: Client, category: str) -> None:
    picture = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    picture[:, : SIDE_PX // 2] = 1
    as_image = fit_category(client, category, SEED, mask=Mask(png(picture))).revision
    as_polygon = fit_category(client, category, SEED, mask=Mask(include=(LEFT_HALF,))).revision
    assert as_image.bank_digest == as_polygon.bank_digest


def test_a_turned_part_passes_only_where_turning_is_admitted(client: Client, category: str) -> None:
    def turned(quarters: int) -> Pixels:
        return np.ascontiguousarray(np.rot90(draw_part(SEED, 100), quarters))

    angles = (90.0, 180.0, 270.0)
    recipe = Recipe(resolution_px=64, coreset=Coreset.NONE)
    plain = fit_category(client, category, SEED, recipe=recipe).revision
    admitted = fit_category(client, category, SEED, recipe=Recipe(resolution_px=64, coreset=Coreset.NONE, rotations_deg=angles))
    assert admitted.patches == 4 * 6 * PATCHES
    assert admitted.revision.bank_vectors == 4 * plain.bank_vectors
    straight, *others = client.inspect([Frame(str(quarters), category, turned(quarters)) for quarters in range(4)])
    before = client.inspect([Frame(str(quarters), category, turned(quarters), revision=plain.revision) for quarters in (1, 3)])
    assert {result.verdict for result in before} == {Verdict.FAIL}
    assert {result.verdict for result in (straight, *others)} == {Verdict.PASS}
    assert straight.nearest is not None
    assert {result.nearest.rotation_deg for result in others if result.nearest} <= {0.0, *angles}
    assert any(result.nearest.rotation_deg for result in others if result.nearest)


KNOBS = {
    "default preset": Recipe(),
    "seed preset": Recipe(preset=Preset.SEED),
    "max": Recipe(resolution_px=64, aggregate=Aggregate.MAX),
    "mean": Recipe(resolution_px=64, aggregate=Aggregate.MEAN),
    "top patches": Recipe(resolution_px=64, aggregate=Aggregate.TOP_PATCHES, aggregate_patches=5),
    "top percent": Recipe(resolution_px=64, aggregate=Aggregate.TOP_PERCENT, aggregate_percent=20.0),
    "reweight": Recipe(resolution_px=64, aggregate=Aggregate.MAX, reweight_neighbours=9),
    "ivf": Recipe(resolution_px=64, search_index=SearchIndex.IVF, neighbours=3),
    "layers": Recipe(resolution_px=64, layers=(1, 2)),
    "neighbourhood": Recipe(resolution_px=64, neighbourhood_patches=3),
    "euclidean": Recipe(resolution_px=64, metric=Metric.EUCLIDEAN, neighbours=5),
    "stretch": Recipe(resolution_px=64, resize=Resize.STRETCH),
    "random": Recipe(resolution_px=64, coreset=Coreset.RANDOM, coreset_ratio=0.5),
    "projection": Recipe(resolution_px=64, coreset_vectors=200, coreset_projection_dimensions=8),
}


@pytest.mark.parametrize("name", KNOBS)
def test_every_knob_works_end_to_end(client: Client, category: str, name: str) -> None:
    revision = fit_category(client, category, SEED, recipe=KNOBS[name]).revision
    for knob in ("aggregate", "search_index", "layers", "reweight_neighbours", "neighbourhood_patches", "resize", "metric", "coreset"):
        wanted = getattr(KNOBS[name], knob)
        assert wanted in (None, getattr(revision.recipe, knob)), f"{knob} was not taken"
    options = InspectOptions(regions=True, heatmap=True, overlay=True)
    pictures = {"good": draw_part(SEED, 100), "bad": draw_defect(SEED, 100)}
    good, bad = client.inspect([Frame(name, category, pixels, options) for name, pixels in pictures.items()])
    assert good.verdict is not Verdict.NOT_INSPECTED
    assert bad.verdict is Verdict.FAIL
    assert bad.score > good.score
    assert bad.regions
    assert bad.heatmap is not None
    assert bad.overlay_png is not None


class HeldUpload:
    """The messages of a Fit, of which some are held back until they are wanted."""

    def __init__(self, category: str, at_once: int) -> None:
        config = onboarding_pb2.FitConfig(category=category, recipe=requests.recipe(RECIPE))
        self._messages = [
            onboarding_pb2.FitRequest(config=config),
            *(
                onboarding_pb2.FitRequest(image=onboarding_pb2.GoldenImage(name=part.name, image=requests.image(part.image)))
                for part in golden_parts(SEED)
            ),
        ]
        self._at_once = at_once
        self.go_on = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[onboarding_pb2.FitRequest]:
        for place, message in enumerate(self._messages):
            if place > self._at_once:
                await self.go_on.wait()
            yield message


def stub(channel: grpc.aio.Channel) -> Any:
    return onboarding_pb2_grpc.OnboardingServiceStub(channel)


async def fit_when_free(client: AsyncClient, category: str) -> str:
    """Fit as soon as the server has noticed that the call before is gone."""
    while True:
        with suppress(Aborted):
            return (await fit_category(client, category, SEED)).revision.revision


@pytest.mark.parametrize("stage", ["RECEIVING", "EMBEDDING", "CALIBRATING"])
async def test_a_cancelled_fit_leaves_nothing_behind(server: App, aio_client: AsyncClient, tmp_path: Path, stage: str) -> None:
    upload = HeldUpload("part", at_once=3 if stage == "RECEIVING" else 99)
    async with grpc.aio.insecure_channel(server.address) as channel:
        call = stub(channel).Fit(upload.__aiter__())
        async for reply in call:
            if onboarding_pb2.OnboardingStage.Name(reply.progress.stage) == f"ONBOARDING_STAGE_{stage}":
                call.cancel()
                break
    assert [category async for category in aio_client.list_categories()] == []
    incoming = tmp_path / "artifacts" / "categories" / ".incoming"
    assert list(incoming.iterdir()) == []
    async with asyncio.timeout(30):
        assert await fit_when_free(aio_client, "part") == "r0001"
    (result,) = await aio_client.inspect([Frame("1", "part", draw_part(SEED, 100))])
    assert result.verdict is Verdict.PASS


async def test_a_second_onboarding_of_a_category_is_aborted(server: App, aio_client: AsyncClient) -> None:
    upload = HeldUpload("part", at_once=2)
    async with grpc.aio.insecure_channel(server.address) as channel:
        call = stub(channel).Fit(upload.__aiter__())
        replies = aiter(call)
        assert (await anext(replies)).progress.done == 1
        error = await asyncio.to_thread(second_fit, server.address)
        assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "ONBOARDING_IN_PROGRESS")
        assert "part" in error.message
        await fit_category(aio_client, "another", SEED)
        upload.go_on.set()
        *_, last = [reply async for reply in replies]
    assert last.result.revision.revision == "r0001"


def second_fit(address: str) -> Aborted:
    with Client(address) as client, pytest.raises(Aborted) as caught:
        fit_category(client, "part", SEED)
    return caught.value
