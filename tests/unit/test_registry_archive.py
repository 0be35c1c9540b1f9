"""Exported revisions, and files that claim to be one."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from test_registry_drafts import CALIBRATION, draft, drawn_mask, open_store, same_mask

from goldenpart.server.errors import ArchiveError, GoldenpartError
from goldenpart.server.registry.manifest import FileDigest, Manifest
from goldenpart.server.registry.store import Store
from goldenpart.server.vision.bank import BankContent

Member = tuple[tarfile.TarInfo, bytes]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store") as store:
        store.add(draft(mask=drawn_mask()), activate=True)
        yield store


@pytest.fixture
def exported(store: Store) -> bytes:
    return b"".join(store.export("gasket", "r0001"))


def test_an_export_is_taken_by_another_store(tmp_path: Path, store: Store, exported: bytes) -> None:
    with open_store(tmp_path / "other") as other:
        other.add(draft("bolt"), activate=True)
        made = other.import_archive(io.BytesIO(exported), activate=True)
        again = other.import_archive(io.BytesIO(exported), category="bolt", activate=False, max_bytes=len(exported))
        left, right = store.read("gasket"), other.read("gasket")
        moved = other.read("bolt", "r0002")
        assert other.active_revision("bolt") == "r0001"
    assert (made.category, made.revision, again.category, again.revision) == ("gasket", "r0001", "bolt", "r0002")
    assert left.manifest == right.manifest
    assert moved.manifest == dataclasses.replace(left.manifest, category="bolt", revision="r0002")
    assert left.calibration == right.calibration == moved.calibration == made.calibration == CALIBRATION
    assert left.detector_content.to_bytes() == right.detector_content.to_bytes()
    assert same_mask(left.mask, right.mask)


def test_an_imported_revision_has_no_parent_here(store: Store) -> None:
    store.derive("gasket", "", CALIBRATION, activate=True)
    made = store.import_archive(io.BytesIO(b"".join(store.export("gasket", ""))), activate=False)
    assert made.manifest is not None
    assert (made.revision, made.manifest.parent_revision) == ("r0003", "")


def test_an_export_is_the_same_bytes_each_time_and_plain_tar(tmp_path: Path, store: Store, exported: bytes) -> None:
    assert b"".join(store.export("gasket", "")) == exported
    assert len(exported) % tarfile.RECORDSIZE == 0
    (tmp_path / "gasket.tar").write_bytes(exported)
    listed = subprocess.run(["tar", "tf", tmp_path / "gasket.tar"], check=True, capture_output=True, text=True).stdout.split()
    assert listed[0] == "manifest.json"
    assert sorted(listed[1:]) == ["bank.safetensors", "calibration.json", "golden/0000.png", "golden/0001.jpg", "mask.png"]


def test_an_export_comes_in_chunks_of_at_most_a_mebibyte(store: Store) -> None:
    vectors = np.zeros((9000, 64), np.float32)
    store.add(
        dataclasses.replace(draft("big"), detector_content=BankContent(vectors, np.zeros((9000, 4), np.int32), 0.0)),
        activate=True,
    )
    chunks = list(store.export("big", ""))
    assert sum(map(len, chunks)) > vectors.nbytes > 1 << 20
    assert max(map(len, chunks)) == 1 << 20
    assert store.import_archive(io.BytesIO(b"".join(chunks)), activate=False).revision == "r0002"


def test_an_export_breaks_off_when_a_file_turns_out_damaged(tmp_path: Path, store: Store, exported: bytes) -> None:
    path = tmp_path / "store/categories/gasket/revisions/r0001/mask.png"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"?")
    chunks = store.export("gasket", "r0001")
    received: list[bytes] = []
    with pytest.raises(GoldenpartError, match=r"mask.png has sha256"):
        received.extend(chunks)
    refused(store, b"".join(received), "truncated|ends early")
    path.write_bytes(data)


def test_an_archive_repacked_by_tar_is_taken(tmp_path: Path, store: Store, exported: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(exported)) as archive:
        archive.extractall(tmp_path / "files", filter="data")
        names = [member.name for member in archive][::-1]
    command = ["tar", "--format=gnu", "-cf", str(tmp_path / "again.tar"), "-C", str(tmp_path / "files"), "manifest.json", *names[:-1]]
    subprocess.run(command, check=True)
    with (tmp_path / "again.tar").open("rb") as file:
        assert store.import_archive(file, activate=True).revision == "r0002"


def members(archive: bytes) -> list[Member]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return [(member, opened.extractfile(member).read()) for member in opened]  # type: ignore[union-attr]


def packed(content: list[Member], tar_format: int = tarfile.GNU_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tar_format) as archive:
        for member, data in content:
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def plain(name: str, data: bytes = b"evil") -> Member:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    return member, data


def special(name: str, kind: bytes, target: str = "") -> Member:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def with_manifest(content: list[Member], **changes: object) -> list[Member]:
    manifest = dataclasses.replace(Manifest.from_json(content[0][1].decode()), **changes)  # type: ignore[arg-type]
    return [plain("manifest.json", manifest.to_json().encode()), *content[1:]]


def resized(content: list[Member], name: str, size: int) -> list[Member]:
    files = {**Manifest.from_json(content[0][1].decode()).files, name: FileDigest("0" * 64, size)}
    changes = {"bank_digest": "0" * 64} if name == "bank.safetensors" else {}
    return with_manifest(content, files=files, **changes)


def renamed(content: list[Member], old: str, new: str) -> list[Member]:
    return [plain(new, data) if member.name == old else (member, data) for member, data in content]


def without(content: list[Member], name: str) -> list[Member]:
    return [(member, data) for member, data in content if member.name != name]


def sparse(content: list[Member]) -> bytes:
    """Mark the last member as GNU sparse, whatever its header then says."""
    data = bytearray(packed(content))
    start = data.rindex(b"mask.png")
    data[start + 156] = ord("S")
    data[start + 148 : start + 156] = b" " * 8
    data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
    return bytes(data)


ATTACKS: dict[str, tuple[Callable[[list[Member]], list[Member] | bytes], str]] = {
    "traversal": (lambda c: renamed(c, "golden/0000.png", "../../../../evil"), "which its manifest does not list"),
    "traversal inside": (lambda c: renamed(c, "golden/0000.png", "golden/../0000.png"), "which its manifest does not list"),
    "absolute": (lambda c: renamed(c, "golden/0000.png", "/tmp/evil"), "which its manifest does not list"),
    "traversal in the manifest": (lambda c: with_manifest(c, files={"../evil": FileDigest("0" * 64, 4)}), "no file of a revision"),
    "category in the manifest": (lambda c: with_manifest(c, category="../evil"), "is no revision of a category"),
    "symbolic link": (lambda c: [*without(c, "mask.png"), special("mask.png", tarfile.SYMTYPE, "/etc/passwd")], "no plain file"),
    "symbolic link as folder": (lambda c: [c[0], special("golden", tarfile.SYMTYPE, "/tmp"), *c[1:]], "no plain file"),
    "hard link": (lambda c: [*without(c, "mask.png"), special("mask.png", tarfile.LNKTYPE, "manifest.json")], "no plain file"),
    "device": (lambda c: [*without(c, "mask.png"), special("mask.png", tarfile.CHRTYPE)], "no plain file"),
    "fifo": (lambda c: [*without(c, "mask.png"), special("mask.png", tarfile.FIFOTYPE)], "no plain file"),
    "folder": (lambda c: [c[0], special("golden", tarfile.DIRTYPE), *c[1:]], "no plain file"),
    "sparse": (sparse, "no plain file"),
    "pax header": (lambda c: packed([*c, plain("x" * 300)], tarfile.PAX_FORMAT), "holds more than its manifest lists"),
    "pax header in between": (lambda c: packed([c[0], plain("x" * 300), *c[1:]], tarfile.PAX_FORMAT), "no plain file"),
    "long name": (lambda c: packed([c[0], plain("y" * 300), *c[1:]]), "no plain file"),
    "duplicate": (lambda c: [c[0], c[1], *c[1:]], "or lists once only"),
    "second manifest": (lambda c: [c[0], *c], "'manifest.json', which its manifest does not list"),
    "extra": (lambda c: [*c, plain("golden/0002.png")], "holds more than its manifest lists"),
    "extra in between": (lambda c: [c[0], plain("notes.txt"), *c[1:]], "'notes.txt', which its manifest does not list"),
    "missing": (lambda c: c[:-1], "ends early: 1 files, for example mask.png, are missing"),
    "missing calibration": (lambda c: without(c, "calibration.json"), "for example calibration.json, are missing"),
    "manifest last": (lambda c: [*c[1:], c[0]], "not with manifest.json"),
    "no manifest": (lambda c: c[1:], "not with manifest.json"),
    "other size": (lambda c: resized(c, "mask.png", 4), "bytes, its manifest says 4"),
    "other bytes": (lambda c: renamed_data(c, "mask.png"), "mask.png in the archive does not match its digest"),
    "announces too much": (lambda c: resized(c, "bank.safetensors", 1 << 50), "announces 112589990684.* bytes; the limit is 1000000"),
    "too large": (lambda c: packed(c) + bytes(1_000_000), "larger than 1000000 bytes"),
    "huge manifest": (lambda c: [plain("manifest.json", bytes(17 << 20))], "of 17825792 bytes, not with manifest.json of 1 to"),
    "trailing bytes": (lambda c: packed(c) + b"x" * 512, "more than its manifest lists"),
    "manifest is no json": (lambda c: [plain("manifest.json", b"\xff{}"), *c[1:]], "cannot be used"),
    "manifest changed": (
        lambda c: [plain("manifest.json", c[0][1].replace(b"gasket", b"casket")), *c[1:]],
        "does not match its own digest",
    ),
    "unknown version": (
        lambda c: [plain("manifest.json", c[0][1].replace(b'format_version": 1', b'format_version": 7')), *c[1:]],
        "format version 7, written by Goldenpart .*; this server reads format version 1",
    ),
    "wrong bank shape": (lambda c: with_manifest(c, bank_vectors=6), "which manifest.json denies"),
    "empty": (lambda c: b"", "truncated"),
    "empty tar": (lambda c: packed([]), "ends early: it is empty"),
    "not a tar": (lambda c: b"\x89PNG" * 1000, "no tar file"),
    "compressed": (lambda c: gzipped(packed(c)), "no tar file|truncated"),
}


def renamed_data(content: list[Member], name: str) -> list[Member]:
    return [(member, data[:-1] + b"?") if member.name == name else (member, data) for member, data in content]


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data)


def refused(store: Store, archive: bytes, message: str) -> None:
    with pytest.raises(ArchiveError, match=message):
        store.import_archive(io.BytesIO(archive), activate=True, max_bytes=1_000_000 if len(archive) < 2_000_000 else 1 << 40)


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else b"" for path in root.rglob("*")}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_and_leaves_nothing(tmp_path: Path, store: Store, exported: bytes, attack: str) -> None:
    change, message = ATTACKS[attack]
    changed = change(members(exported))
    before = everything(tmp_path)
    refused(store, changed if isinstance(changed, bytes) else packed(changed), message)
    assert everything(tmp_path) == before


def test_the_attacks_start_from_an_archive_that_is_taken(store: Store, exported: bytes) -> None:
    assert store.import_archive(io.BytesIO(packed(members(exported))), activate=True).revision == "r0002"
    assert store.import_archive(io.BytesIO(packed(with_manifest(members(exported)))), activate=True).revision == "r0003"


def test_a_truncated_archive_is_refused_wherever_it_ends(tmp_path: Path, store: Store, exported: bytes) -> None:
    before = everything(tmp_path)
    content_bytes = len(exported.rstrip(b"\0"))
    for length in range(0, content_bytes, 397):
        refused(store, exported[:length], "truncated|ends early")
    assert everything(tmp_path) == before


def test_a_picture_that_claims_gigapixels_is_not_decoded(store: Store, exported: bytes) -> None:
    content = members(exported)
    png = next(data for member, data in content if member.name == "mask.png")
    bomb = png[:16] + (1 << 20).to_bytes(4) + (1 << 20).to_bytes(4) + png[24:]
    files = {**Manifest.from_json(content[0][1].decode()).files, "mask.png": FileDigest(hashlib.sha256(bomb).hexdigest(), len(bomb))}
    forged = [
        plain("mask.png", bomb) if member.name == "mask.png" else (member, data) for member, data in with_manifest(content, files=files)
    ]
    refused(store, packed(forged), "mask.png is no mask: ")


def test_a_file_that_gives_few_bytes_at_a_time_is_read_whole(store: Store, exported: bytes) -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 100))

    assert store.import_archive(Trickle(exported), activate=True).revision == "r0002"
