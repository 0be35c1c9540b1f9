"""The simulated camera: repeatable, varied, and honest about where the damage is."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from goldenpart.client.parts import (
    Defect,
    FolderPlan,
    PartCamera,
    draw_flange,
    encode_jpeg,
    encode_png,
    write_category_folder,
)
from goldenpart.client.parts.__main__ import main
from goldenpart.client.parts.geometry import Box, PolarGrid, Pose, inside

if TYPE_CHECKING:
    from pathlib import Path

EACH_DEFECT = pytest.mark.parametrize("defect", list(Defect), ids=lambda defect: defect.value)


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def grown(mask: npt.NDArray[np.bool_], reach_px: int) -> npt.NDArray[np.bool_]:
    """Dilate by a square, with no library that the client does not have."""
    height, width = mask.shape
    padded = np.pad(mask, reach_px)
    spans = range(2 * reach_px + 1)
    reached: npt.NDArray[np.bool_] = np.logical_or.reduce([padded[i : i + height, j : j + width] for i in spans for j in spans])
    return reached


def test_a_good_part_is_rgb_with_an_empty_mask() -> None:
    part = draw_flange(rng(1))
    assert part.image.shape == (448, 448, 3)
    assert part.image.dtype == np.uint8
    assert part.image.flags.c_contiguous
    assert part.mask.shape == (448, 448)
    assert part.mask.dtype == np.bool_
    assert not part.mask.any()
    assert part.defect is None


@pytest.mark.parametrize("defect", [None, *Defect])
def test_the_same_seed_draws_the_same_bytes(defect: Defect | None) -> None:
    first, second = draw_flange(rng(3), defect), draw_flange(rng(3), defect)
    assert first.image.tobytes() == second.image.tobytes()
    assert first.mask.tobytes() == second.mask.tobytes()


def test_no_two_parts_are_alike_and_all_are_the_same_product() -> None:
    images = [draw_flange(rng(seed)).image.astype(np.float64) for seed in range(6)]
    for index, image in enumerate(images):
        for other in images[:index]:
            assert np.abs(image - other).mean() > 3
            assert np.corrcoef(image.ravel(), other.ravel())[0, 1] > 0.7


@EACH_DEFECT
def test_the_mask_is_exactly_where_the_part_differs_from_its_undamaged_twin(defect: Defect) -> None:
    for seed in range(4):
        damaged, twin = draw_flange(rng(seed), defect), draw_flange(rng(seed))
        change = np.abs(damaged.image.astype(np.int16) - twin.image).max(axis=-1)
        assert damaged.mask.any()
        assert not change[~grown(damaged.mask, 1)].any(), "damage outside its mask, further than the blur of the lens"
        assert change[damaged.mask].mean() > 6, "damage nobody could see"
        assert (change[grown(damaged.mask, 1)] > 0).mean() > 0.3, "a mask much larger than its damage"


@EACH_DEFECT
def test_damage_differs_in_place_and_size_and_stays_on_the_part(defect: Defect) -> None:
    size_px = 224
    parts = [draw_flange(rng(100 + seed), defect, size_px) for seed in range(16)]
    assert {part.defect for part in parts} == {defect}
    areas = [int(part.mask.sum()) for part in parts]
    assert min(areas) >= 6
    assert max(areas) < 0.1 * size_px**2
    assert len(set(areas)) > 4
    middles = {tuple((np.argwhere(part.mask).mean(axis=0) // 12).tolist()) for part in parts}
    assert len(middles) >= 5
    rows, columns = np.indices((size_px, size_px))
    outside = np.hypot(rows - 111.5, columns - 111.5) > size_px * (0.425 * 1.01 + 0.013 * 2**0.5 + 7 / 448)  # a burr reaches 6 px of 448
    assert not any((part.mask & outside).any() for part in parts)


@EACH_DEFECT
def test_damage_comes_in_subtle_and_in_plain(defect: Defect) -> None:
    visibility = []
    for seed in range(16):
        damaged, twin = draw_flange(rng(seed), defect, 192), draw_flange(rng(seed), None, 192)
        change = np.abs(damaged.image.astype(np.float64) - twin.image).mean(axis=-1)
        visibility.append(change[damaged.mask].mean() * np.sqrt(damaged.mask.sum()))
    assert max(visibility) > 2 * min(visibility)


def test_both_streams_take_the_same_share_of_the_generator() -> None:
    good, damaged = rng(5), rng(5)
    draw_flange(good, size_px=128)
    draw_flange(damaged, Defect.CRACK, size_px=128)
    assert good.bytes(8) == damaged.bytes(8)


@pytest.mark.parametrize("size_px", [128, 301, 640])
@EACH_DEFECT
def test_other_sizes(size_px: int, defect: Defect) -> None:
    part = draw_flange(rng(9), defect, size_px)
    assert part.image.shape == (size_px, size_px, 3)
    assert part.mask.shape == (size_px, size_px)
    assert part.mask.any()


@pytest.mark.parametrize("size_px", [0, 127, 2049])
def test_a_size_out_of_range_is_refused(size_px: int) -> None:
    with pytest.raises(ValueError, match=rf"size_px is {size_px}; .*128 to 2048"):
        draw_flange(rng(0), size_px=size_px)


def test_a_disc_covers_its_area() -> None:
    grid = PolarGrid.about(50.3, 49.8, 10, Box(0, 0, 100, 100))
    assert inside(grid.radius, 3.0, 0.1).sum() == pytest.approx(np.pi * 30**2, rel=2e-3)


def test_a_pose_turns_points_about_the_axis() -> None:
    assert Pose(100, 50, 40, 20, np.pi / 2).point_px(0.5, 0) == pytest.approx((50, 50))


def test_the_camera_repeats_itself() -> None:
    first = list(islice(PartCamera(seed=4, defect_rate=0.5, size_px=128), 6))
    second = list(islice(PartCamera(seed=4, defect_rate=0.5, size_px=128), 6))
    other = next(PartCamera(seed=5, defect_rate=0.5, size_px=128))
    assert [part.image.tobytes() for part in first] == [part.image.tobytes() for part in second]
    assert [part.defect for part in first] == [part.defect for part in second]
    assert len({part.image.tobytes() for part in (*first, other)}) == 7


def test_the_camera_keeps_its_defect_rate() -> None:
    parts = list(islice(PartCamera(seed=1, defect_rate=0.3, size_px=128), 120))
    damaged = [part for part in parts if part.defect is not None]
    assert 21 <= len(damaged) <= 51  # within three standard deviations of 36
    assert {part.defect for part in damaged} == set(Defect)
    assert all(part.mask.any() == (part.defect is not None) for part in parts)


def test_the_camera_shows_only_the_kinds_asked_for() -> None:
    assert {part.defect for part in islice(PartCamera(defect_rate=1, defects=[Defect.STAIN], size_px=128), 5)} == {Defect.STAIN}
    assert {part.defect for part in islice(PartCamera(defect_rate=0, defects=[], size_px=128), 5)} == {None}


def test_an_impossible_camera_is_refused() -> None:
    with pytest.raises(ValueError, match=r"defect_rate is 1\.5; .*0 to 1"):
        PartCamera(defect_rate=1.5)
    with pytest.raises(ValueError, match="no kind of defect"):
        PartCamera(defect_rate=0.1, defects=[])


def test_encodings() -> None:
    image = draw_flange(rng(2)).image
    with Image.open(io.BytesIO(encode_png(image))) as png:
        assert np.array_equal(np.asarray(png), image)
    with Image.open(io.BytesIO(encode_jpeg(image))) as jpeg:
        assert (jpeg.format, jpeg.mode, jpeg.size) == ("JPEG", "RGB", (448, 448))
        assert np.abs(np.asarray(jpeg, dtype=np.float64) - image).mean() < 5
    assert len(encode_jpeg(image, quality=50)) < len(encode_jpeg(image))


def test_the_folder_is_laid_out_like_mvtec(tmp_path: Path) -> None:
    plan = FolderPlan(train_good=3, test_good=2, defective=7, seed=1, size_px=128)
    assert write_category_folder(tmp_path / "flange", plan) == 12
    files = {path.relative_to(tmp_path / "flange").as_posix() for path in tmp_path.rglob("*.png")}
    damaged = [(defect.value, f"{index:03d}") for place, defect in enumerate(Defect) for index in range(2 if place < 2 else 1)]
    assert files == (
        {f"train/good/{index:03d}.png" for index in range(3)}
        | {f"test/good/{index:03d}.png" for index in range(2)}
        | {f"test/{kind}/{stem}.png" for kind, stem in damaged}
        | {f"ground_truth/{kind}/{stem}_mask.png" for kind, stem in damaged}
    )
    pictures = [(tmp_path / "flange" / name).read_bytes() for name in files if not name.startswith("ground_truth")]
    assert len(set(pictures)) == 12
    for name in files:
        with Image.open(tmp_path / "flange" / name) as picture:
            assert picture.size == (128, 128)
            if name.startswith("ground_truth"):
                assert picture.mode == "L"
                assert set(np.unique(np.asarray(picture)).tolist()) == {0, 255}


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(b"old")
    with pytest.raises(FileExistsError, match="not empty"):
        write_category_folder(tmp_path, FolderPlan(1, 0, 0, size_px=128))
    assert [path.name for path in tmp_path.iterdir()] == ["old.png"]


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="defective is -1"):
        FolderPlan(1, 1, -1)


def test_the_command_line_tells_what_it_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path / "flange"), "--good", "1", "--size", "10"]) == 2
    assert "size_px is 10" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    assert "--defective" in capsys.readouterr().out


def test_the_command_line_draws_the_same_category_in_another_process(tmp_path: Path) -> None:
    plan = FolderPlan(train_good=1, test_good=1, defective=1, seed=6, size_px=128, jpeg=True)
    write_category_folder(tmp_path / "here", plan)
    order = ["--good", "1", "--test-good", "1", "--defective", "1", "--seed", "6", "--size", "128", "--jpeg"]
    command = [sys.executable, "-m", "goldenpart.client.parts", "--out", str(tmp_path / "there"), *order]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    assert done.stdout.startswith("3 pictures")
    written = {path.relative_to(tmp_path / "there"): path.read_bytes() for path in (tmp_path / "there").rglob("*.*")}
    expected = {path.relative_to(tmp_path / "here"): path.read_bytes() for path in (tmp_path / "here").rglob("*.*")}
    assert written == expected
    assert len(written) == 4
