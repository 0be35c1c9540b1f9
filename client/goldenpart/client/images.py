"""Which image files are meant on a command line."""

import glob
import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


class NoImagesError(ValueError):
    """Nothing was found where images were expected."""


def expand(sources: Iterable[str | Path], *, unreachable: bool = False) -> tuple[Path, ...]:
    """Find the image files that files, folders and glob patterns mean.

    Folders are searched with all their subfolders for the suffixes of :data:`IMAGE_SUFFIXES`, in either case; hidden files and folders
    are left out. Files named outright are taken whatever their suffix. Within a folder or pattern the order is by path; a file that
    several sources mean comes once.

    Args:
        sources: Paths or patterns such as ``parts/*.png`` or ``parts/**/*.png``.
        unreachable: Whether files that are there but cannot be reached, such as links that lead nowhere, are returned too; otherwise they
            are refused.

    Returns:
        At least one file.

    Raises:
        NoImagesError: A source means no file or one that cannot be reached, or there are no sources.
    """
    found = dict.fromkeys(path for source in sources for path in _expand_one(source))
    if not found:
        raise NoImagesError("no images were given; name files, folders or patterns")
    return tuple(found) if unreachable else _reached(found)


def _expand_one(source: str | Path) -> list[Path]:
    path = Path(source)
    if _hindrance(path) or path.is_file():
        return [path]
    if path.is_dir():
        if not (inside := images_below(path, unreachable=True)):
            raise NoImagesError(f"{path} holds no images; expected files ending in {_suffixes()}")
        return list(inside)
    matches = sorted(Path(match) for match in glob.glob(str(source), recursive=True))  # noqa: PTH207  # the pattern may be absolute, which Path.glob refuses
    files = [match for match in matches if match.suffix.lower() in IMAGE_SUFFIXES and (_hindrance(match) or match.is_file())]
    if files:
        return files
    if glob.has_magic(str(source)):
        raise NoImagesError(f"no image matches {source}; expected files ending in {_suffixes()}")
    raise NoImagesError(f"{source} does not exist")


def images_below(folder: Path, *, unreachable: bool = False) -> tuple[Path, ...]:
    """Return the image files in a folder and all its subfolders by path, hidden ones left out; nothing if it does not exist.

    Raises:
        NoImagesError: A file cannot be reached; not if ``unreachable`` wants such files as well.
    """
    found = sorted(path for path in folder.rglob("*") if _is_image(path, folder))
    return tuple(found) if unreachable else _reached(found)


def _is_image(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.suffix.lower() in IMAGE_SUFFIXES and (bool(_hindrance(path)) or path.is_file())


def _reached(paths: Iterable[Path]) -> tuple[Path, ...]:
    found = tuple(paths)
    for path in found:
        if hindrance := _hindrance(path):
            raise NoImagesError(f"{path} {hindrance}; repair it or remove it")
    return found


def _hindrance(path: Path) -> str:
    """Return why a path that is there cannot be reached; empty if it can be, or if nothing is there."""
    try:
        path.stat()
    except FileNotFoundError:
        return "is a link that leads nowhere" if path.is_symlink() else ""
    except NotADirectoryError:
        return ""
    except OSError as error:
        return f"cannot be reached ({error.strerror})"
    return ""


def _suffixes() -> str:
    return " ".join(sorted(IMAGE_SUFFIXES))


def sample(paths: Sequence[Path], shots: int, seed: int) -> tuple[Path, ...]:
    """Choose files at random; the same files, number and seed give the same choice.

    Args:
        paths: Where to choose from.
        shots: How many, 1 to ``len(paths)``.
        seed: Of the random generator.

    Returns:
        The chosen files in the order in which they were given.

    Raises:
        NoImagesError: Fewer files than shots.
        ValueError: ``shots`` is below 1.
    """
    if shots < 1:
        raise ValueError(f"shots is {shots}; at least 1 golden part is needed")
    if shots > len(paths):
        raise NoImagesError(f"{shots} shots are wanted but only {len(paths)} images were found; add images or ask for fewer shots")
    chosen = random.Random(seed).sample(range(len(paths)), shots)  # noqa: S311  # repeatable on purpose
    return tuple(paths[index] for index in sorted(chosen))


def distinct_names(paths: Iterable[Path], *, limit_bytes: int = 255, with_suffix: bool = True) -> dict[Path, str]:
    """Give every file a name of its own: its file name, else with as many parent folders as it takes, else with a number.

    Names are told apart as on file systems that ignore case, and can be sent and written everywhere: undecodable bytes become ``?``.

    Args:
        paths: Files, each once.
        limit_bytes: Longest name in UTF-8, >= 32.
        with_suffix: Whether the file's suffix stays.
    """
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for path in paths:
        candidates = _candidates(path if with_suffix else path.with_suffix(""), limit_bytes)
        name = next(candidate for candidate in candidates if candidate.casefold() not in taken)
        taken.add(name.casefold())
        names[path] = name
    return names


def _candidates(path: Path, limit_bytes: int) -> Iterator[str]:
    parts = [part for part in path.parts if part != path.anchor and part not in {".", ".."}]
    encoded = ["-".join(parts[-count:]).encode(errors="replace") for count in range(1, len(parts) + 1)]
    yield from (name.decode() for name in encoded if len(name) <= limit_bytes)
    start = encoded[0][: limit_bytes - 16].decode(errors="ignore")
    yield from (f"{start}-{number}" for number in itertools.count(2))
