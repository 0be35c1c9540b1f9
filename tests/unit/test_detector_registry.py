"""What a detector learned lives in the registry as the bank does; revisions from before there were detectors are read as banks."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from pathlib import Path

import pytest
from detector_parts import PARTS, fit, recipe

from goldenpart.server.errors import RevisionDamagedError
from goldenpart.server.registry.dataclass_json import dump_json
from goldenpart.server.registry.manifest import GoldenPart, Manifest
from goldenpart.server.registry.store import GoldenImage, RevisionDraft, Store
from goldenpart.server.vision.calibration import ThresholdRequest, calibrate_left_out
from goldenpart.server.vision.recipe import DetectorKind, Recipe

OTHERS = [kind for kind in DetectorKind if kind is not DetectorKind.BANK]
KNOBS_SINCE = {
    "detector",
    "gaussian_dimensions",
    "subspace_variance",
    "subspace_components",
    "autoencoder_steps",
    "ensemble_detectors",
}


def draft(kind: DetectorKind) -> RevisionDraft:
    images = tuple(
        GoldenImage(GoldenPart(index, f"golden-{index}", f"{index:064x}", 80, 64, 80, 0), b"picture", ".png") for index in range(PARTS)
    )
    return RevisionDraft("part", recipe(kind), "ab" * 32, images, fit(recipe(kind)).detector.content, None, None)


def folder(root: Path, revision: str) -> Path:
    return root / "categories" / "part" / "revisions" / revision


@pytest.mark.parametrize("kind", OTHERS)
def test_what_was_learned_is_stored_shared_and_sent(tmp_path: Path, kind: DetectorKind) -> None:
    given = draft(kind)
    calibration = calibrate_left_out((0.1, 0.2, 0.3), ThresholdRequest())
    with Store(tmp_path / "a") as store, Store(tmp_path / "b") as other:
        added = store.add(given, activate=True)
        store.derive("part", "r0001", calibration, activate=True)
        other.import_archive(io.BytesIO(b"".join(store.export("part", "r0002"))), category="copy", activate=True)
        imported = other.read("copy", "r0001")
        assert store.read("part", "r0002").detector_content.to_bytes() == given.detector_content.to_bytes()
    manifest = added.manifest
    assert manifest is not None
    assert (manifest.bank_vectors, manifest.bank_dimensions, manifest.coreset_radius) == (0, 0, 0.0)
    assert manifest.detector_bytes == len(given.detector_content.to_bytes())
    assert manifest.bank_digest == hashlib.sha256(given.detector_content.to_bytes()).hexdigest()
    assert "bank.safetensors" not in manifest.files
    shared = [folder(tmp_path / "a", revision) / "detector.safetensors" for revision in ("r0001", "r0002")]
    assert shared[0].samefile(shared[1])
    assert imported.detector_content.to_bytes() == given.detector_content.to_bytes()
    assert imported.calibration == calibration


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add(draft(DetectorKind.SUBSPACE), activate=True)
        file = folder(tmp_path, "r0001") / "detector.safetensors"
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
        with pytest.raises(RevisionDamagedError, match=r"detector.safetensors has sha256"):
            store.read("part", "r0001")


def test_content_of_another_detector_is_damage(tmp_path: Path) -> None:
    mixed = dataclasses.replace(draft(DetectorKind.SUBSPACE), recipe=recipe(DetectorKind.GAUSSIAN))
    with Store(tmp_path) as store:
        store.add(mixed, activate=True)
        with pytest.raises(RevisionDamagedError, match=r"detector.safetensors: The detector's dimensions is missing") as caught:
            store.read("part", "r0001")
    assert caught.value.metadata["revision"] == "r0001"


def test_a_revision_from_before_there_were_detectors_is_a_bank(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add(draft(DetectorKind.BANK), activate=True)
        path = folder(tmp_path, "r0001") / "manifest.json"
        plain = json.loads(path.read_text())
        assert plain["recipe"].keys() >= KNOBS_SINCE
        plain["recipe"] = {name: knob for name, knob in plain["recipe"].items() if name not in KNOBS_SINCE}
        del plain["manifest_sha256"]
        digest = hashlib.sha256(dump_json(plain).encode()).hexdigest()
        path.write_text(dump_json({**plain, "manifest_sha256": digest}))
        assert store.read("part", "r0001").manifest.recipe == recipe(DetectorKind.BANK, autoencoder_steps=Recipe().autoencoder_steps)


def test_a_file_that_the_detector_does_not_have_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        manifest = store.add(draft(DetectorKind.BANK), activate=True).manifest
    assert manifest is not None
    files = {**manifest.files, "detector.safetensors": manifest.files["bank.safetensors"]}
    with pytest.raises(RevisionDamagedError, match=r"'detector.safetensors' is no file of a revision"):
        Manifest.from_json(dataclasses.replace(manifest, files=files).to_json())
