"""An autoencoder learns what it is shown, on grids of any shape, and is honest about what it cannot do."""

from __future__ import annotations

import numpy as np
import pytest
from detector_parts import fit, measure, picture, recipe, show

from goldenpart.server.errors import FailedPreconditionError
from goldenpart.server.vision.detectors.autoencoder import as_input
from goldenpart.server.vision.detectors.base import Picture
from goldenpart.server.vision.preparation import prepare
from goldenpart.server.vision.recipe import DetectorKind


def test_training_brings_the_error_down() -> None:
    short, long = (fit(recipe(DetectorKind.AUTOENCODER, autoencoder_steps=steps)).detector for steps in (10, 300))
    assert measure(long, picture(50)).distances.mean() < 0.8 * measure(short, picture(50)).distances.mean()


@pytest.mark.parametrize(("height", "width", "patch"), [(64, 80, 8), (40, 72, 8), (70, 98, 14), (32, 200, 8)])
def test_every_grid_is_measured_patch_by_patch(height: int, width: int, patch: int) -> None:
    knobs = recipe(DetectorKind.AUTOENCODER, resolution_px=min(height, width))
    pixels = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    prepared = prepare(pixels, knobs, patch)
    assert as_input(prepared).shape[1] % 16 == as_input(prepared).shape[2] % 16 == 0
    builder = fit(knobs, [(prepared,)])
    (answer,) = builder.detector.measure([Picture(prepared, None)])
    assert answer.distances.shape == (prepared.inspected.size,) == (builder.patches,)


def test_no_golden_part_can_be_left_out() -> None:
    knobs = recipe(DetectorKind.AUTOENCODER)
    builder = fit(knobs, [show(0, knobs), show(1, knobs)])
    assert not builder.leaves_out
    with pytest.raises(FailedPreconditionError, match="run Calibrate"):
        builder.without(0)


def test_the_backbone_is_not_read() -> None:
    assert not fit(recipe(DetectorKind.AUTOENCODER)).detector.reads_backbone
