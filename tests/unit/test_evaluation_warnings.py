"""What is told of a run beside its figures."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from test_evaluation_records import IMAGES, make_run

from goldenpart.client.evaluation.datasets import LabelledCategory, LabelledImage
from goldenpart.client.evaluation.datasets.digests import CategoryDigests
from goldenpart.client.evaluation.run_warnings import label_warnings, mask_warnings, not_inspected_warnings, told_warnings


def image(name: str) -> LabelledImage:
    return LabelledImage(Path("/x") / name, name, name.split("/")[1])


CATEGORY = LabelledCategory(
    "part",
    "mvtec",
    Path("/x"),
    (image("train/good/0"),),
    (),
    tuple(image(name) for name in ("test/dent/0", "test/dent/1", "test/dent/2", "test/good/0", "test/good/1")),
)
DISTINCT = {one.name: one.name for one in CATEGORY.images}


@pytest.mark.parametrize(
    ("same", "undecodable", "warnings"),
    [
        ({}, (), ()),
        ({"test/good/0": "a", "test/good/1": "a"}, (), ()),
        (
            {"test/good/1": "a", "test/dent/2": "a"},
            (),
            ("the same pixels are labelled good and defective, 1 pair: test/good/1 = test/dent/2",),
        ),
        (
            {"train/good/0": "a", "test/good/0": "a", "test/dent/0": "a", "test/dent/1": "a"},
            (),
            (
                "the same pixels are labelled good and defective, 4 pairs: train/good/0 = test/dent/0; test/good/0 = test/dent/0; "
                "train/good/0 = test/dent/1; and 1 more",
            ),
        ),
        ({"test/good/1": "empty", "test/dent/2": "empty"}, ("test/dent/2", "test/good/1"), ()),
    ],
)
def test_labels_that_contradict_each_other(same: dict[str, str], undecodable: tuple[str, ...], warnings: tuple[str, ...]) -> None:
    digests = CategoryDigests("d", MappingProxyType({}), MappingProxyType(DISTINCT | same), undecodable)
    assert label_warnings(CATEGORY, digests) == warnings


def test_images_without_a_verdict_are_named_with_the_reason() -> None:
    assert not_inspected_warnings(IMAGES[:3]) == ()
    assert not_inspected_warnings(IMAGES) == ("1 of 7 test images was not inspected and counted in no figure: g3 (UNDECODABLE)",)
    (many,) = not_inspected_warnings([replace(IMAGES[3], path=f"g{number}") for number in range(5)])
    assert many.startswith("5 of 5 test images were not inspected")
    assert many.endswith("g0 (UNDECODABLE); g1 (UNDECODABLE); g2 (UNDECODABLE); and 2 more")


def test_defects_that_no_mask_marks_are_counted() -> None:
    assert mask_warnings(CATEGORY, 0) == ()
    assert mask_warnings(CATEGORY, 2) == (
        "no mask marks the defect in 2 of 3 defective test images: the figures of pixels leave such images out",
    )


def test_a_warning_is_told_once_with_the_runs_it_is_true_of() -> None:
    runs = [
        *(make_run("a", shots, seed) for shots in (1, 4) for seed in (0, 1)),
        make_run("b", 4),
        replace(make_run("b", 1), warnings=("beware",)),
    ]
    assert told_warnings(runs) == ("a, 1, 4 shots; b, 4 shots: careful", "b, 1 shot: beware")
