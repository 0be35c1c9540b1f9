"""Pretraining learns, resumes and exports; the shipped file is the one the card describes. Real images throughout."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from goldenpart.server.pretraining import __main__ as command
from goldenpart.server.pretraining.augmentation import augment, normalise, unit_range
from goldenpart.server.pretraining.packs import LabelledImages, Slice, read_image_folder, read_pack
from goldenpart.server.pretraining.recipe import FIRST, PLANS, REHEARSAL, Refinement
from goldenpart.server.pretraining.refinement import CHECKPOINT as REFINED
from goldenpart.server.pretraining.refinement import HISTORY as REFINEMENT_HISTORY
from goldenpart.server.pretraining.refinement import Refiner
from goldenpart.server.pretraining.training import CHECKPOINT, HISTORY, Trainer
from goldenpart.server.vision.backbones.compact import COMPACT_SHA256, COMPACT_WEIGHTS, CompactBackbone, read_weights

DATA = Path(os.environ.get("GOLDENPART_DATA", Path(__file__).parents[3] / "shared" / "data"))
CPU = torch.device("cpu")
CLASSES = 10


@pytest.fixture(scope="session")
def data() -> Path:
    if not (DATA / "pretraining").is_dir():
        reason = f"no images in {DATA}/pretraining; set GOLDENPART_DATA"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return DATA


@pytest.fixture(scope="session")
def rehearsal(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train the rehearsal recipe on ten classes by the command line; the out folder."""
    out = tmp_path_factory.mktemp("rehearsal")
    assert command.main(["--data", str(data / "pretraining"), "--out", str(out), "--recipe", "rehearsal", "--classes", str(CLASSES)]) == 0
    return out


@pytest.fixture(scope="session")
def few(data: Path, tmp_path_factory: pytest.TempPathFactory) -> LabelledImages:
    cache = tmp_path_factory.mktemp("few")
    return read_pack(data / "pretraining" / "tiny_imagenet_val.npz", cache, 64, Slice(classes=CLASSES))


def test_command_learns(rehearsal: Path) -> None:
    history = [json.loads(line) for line in (rehearsal / HISTORY).read_text().splitlines()]
    assert [line["epoch"] for line in history] == list(range(REHEARSAL.epochs))
    assert history[-1]["loss"] < history[0]["loss"] - 0.1
    chance = 1 / CLASSES
    assert history[-1]["accuracy"] > 2 * chance  # five standard errors above chance on 250 images
    refinement = [json.loads(line) for line in (rehearsal / REFINEMENT_HISTORY).read_text().splitlines()]
    plan = PLANS["rehearsal"].refinement
    assert plan is not None
    assert [line["step"] for line in refinement] == [plan.steps]


@pytest.mark.parametrize("name", [command.FIRST_WEIGHTS, command.WEIGHTS])
def test_both_phases_write_weights_that_load(rehearsal: Path, data: Path, tmp_path: Path, name: str) -> None:
    backbone = CompactBackbone(rehearsal / name)
    photographs = command.read_photographs(data / "pretraining", tmp_path)[::5]
    tokens = backbone.patch_tokens(normalise(unit_range(torch.from_numpy(np.array(photographs)))))
    stages = torch.split_with_sizes(tokens, [48, 96, 192], dim=3)
    lengths = torch.stack([stage.norm(dim=3).mean() for stage in stages])
    torch.testing.assert_close(lengths, torch.ones(3), rtol=0.05, atol=0.05)  # the scales were measured on such pictures


def test_what_is_shipped_lies_between_the_two_phases(rehearsal: Path) -> None:
    first, shipped = (read_weights((rehearsal / name).read_bytes(), rehearsal / name) for name in (command.FIRST_WEIGHTS, command.WEIGHTS))
    refined = torch.load(rehearsal / REFINED, weights_only=True)["network"]
    share = PLANS["rehearsal"].refinement.share  # type: ignore[union-attr]
    for key, weights in refined.items():
        torch.testing.assert_close(shipped[key], (1 - share) * first[key] + share * weights, rtol=1e-3, atol=1e-4)
    assert any(not torch.equal(shipped[key], first[key]) for key in refined)


