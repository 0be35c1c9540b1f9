"""Finished runs on disk, so that an evaluation that was broken off goes on where it stopped."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from goldenpart.client.evaluation.errors import EvaluationError
from goldenpart.client.evaluation.json_records import digest_of, from_json
from goldenpart.client.evaluation.results import FORMAT_VERSION, Evaluation, Run, RunKey
from goldenpart.client.json_form import to_json


class RunFiles:
    """One JSON file per finished run, ``runs/<category>-<shots>-<seed>-<digest>.json``. Belongs to one thread.

    Args:
        folder: Of the report; made when the first run is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, key: RunKey) -> Run | None:
        """Return the run with this very key; None if there is none, or its file cannot be understood."""
        try:
            run = from_json(Run, json.loads(self._path(key).read_text("utf-8")))
        except (FileNotFoundError, ValueError):  # written by another version, or by hand: it is measured again
            return None
        return run if run.key == key and self._pictures_exist(run) else None

    def keep(self, run: Run) -> None:
        """Write a run; its file appears only when it is complete."""
        path = self._path(run.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".tmp")
        unfinished.write_text(json.dumps(to_json(run), indent=1, ensure_ascii=False, allow_nan=False), "utf-8")
        unfinished.replace(path)

    def keep_manifest(self, category: str, files: Mapping[str, str]) -> None:
        """Write which files a category had, ``manifests/<category>.sha256``, as ``sha256sum --check`` reads it in the category's folder."""
        path = self.folder / "manifests" / f"{_safe(category)}.sha256"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(files.items())), "utf-8")

    def thumbnail(self, key: RunKey, index: int) -> str:
        """Return where the thumbnail of a test image goes, relative to the folder."""
        return f"heat/{_name(key)}/{index:05d}.png"

    def comparison(self, key: RunKey, index: int) -> str:
        """Return where the picture that explains a test image goes, relative to the folder."""
        return f"comparisons/{_name(key)}/{index:05d}.png"

    def _path(self, key: RunKey) -> Path:
        return self.folder / "runs" / f"{_name(key)}.json"

    def _pictures_exist(self, run: Run) -> bool:
        names = (name for image in run.images for name in (image.heat_thumbnail, image.comparison) if name)
        return all((self.folder / name).is_file() for name in names)


def read_results(path: Path) -> Evaluation:
    """Read ``results.json``.

    Raises:
        EvaluationError: It is something else, or of another version.
        OSError: It cannot be read.
    """
    try:
        read = json.loads(path.read_text("utf-8"))
        version = read.get("format_version") if isinstance(read, dict) else None
        found = from_json(Evaluation, read) if version == FORMAT_VERSION else None
    except ValueError as error:
        raise EvaluationError(f"{path} is no results.json of goldenpart evaluate: {error}") from error
    if found is None:
        raise EvaluationError(f"{path} has format version {version}, this client reads {FORMAT_VERSION}; run the evaluation again")
    return found


def _name(key: RunKey) -> str:
    return f"{_safe(key.category)}-{'all' if key.all_golden else key.shots}-seed{key.seed}-{digest_of(key)[:12]}"


def _safe(category: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", category)
