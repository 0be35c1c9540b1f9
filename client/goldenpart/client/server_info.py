"""What a server is and what it takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Backbone:
    """A backbone that the server can fit with.

    Attributes:
        name: For ``Recipe.backbone``.
        digest: sha256 of its weights; empty while it is not loaded.
        loaded: Whether its weights are in memory.
        is_default: Whether it is taken where a recipe names none.
    """

    name: str
    digest: str
    loaded: bool
    is_default: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may hold.

    Attributes:
        message_bytes: Largest gRPC message in either direction.
        image_pixels: Largest image, width times height.
        frames_per_call: Frames in one Inspect call.
        frames_in_server: Frames the server holds at once.
        pixels_in_server: Pixels the server holds at once.
        golden_parts: Golden parts in one Fit call.
        calibration_images: Images in one Calibrate call.
        batch_frames: Frames in one backbone batch.
    """

    message_bytes: int
    image_pixels: int
    frames_per_call: int
    frames_in_server: int
    pixels_in_server: int
    golden_parts: int
    calibration_images: int
    batch_frames: int


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The server.

    Attributes:
        version: Version of Goldenpart.
        device: Device the backbone runs on, for example cpu or cuda:0.
        backbones: By name.
        limits: What one call may hold.
        start_time: When it started, UTC; None if not stated.
        library_versions: Versions of the libraries that decide about results.
    """

    version: str
    device: str
    backbones: tuple[Backbone, ...]
    limits: Limits
    start_time: datetime | None
    library_versions: Mapping[str, str]
