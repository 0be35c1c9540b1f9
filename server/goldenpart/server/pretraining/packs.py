"""Labelled training images: packed `.npz` archives or a folder per class, decoded once into a memory-mapped cache."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.lib.format import open_memmap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """Decoded images of one side and their classes.

    Attributes:
        pixels: (N, side, side, 3) uint8 RGB, usually a read-only memory map.
        labels: (N,) int64, 0-based.
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Count the images."""
        return len(self.labels)

    @property
    def classes(self) -> int:
        """One more than the largest label."""
        return int(self.labels.max()) + 1


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of a set to read; the rest is not even decoded.

    Attributes:
        classes: only the first this many labels; None means all.
        images: of those at most this many, evenly spread; None means all.
    """

    classes: int | None = None
    images: int | None = None

    def indices(self, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the ascending positions this slice keeps of a set with these labels."""
        kept = np.flatnonzero(labels < self.classes) if self.classes else np.arange(len(labels))
        if self.images and self.images < len(kept):
            kept = kept[np.linspace(0, len(kept) - 1, self.images).astype(np.int64)]
        return kept.astype(np.int64)


def read_pack(path: Path, cache: Path, side: int, part: Slice = Slice()) -> LabelledImages:  # noqa: B008 - frozen
    """Read an `.npz` of WebP, JPEG or PNG files back to back: `blob` uint8, `offsets` int64 (n + 1), `labels` int.

    Args:
        path: the archive; loaded without pickle.
        cache: folder for the decoded pixels, written once.
        side: images of other sizes are cropped to a centred square and resized to it.
        part: which images to read.

    Raises:
        ValueError: an entry is no image OpenCV can decode.
    """
    with np.load(path, allow_pickle=False) as archive:
        blob, offsets, labels = archive["blob"], archive["offsets"], archive["labels"].astype(np.int64)
    kept = part.indices(labels)

    def encoded(position: int) -> npt.NDArray[np.uint8]:
        index = kept[position]
        content: npt.NDArray[np.uint8] = blob[offsets[index] : offsets[index + 1]]
        return content

    pixels = _decoded(encoded, len(kept), cache, f"{path.resolve()}:{path.stat().st_size}:{part}", side)
    return LabelledImages(pixels, labels[kept])


def read_image_folder(path: Path, cache: Path, side: int, part: Slice = Slice()) -> LabelledImages:  # noqa: B008 - frozen
    """Read `<class>/**/<image>` below `path`; classes are numbered in alphabetical order. See `read_pack` for the rest.

    Raises:
        ValueError: there is no image below `path`, or one cannot be decoded.
    """
    names = sorted(entry.name for entry in path.iterdir() if entry.is_dir())
    files = [(file, label) for label, name in enumerate(names) for file in image_files(path / name)]
    if not files:
        raise ValueError(f"{path}: no images in class folders below it; expected <class>/<image>{sorted(IMAGE_SUFFIXES)}")

    labels = np.array([label for _, label in files], np.int64)
    kept = part.indices(labels)

    def encoded(position: int) -> npt.NDArray[np.uint8]:
        return np.fromfile(files[kept[position]][0], np.uint8)

    stamp = ";".join(f"{file}:{file.stat().st_size}" for file, _ in files)
    return LabelledImages(_decoded(encoded, len(kept), cache, f"{stamp}:{part}", side), labels[kept])


def image_files(folder: Path) -> list[Path]:
    """List the images below a folder, sorted."""
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES)


def _decoded(encoded: Callable[[int], npt.NDArray[np.uint8]], count: int, cache: Path, stamp: str, side: int) -> npt.NDArray[np.uint8]:
    """Return (count, side, side, 3) uint8 RGB from the cache, decoding on threads when it is not there yet."""
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / f"{hashlib.sha256(f'{stamp}:{side}'.encode()).hexdigest()[:16]}.npy"
    if not target.exists():
        partial = target.with_suffix(".partial")
        pixels = open_memmap(partial, "w+", np.uint8, (count, side, side, 3))

        def decode(index: int) -> None:
            pixels[index] = _square(encoded(index), side, index)

        with ThreadPoolExecutor() as pool:
            for _ in pool.map(decode, range(count)):
                pass
        pixels.flush()
        partial.replace(target)  # a crash while decoding leaves no cache that looks complete
    loaded: npt.NDArray[np.uint8] = np.load(target, mmap_mode="r")
    return loaded


def _square(encoded: npt.NDArray[np.uint8], side: int, index: int) -> npt.NDArray[np.uint8]:
    """Decode, crop to a centred square and resize: (side, side, 3) uint8 RGB."""
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"image {index} ({encoded.size} bytes) is no image OpenCV can decode; remove it from the data")
    short = min(image.shape[:2])
    top, left = (image.shape[0] - short) // 2, (image.shape[1] - short) // 2
    square = image[top : top + short, left : left + short]
    if short != side:
        square = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA if short > side else cv2.INTER_LINEAR)
    return np.ascontiguousarray(square[:, :, ::-1], np.uint8)
