"""Messages of AddGoldenParts and RemoveGoldenPart to and from the client's own types."""

from collections.abc import Iterable, Iterator

from goldenpart.client import challenge_messages, conversions, requests
from goldenpart.client.frames import ImageSource, NamedImage
from goldenpart.client.learning import GoldenPartsReport
from goldenpart.client.revisions import Progress, ThresholdRequest
from goldenpart.v1 import onboarding_pb2


def add_golden_parts(
    category: str,
    images: Iterable[ImageSource | NamedImage],
    *,
    revision: str,
    threshold: ThresholdRequest | None,
    stage_only: bool,
    etag: str,
    added_false_rejects_allowed: int,
) -> Iterator[onboarding_pb2.AddGoldenPartsRequest]:
    """Yield the messages of AddGoldenParts, one per image, each read when its turn comes; see ``requests.image`` for the errors."""
    parts = list(requests.named_images(images))
    config = onboarding_pb2.AddGoldenPartsConfig(
        category=category,
        revision=revision,
        threshold=requests.threshold(threshold) if threshold else None,
        stage_only=stage_only,
        etag=etag,
        image_count=len(parts),
        added_false_rejects_allowed=added_false_rejects_allowed,
    )
    yield onboarding_pb2.AddGoldenPartsRequest(config=config)
    for part in parts:
        golden = onboarding_pb2.GoldenImage(name=part.name, image=requests.image(part.image, part.pixel_format))
        yield onboarding_pb2.AddGoldenPartsRequest(image=golden)


def remove_golden_part(
    category: str,
    part: int | str,
    *,
    revision: str,
    threshold: ThresholdRequest | None,
    stage_only: bool,
    etag: str,
    added_false_rejects_allowed: int,
) -> onboarding_pb2.RemoveGoldenPartRequest:
    """Make the request of RemoveGoldenPart: an index counts from 0, anything else is a name.

    Raises:
        ValueError: The index is negative.
    """
    if isinstance(part, int) and part < 0:
        raise ValueError(f"golden part {part}: indices count from 0")
    return onboarding_pb2.RemoveGoldenPartRequest(
        category=category,
        revision=revision,
        index=part if isinstance(part, int) else None,
        name=part if isinstance(part, str) else None,
        threshold=requests.threshold(threshold) if threshold else None,
        stage_only=stage_only,
        etag=etag,
        added_false_rejects_allowed=added_false_rejects_allowed,
    )


def golden_parts_event(
    message: onboarding_pb2.AddGoldenPartsResponse | onboarding_pb2.RemoveGoldenPartResponse,
) -> Progress | GoldenPartsReport:
    """Convert a message of either call."""
    if not message.HasField("result"):
        return conversions.progress(message.progress)
    result = message.result
    return GoldenPartsReport(
        revision=conversions.revision(result.revision),
        base_revision=result.base_revision,
        gate=challenge_messages.gate(result.gate),
        left_out_of_calibration=tuple(result.left_out_of_calibration),
        warnings=tuple(result.warnings),
    )
