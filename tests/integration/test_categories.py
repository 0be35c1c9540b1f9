"""Categories and revisions over a real socket: paging, rolling back, deleting, moving between servers, and damage."""

import asyncio
import dataclasses
import io
import json
import shutil
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from tiny_category import RECIPE, draw_defect, draw_part, fit_category, golden_parts

from goldenpart.client import (
    AsyncClient,
    Client,
    Frame,
    GoldenpartError,
    Inspection,
    Mask,
    NotInspectedReason,
    Revision,
    RevisionState,
    ThresholdRequest,
    Verdict,
)
from goldenpart.client.demo.process import ServerProcess
from goldenpart.server.app import running_server
from goldenpart.server.registry.manifest import Manifest
from goldenpart.server.settings import Settings
from goldenpart.v1 import category_pb2, category_pb2_grpc

MakeSettings = Callable[..., Settings]
SEED = 41
FRAME = draw_part(SEED, 100)
STRIP = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.1), (0.0, 0.1))
FILES = ["manifest.json", "bank.safetensors", "calibration.json", "mask.json", "golden/0000.png", "golden/0005.png"]


def failure(call: Callable[[], object]) -> GoldenpartError:
    with pytest.raises(GoldenpartError) as caught:
        call()
    return caught.value


def judge(client: Client, category: str, revision: str = "") -> Inspection:
    (result,) = client.inspect([Frame("1", category, FRAME, revision=revision)])
    return result


def test_pages_hold_every_category_once(client: Client) -> None:
    names = [f"page-{letter}" for letter in "gcafbed"]
    for name in names:
        client.fit(name, golden_parts(SEED)[:1], recipe=RECIPE)
    with grpc.insecure_channel(client.address) as channel:
        stub = category_pb2_grpc.CategoryServiceStub(channel)
        pages, token = [], ""
        while True:
            page = stub.ListCategories(category_pb2.ListCategoriesRequest(page_size=3, page_token=token))
            pages.append([category.category for category in page.categories])
            if pages[-1][-1] == "page-c":
                client.delete_category("page-c")  # the page ended here: what comes next must not be skipped
            if not (token := page.next_page_token):
                break
    assert {len(page) for page in pages[:-1]} == {3}
    everything = [name for page in pages for name in page]
    assert everything == sorted(everything)
    assert [name for name in everything if name.startswith("page-")] == sorted(names)
    for name in set(names) - {"page-c"}:
        client.delete_category(name)


def test_pages_of_revisions_run_from_new_to_old(client: Client) -> None:
    for _ in range(5):
        client.fit("pages", golden_parts(SEED)[:1], recipe=RECIPE)
    listed = list(client.list_revisions("pages", page_size=2))
    assert [revision.revision for revision in listed] == ["r0005", "r0004", "r0003", "r0002", "r0001"]
    assert [revision.state for revision in listed] == [RevisionState.ACTIVE, *[RevisionState.STAGED] * 4]
    revisions = client.list_revisions("pages", page_size=4)
    first = [next(revisions).revision for _ in range(4)]
    for name in first[1:]:
        client.delete_revision("pages", name)
    assert [revision.revision for revision in revisions] == ["r0001"], "deleting what was listed must not hide what was not"
    client.delete_category("pages")


def test_rolling_back_brings_the_old_verdict_back(client: Client) -> None:
    fit_category(client, "rollback", SEED)
    before = client.get_category("rollback")
    first = judge(client, "rollback")
    fit_category(client, "rollback", SEED + 1)
    second = judge(client, "rollback")
    assert (first.verdict, second.verdict) == (Verdict.PASS, Verdict.FAIL)
    error = failure(lambda: client.activate("rollback", "r0001", etag=before.etag))
    assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert judge(client, "rollback").revision == "r0002"
    done = client.activate("rollback", "r0001", etag=client.get_category("rollback").etag)
    assert (done.previous_revision, done.category.active_revision) == ("r0002", "r0001")
    again = judge(client, "rollback")
    assert (again.revision, again.verdict) == ("r0001", Verdict.PASS)
    assert again.score == pytest.approx(first.score, rel=1e-5)
    assert failure(lambda: client.delete_revision("rollback", "r0001")).reason == "REVISION_ACTIVE"
    client.delete_revision("rollback", "r0002")
    assert judge(client, "rollback", "r0002").reason is NotInspectedReason.UNKNOWN_REVISION
    assert fit_category(client, "rollback", SEED).revision.revision == "r0003", "a number is never given twice"
    client.delete_category("rollback", etag=client.get_category("rollback").etag)
    assert judge(client, "rollback").reason is NotInspectedReason.UNKNOWN_CATEGORY


