"""Every layout as folders of tiny files; what is found, what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from goldenpart.client.evaluation.datasets import LabelledCategory, open_dataset, read_mask
from goldenpart.client.evaluation.datasets.digests import combined_digest, digest_category
from goldenpart.client.evaluation.errors import DatasetLayoutError


def draw(path: Path, value: int = 0, size: tuple[int, int] = (6, 4)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(path)
    return path


def mvtec(folder: Path, test: str = "test") -> Path:
    for name in ("train/good/0.png", "train/good/1.png", f"{test}/good/0.png", f"{test}/bad/0.png", f"{test}/bad/1.png"):
        draw(folder / name)
    return folder


def found(category: LabelledCategory) -> dict[str, list[str]]:
    return {
        "train": [image.name for image in category.train],
        "validation": [image.name for image in category.validation],
        "test": [
            f"{image.name} {image.defect_type} {[mask.relative_to(category.folder).as_posix() for mask in image.masks]}"
            for image in category.test
        ],
    }


def test_mvtec_ad(tmp_path: Path) -> None:
    folder = mvtec(tmp_path / "bottle")
    draw(folder / "ground_truth" / "bad" / "1_mask.png", 255)
    (folder / "test" / "bad" / "notes.txt").write_text("not an image")
    draw(folder / "test" / "bad" / ".hidden.png")
    (category,) = open_dataset(folder)
    assert (category.name, category.layout, category.has_masks) == ("bottle", "mvtec", True)
    assert found(category) == {
        "train": ["train/good/0.png", "train/good/1.png"],
        "validation": [],
        "test": ["test/bad/0.png bad []", "test/bad/1.png bad ['ground_truth/bad/1_mask.png']", "test/good/0.png good []"],
    }


@pytest.mark.parametrize(
    "mask", ["ground_truth/bad/1_mask.PNG", "ground_truth/bad/1_Mask.png", "ground_truth/bad/1.PNG", "test/bad/gt/1.PNG"]
)
def test_masks_are_found_whatever_the_case_of_their_names(tmp_path: Path, mask: str) -> None:
    folder = mvtec(tmp_path / "bottle")
    draw(folder / mask, 255)
    (category,) = open_dataset(folder)
    assert found(category)["test"] == ["test/bad/0.png bad []", f"test/bad/1.png bad ['{mask}']", "test/good/0.png good []"]
    draw(folder / "ground_truth" / "bad" / "1_mask.png", 255)
    (category,) = open_dataset(folder)
    assert found(category)["test"][1] == "test/bad/1.png bad ['ground_truth/bad/1_mask.png']", "the name that is expected comes first"


def test_mvtec_ad_2(tmp_path: Path) -> None:
    folder = mvtec(tmp_path / "can", "test_public")
    draw(folder / "validation/good/7.png")
    draw(folder / "test_public/ground_truth/bad/0_mask.png", 255)
    draw(folder / "test_private/1.png")
    (category,) = open_dataset(folder)
    assert found(category)["validation"] == ["validation/good/7.png"]
    assert found(category)["test"] == [
        "test_public/bad/0.png bad ['test_public/ground_truth/bad/0_mask.png']",
        "test_public/bad/1.png bad []",
        "test_public/good/0.png good []",
    ]


def test_mvtec_loco_has_several_masks_per_image(tmp_path: Path) -> None:
    folder = mvtec(tmp_path / "pushpins")
    draw(folder / "test/logical_anomalies/000.png")
    draw(folder / "validation/good/000.png")
    for mask in ("001.png", "000.png"):
        draw(folder / "ground_truth/logical_anomalies/000" / mask, 255)
    (category,) = open_dataset(folder)
    (image,) = [image for image in category.test if image.defect_type == "logical_anomalies"]
    assert [mask.name for mask in image.masks] == ["000.png", "001.png"]


def test_mvtec_3d_uses_the_colour_images(tmp_path: Path) -> None:
    folder = tmp_path / "bagel"
    for name in ("train/good/rgb/0.png", "train/good/xyz/0.tiff", "test/good/rgb/0.png", "test/good/gt/0.png", "test/hole/rgb/3.png"):
        draw(folder / name)
    draw(folder / "test/hole/gt/3.png", 255)
    (category,) = open_dataset(folder)
    assert found(category)["train"] == ["train/good/rgb/0.png"]
    assert found(category)["test"] == ["test/good/rgb/0.png good []", "test/hole/rgb/3.png hole ['test/hole/gt/3.png']"]


def test_visa(tmp_path: Path) -> None:
    rows = ["object,split,label,image,mask"]
    for split, label, image, mask in (
        ("train", "normal", "candle/Data/Images/Normal/1.JPG", ""),
        ("test", "normal", "candle/Data/Images/Normal/0.JPG", ""),
        ("test", "anomaly", "candle/Data/Images/Anomaly/0.JPG", "candle/Data/Masks/Anomaly/0.png"),
    ):
        rows.append(f"candle,{split},{label},{image},{mask}")
        draw(tmp_path / image)
        if mask:
            draw(tmp_path / mask, 1)
    table = tmp_path / "split_csv" / "1cls.csv"
    table.parent.mkdir()
    table.write_text("\n".join(rows))
    (category,) = open_dataset(tmp_path, ["candle"])
    assert found(category) == {
        "train": ["candle/Data/Images/Normal/1.JPG"],
        "validation": [],
        "test": ["candle/Data/Images/Anomaly/0.JPG anomaly ['candle/Data/Masks/Anomaly/0.png']", "candle/Data/Images/Normal/0.JPG good []"],
    }
    assert category.folder == tmp_path

    for wrong, words in (
        ("object,split,image,mask\n", "has no column label"),
        (rows[0] + "\ncandle,train,anomaly,candle/Data/Images/Normal/1.JPG,\n", "only good parts are learned from"),
        (rows[0] + "\ncandle,training,normal,candle/Data/Images/Normal/1.JPG,\n", "expected train or test"),
        (rows[0] + "\ncandle,train,normal,candle/nowhere.JPG,\n", "does not exist"),
        (rows[0] + "\ncandle,train,normal,candle/Data/Images/Normal/1.JPG,\n", "has no images to test on"),
    ):
        table.write_text(wrong)
        with pytest.raises(DatasetLayoutError, match=words):
            open_dataset(tmp_path)


def test_plain_folders_split_the_good_images_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "flange"
    for number in range(20):
        draw(folder / "good" / f"{number:02}.png")
    draw(folder / "bad" / "x.png")
    draw(folder / "bad" / "scratch" / "monday" / "y.png")
    for number in range(20, 25):
        draw(folder / "good" / "tuesday" / f"{number:02}.PNG")
    draw(folder / "good" / ".thumbnails" / "0.png")
    (category,) = open_dataset(folder)
    assert (len(category.train), len(category.test)) == (15, 12)
    assert {image.defect_type for image in category.test} == {"good", "bad", "scratch"}
    assert not {image.name for image in category.train} & {image.name for image in category.test}
    assert open_dataset(folder) == (category,)


def test_plain_folders_without_enough_images_are_refused(tmp_path: Path) -> None:
    draw(tmp_path / "flange" / "good" / "0.png")
    (tmp_path / "flange" / "bad").mkdir()
    for number in (1, 2):
        with pytest.raises(DatasetLayoutError, match=f"flange .* has {number} good and 0 bad"):
            open_dataset(tmp_path / "flange")
        draw(tmp_path / "flange" / "good" / f"{number}.png")


def test_a_folder_of_categories(tmp_path: Path) -> None:
    mvtec(tmp_path / "b")
    mvtec(tmp_path / "a")
    (tmp_path / "pretraining").mkdir()
    assert [category.name for category in open_dataset(tmp_path)] == ["a", "b"]
    assert [category.name for category in open_dataset(tmp_path, ["b"])] == ["b"]
    with pytest.raises(DatasetLayoutError, match="has no category c; there are a, b"):
        open_dataset(tmp_path, ["c"])


def test_what_is_no_dataset_is_told_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DatasetLayoutError, match=r"train/good, test/good and test/<defect>.*good and bad.*1cls\.csv"):
        open_dataset(tmp_path)
    with pytest.raises(DatasetLayoutError, match="is no folder"):
        open_dataset(tmp_path / "nowhere")
    (tmp_path / "train" / "good").mkdir(parents=True)
    (tmp_path / "test").mkdir()
    with pytest.raises(DatasetLayoutError, match="has no good images to learn from"):
        open_dataset(tmp_path)


def test_masks_are_put_together_whatever_their_mode(tmp_path: Path) -> None:
    left, right = np.zeros((4, 6), np.uint8), np.zeros((4, 6), np.uint8)
    left[0, 0], right[3, 5] = 1, 255
    paths = [tmp_path / "left.png", tmp_path / "right.png"]
    Image.fromarray(left).save(paths[0])
    Image.fromarray(np.stack([right] * 3, axis=2)).save(paths[1])
    assert np.argwhere(read_mask(paths, 6, 4)).tolist() == [[0, 0], [3, 5]]
    with pytest.raises(DatasetLayoutError, match="is 6 x 4 px but its image 7 x 4 px"):
        read_mask(paths, 7, 4)
    (tmp_path / "broken.png").write_bytes(b"nothing")
    with pytest.raises(DatasetLayoutError, match="cannot be read"):
        read_mask([tmp_path / "broken.png"], 6, 4)


def test_digests_tell_pixels_and_files(tmp_path: Path) -> None:
    folder = mvtec(tmp_path / "bottle")
    pixels = np.random.default_rng(0).integers(0, 255, (4, 6), np.uint8)
    Image.fromarray(pixels).save(folder / "train/good/0.png")
    Image.fromarray(pixels).save(folder / "test/good/0.bmp")  # the same pixels in other bytes
    deep = np.arange(24, dtype=np.uint16).reshape(4, 6) + 1000  # would all be white in 8 bits
    Image.fromarray(deep).save(folder / "test/bad/0.png")
    Image.fromarray(deep + 1).save(folder / "test/bad/1.png")
    (folder / "test/bad/2.png").write_bytes(b"broken")
    (category,) = open_dataset(folder)
    read: list[int] = []
    digests = digest_category(category, lambda: read.append(1))
    assert len(read) == len(category.images)
    assert digests.pixels["train/good/0.png"] == digests.pixels["test/good/0.bmp"]
    assert len({digests.pixels[f"test/bad/{number}.png"] for number in range(3)}) == 3
    assert digests.undecodable == ("test/bad/2.png",)

    whole = draw(tmp_path / "whole.jpg", 90, (200, 200)).read_bytes()
    (folder / "test/bad/3.jpg").write_bytes(whole[:-60])
    assert digest_category(open_dataset(folder)[0]).undecodable == ("test/bad/2.png", "test/bad/3.jpg"), "it can be opened, not decoded"

    assert digest_category(category).dataset == digests.dataset
    draw(folder / "train/good/1.png", 9)
    assert digest_category(category).dataset != digests.dataset
    assert (
        combined_digest([("b", "2"), ("a", "1")]) == combined_digest([("a", "1"), ("b", "2")]) != combined_digest([("a", "2"), ("b", "1")])
    )
