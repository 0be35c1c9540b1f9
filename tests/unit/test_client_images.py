from pathlib import Path

import pytest

from goldenpart.client.images import NoImagesError, distinct_names, expand, images_below, sample


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a.JPG", "c.tiff", "notes.txt", ".hidden.png", "sub/d.webp", "sub/deep/e.bmp", ".cache/f.png", "odd[1].png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    return tmp_path


def names(paths: tuple[Path, ...], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


def test_folder_is_searched_with_subfolders_in_order(folder: Path) -> None:
    assert names(expand([folder]), folder) == ["a.JPG", "b.png", "c.tiff", "odd[1].png", "sub/d.webp", "sub/deep/e.bmp"]


def test_patterns_mean_images_only(folder: Path) -> None:
    assert names(expand([f"{folder}/*"]), folder) == ["a.JPG", "b.png", "c.tiff", "odd[1].png"]
    assert names(expand([f"{folder}/**/*.webp"]), folder) == ["sub/d.webp"]


def test_file_is_taken_as_named_and_once(folder: Path) -> None:
    assert names(expand([folder / "odd[1].png", folder / "notes.txt", str(folder / "odd[1].png")]), folder) == ["odd[1].png", "notes.txt"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("empty", r"empty holds no images; expected files ending in \.bmp"),
        ("*.gif", r"no image matches .*\*\.gif"),
        ("nowhere", "nowhere does not exist"),
    ],
)
def test_nothing_found_is_told(folder: Path, source: str, message: str) -> None:
    with pytest.raises(NoImagesError, match=message):
        expand([folder / "a.JPG", f"{folder}/{source}"])


@pytest.mark.parametrize(("target", "reason"), [("nothing", "leads nowhere"), ("looped.png", "Too many levels of symbolic links")])
@pytest.mark.parametrize("source", [".", "sub", "sub/*.png", "**/*.png", "sub/looped.png"])
def test_what_cannot_be_reached_is_refused_or_returned(folder: Path, source: str, target: str, reason: str) -> None:
    (folder / "sub" / "looped.png").symlink_to(target)
    (folder / "sub" / "notes.txt").symlink_to("nothing")
    with pytest.raises(NoImagesError, match=rf"sub/looped\.png .*{reason}"):
        expand([f"{folder}/{source}"])
    found = names(expand([f"{folder}/{source}"], unreachable=True), folder)
    assert "sub/looped.png" in found
    assert "sub/notes.txt" not in found


def test_images_below_refuses_what_cannot_be_reached(folder: Path) -> None:
    (folder / "sub" / "dangling.png").symlink_to("nothing")
    with pytest.raises(NoImagesError, match=r"dangling\.png is a link that leads nowhere"):
        images_below(folder)
    assert images_below(folder / "empty") == images_below(folder / "nowhere") == ()


def test_no_sources_is_told() -> None:
    with pytest.raises(NoImagesError, match="no images were given"):
        expand([])


def test_sample_is_repeatable_and_keeps_the_order() -> None:
    paths = [Path(f"{index:03d}.png") for index in range(100)]
    chosen = sample(paths, 10, seed=3)
    assert chosen == sample(paths, 10, seed=3) == tuple(sorted(chosen))
    assert len(set(chosen)) == 10
    assert chosen != sample(paths, 10, seed=4)
    assert sample(paths, 100, seed=0) == tuple(paths)


def test_sample_refuses_what_cannot_be() -> None:
    with pytest.raises(NoImagesError, match="3 shots are wanted but only 2"):
        sample([Path("a"), Path("b")], 3, 0)
    with pytest.raises(ValueError, match="at least 1"):
        sample([Path("a")], 0, 0)


def test_names_are_distinct_whatever_the_case() -> None:
    paths = [Path("/a/1.png"), Path("/b/1.png"), Path("/a/1.PNG"), Path("/x/b/1.png"), Path("b-1.png")]
    assert list(distinct_names(paths).values()) == ["1.png", "b-1.png", "a-1.PNG", "x-b-1.png", "b-1.png-2"]


def test_stems_are_distinct_across_suffixes() -> None:
    assert list(distinct_names([Path("1.png"), Path("1.jpg"), Path("2.jpg")], with_suffix=False).values()) == ["1", "1-2", "2"]


def test_names_keep_the_limit_and_can_be_encoded() -> None:
    long, undecodable = Path("é" * 120 + ".png"), Path("bad\udce9.png")
    found = distinct_names([long, undecodable], limit_bytes=128)
    assert len(found[long].encode()) <= 128
    assert found[undecodable] == "bad?.png"
