from pathlib import Path

import pytest

from goldenpart.client.evaluation.datasets import LabelledCategory, LabelledImage
from goldenpart.client.evaluation.errors import LeakError, NotEvaluableError
from goldenpart.client.evaluation.protocol import Protocol


def category(train: int = 60, validation: int = 0, test: int = 5) -> LabelledCategory:
    def images(kind: str, count: int, defect: str = "good") -> tuple[LabelledImage, ...]:
        return tuple(LabelledImage(Path(f"/x/{kind}/{index}"), f"{kind}/{index}", defect) for index in range(count))

    return LabelledCategory(
        "part", "mvtec", Path("/x"), images("train", train), images("validation", validation), images("test", test, "bad")
    )


def distinct(of: LabelledCategory) -> dict[str, str]:
    return {image.name: image.name for image in of.images}


def names(images: tuple[LabelledImage, ...]) -> list[str]:
    return [image.name for image in images]


def test_draws_are_disjoint_repeatable_nested_and_differ_by_seed() -> None:
    part = category()
    pixels = distinct(part)
    few, many = Protocol().draw(part, pixels, 4, 0), Protocol().draw(part, pixels, 16, 0)
    assert few == Protocol().draw(part, pixels, 4, 0)
    assert names(many.golden)[:4] == names(few.golden)
    assert len(many.golden) == 16
    assert len(many.calibration) == 44
    assert names(many.calibration) == names(few.calibration)[:44]
    assert not set(names(many.golden)) & set(names(many.calibration))
    assert names(Protocol().draw(part, pixels, 4, 1).golden) != names(few.golden)


def test_calibration_prefers_validation_images_and_is_bounded() -> None:
    part = category(train=300, validation=30)
    draw = Protocol().draw(part, distinct(part), 8, 0)
    assert len(draw.calibration) == 100
    assert {name.split("/")[0] for name in names(draw.calibration)[:30]} == {"validation"}
    assert len(Protocol(calibration_images=25).draw(part, distinct(part), 8, 0).calibration) == 25


@pytest.mark.parametrize(("rate", "needed"), [(0.05, 19), (0.01, 99), (0.1, 9), (0.5, 1), (0.3, 3), (1 / 3, 2), (0.99, 1)])
def test_fewest_normals(rate: float, needed: int) -> None:
    assert Protocol(false_reject_rate=rate).normals_needed == needed


def test_with_too_few_normals_the_threshold_is_that_of_fit() -> None:
    part = category(train=30)
    assert len(Protocol().draw(part, distinct(part), 11, 0).calibration) == 19
    draw = Protocol().draw(part, distinct(part), 12, 0)
    assert draw.calibration == ()
    assert "only 18 good images remain beside the golden parts, 19 are needed" in draw.warnings[0]
    everything = Protocol().draw(part, distinct(part), None, 0)
    assert (len(everything.golden), everything.calibration) == (30, ())


def test_images_that_repeat_others_are_left_out() -> None:
    part = category(train=30, validation=20)
    pixels = (
        distinct(part) | {"train/1": "train/0", "train/2": "train/0"} | {f"validation/{index}": f"train/{index + 5}" for index in range(10)}
    )
    draw = Protocol().draw(part, pixels, None, 0)
    assert len(draw.golden) == 28
    assert draw.warnings[0].startswith("2 training images repeat")
    assert "only 10 good images remain" in draw.warnings[1]
    with pytest.raises(NotEvaluableError, match="28 distinct good training images, fewer than 29 shots"):
        Protocol().draw(part, pixels, 29, 0)


def test_a_leak_is_refused_or_marked() -> None:
    part = category()
    pixels = distinct(part)
    draw = Protocol().draw(part, pixels, 4, 0)
    golden, calibration = draw.golden[2].name, draw.calibration[0].name
    leaking = pixels | {"test/1": pixels[golden], "test/3": pixels[calibration]}
    with pytest.raises(
        LeakError, match=f"2 test images of part.*test/1 = {golden} .golden.; test/3 = {calibration} .calibration.*--allow-leak"
    ):
        Protocol().draw(part, leaking, 4, 0)
    leaks = Protocol(allow_leak=True).draw(part, leaking, 4, 0).leaks
    assert [(leak.test, leak.seen, leak.role) for leak in leaks] == [("test/1", golden, "golden"), ("test/3", calibration, "calibration")]
    unused = next(
        image.name
        for image in part.train
        if image not in draw.golden + Protocol(calibration_images=19).draw(part, pixels, 4, 0).calibration
    )
    assert Protocol(calibration_images=19).draw(part, pixels | {"test/0": pixels[unused]}, 4, 0).leaks == ()


@pytest.mark.parametrize(("change", "words"), [({"false_reject_rate": 0.0}, "between 0 and 1"), ({"calibration_images": 0}, "at least 1")])
def test_wrong_protocols_are_refused(change: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Protocol(**change)  # type: ignore[arg-type]
