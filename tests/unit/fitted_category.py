"""A category fitted in this process: what the runtime's tests judge frames by."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch

from goldenpart.server.registry.manifest import GoldenPart
from goldenpart.server.registry.store import GoldenImage, RevisionDraft
from goldenpart.server.runtime.inspection import Frame, Wanted
from goldenpart.server.runtime.loaded import LoadedRevision
from goldenpart.server.vision.backbones import Backbone, open_backbone
from goldenpart.server.vision.bank import Bank
from goldenpart.server.vision.calibration import ThresholdRequest, calibrate_left_out
from goldenpart.server.vision.fitting import BankBuilder
from goldenpart.server.vision.image import EncodedImage, Rgb8
from goldenpart.server.vision.preparation import PreparedImage, prepare
from goldenpart.server.vision.recipe import Recipe

RECIPE = Recipe(backbone="compact", resolution_px=64, coreset_vectors=200)
CALIBRATION = calibrate_left_out((0.1, 0.2, 0.3), ThresholdRequest())
PARTS = 3


@cache
def backbone() -> Backbone:
    return open_backbone("compact", weights=None, cache=Path("unused"), device=torch.device("cpu"), precision="fp32")


def picture(number: int) -> Rgb8:
    """Return (64, 64, 3) uint8: a noisy gradient."""
    ramp = np.linspace(0, 200, 64)[:, None, None] * np.array([1.0, 0.7, 0.4])
    pixels: Rgb8 = np.clip(ramp + np.random.default_rng(number).normal(20, 5, (64, 64, 3)), 0, 255).astype(np.uint8)
    return pixels


def prepared(number: int) -> PreparedImage:
    return prepare(picture(number), RECIPE, backbone().patch_size)


def frame(number: int, *, category: str = "part", revision: str = "", deadline: float | None = None) -> Frame:
    encoded = EncodedImage(bytes(cv2.imencode(".png", picture(100 + number))[1]))
    return Frame(str(number), category, encoded, Wanted(), revision, deadline)


def draft(category: str = "part", first: int = 0, digest: str = "") -> RevisionDraft:
    """Fit a category from pictures `first`, `first` + 1, ..."""
    numbers = range(first, first + PARTS)
    builder = BankBuilder(backbone(), RECIPE, [(prepared(number),) for number in numbers])
    for _ in builder.steps():
        pass
    images = tuple(
        GoldenImage(GoldenPart(index, f"golden-{number}", f"{number:064x}", 64, 64, 64, 0), frame(number).frame_id.encode(), ".png")
        for index, number in enumerate(numbers)
    )
    return RevisionDraft(category, RECIPE, digest or backbone().digest, images, builder.content(), None, CALIBRATION)


@cache
def loaded(category: str = "part", revision: str = "r0001", first: int = 0) -> LoadedRevision:
    made = draft(category, first)
    parts = tuple(image.part for image in made.golden_images)
    return LoadedRevision(
        category, revision, backbone(), Bank(made.detector_content, RECIPE, torch.device("cpu")), CALIBRATION, None, parts
    )
