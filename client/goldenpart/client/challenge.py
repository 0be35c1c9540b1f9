"""The labelled frames on which revisions of a category are compared."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ChallengeFrame:
    """A frame whose verdict is known.

    Attributes:
        pixel_digest: sha256 of its upright RGB pixels, hex; names it within its category.
        name: File name or label given with it.
        defective: What it shows.
        note: A remark for people.
        width_px: Columns.
        height_px: Rows.
        size_bytes: Size of the picture's file.
        create_time: When it was added, UTC; None if not stated.
    """

    pixel_digest: str
    name: str
    defective: bool
    note: str
    width_px: int
    height_px: int
    size_bytes: int
    create_time: datetime | None


@dataclass(frozen=True, slots=True)
class ChallengeFramesAdded:
    """What came of adding frames.

    Attributes:
        frames: That are new, in the order they were given.
        known_count: Frames that were there already, or were given twice, with the same label.
        frame_count: Frames of the category now.
        size_bytes: Their size.
    """

    frames: tuple[ChallengeFrame, ...]
    known_count: int
    frame_count: int
    size_bytes: int