def test_a_staged_revision_judges_only_who_asks_for_it(client: Client) -> None:
    fit_category(client, "trial", SEED, stage_only=True)
    assert client.get_category("trial").active_revision == ""
    assert judge(client, "trial").reason is NotInspectedReason.UNKNOWN_CATEGORY
    assert judge(client, "trial", "r0001").verdict is Verdict.PASS
    client.delete_category("trial")


async def test_frames_in_flight_survive_the_end_of_their_category(make_settings: MakeSettings) -> None:
    async with running_server(make_settings()) as app, AsyncClient(app.address) as client:
        await fit_category(client, "doomed", SEED)
        await client.inspect([Frame("warm", "doomed", FRAME)])
        calls = [client.inspect([Frame(f"{call}-{place}", "doomed", FRAME) for place in range(16)]) for call in range(8)]
        flying = [asyncio.ensure_future(call) for call in calls]
        await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
        await client.delete_category("doomed")
        results = [result for call in flying for result in await call]
        assert len(results) == 8 * 16
        assert {result.verdict for result in results} <= {Verdict.PASS, Verdict.NOT_INSPECTED}
        assert {result.reason for result in results if result.reason} <= {NotInspectedReason.UNKNOWN_CATEGORY}
        assert results[0].verdict is Verdict.PASS
        (late,) = await client.inspect([Frame("late", "doomed", FRAME)])
        assert late.reason is NotInspectedReason.UNKNOWN_CATEGORY


@pytest.fixture
def exported(client: Client, tmp_path: Path) -> Iterator[Path]:
    fit_category(client, "traveller", SEED, mask=Mask(ignore=(STRIP,)))
    path = tmp_path / "traveller.tar"
    client.export_revision("traveller", path)
    yield path
    client.delete_category("traveller")


async def test_an_exported_revision_judges_alike_elsewhere(client: Client, exported: Path, make_settings: MakeSettings) -> None:
    here = client.get_revision("traveller")
    frames = [Frame(draw.__name__, "traveller", draw(SEED, 100)) for draw in (draw_part, draw_defect)]
    expected = client.inspect(frames)
    async with running_server(make_settings()) as app, AsyncClient(app.address) as elsewhere:
        there = await elsewhere.import_revision(exported)
        assert (there.revision, there.state) == ("r0001", RevisionState.ACTIVE)
        assert (there.bank_digest, there.calibration, there.golden_parts) == (here.bank_digest, here.calibration, here.golden_parts)
        assert there.recipe == here.recipe
        assert there.masked
        results = await elsewhere.inspect(frames)
        assert [result.score for result in results] == pytest.approx([result.score for result in expected], rel=1e-5)
        renamed = await elsewhere.import_revision(exported, category="renamed", stage_only=True)
        assert (renamed.category, renamed.state) == ("renamed", RevisionState.STAGED)


def rewritten(source: Path, path: Path, change: Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes]]) -> Path:
    """Copy a tar file, changing its members."""
    with tarfile.open(source) as old, tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as new:
        for member in old.getmembers():
            file = old.extractfile(member)
            assert file is not None
            header, data = change(member, file.read())
            header.size = len(data)
            new.addfile(header, io.BytesIO(data))
    return path


