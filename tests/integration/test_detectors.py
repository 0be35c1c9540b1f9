"""Every detector over a real socket on drawn flanges: fitted, calibrated, asked, restarted, sent to another category."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from goldenpart.client import (
    AsyncClient,
    Client,
    Detector,
    Frame,
    Inspection,
    InspectOptions,
    InvalidArgument,
    NamedImage,
    OnboardingStage,
    Progress,
    Recipe,
    RevisionState,
    Verdict,
)
from goldenpart.client.parts import Defect, draw_flange
from goldenpart.server.app import running_server
from goldenpart.server.settings import Settings

MakeSettings = Callable[..., Settings]
Pixels = npt.NDArray[np.uint8]
SIDE_PX = 160
RECIPE = {"resolution_px": SIDE_PX, "coreset_vectors": 1000, "autoencoder_steps": 250}
CLEAR = (Defect.MISSING_HOLE, Defect.STAIN)
"""Damage that a flange of 160 px still shows."""
DETECTORS = list(Detector)
SELF_CALIBRATED = [detector for detector in Detector if detector is not Detector.AUTOENCODER]


@cache
def flange(number: int, defect: Defect | None = None) -> Pixels:
    return draw_flange(np.random.default_rng((11, number)), defect, SIDE_PX).image


def blotted(number: int) -> Pixels:
    """A flange with a chequered label that no golden part has."""
    pixels = flange(number).copy()
    rows, columns = np.mgrid[0:40, 0:40]
    pixels[60:100, 20:60] = np.where((rows // 8 + columns // 8) % 2, 255, 0)[..., None]
    return pixels


def recipe(detector: Detector) -> Recipe:
    return Recipe(**RECIPE, detector=detector)


GOLDEN = [NamedImage(f"golden-{number}", flange(number)) for number in range(10)]
NORMAL = [NamedImage(f"normal-{number}", flange(number)) for number in range(100, 120)]


def failed(results: tuple[Inspection, ...]) -> int:
    return sum(result.verdict is Verdict.FAIL for result in results)


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_detector_is_fitted_calibrated_and_finds_damage(client: Client, tmp_path: Path, detector: Detector) -> None:
    name, seen = f"flange-{detector.lower()}", list[Progress]()
    fitted = client.fit(name, GOLDEN, recipe=recipe(detector), on_progress=seen.append)
    assert fitted.revision.recipe.detector is detector
    assert (fitted.revision.bank_vectors > 0) == (detector is Detector.BANK)
    assert fitted.revision.bank_bytes > 10_000
    assert OnboardingStage.TRAINING in {progress.stage for progress in seen}, "a bank measures its local scale"
    assert (fitted.revision.calibration is None) == (detector is Detector.AUTOENCODER)

    calibrated = client.calibrate(name, NORMAL, revision=fitted.revision.revision).revision
    assert calibrated.state is RevisionState.ACTIVE
    assert calibrated.bank_digest == fitted.revision.bank_digest

    good = client.inspect([Frame(str(number), name, flange(number)) for number in range(200, 210)])
    options = InspectOptions(regions=True, heatmap=True, overlay=True)
    bad = client.inspect([Frame(str(number), name, blotted(number), options) for number in range(300, 304)])
    assert failed(good) <= 3
    assert failed(bad) == 4
    for result in bad:
        box = result.regions[0].box
        assert box.x_px < 60
        assert box.x_px + box.width_px > 20
        assert (result.nearest is None) == (detector is not Detector.BANK)
    if detector in SELF_CALIBRATED:
        damaged = client.inspect([Frame(str(number), name, flange(number, CLEAR[number % 2])) for number in range(400, 412)])
        assert failed(damaged) >= 8

    client.export_revision(name, tmp_path / "flange.tar")
    copy = client.import_revision(tmp_path / "flange.tar", category=f"{name}-copy")
    assert copy.bank_digest == calibrated.bank_digest
    (again,) = client.inspect([Frame("300", f"{name}-copy", blotted(300))])
    assert again.score == pytest.approx(bad[0].score, rel=1e-4)
    for category in (name, f"{name}-copy"):
        client.delete_category(category)


async def test_every_detector_survives_a_restart(make_settings: MakeSettings) -> None:
    frames = [Frame(detector, f"flange-{detector.lower()}", blotted(300)) for detector in DETECTORS]
    async with running_server(make_settings()) as app, AsyncClient(app.address) as client:
        for detector, frame in zip(DETECTORS, frames, strict=True):
            revision = (await client.fit(frame.category, GOLDEN[:4], recipe=recipe(detector))).revision
            await client.calibrate(frame.category, NORMAL, revision=revision.revision)
        before = await client.inspect(frames)
    async with running_server(make_settings()) as app, AsyncClient(app.address) as client:
        after = await client.inspect(frames)
    assert [result.score for result in after] == pytest.approx([result.score for result in before], rel=1e-4)
    assert {result.verdict for result in after} == {Verdict.FAIL}


def test_an_autoencoder_waits_for_calibrate_and_leaves_the_active_revision_alone(client: Client) -> None:
    name = "flange-staged"
    active = client.fit(name, GOLDEN[:4], recipe=recipe(Detector.SUBSPACE)).revision
    report = client.fit(name, GOLDEN[:4], recipe=recipe(Detector.AUTOENCODER))
    assert report.revision.state is not RevisionState.ACTIVE
    assert "Run Calibrate on this revision" in report.warnings[0]
    assert client.get_category(name).active_revision == active.revision
    client.delete_category(name)


def test_a_frame_of_another_shape_fails_alone(client: Client) -> None:
    name = "flange-gaussian-shape"
    client.fit(name, GOLDEN[:4], recipe=recipe(Detector.GAUSSIAN))
    wide = np.ascontiguousarray(np.concatenate([flange(200), flange(200)], axis=1))
    fits, other = client.inspect([Frame("fits", name, flange(200)), Frame("other", name, wide)])
    assert fits.verdict in (Verdict.PASS, Verdict.FAIL)
    assert other.verdict is Verdict.NOT_INSPECTED
    assert "20 x 40 patches, the golden parts gave 20 x 20" in other.message
    with pytest.raises(InvalidArgument, match="set resize to stretch"):
        client.fit(name, [*GOLDEN[:2], NamedImage("wide", wide)], recipe=recipe(Detector.GAUSSIAN))
    client.delete_category(name)
