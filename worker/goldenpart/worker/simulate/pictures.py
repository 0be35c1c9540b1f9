"""What a simulated camera sees: drawn flanges, or the pictures of a folder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goldenpart.client.parts import Defect, draw_flange, encode_jpeg

CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """Holds an encoded picture.

    Attributes:
        name: For people.
        encoded: The file's bytes.
        content_type: Its MIME type.
        defective: Whether the part is damaged; None if nobody knows.
    """

    name: str
    encoded: bytes
    content_type: str
    defective: bool | None = None


def drawn_pictures(count: int, seed: int, defective_share: float = 0.2, size_px: int = 256) -> list[Picture]:
    """Draws flanges; the same arguments draw the same ones. A camera shows them in turn, since drawing takes longer than sending.

    Args:
        count: How many different parts.
        seed: Any non-negative integer.
        defective_share: Share of damaged ones, in [0, 1]; the kinds of damage take turns.
        size_px: Height and width in pixels.
    """
    rng = np.random.default_rng(seed)
    kinds = tuple(Defect)
    pictures = []
    for index in range(count):
        damaged = rng.random() < defective_share
        defect = kinds[index % len(kinds)] if damaged else None
        jpeg = encode_jpeg(draw_flange(rng, defect, size_px).image)
        pictures.append(Picture(f"flange-{index:03d}", jpeg, "image/jpeg", damaged))
    return pictures


def folder_pictures(folder: Path) -> list[Picture]:
    """Reads all pictures below a folder, by name.

    Raises:
        FileNotFoundError: There are none.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in CONTENT_TYPES and path.is_file())
    if not files:
        raise FileNotFoundError(f"no pictures ({', '.join(CONTENT_TYPES)}) below {folder}")
    return [Picture(str(path.relative_to(folder)), path.read_bytes(), CONTENT_TYPES[path.suffix.lower()]) for path in files]
