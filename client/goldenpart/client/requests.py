"""Makes the contract's requests from what the user gives; shared by the sync and the async client."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from enum import StrEnum
from pathlib import Path

import numpy as np

from goldenpart.client.frames import Frame, ImageSource, InspectOptions, Mask, NamedImage, PixelFormat, RelativePoint
from goldenpart.client.recipe import Preset, Recipe
from goldenpart.client.revisions import ThresholdRequest
from goldenpart.v1 import category_pb2, image_pb2, inspection_pb2, onboarding_pb2, recipe_pb2

CHUNK_BYTES = 1024 * 1024
"""Size of the pieces in which a revision's file travels."""

_CHANNELS = {PixelFormat.MONO8: 1, PixelFormat.BAYER_RG8: 1, PixelFormat.RGB8: 3, PixelFormat.BGR8: 3}
_RECIPE_ENUMS = {
    "preset": (recipe_pb2.Preset, "PRESET_"),
    "resize": (recipe_pb2.Resize, "RESIZE_"),
    "metric": (recipe_pb2.Metric, "METRIC_"),
    "aggregate": (recipe_pb2.Aggregate, "AGGREGATE_"),
    "coreset": (recipe_pb2.Coreset, "CORESET_"),
    "search_index": (recipe_pb2.SearchIndex, "SEARCH_INDEX_"),
    "detector": (recipe_pb2.Detector, "DETECTOR_"),
}


def image(source: ImageSource, pixel_format: PixelFormat | None = None) -> image_pb2.Image:
    """Make an image message; files go as they are, arrays as raw pixels.

    Args:
        source: Bytes of an image file, its path, or (H, W) or (H, W, 3) uint8 pixels of any strides.
        pixel_format: How an array's pixels are meant; None means MONO8 or RGB8 by its shape.

    Raises:
        OSError: The file cannot be read.
        TypeError: Neither bytes, path nor uint8 array.
        ValueError: The array's shape does not fit, or a pixel format is given for a file.
    """
    if isinstance(source, np.ndarray):
        return image_pb2.Image(raw=_raw_image(source, pixel_format))
    if pixel_format is not None:
        raise ValueError(f"pixel_format={pixel_format} is for arrays; a file says itself how its pixels are meant, so leave it out")
    if isinstance(source, Path):
        return image_pb2.Image(encoded=source.read_bytes())
    if isinstance(source, bytes):
        return image_pb2.Image(encoded=source)
    raise TypeError(f"an image is bytes, a pathlib.Path or a uint8 array, not {type(source).__name__}")


def _raw_image(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], pixel_format: PixelFormat | None) -> image_pb2.RawImage:
    if pixels.dtype != np.uint8:
        raise TypeError(f"pixels are uint8 in 0..255, not {pixels.dtype}; scale and convert them first")
    channels = {2: 1, 3: pixels.shape[-1]}.get(pixels.ndim)
    wanted = pixel_format or {1: PixelFormat.MONO8, 3: PixelFormat.RGB8}.get(channels or 0)
    if wanted is None or channels != _CHANNELS[wanted] or pixels.size == 0:
        name = wanted or "an array without pixel_format"
        raise ValueError(f"{name} cannot have shape {pixels.shape}; it is (H, W) for MONO8 and BAYER_RG8, (H, W, 3) for RGB8 and BGR8")
    return image_pb2.RawImage(
        data=pixels.tobytes(),
        width_px=pixels.shape[1],
        height_px=pixels.shape[0],
        pixel_format=f"PIXEL_FORMAT_{wanted}",
    )


def frame(source: Frame) -> inspection_pb2.Frame:
    """Make a frame message; see :func:`image` for the errors."""
    return inspection_pb2.Frame(
        frame_id=source.frame_id,
        category=source.category,
        image=image(source.image, source.pixel_format),
        options=_options(source.options),
        revision=source.revision,
        budget_ms=source.budget_ms,
    )


def _options(options: InspectOptions) -> inspection_pb2.InspectOptions:
    return inspection_pb2.InspectOptions(
        regions=options.regions,
        heatmap=options.heatmap,
        overlay=options.overlay,
        explanation=options.explanation,
        reuse_features=options.reuse_features,
        rescore=map(rescored_knobs, options.rescore),
    )


def inspect(frames: Iterable[Frame]) -> inspection_pb2.InspectRequest:
    """Make the request of a unary inspection; see :func:`image` for the errors."""
    return inspection_pb2.InspectRequest(frames=[frame(one) for one in frames])


def stream_frame(source: Frame) -> inspection_pb2.InspectStreamRequest:
    """Make the message of one frame on a stream; see :func:`image` for the errors."""
    return inspection_pb2.InspectStreamRequest(frame=frame(source))


def rescored_knobs(knobs: Recipe) -> recipe_pb2.Recipe:
    """Make the message of knobs that go with a revision's recipe, which stands in for the preset.

    Raises:
        ValueError: They name another preset.
    """
    if knobs.preset is not Preset.DEFAULT:
        raise ValueError(f"knobs to rescore by go with the revision's recipe; preset {knobs.preset} cannot be named")
    message = recipe(knobs)
    message.ClearField("preset")
    return message


