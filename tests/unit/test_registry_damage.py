"""What a damaged file does, and what it must not do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_registry_drafts import CALIBRATION, draft, drawn_mask, open_store, polygon_mask

from goldenpart.server.errors import RevisionDamagedError, UnknownCategoryError
from goldenpart.server.registry.store import Store
from goldenpart.server.vision.mask import InspectionMask

REVISION = Path("categories/gasket/revisions/r0002")
BOTH_MASKS = InspectionMask(drawn_mask().image, polygon_mask().include)
FILES = ["manifest.json", "bank.safetensors", "calibration.json", "mask.png", "mask.json", "golden/0000.png", "golden/0001.jpg"]


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: list[Callable[[Path], None]] = [flip_a_byte, truncate, lengthen, empty, Path.unlink, replace_by_folder]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path) as store:
        store.add(draft(), activate=True)
        store.add(draft(seed=1, mask=BOTH_MASKS), activate=True)
        store.add(draft("bolt"), activate=True)
        yield store


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_named_and_harms_nobody_else(store: Store, tmp_path: Path, damage: Callable[[Path], None], name: str) -> None:
    damage(tmp_path / REVISION / name)
    check_refused(store, name)
    store.close()
    with open_store(tmp_path) as reopened:
        check_refused(reopened, name)


def check_refused(store: Store, name: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.read("gasket"),
        lambda: store.activate("gasket", "r0002"),
        lambda: store.derive("gasket", "r0002", CALIBRATION, activate=True),
        lambda: b"".join(store.export("gasket", "r0002")),
    ]
    for call in calls:
        with pytest.raises(RevisionDamagedError, match=r"^Revision r0002 of gasket is damaged: ") as refusal:
            call()
        assert name in refusal.value.message
        assert refusal.value.metadata["file"] == name
    assert [record.active_revision for record in store.categories()] == ["r0001", "r0002"]
    assert store.read("bolt").manifest.category == "bolt"
    assert store.read("gasket", "r0001").manifest.revision == "r0001"
    assert [summary.revision for summary in store.revisions("gasket")] == ["r0002", "r0001"]
    assert store.revisions("gasket")[1].damage == ""


@pytest.mark.parametrize("name", FILES)
def test_the_list_shows_damage_that_a_glance_can_see(store: Store, tmp_path: Path, name: str) -> None:
    truncate(tmp_path / REVISION / name)
    damaged, sound = store.revisions("gasket")
    assert name in damaged.damage
    assert (damaged.manifest is None, damaged.calibration) == (name == "manifest.json", None)
    assert (sound.damage, sound.calibration) == ("", CALIBRATION)


@pytest.mark.parametrize("index", [0, 1])
def test_a_damaged_picture_is_not_shown(store: Store, tmp_path: Path, index: int) -> None:
    flip_a_byte(tmp_path / REVISION / ("golden/0000.png", "golden/0001.jpg")[index])
    with pytest.raises(RevisionDamagedError, match="has sha256"):
        store.golden_image("gasket", "r0002", index)
    assert store.golden_image("gasket", "r0002", 1 - index)


def test_every_single_byte_of_a_manifest_matters(store: Store, tmp_path: Path) -> None:
    path = tmp_path / REVISION / "manifest.json"
    sound = path.read_bytes()
    for place in range(0, len(sound), 23):
        for bit in (1, 4, 7, 32):  # 7 turns a line feed into a carriage return, 32 swaps the case
            path.write_bytes(sound[:place] + bytes([sound[place] ^ bit]) + sound[place + 1 :])
            assert store.revision("gasket", "r0002").damage, f"byte {place} xor {bit}"
    path.write_bytes(sound)
    assert store.revision("gasket", "r0002").damage == ""


def test_a_revision_folder_under_another_name_is_refused(store: Store, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / REVISION, tmp_path / REVISION.with_name("r0007"))
    with pytest.raises(RevisionDamagedError, match=r"r0007 of gasket is damaged: manifest\.json is that of revision r0002 of gasket"):
        store.read("gasket", "r0007")
    assert store.add(draft(), activate=False).revision == "r0008"


def test_an_unknown_format_version_is_listed_with_the_way_out(store: Store, tmp_path: Path) -> None:
    path = tmp_path / REVISION / "manifest.json"
    path.write_text(json.dumps({"format_version": 2, "goldenpart_version": "9.1", "anything": "else"}))
    message = "format version 2, written by Goldenpart 9.1; this server reads format version 1. Run a server of the version that wrote it"
    assert message in store.revision("gasket", "").damage
    with pytest.raises(RevisionDamagedError, match=message.replace(".", r"\.")):
        store.read("gasket")


def test_an_active_revision_that_is_gone_is_told_and_can_be_replaced(store: Store, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / REVISION)
    assert [summary.revision for summary in store.revisions("gasket")] == ["r0002", "r0001"]
    assert "manifest.json cannot be read" in store.revision("gasket", "").damage
    with pytest.raises(RevisionDamagedError, match="r0002 of gasket is damaged"):
        store.read("gasket")
    assert store.activate("gasket", "r0001")[1] == "r0002"
    assert store.read("gasket").manifest.revision == "r0001"


@pytest.mark.parametrize("content", [b"", b"r0001", b"\xff\xfe", b'{"revision": "../../bolt"}', None], ids=str)
def test_a_damaged_pointer_stops_one_category_until_a_revision_is_activated(store: Store, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "categories/gasket/active"
    store.close()
    path.unlink() if content is None else path.write_bytes(content)
    with open_store(tmp_path) as reopened:
        assert reopened.active_revision("bolt") == "r0001"
        with pytest.raises(UnknownCategoryError, match="no active revision; activate one"):
            reopened.active_revision("gasket")
        assert [record.active_revision for record in reopened.categories()] == ["r0001", ""]
        reopened.activate("gasket", "r0002", reopened.category("gasket").etag)
        assert reopened.read("gasket").manifest.revision == "r0002"


def test_a_pointer_out_of_the_store_is_not_followed(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "categories/gasket/active"
    store.close()
    path.write_text(path.read_text().replace("r0002", "../../bolt/revisions/r0001"))
    with open_store(tmp_path) as reopened, pytest.raises(UnknownCategoryError):
        reopened.read("gasket")


def test_a_damaged_revision_can_be_deleted_and_no_other_goes_with_it(store: Store, tmp_path: Path) -> None:
    empty(tmp_path / REVISION / "manifest.json")
    store.activate("gasket", "r0001")
    store.delete_revision("gasket", "r0002")
    assert [summary.revision for summary in store.revisions("gasket")] == ["r0001"]
    assert store.read("gasket").manifest.revision == "r0001"