def test_a_finished_run_is_not_repeated(rehearsal: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = shutil.copytree(rehearsal, tmp_path / "out")
    again = ["--data", str(data / "pretraining"), "--out", str(out), "--recipe", "rehearsal", "--resume"]
    with pytest.raises(ValueError, match="use the same or another --out"):
        command.main([*again, "--epochs", "5", "--classes", str(CLASSES)])
    assert command.main([*again, "--classes", str(CLASSES)]) == 0
    assert (out / command.WEIGHTS).read_bytes() == (rehearsal / command.WEIGHTS).read_bytes()
    assert (out / HISTORY).read_text() == (rehearsal / HISTORY).read_text()
    assert hashlib.sha256((out / command.WEIGHTS).read_bytes()).hexdigest() in capsys.readouterr().out


def refiner(images: LabelledImages, out: Path, **changes: object) -> Refiner:
    out.mkdir(exist_ok=True)
    phase = replace(Refinement(steps=3, episodes=1), **changes)  # type: ignore[arg-type]
    photographs = np.repeat(np.repeat(images.pixels[:20], 4, axis=1), 4, axis=2)
    return Refiner(phase, COMPACT_WEIGHTS, photographs, out, CPU)


def test_resumed_refinement_ends_where_the_unbroken_one_does(few: LabelledImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goldenpart.server.pretraining.refinement.REPORT_STEPS", 1)
    unbroken = list(refiner(few, tmp_path / "unbroken").run())
    first = next(refiner(few, tmp_path / "interrupted").run())
    second = refiner(few, tmp_path / "interrupted")
    assert second.resume()
    assert [report.step for report in (first, *second.run())] == [report.step for report in unbroken] == [1, 2, 3]
    ends = [torch.load(tmp_path / run / REFINED, weights_only=True)["network"] for run in ("interrupted", "unbroken")]
    torch.testing.assert_close(*ends, rtol=1e-5, atol=1e-6)


def test_refinement_resumes_only_its_own_plan(few: LabelledImages, tmp_path: Path) -> None:
    assert not refiner(few, tmp_path / "run").resume()
    list(refiner(few, tmp_path / "run", steps=1).run())
    with pytest.raises(ValueError, match="use the same recipe or another --out"):
        refiner(few, tmp_path / "run", steps=1, peak_rate=0.2).resume()


def test_refinement_resumes_only_from_the_weights_it_started_from(few: LabelledImages, rehearsal: Path, tmp_path: Path) -> None:
    list(refiner(few, tmp_path, steps=1).run())
    phase = replace(Refinement(), steps=1, episodes=1)
    other = Refiner(phase, rehearsal / command.FIRST_WEIGHTS, few.pixels, tmp_path, CPU)
    with pytest.raises(ValueError, match="started from weights"):
        other.resume()


def test_the_second_phase_starts_from_weights_without_their_checkpoint(rehearsal: Path, data: Path, tmp_path: Path) -> None:
    shutil.copy(rehearsal / command.FIRST_WEIGHTS, tmp_path)
    assert command.main(["--data", str(data / "pretraining"), "--out", str(tmp_path), "--recipe", "rehearsal", "--resume"]) == 0
    assert not (tmp_path / HISTORY).exists()
    assert (tmp_path / command.WEIGHTS).exists()


def trainer(images: LabelledImages, out: Path, **changes: object) -> Trainer:
    return Trainer(replace(REHEARSAL, **changes), 2, images, images, out, CPU)  # type: ignore[arg-type]


def weights(out: Path) -> dict[str, torch.Tensor]:
    return dict(torch.load(out / CHECKPOINT, weights_only=True)["model"])


def test_resumed_training_ends_where_the_unbroken_one_does(few: LabelledImages, tmp_path: Path) -> None:
    unbroken = list(trainer(few, tmp_path / "unbroken").run())
    interrupted = trainer(few, tmp_path / "interrupted")
    first = next(interrupted.run())
    second = trainer(few, tmp_path / "interrupted")
    assert second.resume()
    rest = list(second.run())
    assert [report.epoch for report in (first, *rest)] == [report.epoch for report in unbroken] == [0, 1]
    torch.testing.assert_close(weights(tmp_path / "interrupted"), weights(tmp_path / "unbroken"), rtol=1e-5, atol=1e-6)


def test_resume_needs_a_checkpoint_of_the_same_run(few: LabelledImages, tmp_path: Path) -> None:
    assert not trainer(few, tmp_path).resume()
    next(trainer(few, tmp_path).run())
    with pytest.raises(ValueError, match="use the same or another --out"):
        trainer(few, tmp_path, peak_rate=0.2).resume()


def test_shipped_file_is_the_one_code_and_card_name() -> None:
    sha256 = hashlib.sha256(COMPACT_WEIGHTS.read_bytes()).hexdigest()
    card = (COMPACT_WEIGHTS.parent / "MODEL_CARD.md").read_text()
    assert sha256 == COMPACT_SHA256
    assert sha256 in card


def test_image_folder_and_pack_agree(few: LabelledImages, tmp_path: Path) -> None:
    for index, (pixels, label) in enumerate(zip(few.pixels[:40], few.labels[:40], strict=True)):
        folder = tmp_path / "images" / f"class_{label}"
        folder.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / f"{index:03}.png"), np.ascontiguousarray(pixels[:, :, ::-1]))
    read = read_image_folder(tmp_path / "images", tmp_path / "cache", 64)
    order = np.argsort(few.labels[:40], kind="stable")
    np.testing.assert_array_equal(read.pixels, few.pixels[:40][order])
    np.testing.assert_array_equal(read.labels, np.unique(few.labels[:40], return_inverse=True)[1][order])


def test_undecodable_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "images" / "a").mkdir(parents=True)
    (tmp_path / "images" / "a" / "broken.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"image 0 \(8 bytes\)"):
        read_image_folder(tmp_path / "images", tmp_path / "cache", 64)
    shutil.rmtree(tmp_path / "images" / "a")
    with pytest.raises(ValueError, match="no images in class folders"):
        read_image_folder(tmp_path / "images", tmp_path / "cache", 64)


def test_augmentation_without_strength_only_mirrors(few: LabelledImages) -> None:
    still = replace(FIRST, zoom=(1.0, 1.0), aspect=1.0, jitter=0.0, grey=0.0)
    pixels = torch.from_numpy(np.array(few.pixels[:16]))
    plain = normalise(unit_range(pixels))
    changed = augment(pixels, 64, still, torch.Generator().manual_seed(1))
    same = (plain - changed).abs().amax(dim=(1, 2, 3)) < 1e-3
    mirrored = (plain.flip(3) - changed).abs().amax(dim=(1, 2, 3)) < 1e-3
    assert (same | mirrored).all()
    assert 0 < int(mirrored.sum()) < len(pixels)


def test_augmentation_follows_its_generator(few: LabelledImages) -> None:
    pixels = torch.from_numpy(np.array(few.pixels[:8]))
    first, same, other = (augment(pixels, 48, FIRST, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == (8, 3, 48, 48)
    assert torch.equal(first, same)
    assert not torch.allclose(first, other)
