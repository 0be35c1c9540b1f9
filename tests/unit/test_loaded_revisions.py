"""The cache of loaded revisions: shared loads, a byte budget, nothing that was deleted."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from fitted_category import CALIBRATION, draft

from goldenpart.server.errors import BackboneMismatchError, RevisionDamagedError, UnknownCategoryError, UnknownRevisionError
from goldenpart.server.registry.store import Store, StoredRevision
from goldenpart.server.runtime.backbones import Backbones
from goldenpart.server.runtime.loaded import LoadedRevisions

ROOM_FOR_ALL = 1 << 40


class CountingStore(Store):
    """A store that says how often it was read, and waits with reading until it may."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []
        self.waiting: asyncio.Event | None = None
        self.go_on: asyncio.Future[None] | None = None

    def read(self, category: str, revision: str = "") -> StoredRevision:
        self.reads.append(f"{category}/{revision}")
        waiting, go_on = self.waiting, self.go_on
        if waiting is not None and go_on is not None:
            loop = go_on.get_loop()
            loop.call_soon_threadsafe(waiting.set)
            asyncio.run_coroutine_threadsafe(_wait(go_on), loop).result(60)
        return super().read(category, revision)

    def hold(self) -> asyncio.Event:
        self.waiting, self.go_on = asyncio.Event(), asyncio.get_running_loop().create_future()
        return self.waiting

    def let_go(self) -> None:
        assert self.go_on is not None
        self.go_on.set_result(None)
        self.waiting = self.go_on = None


async def _wait(future: asyncio.Future[None]) -> None:
    await asyncio.shield(future)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CountingStore]:
    with CountingStore(tmp_path / "artifacts") as store:
        for category in "abc":
            store.add(draft(category), activate=True)
        yield store


def cache(store: Store, budget_bytes: int = ROOM_FOR_ALL) -> LoadedRevisions:
    return LoadedRevisions(store, Backbones({}, Path("unused"), torch.device("cpu"), "fp32"), budget_bytes)


async def test_gives_everything_of_exactly_one_revision(store: CountingStore) -> None:
    second = store.add(draft("a", first=10), activate=False).revision
    revisions = cache(store)
    active, staged = await revisions.get("a"), await revisions.get("a", second)
    assert (active.category, active.revision, staged.revision) == ("a", "r0001", "r0002")
    assert [part.name for part in active.golden_parts] == ["golden-0", "golden-1", "golden-2"]
    assert [part.name for part in staged.golden_parts] == ["golden-10", "golden-11", "golden-12"]
    assert active.calibration == CALIBRATION
    assert revisions.bank_bytes == active.detector.size_bytes + staged.detector.size_bytes


async def test_callers_share_a_load_and_one_that_gives_up_does_not_end_it(store: CountingStore) -> None:
    revisions, waiting = cache(store), store.hold()
    asking = [asyncio.create_task(revisions.get("a")) for _ in range(5)]
    await waiting.wait()
    asking[0].cancel()
    await asyncio.wait({asking[0]})
    store.let_go()
    found = await asyncio.gather(*asking[1:])
    assert len({id(one) for one in found}) == 1
    assert await revisions.get("a") is found[0]
    assert store.reads == ["a/r0001"]


async def test_follows_an_activation_at_once(store: CountingStore) -> None:
    revisions = cache(store)
    assert (await revisions.get("a")).revision == "r0001"
    store.add(draft("a", first=10), activate=True)
    assert (await revisions.get("a")).revision == "r0002"
    store.activate("a", "r0001")
    assert (await revisions.get("a")).revision == "r0001"
    assert store.reads == ["a/r0001", "a/r0002"]


async def test_the_least_recently_used_goes_when_the_budget_is_exceeded(store: CountingStore) -> None:
    size = (await cache(store).get("a")).detector.size_bytes
    revisions = cache(store, 2 * size)
    store.reads.clear()
    for category in "abaca":
        await revisions.get(category)
        assert revisions.bank_bytes <= 2 * size
    assert store.reads == ["a/r0001", "b/r0001", "c/r0001"]  # b went for c, a was used later
    await revisions.get("b")
    assert store.reads[3:] == ["b/r0001"]


async def test_one_that_exceeds_the_budget_alone_is_kept(store: CountingStore) -> None:
    revisions = cache(store, 1)
    assert await revisions.get("a") is await revisions.get("a")
    await revisions.get("b")
    assert revisions.bank_bytes == (await revisions.get("b")).detector.size_bytes


async def test_what_is_dropped_lives_on_with_who_holds_it(store: CountingStore) -> None:
    revisions = cache(store)
    held = await revisions.get("a")
    store.delete_category("a")
    revisions.forget("a")
    assert held.detector.size_bytes > 0
    assert revisions.bank_bytes == 0
    with pytest.raises(UnknownCategoryError):
        await revisions.get("a")
    with pytest.raises(UnknownCategoryError):
        await revisions.get("a", "r0001")


async def test_a_revision_deleted_while_it_is_loaded_is_not_kept(store: CountingStore) -> None:
    store.add(draft("a", first=10), activate=False)
    revisions, waiting = cache(store), store.hold()
    asking = asyncio.create_task(revisions.get("a", "r0001"))
    await waiting.wait()
    revisions.forget("a", "r0001")
    store.let_go()
    assert (await asking).revision == "r0001"
    assert revisions.bank_bytes == 0


async def test_forgetting_one_revision_leaves_the_others(store: CountingStore) -> None:
    store.add(draft("a", first=10), activate=False)
    revisions = cache(store)
    await revisions.get("a", "r0001")
    kept = await revisions.get("a", "r0002")
    revisions.forget("a", "r0001")
    assert await revisions.get("a", "r0002") is kept
    assert revisions.bank_bytes == kept.detector.size_bytes


async def test_a_failed_load_is_told_to_all_and_tried_again(store: CountingStore, tmp_path: Path) -> None:
    [bank] = (tmp_path / "artifacts" / "categories" / "a").rglob("bank*")
    sound = bank.read_bytes()
    bank.unlink()
    bank.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    revisions = cache(store)
    answers = await asyncio.gather(*(revisions.get("a") for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [RevisionDamagedError] * 3
    assert (await revisions.get("b")).category == "b"
    bank.write_bytes(sound)
    assert (await revisions.get("a")).revision == "r0001"


async def test_unknown_names(store: CountingStore) -> None:
    revisions = cache(store)
    with pytest.raises(UnknownCategoryError):
        await revisions.get("nowhere")
    with pytest.raises(UnknownRevisionError):
        await revisions.get("a", "r0007")


async def test_a_revision_of_other_weights_is_refused(store: CountingStore) -> None:
    store.add(draft("a", first=10, digest="sha256:" + "0" * 64), activate=True)
    with pytest.raises(BackboneMismatchError, match="Fit the category again"):
        await cache(store).get("a")
