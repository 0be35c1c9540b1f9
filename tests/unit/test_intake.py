"""Pictures on their way into an onboarding: what is taken, what is refused, what is counted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from goldenpart.server.errors import (
    DuplicateGoldenPartError,
    ImageInBankError,
    ImageTooLargeError,
    InvalidArgumentError,
    NothingToInspectError,
    UndecodableImageError,
)
from goldenpart.server.registry.manifest import GoldenPart
from goldenpart.server.runtime.intake import CalibrationIntake, GoldenIntake, LabelledPicture, NamedPicture
from goldenpart.server.runtime.loaded import LoadedRevision
from goldenpart.server.runtime.onboarding import OnboardingLimits
from goldenpart.server.vision.backbones import open_backbone
from goldenpart.server.vision.bank import Bank, BankContent
from goldenpart.server.vision.image import EncodedImage, PixelFormat, RawImage, decode, pixel_digest
from goldenpart.server.vision.mask import InspectionMask
from goldenpart.server.vision.recipe import Recipe

RECIPE = Recipe(resolution_px=32)
LIMITS = OnboardingLimits(golden_parts=4, calibration_images=4, image_pixels=10_000, golden_bytes=1 << 20)
Pixels = npt.NDArray[np.uint8]


def pixels(number: int, width_px: int = 40, height_px: int = 40) -> Pixels:
    return np.random.default_rng(number).integers(0, 256, (height_px, width_px, 3), np.uint8)


def encoded(picture: Pixels, suffix: str = ".png") -> EncodedImage:
    return EncodedImage(cv2.imencode(suffix, picture[:, :, ::-1])[1].tobytes())


def raw(picture: Pixels) -> RawImage:
    return RawImage(picture.tobytes(), picture.shape[1], picture.shape[0], 0, PixelFormat.RGB8)


def part(number: int, name: str = "") -> NamedPicture:
    return NamedPicture(name or f"part-{number}", encoded(pixels(number)))


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def golden(pool: ThreadPoolExecutor) -> GoldenIntake:
    return GoldenIntake(RECIPE, 8, None, pool, LIMITS)


async def test_a_golden_part_is_kept_as_it_came(golden: GoldenIntake) -> None:
    wide = encoded(pixels(0, 80, 40), ".bmp")
    await golden.add(NamedPicture("wide", wide))
    await golden.add(NamedPicture("raw", raw(pixels(1))))
    first, second = golden.images
    assert (first.data, first.suffix) == (wide.data, ".bmp")
    assert (first.part.index, first.part.width_px, first.part.height_px, first.part.patches) == (0, 80, 40, 32)
    assert first.part.pixel_digest == pixel_digest(pixels(0, 80, 40))
    assert second.suffix == ".png"
    assert np.array_equal(decode(EncodedImage(second.data)), pixels(1))
    assert [len(shown) for shown in golden.shown] == [1, 1]


async def test_angles_and_mask_are_counted(pool: ThreadPoolExecutor) -> None:
    top = InspectionMask(include=(((0, 0), (1, 0), (1, 0.5), (0, 0.5)),))
    intake = GoldenIntake(Recipe(resolution_px=32, rotations_deg=(90.0, 180.0)), 8, top, pool, LIMITS)
    await intake.add(part(0))
    assert (intake.images[0].part.patches, intake.images[0].part.patches_excluded) == (3 * 8, 3 * 8)
    upright, quarter, half = intake.shown[0]
    assert upright.inspected[:2].all()
    assert quarter.inspected[:, :2].all(), "counter-clockwise, the top comes to the left"
    assert half.inspected[2:].all()


@pytest.mark.parametrize("twin", [encoded(pixels(0)), encoded(pixels(0), ".bmp"), encoded(pixels(0), ".tif"), raw(pixels(0))])
async def test_the_same_pixels_are_refused_whatever_they_come_in(golden: GoldenIntake, twin: EncodedImage | RawImage) -> None:
    await golden.add(part(0, "first"))
    with pytest.raises(DuplicateGoldenPartError, match=r"golden part 1 \('again'\) shows the same pixels as 'first'") as caught:
        await golden.add(NamedPicture("again", twin))
    assert caught.value.metadata == {"name": "again", "duplicate_of": "first"}


async def test_names_differ_and_have_a_length(golden: GoldenIntake) -> None:
    await golden.add(part(0, "same"))
    with pytest.raises(DuplicateGoldenPartError, match="name that was given before"):
        await golden.add(part(1, "same"))
    for name in ("", "x" * 256):
        with pytest.raises(InvalidArgumentError, match=f"{len(name)} characters; it must have 1 to 255"):
            await golden.add(NamedPicture(name, encoded(pixels(2))))


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (EncodedImage(b""), UndecodableImageError),
        (EncodedImage(encoded(pixels(0)).data[:-30]), UndecodableImageError),
        (encoded(pixels(0, 200, 100)), ImageTooLargeError),
        (raw(pixels(0, 200, 100)), ImageTooLargeError),
    ],
)
async def test_what_cannot_be_decoded_is_named(golden: GoldenIntake, source: EncodedImage, kind: type[InvalidArgumentError]) -> None:
    await golden.add(part(7))
    with pytest.raises(kind, match=r"^golden part 1 \('bad'\): ") as caught:
        await golden.add(NamedPicture("bad", source))
    assert caught.value.field == "image"
    assert str(caught.value) == caught.value.message


async def test_a_mask_that_leaves_nothing_is_named_with_the_part(pool: ThreadPoolExecutor) -> None:
    speck = InspectionMask(include=(((0, 0), (0.02, 0), (0, 0.02)),))
    with pytest.raises(NothingToInspectError, match="golden part 0"):
        await GoldenIntake(RECIPE, 8, speck, pool, LIMITS).add(part(0))


async def test_parts_and_bytes_are_limited(golden: GoldenIntake, pool: ThreadPoolExecutor) -> None:
    with pytest.raises(InvalidArgumentError, match="0 images"):
        golden.check()
    for number in range(4):
        await golden.add(part(number))
    golden.check()
    with pytest.raises(InvalidArgumentError, match="More than 4 golden parts"):
        await golden.add(part(4))
    turned = GoldenIntake(Recipe(resolution_px=128, rotations_deg=tuple(range(1, 25))), 8, None, pool, LIMITS)
    with pytest.raises(InvalidArgumentError, match=r"1 golden parts at 25 angles take 12\d{5} bytes.* limit of 1048576") as caught:
        await turned.add(part(0))
    assert "fewer angles" in caught.value.message
    assert turned.images == []


@pytest.fixture(scope="module")
def revision(tmp_path_factory: pytest.TempPathFactory) -> LoadedRevision:
    device = torch.device("cpu")
    backbone = open_backbone("compact", weights=None, cache=tmp_path_factory.mktemp("unused"), device=device, precision="fp32")
    vectors = np.eye(4, backbone.dimension(), dtype=np.float32)
    bank = Bank(BankContent(vectors, np.zeros((4, 4), np.int32), 0.0), RECIPE, device)
    first = GoldenPart(0, "first", pixel_digest(pixels(0)), 40, 40, 16, 0)
    return LoadedRevision("part", "r0003", backbone, bank, None, None, (first,))


@pytest.fixture
def calibration(revision: LoadedRevision, pool: ThreadPoolExecutor) -> CalibrationIntake:
    return CalibrationIntake(revision, pool, LIMITS)


def labelled(number: int, name: str = "", *, defective: bool = False) -> LabelledPicture:
    return LabelledPicture(name or f"image-{number}", encoded(pixels(number)), defective)


@pytest.mark.parametrize("source", [encoded(pixels(0)), encoded(pixels(0), ".bmp"), raw(pixels(0))])
async def test_a_golden_part_is_no_calibration_image(calibration: CalibrationIntake, source: EncodedImage | RawImage) -> None:
    with pytest.raises(ImageInBankError, match=r"image 0 \('sneaky'\) is golden part 'first' of revision r0003") as caught:
        await calibration.add(LabelledPicture("sneaky", source, defective=False))
    assert caught.value.metadata == {"name": "sneaky", "golden_part": "first"}


async def test_scores_go_to_the_label_they_belong_to(calibration: CalibrationIntake) -> None:
    for number, defective in ((1, False), (2, True), (3, False)):
        await calibration.add(labelled(number, defective=defective))
    assert len(calibration.waiting) == 3
    calibration.settle([0.1, 0.9, 0.3])
    await calibration.add(labelled(4))
    calibration.settle([0.4])
    assert (calibration.normal_scores, calibration.defective_scores) == ((0.1, 0.3, 0.4), (0.9,))
    assert calibration.waiting == []
    assert calibration.warnings == ()


async def test_a_picture_given_twice_counts_once(calibration: CalibrationIntake) -> None:
    await calibration.add(labelled(1, "one"))
    await calibration.add(labelled(1, "two"))
    calibration.settle([0.5])
    assert (calibration.received, calibration.normal_scores) == (2, (0.5,))
    assert calibration.warnings == ("1 images were given twice and counted once, for example 'two'.",)


async def test_a_picture_cannot_be_good_and_bad(calibration: CalibrationIntake) -> None:
    await calibration.add(labelled(1, "one"))
    with pytest.raises(InvalidArgumentError, match=r"'two'\) is given as defective and shows the same pixels as 'one'.* given as normal"):
        await calibration.add(labelled(1, "two", defective=True))


async def test_calibration_images_are_limited_and_named(calibration: CalibrationIntake) -> None:
    for number in range(1, 4):
        await calibration.add(labelled(number))
    with pytest.raises(UndecodableImageError, match=r"^image 3 \('cut'\): "):
        await calibration.add(LabelledPicture("cut", EncodedImage(encoded(pixels(9)).data[:-30]), defective=False))
    with pytest.raises(InvalidArgumentError, match="More than 4 images"):
        await calibration.add(labelled(5))


def test_the_digest_is_of_size_and_pixels() -> None:
    flat = np.zeros((2, 8, 3), np.uint8)
    assert pixel_digest(flat) == hashlib.sha256(b"8x2:" + bytes(48)).hexdigest()
    assert pixel_digest(flat) != pixel_digest(flat.reshape(8, 2, 3))
