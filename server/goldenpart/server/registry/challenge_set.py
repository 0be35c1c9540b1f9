"""Challenge sets on disk: `challenge/frames.json` in a category's folder lists its frames, whose pictures lie beside it by pixel digest.

A picture is written and synced before the list that names it is replaced, and removed after the list that no longer does. After a crash
the list is the old or the new one, and every picture it names is whole; a picture that no list names is removed with the next change.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from goldenpart.server.errors import ChallengeSetFullError, DataLossError, InvalidArgumentError, NotFoundError
from goldenpart.server.registry.challenge_frame import AddedFrames, ChallengeFrame, ChallengeLimits, ChallengePicture
from goldenpart.server.registry.dataclass_json import dump_json, from_plain, load_json, to_plain
from goldenpart.server.registry.durable_files import replace_file, sync_folder
from goldenpart.server.registry.layout import StoreLayout

_LIST_FILE = "frames.json"
_FORMAT_VERSION = 1
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class _FrameList:
    format_version: int
    frames_sha256: str
    frames: tuple[ChallengeFrame, ...]


class ChallengeSets:
    """Keeps labelled frames by category. Every method blocks on the disk; any thread may call any of them.

    Args:
        layout: of a store that this process owns.
        changing: holds a category's lock for as long as it is changed; refuses a category or store that is gone.
        check_category: refuses a category that does not exist.
        now: current time, UTC.
    """

    def __init__(
        self,
        layout: StoreLayout,
        changing: Callable[[str], AbstractContextManager[None]],
        check_category: Callable[[str], object],
        now: Callable[[], datetime],
    ) -> None:
        self._layout = layout
        self._changing = changing
        self._check_category = check_category
        self._now = now

    def frames(self, category: str) -> tuple[ChallengeFrame, ...]:
        """List a category's frames by digest.

        Raises:
            UnknownCategoryError: there is no such category.
            DataLossError: the list is damaged.
        """
        self._check_category(category)
        return tuple(self._read(category).values())

    def frame(self, category: str, pixel_digest: str) -> ChallengeFrame:
        """Return one frame.

        Raises:
            NotFoundError: there is no such category or frame.
            DataLossError: the list is damaged.
        """
        self._check_category(category)
        return _one(self._read(category), category, pixel_digest)

    def picture(self, category: str, frame: ChallengeFrame) -> bytes:
        """Return a frame's encoded picture, verified.

        Raises:
            DataLossError: it is missing or not what it was.
        """
        try:
            data = (self._folder(category) / frame.file).read_bytes()
        except OSError as error:
            raise _damaged(category, f"the picture of {frame.name!r} cannot be read ({error.strerror or error})", frame.file) from error
        if (len(data), hashlib.sha256(data).hexdigest()) != (frame.size_bytes, frame.sha256):
            raise _damaged(category, f"the picture of {frame.name!r} is not what it was", frame.file)
        return data

    def add(self, category: str, pictures: Sequence[ChallengePicture], limits: ChallengeLimits) -> AddedFrames:
        """Keep frames, all of them or none; one that is there already with the same label is not kept twice.

        Raises:
            UnknownCategoryError: there is no such category.
            InvalidArgumentError: a frame is there already with the other label.
            ChallengeSetFullError: there would be more of them than the server keeps.
            DataLossError: the list is damaged.
        """
        with self._changing(category):
            self._check_category(category)
            frames = self._read(category)
            fresh = self._choose_new(category, pictures, frames)
            added = [self._to_frame(picture) for picture in fresh]
            after = {**frames, **{frame.pixel_digest: frame for frame in added}}
            check_room(category, after.values(), limits)
            self._write(category, fresh, after)
        total_bytes = sum(frame.size_bytes for frame in after.values())
        return AddedFrames(tuple(added), len(pictures) - len(added), len(after), total_bytes)

    def remove(self, category: str, pixel_digest: str) -> None:
        """Forget a frame.

        Raises:
            NotFoundError: there is no such category or frame.
            DataLossError: the list is damaged.
        """
        with self._changing(category):
            self._check_category(category)
            frames = self._read(category)
            gone = _one(frames, category, pixel_digest)
            after = {digest: frame for digest, frame in frames.items() if digest != gone.pixel_digest}
            self._write(category, (), after)

    def _choose_new(
        self, category: str, pictures: Iterable[ChallengePicture], frames: Mapping[str, ChallengeFrame]
    ) -> list[ChallengePicture]:
        labels = {digest: frame.defective for digest, frame in frames.items()}
        fresh: list[ChallengePicture] = []
        for picture in pictures:
            if labels.setdefault(picture.pixel_digest, picture.defective) != picture.defective:
                raise InvalidArgumentError(
                    f"{picture.name!r} is given as {'defective' if picture.defective else 'normal'} and shows the same pixels as a "
                    f"frame of {category} with the other label; only one can be right. Remove the wrong one first, or leave this one out.",
                    field="image.label",
                    name=picture.name,
                    pixel_digest=picture.pixel_digest,
                )
            if picture.pixel_digest not in frames and all(picture.pixel_digest != one.pixel_digest for one in fresh):
                fresh.append(picture)
        return fresh

    def _to_frame(self, picture: ChallengePicture) -> ChallengeFrame:
        return ChallengeFrame(
            pixel_digest=picture.pixel_digest,
            name=picture.name,
            defective=picture.defective,
            note=picture.note,
            width_px=picture.width_px,
            height_px=picture.height_px,
            suffix=picture.suffix,
            sha256=hashlib.sha256(picture.data).hexdigest(),
            size_bytes=len(picture.data),
            create_time=self._now(),
        )

    def _write(self, category: str, fresh: Iterable[ChallengePicture], after: Mapping[str, ChallengeFrame]) -> None:
        folder = self._folder(category)
        if not folder.exists():
            folder.mkdir()
            sync_folder(folder.parent)
        for picture in fresh:
            replace_file(folder / after[picture.pixel_digest].file, picture.data, self._layout.incoming)
        frames = tuple(after[digest] for digest in sorted(after))
        listed = _FrameList(_FORMAT_VERSION, _digest(frames), frames)
        replace_file(folder / _LIST_FILE, dump_json(to_plain(listed)).encode(), self._layout.incoming)
        self._sweep(folder, after)

    def _sweep(self, folder: Path, frames: Mapping[str, ChallengeFrame]) -> None:
        wanted = {_LIST_FILE, *(frame.file for frame in frames.values())}
        for path in folder.iterdir():
            if path.name not in wanted:
                path.unlink()
        sync_folder(folder)

    def _read(self, category: str) -> dict[str, ChallengeFrame]:
        try:
            text = (self._folder(category) / _LIST_FILE).read_text("utf-8")
            listed = from_plain(_FrameList, load_json(text), "frames")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise _damaged(category, f"{_LIST_FILE} cannot be understood ({error})", _LIST_FILE) from error
        if listed.format_version != _FORMAT_VERSION:
            known = f"this server reads format version {_FORMAT_VERSION}"
            raise _damaged(category, f"{_LIST_FILE} has format version {listed.format_version}, {known}", _LIST_FILE)
        sound = all(_DIGEST.fullmatch(frame.pixel_digest) and _SUFFIX.fullmatch(frame.suffix) for frame in listed.frames)
        if not sound or listed.frames_sha256 != _digest(listed.frames):
            raise _damaged(category, f"{_LIST_FILE} does not match its own digest; it was changed", _LIST_FILE)
        return {frame.pixel_digest: frame for frame in listed.frames}

    def _folder(self, category: str) -> Path:
        return self._layout.category(category) / "challenge"


def check_room(category: str, frames: Iterable[ChallengeFrame | ChallengePicture], limits: ChallengeLimits) -> None:
    """Refuse more frames, or larger ones, than a server keeps for a category.

    Raises:
        ChallengeSetFullError: there are too many, or too many bytes of them.
    """
    sizes = [frame.size_bytes if isinstance(frame, ChallengeFrame) else len(frame.data) for frame in frames]
    if len(sizes) > limits.frames or sum(sizes) > limits.bytes:
        raise ChallengeSetFullError(
            f"The challenge set of {category} would have {len(sizes)} frames of {sum(sizes)} bytes; this server keeps {limits.frames} "
            f"frames and {limits.bytes} bytes. Remove frames that tell little, or raise limits.challenge_frames or limits.challenge_bytes.",
            frames=len(sizes),
            bytes=sum(sizes),
            limit_frames=limits.frames,
            limit_bytes=limits.bytes,
        )


def _one(frames: Mapping[str, ChallengeFrame], category: str, pixel_digest: str) -> ChallengeFrame:
    found = frames.get(pixel_digest)
    if found is None:
        raise NotFoundError(
            f"The challenge set of {category} has no frame {pixel_digest[:64]!r}; see the list of its frames.",
            field="pixel_digest",
            category=category,
            pixel_digest=pixel_digest[:64],
        )
    return found


def _digest(frames: tuple[ChallengeFrame, ...]) -> str:
    return hashlib.sha256(dump_json({"frames": to_plain(frames)}).encode()).hexdigest()


def _damaged(category: str, what: str, file: str) -> DataLossError:
    return DataLossError(
        f"The challenge set of {category} is damaged: {what}. Put the file challenge/{file} back from a copy, or remove what it names.",
        category=category,
        file=file,
    )
