"""Fitted states as the registry's tests use them, and their way to the disk and back."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenpart.server.errors import CategoryNameError, MaskError, RevisionDamagedError
from goldenpart.server.registry.categories import check_category_name
from goldenpart.server.registry.dataclass_json import dump_json, from_plain, load_json, to_plain
from goldenpart.server.registry.manifest import FORMAT_VERSION, GoldenPart, Manifest
from goldenpart.server.registry.mask_files import mask_from_files, mask_to_files
from goldenpart.server.registry.store import GoldenImage, RevisionDraft, Store
from goldenpart.server.vision.bank import BankContent
from goldenpart.server.vision.calibration import Calibration, CalibrationMethod
from goldenpart.server.vision.mask import InspectionMask
from goldenpart.server.vision.recipe import SEED, Aggregate, Recipe

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
RECIPE = Recipe(layers=(3, 7), rotations_deg=(90.0, 0.1), aggregate=Aggregate.MAX, reweight_neighbours=3, aggregate_percent=1 / 3)
CALIBRATION = Calibration(
    method=CalibrationMethod.CONFORMAL,
    threshold=0.1 + 0.2,
    review_threshold=None,
    false_reject_rate=0.05,
    review_rate=None,
    normal_scores=tuple(float(score) for score in np.random.default_rng(1).random(40)),
    defective_scores=(1e-300, 5e300),
    guaranteed_rate=1 / 21,
    rate_upper_95=None,
    guarantee="At most 5 % of good parts, “as long as they look as they did then”.",
)


def drawn_mask() -> InspectionMask:
    image = np.zeros((7, 5), np.bool_)
    image[2:, 1:3] = True
    return InspectionMask(image)


def polygon_mask() -> InspectionMask:
    return InspectionMask(None, (((0.0, 0.0), (1.0, 0.0), (1 / 3, 1.0)),), (((0.1, 0.1), (0.2, 0.1), (0.1, 0.2)), ((0, 0), (1, 1), (0, 1))))


def draft(
    category: str = "gasket",
    *,
    seed: int = 0,
    parts: int = 2,
    mask: InspectionMask | None = None,
    calibration: Calibration | None = CALIBRATION,
) -> RevisionDraft:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((5, 8)).astype(np.float32)
    origins = np.column_stack([np.sort(np.arange(5) % parts), np.zeros((5, 3))]).astype(np.int32)
    images = tuple(
        GoldenImage(GoldenPart(index, f"gut {index} ½.png", f"{index:064x}", 640, 480, 900, 20), random.bytes(700 + index), suffix)
        for index, suffix in zip(range(parts), itertools.cycle([".png", ".jpg"]), strict=False)
    )
    return RevisionDraft(category, RECIPE, "ab" * 32, images, BankContent(vectors, origins, 1 / 7), mask, calibration)


class Clock:
    """Advances by a second with each look."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


def open_store(root: Path) -> Store:
    return Store(root, now=Clock())


MASKS = {"everywhere": None, "drawn": drawn_mask(), "polygons": polygon_mask(), "empty": InspectionMask()}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("calibration", [None, CALIBRATION], ids=["uncalibrated", "calibrated"])
def test_what_was_added_is_read_unchanged(tmp_path: Path, mask: InspectionMask | None, calibration: Calibration | None) -> None:
    given_draft = draft(mask=mask, calibration=calibration, parts=3)
    with open_store(tmp_path) as store:
        store.add(given_draft, activate=True)
    with open_store(tmp_path) as store:  # another process' view: nothing may live in memory only
        stored = store.read("gasket")
        pictures = [store.golden_image("gasket", "r0001", index) for index in range(3)]
        summary = store.revision("gasket", "")
    manifest = stored.manifest
    assert stored.calibration == summary.calibration == calibration
    assert (summary.manifest, summary.damage) == (manifest, "")
    assert (manifest.recipe, manifest.backbone_digest, manifest.coreset_radius) == (RECIPE, "ab" * 32, 1 / 7)
    assert manifest.golden_parts == tuple(image.part for image in given_draft.golden_images)
    assert (manifest.bank_vectors, manifest.bank_dimensions, manifest.bank_digest) == (5, 8, given_draft.detector_content.digest())
    assert (manifest.category, manifest.revision, manifest.parent_revision) == ("gasket", "r0001", "")
    assert (manifest.create_time, manifest.masked) == (START + timedelta(seconds=1), mask is not None)
    assert stored.detector_content.to_bytes() == given_draft.detector_content.to_bytes()
    assert pictures == [(image.data, image.suffix) for image in given_draft.golden_images]
    assert same_mask(stored.mask, mask)