def climbing(member: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    if member.name == "golden/0000.png":
        member.name = "../../../../escaped.png"
    return member, data


def flipped(member: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    if member.name == "bank.safetensors":
        data = data[:-1] + bytes([data[-1] ^ 1])
    return member, data


def linked(member: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    if member.name == "golden/0000.png":
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        return member, b""
    return member, data


def broken_files(exported: Path, folder: Path) -> dict[str, Path]:
    files = {name: folder / f"{name}.tar" for name in ("garbage", "empty", "truncated", "text")}
    files["garbage"].write_bytes(bytes(range(256)) * 40)
    files["empty"].write_bytes(b"")
    files["truncated"].write_bytes(exported.read_bytes()[:9000])
    files["text"].write_bytes(b"PASS")
    return files | {
        change.__name__: rewritten(exported, folder / f"{change.__name__}.tar", change) for change in (climbing, flipped, linked)
    }


def test_a_file_that_is_no_export_adds_nothing(client: Client, exported: Path, tmp_path: Path) -> None:
    before = [category.category for category in client.list_categories()]
    words = {
        "garbage": "no tar file",
        "text": "truncated",
        "empty": "truncated",
        "truncated": "truncated",
        "climbing": "'../../../../escaped.png'",
        "flipped": "bank.safetensors",
        "linked": "no plain file",
    }
    for name, path in broken_files(exported, tmp_path).items():
        error = failure(lambda path=path: client.import_revision(path, category="imported"))  # type: ignore[misc]
        assert (name, error.code, error.reason) == (name, grpc.StatusCode.DATA_LOSS, "ARCHIVE_DAMAGED")
        assert words[name] in error.message
    assert [category.category for category in client.list_categories()] == before
    assert failure(lambda: client.import_revision(exported, category="../x")).reason == "INVALID_CATEGORY_NAME"
    assert failure(lambda: client.import_revision(exported, etag="stale")).reason == "ETAG_MISMATCH"
    assert client.get_category("traveller").revision_count == 1


def test_an_import_begins_with_its_config(client: Client) -> None:
    chunk = category_pb2.ImportRevisionRequest(chunk=b"x")
    config = category_pb2.ImportRevisionRequest(config=category_pb2.ImportConfig())
    with grpc.insecure_channel(client.address) as channel:
        stub = category_pb2_grpc.CategoryServiceStub(channel)
        for messages, words in (([], "config"), ([chunk], "config"), ([config, config], "must be a chunk")):
            with pytest.raises(grpc.RpcError, match=words) as caught:
                stub.ImportRevision(iter(messages))
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_file_larger_than_the_limit_is_refused(make_settings: MakeSettings, tmp_path: Path) -> None:
    large = tmp_path / "large.tar"
    large.write_bytes(bytes(3 << 20))
    async with running_server(make_settings(limits={"archive_bytes": 1 << 20})) as app:
        error = await asyncio.to_thread(import_failure, app.address, large)
    assert "larger than 1048576 bytes" in error.message


def import_failure(address: str, path: Path) -> GoldenpartError:
    with Client(address) as client:
        return failure(lambda: client.import_revision(path))


@pytest.fixture(scope="module")
def fitted_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with `broken`, of two revisions, and `whole`; its server has ended."""
    root = tmp_path_factory.mktemp("fitted") / "artifacts"
    settings = {"GOLDENPART_ARTIFACTS": str(root), "GOLDENPART_THREADS": "1"}
    with ServerProcess(settings) as process, Client(process.address) as client:
        fit_category(client, "broken", SEED)
        fit_category(client, "broken", SEED, mask=Mask(ignore=(STRIP,)), threshold=ThresholdRequest(false_reject_rate=0.1))
        fit_category(client, "whole", SEED)
    return root


Spoil = Callable[[Path], None]


@asynccontextmanager
async def spoilt_server(fitted_store: Path, make_settings: MakeSettings, tmp_path: Path, spoil: Spoil) -> AsyncIterator[AsyncClient]:
    """Run a server on a copy of the store whose active revision r0002 of `broken` was spoilt."""
    shutil.copytree(fitted_store, tmp_path / "artifacts")
    spoil(tmp_path / "artifacts" / "categories" / "broken" / "revisions" / "r0002")
    async with running_server(make_settings()) as app, AsyncClient(app.address) as client:
        yield client


async def listed(client: AsyncClient) -> list[Revision]:
    return [revision async for revision in client.list_revisions("broken")]


def damage_failures(address: str) -> list[GoldenpartError]:
    with Client(address) as client:
        calls = (
            lambda: client.get_revision("broken"),
            lambda: client.activate("broken", "r0002"),
            lambda: client.calibrate("broken", golden_parts(5)),
        )
        return [failure(call) for call in calls]


@pytest.mark.parametrize("name", FILES)
async def test_a_flipped_byte_is_refused_by_name(fitted_store: Path, make_settings: MakeSettings, tmp_path: Path, name: str) -> None:
    def flip(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)

    async with spoilt_server(fitted_store, make_settings, tmp_path, flip) as client:
        bad, good = await client.inspect([Frame("1", "broken", FRAME), Frame("2", "whole", FRAME)])
        assert (bad.verdict, bad.reason) == (Verdict.NOT_INSPECTED, NotInspectedReason.REVISION_DAMAGED)
        assert name in bad.message
        assert "r0002 of broken" in bad.message
        assert good.verdict is Verdict.PASS
        for error in await asyncio.to_thread(damage_failures, client.address):
            assert (error.code, error.reason) == (grpc.StatusCode.DATA_LOSS, "REVISION_DAMAGED")
            assert name in error.message
        states = {revision.revision: revision.state for revision in await listed(client)}
        assert states["r0001"] is RevisionState.STAGED
        seen_in_list = name in {"manifest.json", "calibration.json"}
        assert states["r0002"] is (RevisionState.DAMAGED if seen_in_list else RevisionState.ACTIVE)
        await client.activate("broken", "r0001")
        (rescued,) = await client.inspect([Frame("1", "broken", FRAME)])
        assert (rescued.revision, rescued.verdict) == ("r0001", Verdict.PASS)


async def test_a_missing_revision_is_listed_as_damaged(fitted_store: Path, make_settings: MakeSettings, tmp_path: Path) -> None:
    async with spoilt_server(fitted_store, make_settings, tmp_path, shutil.rmtree) as client:
        (bad,) = await client.inspect([Frame("1", "broken", FRAME)])
        assert bad.reason is NotInspectedReason.REVISION_DAMAGED
        damaged, sound = await listed(client)
        assert (damaged.revision, damaged.state, sound.damage) == ("r0002", RevisionState.DAMAGED, "")
        assert "manifest.json" in damaged.damage


async def test_a_manifest_of_another_format_is_told_apart(fitted_store: Path, make_settings: MakeSettings, tmp_path: Path) -> None:
    def age(folder: Path) -> None:
        plain = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(plain | {"format_version": 2, "goldenpart_version": "9.0"}))

    async with spoilt_server(fitted_store, make_settings, tmp_path, age) as client:
        bad, good = await client.inspect([Frame("1", "broken", FRAME), Frame("2", "whole", FRAME)])
        assert bad.reason is NotInspectedReason.REVISION_DAMAGED
        assert "format version 2, written by Goldenpart 9.0; this server reads format version 1" in bad.message
        assert good.verdict is Verdict.PASS
        assert "format version 2" in (await listed(client))[0].damage


async def test_a_bank_of_other_weights_is_refused(fitted_store: Path, make_settings: MakeSettings, tmp_path: Path) -> None:
    foreign = f"sha256:{'0' * 64}"

    def swap(folder: Path) -> None:
        manifest = Manifest.from_json((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(dataclasses.replace(manifest, backbone_digest=foreign).to_json())

    exported = tmp_path / "foreign.tar"
    async with spoilt_server(fitted_store, make_settings, tmp_path, swap) as client:
        bad, good = await client.inspect([Frame("1", "broken", FRAME), Frame("2", "whole", FRAME)])
        assert bad.reason is NotInspectedReason.BACKBONE_MISMATCH
        assert foreign in bad.message
        assert "Fit the category again" in bad.message
        assert good.verdict is Verdict.PASS
        with pytest.raises(GoldenpartError) as caught:
            await client.activate("broken", "r0002")
        assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "BACKBONE_MISMATCH")

        await client.export_revision("broken", exported)
        with pytest.raises(GoldenpartError) as caught:
            await client.import_revision(exported, category="whole")
        assert caught.value.reason == "BACKBONE_MISMATCH"
        assert "imported as whole r0002, which stays staged" in caught.value.message
        (good,) = await client.inspect([Frame("3", "whole", FRAME)])
        assert (good.revision, good.verdict) == ("r0001", Verdict.PASS), "a file must not stop a line that runs"
