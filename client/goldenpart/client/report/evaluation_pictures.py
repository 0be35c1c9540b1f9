"""Pictures of the test images that went wrong: the frame, its heat, and where the defect really is."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter, ImageOps

from goldenpart.client.evaluation.results import THUMBNAIL_SCALE, ImageOutcome, Run

SHOWN_FROM = 0.5
"""Heat from which on it is tinted, in thresholds."""

_PICTURE_PX = 420
_TOP_HEAT = 2.0
_OPACITY = 0.6
_LIMIT_COLOUR, _TRUTH_COLOUR, _RIM_COLOUR = (255, 255, 255), (64, 224, 255), (24, 28, 32)
_RAMP = np.array([(255, 225, 77), (245, 130, 32), (200, 22, 40)], np.float64)  # at SHOWN_FROM, between, at _TOP_HEAT


@dataclass(frozen=True, slots=True)
class WrongImage:
    """A test image with a wrong verdict.

    Attributes:
        outcome: The image.
        picture: JPEG data URI; empty if neither its frame nor its heat map can be read.
        remark: What is missing in the picture; empty if nothing is.
        comparison: The first region beside the golden patch it is nearest to, JPEG data URI; empty without one.
    """

    outcome: ImageOutcome
    picture: str
    remark: str
    comparison: str = ""


def wrong_images(run: Run, outcomes: Sequence[ImageOutcome], report: Path) -> tuple[WrongImage, ...]:
    """Draw outcomes of a run.

    Args:
        run: Whose folder has the frames and masks.
        outcomes: Which ones.
        report: Folder that the paths of thumbnails and comparisons are relative to.
    """
    return tuple(_draw(Path(run.folder), outcome, report) for outcome in outcomes)


def _draw(folder: Path, outcome: ImageOutcome, report: Path) -> WrongImage:
    frame = _read(folder / outcome.path)
    heat = _read(report / outcome.heat_thumbnail) if outcome.heat_thumbnail else None
    compared = _read(report / outcome.comparison) if outcome.comparison else None
    comparison = _data_uri(compared) if compared is not None else ""
    remark = ", ".join(word for word, missing in (("frame not found", frame is None), ("no heat map", heat is None)) if missing)
    if frame is None and heat is None:
        return WrongImage(outcome, "", remark, comparison)
    picture = frame if frame is not None else Image.new("RGB", heat.size if heat else (1, 1), (64, 68, 72))
    picture = _fitted(picture)
    masks = [mask for name in outcome.masks if (mask := _read(folder / name)) is not None]
    if heat is not None:
        picture = tint(picture, np.asarray(heat.convert("L").resize(picture.size, Image.Resampling.BICUBIC)))
    for mask in masks:
        marked = mask.convert("L").point(lambda level: 255 if level else 0).resize(picture.size, Image.Resampling.NEAREST)
        _draw_outline(picture, marked, _TRUTH_COLOUR)
    return WrongImage(outcome, _data_uri(picture), remark, comparison)


def _read(path: Path) -> Image.Image | None:
    """Return a picture upright, with 8 bits per sample; None if it cannot be read."""
    try:
        with Image.open(path) as opened:
            upright = ImageOps.exif_transpose(opened)
            upright.load()
    except OSError:
        return None
    if upright.mode.startswith("I;16") or upright.mode in {"I", "F"}:
        upright = Image.fromarray((np.clip(np.asarray(upright, np.float64), 0, 65_535) / 256).astype(np.uint8))
    return upright if upright.mode == "L" else upright.convert("RGB")


def _fitted(picture: Image.Image) -> Image.Image:
    factor = _PICTURE_PX / max(picture.size)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def tint(picture: Image.Image, grey: npt.NDArray[np.uint8]) -> Image.Image:
    """Lay heat over a picture and outline where it reaches the limit.

    Args:
        picture: RGB.
        grey: (H, W) uint8 of the same size, in steps of ``THUMBNAIL_SCALE`` thresholds.
    """
    heat = grey.astype(np.float64) * THUMBNAIL_SCALE
    share = np.clip((heat - SHOWN_FROM) / (_TOP_HEAT - SHOWN_FROM), 0, 1)
    colour = np.stack([np.interp(share, (0, 0.5, 1), _RAMP[:, channel]) for channel in range(3)], axis=-1)  # (H, W, 3)
    opacity = (_OPACITY * np.sqrt(share))[..., None]
    mixed = np.asarray(picture, np.float64) * (1 - opacity) + colour * opacity
    tinted = Image.fromarray(mixed.round().astype(np.uint8))
    above = Image.fromarray(((heat >= 1) * 255).astype(np.uint8))
    _draw_outline(tinted, above, _LIMIT_COLOUR)
    return tinted


def _draw_outline(picture: Image.Image, marked: Image.Image, colour: tuple[int, int, int]) -> None:
    """Draw the rim of what is marked ("L", 0 or 255), two pixels wide with a dark one at either side: it is seen on any ground."""
    rim = ImageChops.subtract(marked.filter(ImageFilter.MaxFilter(3)), marked.filter(ImageFilter.MinFilter(3)))
    picture.paste(_RIM_COLOUR, mask=rim.filter(ImageFilter.MaxFilter(3)))
    picture.paste(colour, mask=rim)


def _data_uri(picture: Image.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
