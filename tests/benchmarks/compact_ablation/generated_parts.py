"""Drawn flanges as a category of the ablation: defects with exact masks, and any number of parts that no photograph has shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.compact_ablation.inspection_set import InspectionSet

from goldenpart.client.parts import FolderPlan, write_category_folder

if TYPE_CHECKING:
    from pathlib import Path

FLANGE = "flange"
GOLDEN_POOL = 48
_SEED = 20


def flange_set(cache: Path, test_images: int, golden: int = GOLDEN_POOL) -> InspectionSet:
    """Draw flanges into a folder, once, and list them.

    Args:
        cache: folder that holds drawn categories; a plan already drawn there is taken as it is.
        test_images: good ones and as many defective ones to inspect, the kinds of damage taking turns.
        golden: parts to draw banks from.

    Raises:
        OSError: the folder cannot be written.
    """
    plan = FolderPlan(train_good=golden, test_good=test_images, defective=test_images, seed=_SEED)
    folder = cache / "drawn" / f"{golden}-{test_images}-of-seed-{_SEED}" / FLANGE
    if not folder.exists():
        partial = folder.with_name(f"{FLANGE}.partial")
        write_category_folder(partial, plan)
        partial.rename(folder)
    return InspectionSet.read(folder)
