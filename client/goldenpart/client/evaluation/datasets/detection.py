"""Finds out which layout a folder has."""

from collections.abc import Collection, Sequence
from pathlib import Path

from goldenpart.client.evaluation.datasets import mvtec, plain, visa
from goldenpart.client.evaluation.datasets.labelled import LabelledCategory, folders_in
from goldenpart.client.evaluation.errors import DatasetLayoutError


def open_dataset(folder: Path, wanted: Sequence[str] = ()) -> tuple[LabelledCategory, ...]:
    """List the labelled images of a dataset, or of a single category.

    Args:
        folder: A category in MVTec or plain layout, a folder of such categories (other folders in it are passed over), or VisA.
        wanted: Names of categories; empty means all.

    Returns:
        At least one category, by name.

    Raises:
        DatasetLayoutError: No known layout, no such category, or a category without images.
    """
    if not folder.is_dir():
        raise DatasetLayoutError(f"{folder} is no folder; give the folder of a dataset or of one category")
    if visa.is_dataset(folder):
        return _chosen(folder, {category.name: category for category in visa.read_dataset(folder)}, wanted)
    if _is_category(folder):
        return _chosen(folder, {folder.resolve().name: _read(folder)}, wanted)
    found = {inside.name: inside for inside in folders_in(folder) if _is_category(inside)}
    if not found:
        raise DatasetLayoutError(
            f"{folder} is no dataset that is known here. Expected a category with {mvtec.EXPECTED}; or one with {plain.EXPECTED}; "
            f"or a folder of such categories; or {visa.EXPECTED}"
        )
    _check_names(folder, found, wanted)
    return tuple(_read(found[name]) for name in sorted(found) if not wanted or name in wanted)


def _chosen(folder: Path, found: dict[str, LabelledCategory], wanted: Sequence[str]) -> tuple[LabelledCategory, ...]:
    _check_names(folder, found, wanted)
    return tuple(category for name, category in sorted(found.items()) if not wanted or name in wanted)


def _check_names(folder: Path, found: Collection[str], wanted: Sequence[str]) -> None:
    if missing := [name for name in wanted if name not in found]:
        raise DatasetLayoutError(f"{folder} has no category {', '.join(missing)}; there are {', '.join(sorted(found))}")


def _is_category(folder: Path) -> bool:
    return mvtec.is_category(folder) or plain.is_category(folder)


def _read(folder: Path) -> LabelledCategory:
    return mvtec.read_category(folder) if mvtec.is_category(folder) else plain.read_category(folder)
