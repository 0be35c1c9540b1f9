"""Fingerprints of files and pixels, so that runs compare like with like and no image is learned and tested."""

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from PIL import Image, ImageOps

from goldenpart.client.evaluation.datasets.labelled import LabelledCategory

_DEEP_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "F"})
_THREADS = 2


@dataclass(frozen=True, slots=True)
class CategoryDigests:
    """Fingerprints of a category.

    Attributes:
        dataset: sha256, hex, of the sorted paths and sha256 of all files, masks included; paths are relative to the category's folder,
            with forward slashes. See :func:`combined_digest`.
        files: By relative path: sha256, hex, of the file.
        pixels: By the name of an image: sha256, hex, of its upright pixels, the same for files that differ in encoding only; of the file
            where it cannot be decoded.
        undecodable: Names of images that Pillow cannot decode, in the order of the category's images.
    """

    dataset: str
    files: MappingProxyType[str, str]
    pixels: MappingProxyType[str, str]
    undecodable: tuple[str, ...] = ()


def digest_category(category: LabelledCategory, on_image: Callable[[], object] | None = None) -> CategoryDigests:
    """Read every file of a category once. Blocks; decodes in threads of its own.

    Args:
        category: Whose images.
        on_image: Called after each image, in this thread.

    Raises:
        OSError: A file cannot be read.
    """
    files = {path.relative_to(category.folder).as_posix(): path for path in category.files()}
    pixels: dict[str, str] = {}
    undecodable: list[str] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        file_digests = dict(zip(files, pool.map(_file_digest, files.values()), strict=True))
        for image, digest in zip(category.images, pool.map(_pixel_digest, (image.path for image in category.images)), strict=True):
            pixels[image.name] = digest or file_digests[image.name]
            if digest is None:
                undecodable.append(image.name)
            if on_image is not None:
                on_image()
    dataset = combined_digest(file_digests.items())
    return CategoryDigests(dataset, MappingProxyType(file_digests), MappingProxyType(pixels), tuple(undecodable))


def combined_digest(files: Iterable[tuple[str, str]]) -> str:
    """Put pairs of path and sha256 together to one sha256, hex, whatever their order: a zero byte after the path, a line per file."""
    manifest = hashlib.sha256()
    for path, digest in sorted(files):
        manifest.update(f"{path}\0{digest}\n".encode())
    return manifest.hexdigest()


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pixel_digest(path: Path) -> str | None:
    """Return None for what Pillow cannot decode: the server will say what it thinks of it."""
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            plain = upright if upright.mode in _DEEP_MODES else upright.convert("RGB")  # RGB would clip 16 bits to white
            return hashlib.sha256(f"{plain.mode} {plain.size}".encode() + plain.tobytes()).hexdigest()
    except (OSError, ValueError, SyntaxError):
        return None
