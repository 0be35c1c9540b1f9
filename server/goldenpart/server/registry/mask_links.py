"""A revision's files under another mask."""

from __future__ import annotations

from pathlib import Path

from goldenpart.server.registry.durable_files import link_file, make_folders, sync_folders, write_file
from goldenpart.server.registry.manifest import MASK_FILES, FileDigest, Manifest
from goldenpart.server.registry.mask_files import mask_to_files
from goldenpart.server.registry.revision_folder import RevisionFolder
from goldenpart.server.vision.mask import InspectionMask


def link_with_mask(source: RevisionFolder, manifest: Manifest, path: Path, mask: InspectionMask | None) -> dict[str, FileDigest]:
    """Fill an empty folder with a verified revision's files and another mask, synced; the manifest is left out. Blocks.

    Returns:
        The digest of each file.
    """
    files = {name: digest for name, digest in manifest.files.items() if name not in MASK_FILES}
    make_folders(path, files)
    for name in files:
        link_file(source.path / name, path / name)
    sync_folders(path)
    contents = mask_to_files(mask) if mask is not None else {}
    return {**files, **{name: write_file(path / name, [data]) for name, data in contents.items()}}
