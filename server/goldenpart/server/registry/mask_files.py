"""A mask as files: a picture for one that was drawn, JSON for polygons and for zones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from goldenpart.server.errors import GoldenpartError, MaskError, RevisionDamagedError
from goldenpart.server.registry.dataclass_json import dump_json, from_plain, load_json, to_plain
from goldenpart.server.registry.manifest import MASK_IMAGE_FILE, MASK_POLYGONS_FILE, ZONES_FILE
from goldenpart.server.vision.image import EncodedImage, read_size
from goldenpart.server.vision.mask import InspectionMask, Polygon
from goldenpart.server.vision.zones import Zones

_MAX_PIXELS = 2**28  # a few kilobytes of PNG can claim a gigapixel


@dataclass(frozen=True, slots=True)
class _Polygons:
    include: tuple[Polygon, ...]
    ignore: tuple[Polygon, ...]


def mask_to_files(mask: InspectionMask) -> dict[str, bytes]:
    """Return the content of each file of a mask, by name: white (255) is inspected, black (0) is not.

    Raises:
        MaskError: its picture has more pixels than a mask may have.
    """
    files = {}
    if mask.image is not None:
        if mask.image.size > _MAX_PIXELS:
            raise MaskError(
                f"The mask has {mask.image.size} pixels; the limit is {_MAX_PIXELS}. Scale it down: it is stretched to each image anyhow.",
                field="mask.image",
            )
        files[MASK_IMAGE_FILE] = cv2.imencode(".png", mask.image.astype(np.uint8) * np.uint8(255))[1].tobytes()
    if mask.zones is not None:
        files[ZONES_FILE] = dump_json(to_plain(mask.zones)).encode()
    elif mask.image is None or mask.include or mask.ignore:
        files[MASK_POLYGONS_FILE] = dump_json(to_plain(_Polygons(mask.include, mask.ignore))).encode()
    return files


def mask_from_files(files: Mapping[str, bytes]) -> InspectionMask:
    """Read what `mask_to_files` returned.

    Raises:
        RevisionDamagedError: it is something else.
    """
    name = MASK_IMAGE_FILE
    try:
        image = _grid(files[name]) if name in files else None
        if ZONES_FILE in files:
            name = ZONES_FILE
            return InspectionMask.of_zones(from_plain(Zones, load_json(files[name].decode()), "zones"), image)
        name = MASK_POLYGONS_FILE
        polygons = from_plain(_Polygons, load_json(files[name].decode()), "mask") if name in files else _Polygons((), ())
        return InspectionMask(image, polygons.include, polygons.ignore)
    except (ValueError, GoldenpartError, cv2.error) as error:
        raise RevisionDamagedError(f"{name} is no mask: {error}.", file=name) from error


def _grid(data: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    read_size(EncodedImage(data), _MAX_PIXELS)
    grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise ValueError("the picture cannot be decoded")
    return np.asarray(grey != 0, np.bool_)
