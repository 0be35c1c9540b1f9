"""Calibration images are kept with a revision: verified, shared as hard links, sent along with an export."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fitted_category import CALIBRATION, draft

from goldenpart.server.errors import GateHeldBackError, RevisionDamagedError
from goldenpart.server.registry.calibration_images import KeptPicture, KeptPictures, read_calibration_images
from goldenpart.server.registry.challenge_gate import GateDecision, GateReport
from goldenpart.server.registry.store import Store
from goldenpart.server.runtime.gate import hold_back

KEPT = KeptPictures(
    given=5,
    pictures=(KeptPicture("good.png", "a" * 64, False, ".png", b"good"), KeptPicture("bad.jpg", "b" * 64, True, ".jpg", b"bad")),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store") as store:
        store.add(draft(), activate=True)
        yield store


def folder(store: Store, revision: str) -> Path:
    return store._layout.revision("part", revision)


def calibrated(store: Store) -> str:
    return store.derive("part", "r0001", CALIBRATION, activate=True, images=KEPT).revision


def test_what_was_kept_can_be_read(store: Store) -> None:
    revision = calibrated(store)
    kept = store.calibration_images("part", revision)
    assert kept is not None
    assert kept.given == 5
    assert [(image.name, image.defective, image.file) for image in kept.images] == [
        ("good.png", False, "calibration/0000.png"),
        ("bad.jpg", True, "calibration/0001.jpg"),
    ]
    assert [store.calibration_picture("part", revision, image) for image in kept.images] == [b"good", b"bad"]
    assert store.calibration_images("part", "r0001") is None
    assert store.read("part", revision).manifest.revision == revision


def test_another_threshold_keeps_them_and_other_images_replace_them(store: Store) -> None:
    first = calibrated(store)
    second = store.derive("part", first, CALIBRATION, activate=True).revision
    assert store.calibration_images("part", second) == store.calibration_images("part", first)
    third = store.derive("part", second, CALIBRATION, activate=True, images=KeptPictures(1, (KEPT.pictures[1],))).revision
    kept = store.calibration_images("part", third)
    assert kept is not None
    assert [image.file for image in kept.images] == ["calibration/0000.jpg"]
    assert sorted(path.name for path in (folder(store, third) / "calibration").iterdir()) == ["0000.jpg"]


def test_other_golden_parts_share_the_files(store: Store) -> None:
    parent = calibrated(store)
    linked = KeptPictures(4, (KeptPicture("bad.jpg", "b" * 64, True, ".jpg", parent_file="calibration/0001.jpg"),))
    made = store.add(replace(draft(first=7), parent_revision=parent, calibration_images=linked), activate=True).revision
    assert (folder(store, made) / "calibration/0000.jpg").samefile(folder(store, parent) / "calibration/0001.jpg")
    store.delete_revision("part", parent)
    kept = store.calibration_images("part", made)
    assert kept is not None
    assert store.calibration_picture("part", made, kept.images[0]) == b"bad"
    assert store.read("part", made).manifest.parent_revision == parent


def test_they_travel_with_an_export(store: Store, tmp_path: Path) -> None:
    revision = calibrated(store)
    archive = io.BytesIO(b"".join(store.export("part", revision)))
    with Store(tmp_path / "other") as other:
        other.import_archive(archive, activate=True)
        assert other.calibration_images("part", "r0001") == store.calibration_images("part", revision)


def test_a_picture_that_was_changed_damages_the_revision(store: Store) -> None:
    revision = calibrated(store)
    (folder(store, revision) / "calibration/0000.png").write_bytes(b"evil")
    with pytest.raises(RevisionDamagedError, match=r"calibration/0000.png"):
        store.read("part", revision)


def test_a_list_of_strangers_is_refused() -> None:
    text = '{"given": 1, "images": [{"name": "x", "pixel_digest": "a", "defective": false, "file": "../../active"}]}'
    with pytest.raises(ValueError, match="does not have"):
        read_calibration_images(text, ["bank.safetensors"])


def test_what_is_held_back_needs_a_word_to_judge(store: Store) -> None:
    report = hold_back("It is worse.", "r0001")
    held = store.add(replace(draft(first=7), parent_revision="r0001", gate=report), activate=True)
    assert held.gate == report
    assert store.active_revision("part") == "r0001"
    heir = store.derive("part", held.revision, CALIBRATION, activate=True)
    assert (heir.gate, store.active_revision("part")) == (report, "r0001")
    with pytest.raises(GateHeldBackError, match="It is worse"):
        store.activate("part", held.revision)
    store.activate("part", held.revision, override_gate=True)
    assert store.active_revision("part") == held.revision
    recorded = store.revision("part", held.revision).gate
    assert recorded is not None
    assert recorded.override_time is not None
    assert store.read("part", held.revision).manifest.revision == held.revision, "the report is no part of what is verified"
    free = store.derive("part", held.revision, CALIBRATION, activate=True)
    assert free.gate is None
    assert store.active_revision("part") == free.revision


def test_a_later_gate_can_let_it_pass(store: Store) -> None:
    held = store.add(replace(draft(first=7), gate=hold_back("It is worse.", "r0001")), activate=True).revision
    report = store.revision("part", held).gate
    assert report is not None
    store.record_gate("part", held, GateReport(GateDecision.PASSED, "It is no worse.", "r0001", report.gate_time))
    store.activate("part", held)
    assert store.active_revision("part") == held
