"""The layout of VisA: one folder per object, and the split in ``split_csv/1cls.csv`` (Zou et al., ECCV 2022)."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from goldenpart.client.evaluation.datasets.labelled import GOOD, LabelledCategory, LabelledImage
from goldenpart.client.evaluation.errors import DatasetLayoutError

LAYOUT = "visa"
SPLIT = Path("split_csv") / "1cls.csv"
EXPECTED = f"{SPLIT.as_posix()} with the columns object,split,label,image,mask (VisA)"
_COLUMNS = ("object", "split", "label", "image", "mask")
_DEFECT = "anomaly"
_LABELS = {"normal": GOOD, "anomaly": _DEFECT}


def is_dataset(folder: Path) -> bool:
    """Tell whether a folder is VisA."""
    return (folder / SPLIT).is_file()


def read_dataset(folder: Path) -> tuple[LabelledCategory, ...]:
    """List the categories by name.

    Raises:
        DatasetLayoutError: The table has other columns or words, or names files that are not there.
    """
    rows: dict[str, list[Mapping[str, str]]] = {}
    with (folder / SPLIT).open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if missing := [column for column in _COLUMNS if column not in (reader.fieldnames or ())]:
            raise DatasetLayoutError(f"{folder / SPLIT} has no column {', '.join(missing)}; expected {','.join(_COLUMNS)}")
        for row in reader:
            rows.setdefault(row["object"], []).append(row)
    return tuple(_category(folder, name, rows[name]) for name in sorted(rows))


def _category(folder: Path, name: str, rows: Sequence[Mapping[str, str]]) -> LabelledCategory:
    images: dict[str, list[LabelledImage]] = {"train": [], "test": []}
    for row in rows:
        if row["split"] not in images or row["label"] not in _LABELS:
            raise DatasetLayoutError(
                f"{folder / SPLIT}: split is '{row['split']}' and label '{row['label']}' for {row['image']}; "
                f"expected {' or '.join(images)} and {' or '.join(_LABELS)}"
            )
        if row["split"] == "train" and row["label"] != "normal":
            raise DatasetLayoutError(f"{folder / SPLIT}: {row['image']} is an anomaly to train on; only good parts are learned from")
        images[row["split"]].append(_image(folder, row))
    train, test = (tuple(sorted(images[split], key=lambda image: image.name)) for split in ("train", "test"))
    return LabelledCategory(name, LAYOUT, folder, train, (), test)


def _image(folder: Path, row: Mapping[str, str]) -> LabelledImage:
    masks = (folder / row["mask"],) if row["mask"] else ()
    for path in (folder / row["image"], *masks):
        if not path.is_file():
            raise DatasetLayoutError(f"{folder / SPLIT} names {path}, which does not exist; unpack the whole dataset")
    return LabelledImage(folder / row["image"], row["image"], _LABELS[row["label"]], masks)
