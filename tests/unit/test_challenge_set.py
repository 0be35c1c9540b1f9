"""Challenge sets on disk: kept whole or not at all, verified when read, bounded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fitted_category import draft

from goldenpart.server.errors import ChallengeSetFullError, DataLossError, InvalidArgumentError, NotFoundError, UnknownCategoryError
from goldenpart.server.registry.challenge_frame import ChallengeLimits, ChallengePicture
from goldenpart.server.registry.store import Store

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROOM = ChallengeLimits(frames=10, bytes=1000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path, now=lambda: NOW) as store:
        store.add(draft(), activate=True)
        yield store


def picture(number: int, *, defective: bool = False, size: int = 20) -> ChallengePicture:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return ChallengePicture(digest, f"frame-{number}.png", defective, "left edge", 8, 6, ".png", bytes([number]) * size)


def folder(store: Store) -> Path:
    return store._layout.category("part") / "challenge"


def test_frames_come_back_as_they_went(store: Store) -> None:
    added = store.challenges.add("part", [picture(1), picture(2, defective=True)], ROOM)
    assert (added.known, added.total, added.total_bytes) == (0, 2, 40)
    found = store.challenges.frames("part")
    assert set(found) == set(added.frames)
    assert [frame.pixel_digest for frame in found] == sorted(frame.pixel_digest for frame in found)
    for frame, number in zip(added.frames, (1, 2), strict=True):
        assert store.challenges.frame("part", frame.pixel_digest) == frame
        assert store.challenges.picture("part", frame) == picture(number).data
        assert (frame.name, frame.defective, frame.note, frame.create_time) == (f"frame-{number}.png", number == 2, "left edge", NOW)


def test_a_second_server_finds_them(store: Store, tmp_path: Path) -> None:
    store.challenges.add("part", [picture(1)], ROOM)
    store.close()
    with Store(tmp_path) as again:
        [frame] = again.challenges.frames("part")
        assert again.challenges.picture("part", frame) == picture(1).data


def test_what_is_there_is_kept_once(store: Store) -> None:
    store.challenges.add("part", [picture(1)], ROOM)
    added = store.challenges.add("part", [picture(1), picture(2), picture(2)], ROOM)
    assert [frame.name for frame in added.frames] == ["frame-2.png"]
    assert (added.known, added.total) == (2, 2)


def test_one_picture_has_one_label(store: Store) -> None:
    store.challenges.add("part", [picture(1)], ROOM)
    with pytest.raises(InvalidArgumentError, match="other label"):
        store.challenges.add("part", [picture(3), picture(1, defective=True)], ROOM)
    with pytest.raises(InvalidArgumentError, match="other label"):
        store.challenges.add("part", [picture(4), picture(4, defective=True)], ROOM)
    assert len(store.challenges.frames("part")) == 1


@pytest.mark.parametrize("limits", [ChallengeLimits(2, 1000), ChallengeLimits(10, 59)])
def test_a_full_set_takes_nothing(store: Store, limits: ChallengeLimits) -> None:
    store.challenges.add("part", [picture(1)], limits)
    with pytest.raises(ChallengeSetFullError, match="3 frames of 60 bytes"):
        store.challenges.add("part", [picture(2), picture(3)], limits)
    assert len(store.challenges.frames("part")) == 1
    assert {path.name for path in folder(store).iterdir()} == {"frames.json", f"{picture(1).pixel_digest}.png"}


def test_removing_takes_the_picture_along(store: Store) -> None:
    store.challenges.add("part", [picture(1), picture(2)], ROOM)
    store.challenges.remove("part", picture(1).pixel_digest)
    assert [frame.name for frame in store.challenges.frames("part")] == ["frame-2.png"]
    assert {path.name for path in folder(store).iterdir()} == {"frames.json", f"{picture(2).pixel_digest}.png"}
    with pytest.raises(NotFoundError, match="has no frame"):
        store.challenges.remove("part", picture(1).pixel_digest)


def test_there_is_none_without_its_category(store: Store) -> None:
    with pytest.raises(UnknownCategoryError):
        store.challenges.frames("nobody")
    with pytest.raises(UnknownCategoryError):
        store.challenges.add("nobody", [picture(1)], ROOM)
    store.challenges.add("part", [picture(1)], ROOM)
    store.delete_category("part")
    store.add(draft(), activate=True)
    assert store.challenges.frames("part") == ()


def test_damage_is_named(store: Store) -> None:
    [frame] = store.challenges.add("part", [picture(1)], ROOM).frames
    path = folder(store) / frame.file
    path.write_bytes(b"x" * 20)
    with pytest.raises(DataLossError, match=r"frame-1.png' is not what it was"):
        store.challenges.picture("part", frame)
    path.unlink()
    with pytest.raises(DataLossError, match="cannot be read"):
        store.challenges.picture("part", frame)
    listed = folder(store) / "frames.json"
    listed.write_text(listed.read_text().replace('"defective": false', '"defective": true'))
    with pytest.raises(DataLossError, match="does not match its own digest"):
        store.challenges.frames("part")
    listed.write_text("{}")
    with pytest.raises(DataLossError, match="cannot be understood"):
        store.challenges.frames("part")
    assert store.read("part").manifest.revision == "r0001", "the revisions go on"


class PowerCutError(OSError):
    """Everything after it did not happen."""


@pytest.mark.parametrize("write", range(1, 6))
def test_a_power_cut_leaves_the_old_set_or_the_new_one(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int) -> None:
    """Cut at every rename, the moment at which something becomes visible."""
    store.challenges.add("part", [picture(1)], ROOM)
    renames = 0
    real = os.rename

    def cut(source: Path, target: Path) -> None:
        nonlocal renames
        renames += 1
        if renames == write:
            raise PowerCutError
        real(source, target)

    monkeypatch.setattr(Path, "replace", cut)
    try:
        store.challenges.add("part", [picture(2), picture(3), picture(4)], ROOM)
        survived = True
    except PowerCutError:
        survived = False
    monkeypatch.undo()
    store.close()
    with Store(tmp_path) as again:
        frames = again.challenges.frames("part")
        assert len(frames) == (4 if survived else 1)
        for frame in frames:
            assert len(again.challenges.picture("part", frame)) == frame.size_bytes
        again.challenges.add("part", [picture(5)], ROOM)
        kept = {frame.file for frame in again.challenges.frames("part")}
        assert {path.name for path in folder(again).iterdir()} == {"frames.json", *kept}, "what no list names is swept away"
    assert survived == (write == 5), "three pictures and the list"
