"""A frame of a challenge set: a picture whose verdict is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ChallengeFrame:
    """A frame that is kept.

    Attributes:
        pixel_digest: sha256 of its upright RGB pixels, hex; names the frame within its category.
        name: file name or label that came with it.
        defective: what it shows.
        note: a remark for people.
        width_px, height_px: of the upright picture.
        suffix: of its format, for example ``.png``.
        sha256: of its file, hex.
        size_bytes: of its file.
        create_time: when it was added, UTC.
    """

    pixel_digest: str
    name: str
    defective: bool
    note: str
    width_px: int
    height_px: int
    suffix: str
    sha256: str
    size_bytes: int
    create_time: datetime

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.pixel_digest}{self.suffix}"


@dataclass(frozen=True, slots=True, eq=False)
class ChallengePicture:
    """A frame on its way into a challenge set; the fields are those of `ChallengeFrame`.

    Attributes:
        data: the encoded picture, at least 1 byte.
    """

    pixel_digest: str
    name: str
    defective: bool
    note: str
    width_px: int
    height_px: int
    suffix: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ChallengeLimits:
    """What a challenge set may hold: frames, and bytes of their files."""

    frames: int
    bytes: int


@dataclass(frozen=True, slots=True)
class AddedFrames:
    """What came of adding frames.

    Attributes:
        frames: that are new, in the order they came.
        known: that were there already with the same label.
        total: frames of the category now.
        total_bytes: of their files.
    """

    frames: tuple[ChallengeFrame, ...]
    known: int
    total: int
    total_bytes: int
