"""Where a part is inspected: a mask in relative coordinates, so that it fits every image size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from goldenpart.server.errors import ImageError, MaskError
from goldenpart.server.vision.image import EncodedImage, ImageSource, decode, read_size
from goldenpart.server.vision.polygons import Polygon, check_polygon, fill
from goldenpart.server.vision.zones import Zone, ZoneKind, Zones

__all__ = ["BoolGrid", "InspectionMask", "Polygon", "read_mask_image"]

BoolGrid = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class InspectionMask:
    """Areas that are inspected, and zones with rules of their own. What is inspected lies inside the image's and the polygons' areas.

    Attributes:
        image: (H, W) bool, True = inspected; None if nothing was drawn.
        include: polygons inside which is inspected; none means everywhere.
        ignore: polygons inside which nothing is inspected; wins over `include`.
        zones: where the polygons come from, see `of_zones`; None if they have no names.

    Raises:
        MaskError: a vertex is not finite or outside [0, 1], a polygon has fewer than 3 vertices, or nothing is left to inspect.
    """

    image: BoolGrid | None = None
    include: tuple[Polygon, ...] = ()
    ignore: tuple[Polygon, ...] = ()
    zones: Zones | None = None

    def __post_init__(self) -> None:
        for kind, polygons in (("include", self.include), ("ignore", self.ignore)):
            for number, polygon in enumerate(polygons):
                check_polygon(polygon, f"mask.polygons.{kind}[{number}]")
        if self.image is not None and not self.image.any():
            raise MaskError("The mask image is 0 everywhere; nothing would be inspected. Anything but 0 is inspected.", field="mask.image")
        if self.zones is not None and (self.include, self.ignore) != (self.zones.include, self.zones.ignore):
            raise ValueError("a mask with zones takes its polygons from them; make it with of_zones")

    @classmethod
    def of_zones(cls, zones: Zones, image: BoolGrid | None = None) -> InspectionMask:
        """Make a mask of zones, and of a drawn one within which they hold."""
        return cls(image, zones.include, zones.ignore, zones)

    @property
    def restricts(self) -> bool:
        """Whether some place may not be inspected."""
        return self.image is not None or bool(self.include or self.ignore)

    @property
    def is_mask(self) -> bool:
        """Whether a revision with it counts as masked: without zones always, with zones if they restrict where is inspected."""
        return self.zones is None or self.restricts

    @property
    def as_zones(self) -> Zones:
        """The zones, or the nameless polygons as zones called include-1, ignore-1, ..."""
        if self.zones is not None:
            return self.zones
        kinds = ((ZoneKind.INCLUDE, self.include), (ZoneKind.IGNORE, self.ignore))
        numbered = ((kind, number, polygon) for kind, polygons in kinds for number, polygon in enumerate(polygons, 1))
        return Zones(tuple(Zone(f"{kind}-{number}", kind, polygon) for kind, number, polygon in numbered))

    def inspects_as(self, other: InspectionMask) -> bool:
        """Whether both leave out the same places, so that a detector fitted with one judges with the other."""
        images = (self.image, other.image)
        same_image = images[0] is images[1] or (images[0] is not None and images[1] is not None and np.array_equal(images[0], images[1]))
        return same_image and set(self.include) == set(other.include) and set(self.ignore) == set(other.ignore)

    def render(self, width_px: int, height_px: int) -> BoolGrid:
        """Draw the mask at a size.

        Returns:
            (height_px, width_px) bool, True = inspected.
        """
        canvas = np.full((height_px, width_px), 0 if self.include else 1, np.uint8)
        for polygons, value in ((self.include, 1), (self.ignore, 0)):
            for polygon in polygons:
                fill(canvas, polygon, value, width_px, height_px)
        if self.image is not None:
            drawn = cv2.resize(self.image.astype(np.uint8), (width_px, height_px), interpolation=cv2.INTER_NEAREST)
            canvas &= np.asarray(drawn, np.uint8)
        return canvas.astype(np.bool_)


def read_mask_image(source: ImageSource, max_pixels: int) -> BoolGrid:
    """Decode a mask that came as a picture; anything but 0 in any channel, at any depth, is inspected. Blocks; any thread.

    Returns:
        (H, W) bool, upright.

    Raises:
        MaskError: it cannot be decoded, or has more than `max_pixels`.
    """
    try:
        read_size(source, max_pixels)
        pixels = decode(source)
    except ImageError as error:
        raise MaskError(f"The mask image cannot be used. {error.message}", field="mask.image") from error
    if isinstance(source, EncodedImage):  # `decode` keeps the upper 8 bits of 16, where a mask that numbers its areas is 0
        deep = cv2.imdecode(np.frombuffer(source.data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        return np.asarray(np.asarray(deep, np.uint16).any(axis=2), np.bool_)
    return np.asarray(pixels.any(axis=2), np.bool_)
