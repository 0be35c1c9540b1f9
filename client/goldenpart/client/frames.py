"""What a client sends: frames, golden parts and masks."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goldenpart.client.recipe import Recipe

ImageSource = bytes | Path | npt.NDArray[np.uint8]
"""An image: the bytes of a JPEG, PNG, BMP, TIFF or WebP file; the path of one; or (H, W) or (H, W, 3) uint8 pixels."""

RelativePoint = tuple[float, float]
"""x and y as fractions of width and height, (0, 0) = top left corner, (1, 1) = bottom right one."""


class PixelFormat(StrEnum):
    """How an array's pixels are meant (GenICam PFNC names)."""

    MONO8 = "MONO8"
    RGB8 = "RGB8"
    BGR8 = "BGR8"
    BAYER_RG8 = "BAYER_RG8"


@dataclass(frozen=True, slots=True)
class InspectOptions:
    """What comes back beside the verdict.

    Attributes:
        regions: Defective areas as boxes.
        heatmap: Heat map as a 16-bit PNG.
        overlay: A picture for people.
        explanation: Regions, and for the first of them a picture beside the golden part they are nearest to.
        reuse_features: Take what the backbone made of the same picture from the server's cache: for trying many recipes, not for a line.
        rescore: Knobs to score the picture by as well, as if the revision had been fitted with them. Only those that change nothing of what
            was learned: aggregate, aggregate_patches, aggregate_percent, and for a bank neighbours, reweight_neighbours and
            local_scale_neighbours = 0. Their presets are ignored. At most 256.
    """

    regions: bool = False
    heatmap: bool = False
    overlay: bool = False
    explanation: bool = False
    reuse_features: bool = False
    rescore: tuple[Recipe, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One camera image to inspect. Compared by identity, because arrays have no single truth value.

    Attributes:
        frame_id: The sender's name for it, 1 to 128 characters, unique within the call.
        category: Product type.
        image: The picture. A path is read when the request is built.
        options: What comes back beside the verdict.
        pixel_format: For arrays only; None means MONO8 for (H, W) and RGB8 for (H, W, 3).
        revision: Judge by this revision instead of the active one; empty means the active one.
        budget_ms: The verdict is wanted within so many milliseconds after arrival; 0 means the call's deadline alone counts.
    """

    frame_id: str
    category: str
    image: ImageSource
    options: InspectOptions = InspectOptions()  # frozen, so one instance serves all
    pixel_format: PixelFormat | None = None
    revision: str = ""
    budget_ms: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class NamedImage:
    """A golden part or calibration image with the name under which the server remembers it.

    Attributes:
        name: File name or label, up to 255 characters, unique within the call.
        image: The picture. A path is read when its turn to be sent comes.
        pixel_format: As in :class:`Frame`.
    """

    name: str
    image: ImageSource
    pixel_format: PixelFormat | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """Where a category is inspected; stretched with the frame, so it holds for every image size.

    Attributes:
        image: Grey image, 0 is ignored, anything else is inspected. Excludes the polygons.
        include: Inspect inside these polygons only, at least 3 vertices each; none means the whole image.
        ignore: Ignore inside these, for example a serial number; wins over ``include``.

    Raises:
        ValueError: Both an image and polygons, or neither.
    """

    image: ImageSource | None = None
    include: tuple[tuple[RelativePoint, ...], ...] = ()
    ignore: tuple[tuple[RelativePoint, ...], ...] = ()

    def __post_init__(self) -> None:
        polygons = len(self.include) + len(self.ignore)
        if (self.image is not None) == (polygons > 0):
            given = f"an image and {polygons} polygons" if polygons else "neither an image nor polygons"
            raise ValueError(f"a mask is either an image or polygons, but {given} was given")