def recipe(knobs: Recipe) -> recipe_pb2.Recipe:
    """Make a recipe message; knobs that are None stay unset."""
    message = recipe_pb2.Recipe()
    for knob in fields(knobs):
        value = getattr(knobs, knob.name)
        if isinstance(value, StrEnum):
            enum, prefix = _RECIPE_ENUMS[knob.name]
            setattr(message, knob.name, enum.Value(f"{prefix}{value}"))
        elif knob.name == "ensemble_detectors":
            getattr(message, knob.name).extend(recipe_pb2.Detector.Value(f"DETECTOR_{member}") for member in value or ())
        elif isinstance(value, tuple):
            getattr(message, knob.name).extend(value)
        elif value is not None:
            setattr(message, knob.name, value)
    return message


def mask(source: Mask) -> image_pb2.InspectionMask:
    """Make a mask message; see :func:`image` for the errors."""
    if source.image is not None:
        return image_pb2.InspectionMask(image=image(source.image))
    polygons = image_pb2.PolygonMask(include=map(_polygon, source.include), ignore=map(_polygon, source.ignore))
    return image_pb2.InspectionMask(polygons=polygons)


def _polygon(vertices: Sequence[RelativePoint]) -> image_pb2.Polygon:
    return image_pb2.Polygon(vertices=[image_pb2.RelativePoint(x=x, y=y) for x, y in vertices])


def threshold(wanted: ThresholdRequest) -> onboarding_pb2.ThresholdRequest:
    """Make a threshold request."""
    return onboarding_pb2.ThresholdRequest(
        method=f"CALIBRATION_METHOD_{wanted.method or 'UNSPECIFIED'}",
        false_reject_rate=wanted.false_reject_rate,
        review_rate=wanted.review_rate,
    )


def named_images(images: Iterable[ImageSource | NamedImage]) -> Iterator[NamedImage]:
    """Yield the images with names: a path's file name, or ``image-0000`` by the place in the order."""
    for index, source in enumerate(images):
        if isinstance(source, NamedImage):
            yield source
        else:
            yield NamedImage(source.name if isinstance(source, Path) else f"image-{index:04d}", source)


def fit(
    category: str,
    images: Iterable[ImageSource | NamedImage],
    *,
    recipe_wanted: Recipe | None,
    mask_wanted: Mask | None,
    threshold_wanted: ThresholdRequest | None,
    stage_only: bool,
    etag: str,
    reuse_features: bool = False,
    without_threshold: bool = False,
) -> Iterator[onboarding_pb2.FitRequest]:
    """Yield the messages of Fit, one per image, each read when its turn comes; see :func:`image` for the errors."""
    parts = list(named_images(images))
    config = onboarding_pb2.FitConfig(
        category=category,
        recipe=recipe(recipe_wanted or Recipe()),
        mask=mask(mask_wanted) if mask_wanted else None,
        threshold=threshold(threshold_wanted) if threshold_wanted else None,
        stage_only=stage_only,
        etag=etag,
        image_count=len(parts),
        reuse_features=reuse_features,
        without_threshold=without_threshold,
    )
    yield onboarding_pb2.FitRequest(config=config)
    for part in parts:
        golden = onboarding_pb2.GoldenImage(name=part.name, image=image(part.image, part.pixel_format))
        yield onboarding_pb2.FitRequest(image=golden)


def calibrate(
    category: str,
    normal: Iterable[ImageSource | NamedImage],
    defective: Iterable[ImageSource | NamedImage],
    *,
    revision: str,
    threshold_wanted: ThresholdRequest | None,
    stage_only: bool,
    etag: str,
    gate: bool = False,
    added_false_rejects_allowed: int = 0,
    reuse_features: bool = False,
) -> Iterator[onboarding_pb2.CalibrateRequest]:
    """Yield the messages of Calibrate, one per image, normal ones first; see :func:`image` for the errors."""
    labelled = [(onboarding_pb2.LABEL_NORMAL, part) for part in named_images(normal)]
    labelled += [(onboarding_pb2.LABEL_DEFECTIVE, part) for part in named_images(defective)]
    config = onboarding_pb2.CalibrateConfig(
        category=category,
        revision=revision,
        threshold=threshold(threshold_wanted) if threshold_wanted else None,
        stage_only=stage_only,
        etag=etag,
        image_count=len(labelled),
        gate=gate,
        added_false_rejects_allowed=added_false_rejects_allowed,
        reuse_features=reuse_features,
    )
    yield onboarding_pb2.CalibrateRequest(config=config)
    for label, part in labelled:
        picture = onboarding_pb2.LabelledImage(name=part.name, image=image(part.image, part.pixel_format), label=label)
        yield onboarding_pb2.CalibrateRequest(image=picture)


def import_revision(path: Path, *, category: str, stage_only: bool, etag: str) -> Iterator[category_pb2.ImportRevisionRequest]:
    """Yield the messages that carry a revision's file.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        config = category_pb2.ImportConfig(category=category, stage_only=stage_only, etag=etag)
        yield category_pb2.ImportRevisionRequest(config=config)
        while chunk := file.read(CHUNK_BYTES):
            yield category_pb2.ImportRevisionRequest(chunk=chunk)
