"""The drift watch over a real socket: a dark lamp and a lens out of focus within 50 frames, nothing in 1,000 undisturbed ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from goldenpart.client import Client, DriftWatch, Frame, Inspection, NamedImage, Recipe
from goldenpart.client.bulk import inspect_all
from goldenpart.client.demo.process import ServerProcess
from goldenpart.client.parts import PartCamera

Rgb8 = npt.NDArray[np.uint8]
GOLDEN, CALIBRATION, STREAM = 8, 24, 24
UNDISTURBED, LATE_AFTER, SOON = 1000, 100, 50


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with ServerProcess({"GOLDENPART_THREADS": "1"}) as server, Client(server.address) as connected:
        connected.wait_until_ready()
        yield connected


def darken(image: Rgb8) -> Rgb8:
    return (image * 0.8).astype(np.uint8)


def blur(image: Rgb8) -> Rgb8:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.5), np.uint8)


def inspect(client: Client, parts: Sequence[Rgb8]) -> list[Inspection]:
    return list(inspect_all(client, (Frame(str(number), "flange", part) for number, part in enumerate(parts))))


def test_sees_a_drift_soon_and_nothing_where_there_is_none(client: Client, record_property: Callable[[str, object], None]) -> None:
    camera = PartCamera(seed=11, defect_rate=0.0, size_px=128)
    parts = [next(camera).image for _ in range(GOLDEN + CALIBRATION + STREAM)]
    recipe = Recipe(resolution_px=128, coreset_vectors=1000)
    client.fit("flange", [NamedImage(f"g{n}", part) for n, part in enumerate(parts[:GOLDEN])], recipe=recipe)
    client.calibrate("flange", normal=[NamedImage(f"n{n}", part) for n, part in enumerate(parts[GOLDEN:-STREAM])], stage_only=False)
    normal = inspect(client, parts[-STREAM:])
    assert all(result.statistics is not None and result.statistics.brightness is not None for result in normal)
    rng = random.Random(0)
    watch = DriftWatch()
    assert [alarm for _ in range(UNDISTURBED) if (alarm := watch.observe(rng.choice(normal))) is not None] == []
    delays = {}
    for name, change, signals in (
        ("20 % darker", darken, {"brightness", "highlight"}),
        ("blurred", blur, {"sharpness", "feature_shift", "score", "contrast"}),
    ):
        changed = inspect(client, [change(part) for part in parts[-STREAM:]])
        watch = DriftWatch()
        stream = [rng.choice(normal) for _ in range(LATE_AFTER)] + [rng.choice(changed) for _ in range(SOON)]
        alarms = [(number, alarm) for number, result in enumerate(stream) if (alarm := watch.observe(result)) is not None]
        assert len(alarms) == 1, (name, watch.evidence)
        number, alarm = alarms[0]
        assert number >= LATE_AFTER
        assert alarm.signal in signals
        delays[name] = f"{number - LATE_AFTER + 1} frames ({alarm.signal})"
    record_property("measured", f"drift watch after {LATE_AFTER} frames: {delays}; {UNDISTURBED} undisturbed frames: no alarm")