def same_mask(left: InspectionMask | None, right: InspectionMask | None) -> bool:
    if left is None or right is None:
        return left is right
    return (left.include, left.ignore) == (right.include, right.ignore) and same_grid(left.image, right.image)


def same_grid(left: npt.NDArray[np.bool_] | None, right: npt.NDArray[np.bool_] | None) -> bool:
    return left is right if left is None or right is None else np.array_equal(left, right)


def test_a_mask_with_picture_and_polygons_keeps_both() -> None:
    mask = dataclasses.replace(polygon_mask(), image=drawn_mask().image)
    assert same_mask(mask_from_files(mask_to_files(mask)), mask)


def test_a_mask_of_too_many_pixels_is_refused_before_it_is_kept() -> None:
    huge = np.broadcast_to(np.True_, (2**15, 2**14))  # takes one byte of memory
    with pytest.raises(MaskError, match="536870912 pixels; the limit is 268435456"):
        mask_to_files(InspectionMask(huge))


@pytest.mark.parametrize("recipe", [Recipe(), SEED, RECIPE], ids=["default", "seed", "odd"])
def test_a_recipe_survives_json(recipe: Recipe) -> None:
    assert from_plain(Recipe, load_json(dump_json(to_plain(recipe))), "recipe") == recipe


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None)
@given(st.builds(dataclasses.replace, st.just(CALIBRATION), threshold=FINITE, guarantee=st.text(st.characters(exclude_categories=["Cs"])),
                 normal_scores=st.lists(FINITE).map(tuple), review_threshold=st.none() | FINITE))  # fmt: skip
def test_every_float_and_every_text_of_a_calibration_survives_json(calibration: Calibration) -> None:
    assert from_plain(Calibration, load_json(dump_json(to_plain(calibration)).encode().decode()), "calibration") == calibration


