"""The ablation's search, grids, rows and table; what they measure on real images is tests/integration/test_ablation_command.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tests.benchmarks.compact_ablation.bank import PatchBank
from tests.benchmarks.compact_ablation.distances import on_grid
from tests.benchmarks.compact_ablation.generated_parts import flange_set
from tests.benchmarks.compact_ablation.heat import heat_map, pixel_areas
from tests.benchmarks.compact_ablation.inspection_set import InspectionSet
from tests.benchmarks.compact_ablation.measurement import image_score
from tests.benchmarks.compact_ablation.nearest import nearest_squared
from tests.benchmarks.compact_ablation.rows import Place, Row, RowFile, Run
from tests.benchmarks.compact_ablation.setting import AVERAGED, AXES, CONCATENATED, Search, Setting, axis_settings
from tests.benchmarks.compact_ablation.table import render
from tests.benchmarks.compact_ablation.weights import open_weights

BASE = Setting("final", Search())
PLACE = Place("digest", "flange", 16, 0, 40, 40, 128)


@pytest.mark.parametrize("k", [1, 3])
def test_nearest_distances_equal_the_full_distance_matrix(k: int) -> None:
    torch.manual_seed(0)
    bank, queries = torch.randn(500, 37) + 3, torch.randn(300, 37) + 3
    expected = torch.cdist(queries, bank).square().sort(dim=1).values[:, :k]
    torch.testing.assert_close(nearest_squared(bank, queries, k, torch.float32), expected, rtol=1e-4, atol=1e-4)


def test_bfloat16_finds_neighbours_about_as_near() -> None:
    torch.manual_seed(0)
    bank, queries = torch.randn(500, 37) + 3, torch.randn(300, 37) + 3
    exact = nearest_squared(bank, queries, 1, torch.float32)
    found = nearest_squared(bank, queries, 1)
    assert (found >= exact - 1e-4).all()
    assert float((found / exact - 1).max()) < 0.02
    assert float((found / exact - 1).mean()) < 1e-3


def test_bank_leaves_a_part_out() -> None:
    near, far = torch.eye(4), 10 + torch.eye(4)
    bank = PatchBank.fit([near, far], Search(metric="euclidean", bank="whole"), 0, torch.float32)
    assert float(bank.distances(near, 1).max()) == 0
    assert bank.left_out_median([near, far]) == pytest.approx(20.0)  # 10 further in each of 4 dimensions
    assert bank.left_out_median([near]) == 1.0


@pytest.mark.parametrize("kept", ["greedy:30", "random:30"])
def test_bank_is_thinned(kept: str) -> None:
    torch.manual_seed(0)
    tokens = list(torch.randn(4, 50, 8))
    bank = PatchBank.fit(tokens, Search(bank=kept), 0, torch.float32)
    assert bank.vectors.shape == (30, 8)
    everything = torch.nn.functional.normalize(torch.cat(tokens), dim=1)
    squared, rows = torch.cdist(bank.vectors, everything).min(dim=1)
    assert float(squared.max()) < 1e-3
    assert torch.equal(bank.golden, rows // 50)


def expected_units(tokens: list[torch.Tensor], bank: PatchBank) -> torch.Tensor:
    """Write the definition down with full distance matrices."""
    patches, parts = torch.nn.functional.normalize(torch.cat(tokens), dim=1), torch.arange(len(tokens)).repeat_interleave(50)
    away = 1 - patches @ bank.vectors.T
    away[parts[:, None] == bank.golden[None]] = torch.inf
    usual = away.min(dim=1).values[(bank.vectors @ patches.T).topk(8, dim=1).indices]
    return 0.25 * usual.mean(dim=1) + 0.75 * float(np.median(usual.numpy())) + 1e-3


def test_local_scale_is_that_of_the_product() -> None:
    torch.manual_seed(0)
    tokens = list(torch.randn(4, 50, 8))
    bank = PatchBank.fit(tokens, Search(bank="greedy:60", local_scale=8), 0, torch.float32)
    plain = PatchBank.fit(tokens, Search(bank="greedy:60"), 0, torch.float32)
    query = torch.nn.functional.normalize(torch.randn(30, 8), dim=1)
    assert bank.units is not None
    rows = (query @ bank.vectors.T).argmax(dim=1)
    torch.testing.assert_close(bank.distances(query, 1)[:, 0], plain.distances(query, 1)[:, 0] / bank.units[rows])
    torch.testing.assert_close(bank.units, expected_units(tokens, bank))


def test_cosine_is_that_of_the_product() -> None:
    bank = PatchBank.fit([torch.tensor([[1.0, 0.0]])], Search(bank="whole"), 0, torch.float32)
    found = bank.distances(torch.tensor([[2.0, 0.0], [0.0, 3.0], [1.0, 1.0]]), 1)[:, 0]
    torch.testing.assert_close(found, torch.tensor([0.0, 1.0, 1 - np.sqrt(0.5).item()]))


def test_grids_of_two_scales_cover_the_same_picture() -> None:
    rows, columns = np.mgrid[:6, :8].astype(np.float32)
    coarse = (rows + 10 * columns)[..., None]
    fine = on_grid(coarse, (12, 16), 2.0)
    assert fine.shape == (12, 16, 1)
    assert fine[4:6, 6:8].mean() == pytest.approx(float(coarse[2, 3, 0]), abs=0.05)
    np.testing.assert_allclose(on_grid(coarse, (6, 8), 1.0), coarse)


def test_heat_lies_where_the_patch_lies() -> None:
    grid = np.zeros((16, 32), np.float32)
    grid[3, 20] = 1
    heat = heat_map(grid, 128, (64, 128))
    peak = np.unravel_index(int(heat.argmax()), heat.shape)
    assert np.abs(np.subtract(peak, (3.5 * 4 - 0.5, 20.5 * 4 - 0.5))).max() <= 1


def test_pixel_areas_of_perfect_and_opposite_maps() -> None:
    mask = np.zeros((32, 32), np.bool_)
    mask[4:8, 5:9] = True
    empty = np.zeros_like(mask)
    maps = [empty.astype(np.float32), mask.astype(np.float32), np.ones((32, 32), np.float32) * 0.5]
    auroc, aupro = pixel_areas(maps[:2], [empty, mask], 1)
    assert (auroc, aupro) == (1.0, 1.0)
    assert pixel_areas(maps, [empty, mask, empty], 1) == (auroc, aupro)  # a defective image without mask is left out
    assert pixel_areas([maps[2], 1 - maps[1]], [empty, mask], 1) == (0.0, 0.0)


@pytest.mark.parametrize(("aggregate", "expected"), [("max", 200.0), ("top1", 199.5), ("top03", 200.0), ("mean", 100.5)])
def test_image_score(aggregate: str, expected: float) -> None:
    assert image_score(np.arange(1, 201, dtype=np.float32).reshape(10, 20), aggregate) == expected


def test_axes_start_from_the_base() -> None:
    for axis in AXES:
        settings = axis_settings(axis, BASE, ["first", "final"])
        assert BASE in settings, axis
        assert len(set(settings)) == len(settings)
    fusions = {setting.search.fusion for setting in axis_settings("multiscale", BASE, [])}
    assert fusions == {"single", CONCATENATED, AVERAGED}


def test_rows_are_read_back(tmp_path: Path) -> None:
    file = RowFile(tmp_path / "rows.jsonl")
    run = Run("command", "machine", "2026-01-02", BASE, ("weights",), ("final",))
    rows = [Row(axis_settings("multiscale", BASE, [])[2], PLACE, 0.75, None, None), Row(BASE, PLACE, 0.5, 0.25, 0.125)]
    for entry in (run, *rows):
        file.add(entry)
    again = RowFile(tmp_path / "rows.jsonl")
    assert (again.rows, again.runs) == (rows, [run])
    assert again.measured() == {(row.setting, row.place) for row in rows}


def test_table_pools_trainings_and_draws() -> None:
    names = ("first", "final@0", "final@1")
    run = Run("command typed", "machine", "2026-01-02", replace(BASE, weights="final@1"), ("weights",), names)
    rows = [
        Row(replace(BASE, weights=name), replace(PLACE, category=category, seed=seed), area, 0.9, None)
        for name, category, seed, area in [
            ("first", "flange", 0, 0.6),
            ("final@0", "flange", 0, 0.7),
            ("final@1", "flange", 0, 0.9),
            ("final@0", "tile", 0, 0.5),
            ("final@1", "tile", 0, 0.7),
        ]
    ]
    text = render(rows, [run])
    assert "command typed" in text
    assert "machine, 2026-01-02" in text
    assert "flange 40+40, tile 40+40" in text
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if "top1" in line and line.startswith("|")]
    assert lines == [
        ["first", "top1", "16", "0.600", "-", "0.600", "0.900", "-"],
        ["final", "top1", "16", "0.800 ± 0.141", "0.600 ± 0.141", "0.700 ± 0.141", "0.900 ± 0.000", "-"],
    ]


def test_differences_are_those_of_the_same_draws() -> None:
    run = Run("command", "machine", "2026-01-02", BASE, ("weights",), ("first", "final"))
    areas = {
        ("first", 0): 0.5,
        ("first", 1): 0.6,
        ("first", 2): 0.7,
        ("final", 0): 0.6,
        ("final", 1): 0.8,
        ("final", 2): 0.7,
        ("final", 3): 1.0,
    }
    rows = [
        Row(replace(BASE, weights=name), replace(PLACE, category=category, seed=seed), area, None, None)
        for (name, seed), area in areas.items()
        for category in ("flange", "tile")
    ]
    rows.append(Row(replace(BASE, weights="first"), replace(PLACE, seed=3), 0.1, None, None))  # one category less: nothing to compare with
    assert "| final - first | top1 | 16 | 3 | +0.100 | -0.148 to +0.348 | 0.100 | 2 |" in render(rows, [run])
    assert "final - first" not in render(rows[:2], [run])


def test_latest_measurement_counts() -> None:
    run = Run("command", "machine", "2026-01-02", BASE, ("aggregates",), ("final",))
    rows = [Row(BASE, PLACE, 0.1, None, None), Row(BASE, replace(PLACE, digest="newer"), 0.2, None, None)]
    assert "| 0.200 |" in render(rows, [run])


def test_unknown_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="--weights nothing"):
        open_weights("nothing", "fp32")


@pytest.mark.parametrize(("name", "layers", "width"), [("filters", "23", 21), ("random", "13", 240), ("shipped", "12", 144)])
def test_weights_give_the_columns_of_layers(name: str, layers: str, width: int) -> None:
    weights = open_weights(name, "fp32")
    tokens = weights.extractor.patch_tokens(torch.randn(1, 3, 64, 48))
    assert tokens.shape == (1, 8, 6, sum(weights.widths))
    assert sum(tokens[..., columns].shape[3] for columns in weights.columns(layers)) == width


def test_drawn_flanges_are_a_category(tmp_path: Path) -> None:
    first = flange_set(tmp_path, 5, golden=2)
    assert (len(first.good), len(first.defective)) == (5, 5)
    truths = first.truths(64)
    assert truths is not None
    assert [bool(truth.any()) for truth in truths] == [False] * 5 + [True] * 5
    written = first.golden[0].stat().st_mtime_ns
    assert flange_set(tmp_path, 5, golden=2).golden[0].stat().st_mtime_ns == written  # drawn once


def test_masks_keep_the_aspect_and_thin_defects(tmp_path: Path) -> None:
    for name in ("train/good/0.png", "test/good/0.png", "test/scratch/0.png", "ground_truth/scratch/0_mask.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        image = np.zeros((200, 100), np.uint8)
        if "mask" in name:
            image[:, 50] = 255
        assert cv2.imwrite(str(tmp_path / name), image)
    truths = InspectionSet.read(tmp_path).truths(20)
    assert truths is not None
    assert [truth.shape for truth in truths] == [(40, 20), (40, 20)]
    assert [int(truth.sum()) for truth in truths] == [0, 40]  # a line thinner than a pixel is still one pixel wide
