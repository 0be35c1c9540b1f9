"""Numbers, etags, activation, deletion, concurrency."""

from __future__ import annotations

import dataclasses
import io
import resource
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from test_registry_drafts import CALIBRATION, START, draft, drawn_mask, open_store, same_mask

from goldenpart.server.errors import (
    CategoryNameError,
    DataLossError,
    DrainingError,
    EtagMismatchError,
    NotFoundError,
    RevisionActiveError,
    StoreLockedError,
    UnknownCategoryError,
    UnknownRevisionError,
)
from goldenpart.server.registry.store import CategoryRecord, Store


def names(store: Store, category: str = "gasket") -> list[str]:
    return [summary.revision for summary in store.revisions(category)]


def files_below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_a_store_looks_as_its_readme_says(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.add(draft(mask=drawn_mask()), activate=True)
    revision = "categories/gasket/revisions/r0001/"
    contents = ["manifest.json", "bank.safetensors", "calibration.json", "mask.png", "golden/0000.png", "golden/0001.jpg"]
    assert files_below(tmp_path) == {
        "store.lock",
        "categories/.numbers/gasket",
        "categories/gasket/active",
        *(revision + name for name in contents),
    }


def test_an_empty_store_knows_nothing(tmp_path: Path) -> None:
    with open_store(tmp_path / "new" / "folder") as store:
        assert store.categories() == ()
        for call in lookups(store, "gasket"):
            with pytest.raises(UnknownCategoryError, match="no category 'gasket'"):
                call()


def lookups(store: Store, category: str, revision: str = "r0001") -> list[Callable[[], object]]:
    return [
        lambda: store.category(category),
        lambda: store.active_revision(category),
        lambda: store.revisions(category),
        lambda: store.revision(category, revision),
        lambda: store.read(category, revision),
        lambda: store.derive(category, revision, CALIBRATION, activate=True),
        lambda: store.activate(category, revision),
        lambda: store.delete_revision(category, revision),
        lambda: store.delete_category(category),
        lambda: store.golden_image(category, revision, 0),
        lambda: store.export(category, revision),
    ]


@pytest.mark.parametrize("revision", ["r0002", "r1", "../r0001", "../../bolt/revisions/r0001", "r0001/../r0001", "manifest.json"])
def test_revisions_that_are_none(tmp_path: Path, revision: str) -> None:
    with open_store(tmp_path) as store:
        store.add(draft(), activate=False)
        store.add(draft("bolt"), activate=False)
        calls = lookups(store, "gasket", revision)
        for call in [*calls[3:8], *calls[9:]]:
            with pytest.raises(UnknownRevisionError, match="no revision"):
                call()


def test_categories_outside_the_store_are_unknown(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.add(draft(), activate=True)
        for name in ("../categories/gasket", ".numbers", ".incoming", ""):
            with pytest.raises(UnknownCategoryError):
                store.read(name)
            with pytest.raises(UnknownCategoryError):
                store.delete_category(name)


def test_a_category_record_tells_what_happened_when(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.add(draft("bolt"), activate=False)
        store.add(draft("gasket"), activate=True)
        before = store.category("gasket")
        store.add(draft("gasket", seed=1), activate=True)
        records = store.categories()
    with open_store(tmp_path) as store:
        assert store.categories() == records
    bolt, gasket = records
    assert bolt == CategoryRecord("bolt", "", 1, START + timedelta(seconds=2), None, bolt.etag)
    assert gasket == CategoryRecord("gasket", "r0002", 2, before.create_time, START + timedelta(seconds=7), gasket.etag)
    assert len({bolt.etag, before.etag, gasket.etag, ""}) == 4


def test_staged_revisions_do_not_judge(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.add(draft(), activate=False)
        for call in (lambda: store.active_revision("gasket"), lambda: store.read("gasket"), lambda: store.export("gasket", "")):
            with pytest.raises(UnknownCategoryError, match="no active revision; activate one"):
                call()
        assert store.read("gasket", "r0001").manifest.revision == "r0001"
        assert store.activate("gasket", "r0001")[1] == ""
        store.add(draft(seed=1), activate=False)
        assert store.active_revision("gasket") == "r0001"


def test_rolling_back_tells_what_was_active(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        for seed in range(2):
            store.add(draft(seed=seed), activate=True)
        record, previous = store.activate("gasket", "r0001")
        assert (record.active_revision, previous) == ("r0001", "r0002")
        assert store.read("gasket").detector_content.to_bytes() == draft(seed=0).detector_content.to_bytes()
        assert store.activate("gasket", "r0001") == (record, "r0001")  # no switch, no new etag


def test_numbers_are_never_given_twice(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        for seed in range(3):
            store.add(draft(seed=seed), activate=seed == 0)
        store.delete_revision("gasket", "r0003")
        assert store.add(draft(), activate=False).revision == "r0004"
        store.delete_revision("gasket", "r0004")
    with open_store(tmp_path) as store:
        assert store.derive("gasket", "r0001", CALIBRATION, activate=True).revision == "r0005"
        assert names(store) == ["r0005", "r0002", "r0001"]
        store.delete_category("gasket")
        assert store.categories() == ()
        assert store.add(draft(), activate=True).revision == "r0006"  # events of r0001 must not seem to mean this one
        assert names(store) == ["r0006"]


def test_numbers_go_on_after_9999_and_without_the_file_that_keeps_them(tmp_path: Path) -> None:
    number = tmp_path / "categories/.numbers/gasket"
    with open_store(tmp_path) as store:
        store.add(draft(), activate=True)
        number.write_text("9998\n")
        assert [store.add(draft(), activate=False).revision for _ in range(2)] == ["r9999", "r10000"]
        assert names(store) == ["r10000", "r9999", "r0001"]
        number.unlink()
        assert store.add(draft(), activate=False).revision == "r10001"
        number.write_text("many")
        with pytest.raises(DataLossError, match=r"does not hold a number; the newest revision of gasket is r10001\."):
            store.add(draft(), activate=False)
        assert len(names(store)) == 4


def test_a_stale_etag_changes_nothing(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.add(draft(), activate=True)
        stale = store.category("gasket").etag
        store.add(draft(seed=1), activate=True, etag=stale)
        before = files_below(tmp_path)
        archive = b"".join(store.export("gasket", ""))
        for etag in (stale, "invented"):
            for call in guarded_changes(store, archive, etag):
                with pytest.raises(EtagMismatchError, match="Read the category again"):
                    call()
        assert files_below(tmp_path) == before
        store.activate("gasket", "r0001", store.category("gasket").etag)
        store.delete_category("gasket", store.category("gasket").etag)


def guarded_changes(store: Store, archive: bytes, etag: str) -> list[Callable[[], object]]:
    return [
        lambda: store.add(draft(), activate=True, etag=etag),
        lambda: store.add(draft("new"), activate=True, etag=etag),
        lambda: store.derive("gasket", "r0001", CALIBRATION, activate=True, etag=etag),
        lambda: store.activate("gasket", "r0001", etag),
        lambda: store.delete_category("gasket", etag),
        lambda: store.import_archive(io.BytesIO(archive), activate=False, etag=etag),
        lambda: store.import_archive(io.BytesIO(archive), category="gasket", activate=False, etag=etag),
    ]


def test_derive_shares_all_but_the_calibration(tmp_path: Path) -> None:
    other = dataclasses.replace(CALIBRATION, threshold=0.9)
    with open_store(tmp_path) as store:
        store.add(draft(mask=drawn_mask(), calibration=None), activate=True)
        made = store.derive("gasket", "r0001", other, activate=True)
        parent, child = store.read("gasket", "r0001"), store.read("gasket")
    assert (made.revision, made.calibration, made.manifest) == ("r0002", other, child.manifest)
    assert (child.calibration, parent.calibration) == (other, None)
    assert (child.manifest.parent_revision, child.manifest.recipe) == ("r0001", parent.manifest.recipe)
    assert child.detector_content.to_bytes() == parent.detector_content.to_bytes()
    assert same_mask(child.mask, parent.mask)
    revisions = tmp_path / "categories/gasket/revisions"
    assert (revisions / "r0001/bank.safetensors").samefile(revisions / "r0002/bank.safetensors")


def test_a_derived_revision_outlives_its_parent(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.add(draft(), activate=True)
        store.derive("gasket", "", CALIBRATION, activate=True)
        store.delete_revision("gasket", "r0001")
        assert store.read("gasket").manifest.parent_revision == "r0001"
        assert store.golden_image("gasket", "", 1)[1] == ".jpg"


def test_the_active_revision_cannot_be_deleted(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.add(draft(), activate=True)
        with pytest.raises(RevisionActiveError, match="r0001 of gasket is active; activate another one first"):
            store.delete_revision("gasket", "r0001")
        assert store.read("gasket").manifest.revision == "r0001"


def test_golden_images_are_counted_from_zero(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.add(draft(parts=2), activate=True)
        for index in (2, -1):
            with pytest.raises(NotFoundError, match=f"has 2 golden parts, counted from 0; there is no {index}"):
                store.golden_image("gasket", "", index)


def test_two_servers_cannot_share_a_store(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        with pytest.raises(StoreLockedError, match=rf"The store {tmp_path} is in use by another server \(process \d+\)\. Stop that one"):
            open_store(tmp_path)
        store.add(draft(), activate=True)  # the refused one did no harm
    open_store(tmp_path).close()


def test_a_closed_store_writes_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add(draft(), activate=True)
    store.close()
    store.close()
    before = files_below(tmp_path)
    for call in (lambda: store.add(draft(), activate=True), lambda: store.delete_category("gasket")):
        with pytest.raises(DrainingError, match="is closed"):
            call()
    assert files_below(tmp_path) == before


def test_leftovers_are_removed_and_foreign_folders_left_alone(tmp_path: Path) -> None:
    incoming, foreign = tmp_path / "categories/.incoming", tmp_path / "categories/Lost+Found"
    (incoming / "half" / "golden").mkdir(parents=True)
    (incoming / "half" / "golden" / "0000.png").write_bytes(b"x")
    (incoming / "pointer").write_bytes(b"x")
    (incoming / "link").symlink_to(foreign)
    foreign.mkdir()
    (foreign / "keep").write_bytes(b"x")
    with open_store(tmp_path) as store:
        assert store.categories() == ()
    assert list(incoming.iterdir()) == []
    assert (foreign / "keep").exists()


@contextmanager
def disk_that_takes(size_bytes: int) -> Iterator[None]:
    """Make the kernel refuse to write files beyond a size."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("size_bytes", [1, 500, 701, 1500], ids=["bank", "picture 0", "picture 1", "calibration"])
def test_a_disk_that_refuses_leaves_nothing_behind(tmp_path: Path, size_bytes: int) -> None:
    with open_store(tmp_path) as store:
        store.add(draft(), activate=True)
        before, record = files_below(tmp_path), store.category("gasket")
        with disk_that_takes(size_bytes), pytest.raises(OSError, match="File too large"):
            store.add(draft(seed=1), activate=True)
        assert files_below(tmp_path) == before
        assert list((tmp_path / "categories/.incoming").iterdir()) == []
        assert store.category("gasket") == record
        assert store.add(draft(seed=1), activate=True).revision == "r0002"


def test_a_pointer_that_cannot_be_written_leaves_the_revision_staged(tmp_path: Path) -> None:
    pointer = tmp_path / "categories/gasket/active"
    with open_store(tmp_path) as store:
        store.add(draft(), activate=True)
        pointer.unlink()
        pointer.mkdir()
        with pytest.raises(IsADirectoryError):
            store.add(draft(seed=1), activate=True)
        assert (store.active_revision("gasket"), names(store)) == ("r0001", ["r0002", "r0001"])
        assert store.read("gasket", "r0002").manifest.revision == "r0002"
        assert list((tmp_path / "categories/.incoming").iterdir()) == []


def test_a_bad_category_name_never_reaches_the_disk(tmp_path: Path) -> None:
    with pytest.raises(CategoryNameError):
        draft("../evil")
    with open_store(tmp_path) as store, pytest.raises(CategoryNameError):
        store.import_archive(io.BytesIO(b""), category="../evil", activate=True)


def test_many_threads_get_numbers_of_their_own(tmp_path: Path) -> None:
    with open_store(tmp_path) as store, ThreadPoolExecutor(8) as pool:
        adds = [pool.submit(store.add, draft(("bolt", "gasket")[seed % 2], seed=seed), activate=True) for seed in range(24)]
        made = [add.result() for add in adds]
        for category in ("bolt", "gasket"):
            assert sorted(summary.revision for summary in made if summary.category == category) == [f"r{n:04d}" for n in range(1, 13)]
            assert all(not summary.damage for summary in store.revisions(category))
            assert store.read(category).manifest.revision == store.active_revision(category)


def test_one_of_many_with_the_same_etag_wins(tmp_path: Path) -> None:
    with open_store(tmp_path) as store, ThreadPoolExecutor(6) as pool:
        store.add(draft(), activate=True)
        etag = store.category("gasket").etag
        calls = [pool.submit(store.add, draft(seed=seed), activate=True, etag=etag) for seed in range(6)]
        errors = [call.exception() for call in calls]
        assert sorted(type(error).__name__ for error in errors) == ["EtagMismatchError"] * 5 + ["NoneType"]
        assert names(store) == ["r0002", "r0001"]


def test_reading_beside_deleting_finds_a_whole_revision_or_none(tmp_path: Path) -> None:
    rounds = 6
    failures: list[Exception] = []
    with open_store(tmp_path) as store:
        store.add(draft(), activate=True)

        def read_all() -> None:
            while not done.is_set():
                for name in names(store):
                    try:
                        store.read("gasket", name)
                    except UnknownRevisionError:
                        continue
                    except Exception as error:  # noqa: BLE001 - the test shows it
                        failures.append(error)

        done = threading.Event()
        readers = [threading.Thread(target=read_all) for _ in range(2)]
        for reader in readers:
            reader.start()
        for seed in range(rounds):
            store.delete_revision("gasket", store.add(draft(seed=seed), activate=False).revision)
        done.set()
        for reader in readers:
            reader.join()
    assert failures == []