def test_numbers_that_are_none_are_not_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump_json(to_plain(dataclasses.replace(CALIBRATION, threshold=float("nan"))))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": "0.5"}, "calibration.threshold is '0.5', not a float"),
        ({"threshold": True}, "calibration.threshold is True, not a float"),
        ({"threshold": float("inf")}, "calibration.threshold is inf"),
        ({"normal_scores": [0.1, None]}, r"calibration.normal_scores\[1\] is None"),
        ({"normal_scores": 3}, "calibration.normal_scores is 3, not a list"),
        ({"method": "guess"}, "'guess' is not a valid CalibrationMethod"),
        ({"colour": 1}, "has the keys .*colour"),
    ],
)
def test_json_of_another_shape_is_refused_by_path(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_plain(Calibration, {**to_plain(CALIBRATION), **change}, "calibration")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": NaN}', '{"a": -Infinity}', "[" * 100_000, "null"])
def test_text_that_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the json module words some of them
        load_json(text)


def manifest_text(root: Path) -> str:
    with open_store(root) as store:
        store.add(draft(), activate=True)
    return (root / "categories/gasket/revisions/r0001/manifest.json").read_text()


def test_a_manifest_of_another_format_version_names_both_and_the_way_out(tmp_path: Path) -> None:
    text = manifest_text(tmp_path).replace(f'"format_version": {FORMAT_VERSION}', '"format_version": 99')
    with pytest.raises(RevisionDamagedError, match=r"version 99, written by Goldenpart \S+; this server reads format version 1\. Run a"):
        Manifest.from_json(text)


def test_a_manifest_reads_back_as_itself_and_as_the_same_text(tmp_path: Path) -> None:
    text = manifest_text(tmp_path)
    manifest = Manifest.from_json(text)
    assert manifest.to_json() == text
    assert Manifest.from_json(manifest.to_json()) == manifest


def forged(manifest: Manifest, **changes: object) -> str:
    """A manifest whose own digest is right, as a liar would write it."""
    return dataclasses.replace(manifest, **changes).to_json()  # type: ignore[arg-type]


def test_a_manifest_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    manifest = Manifest.from_json(manifest_text(tmp_path))
    bank = manifest.files["bank.safetensors"]
    parts = manifest.golden_parts
    cases: dict[str, dict[str, object]] = {
        "no file of a revision": {"files": {**manifest.files, "../../evil": bank}},
        "absolute": {"files": {**manifest.files, "/etc/passwd": bank}},
        "other golden": {"files": {**manifest.files, "golden/0002.png": bank}},
        "golden twice": {"files": {**manifest.files, "golden/00000.png": bank}},
        "golden in a folder": {"files": {**manifest.files, "golden/0000.png/x": bank}},
        "empty file": {"files": {**manifest.files, "bank.safetensors": dataclasses.replace(bank, size_bytes=0)}},
        "no digest": {"files": {**manifest.files, "bank.safetensors": dataclasses.replace(bank, sha256="../x")}},
        "no bank": {"files": {name: digest for name, digest in manifest.files.items() if name != "bank.safetensors"}},
        "other bank": {"bank_digest": "0" * 64},
        "mask": {"masked": True},
        "numbering": {"golden_parts": parts[::-1]},
        "category": {"category": "../x"},
        "revision": {"revision": "latest"},
    }
    for name, changes in cases.items():
        with pytest.raises(RevisionDamagedError, match="cannot be understood"):
            pytest.fail(f"{name}: {Manifest.from_json(forged(manifest, **changes))}")


def test_a_recipe_out_of_range_in_a_manifest_is_damage_and_no_fault_of_the_caller(tmp_path: Path) -> None:
    manifest = Manifest.from_json(manifest_text(tmp_path))
    wrong = dataclasses.replace(RECIPE)
    object.__setattr__(wrong, "neighbours", 10_000)
    with pytest.raises(RevisionDamagedError, match="neighbours is 10000"):
        Manifest.from_json(forged(manifest, recipe=wrong))


@pytest.mark.parametrize("name", ["a", "0", "gasket", "gasket_2-b", "a" * 63])
def test_category_names(name: str) -> None:
    check_category_name(name)


@pytest.mark.parametrize("name", ["", "-a", "_a", "A", "a" * 64, "a/b", "..", "a.b", "ä", "a\n", ".incoming", "a b"])
def test_names_no_category_may_have(name: str) -> None:
    with pytest.raises(CategoryNameError, match="a name has 1 to 63"):
        check_category_name(name)


def test_drafts_that_could_not_be_read_back_are_refused() -> None:
    whole = draft()
    empty = BankContent(np.zeros((0, 8), np.float32), np.zeros((0, 4), np.int32), 0.0)
    with pytest.raises(ValueError, match="bank for gasket is empty"):
        dataclasses.replace(whole, detector_content=empty)
    with pytest.raises(ValueError, match=r"indices \[1\]"):
        dataclasses.replace(whole, golden_images=whole.golden_images[1:])
    with pytest.raises(ValueError, match="has 0 bytes"):
        dataclasses.replace(whole.golden_images[0], data=b"")
    with pytest.raises(ValueError, match=r"suffix '/\.\./x'"):
        dataclasses.replace(whole.golden_images[0], suffix="/../x")
