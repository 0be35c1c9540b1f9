"""Measuring golden parts for the drift watch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from goldenpart.server.runtime.executor import DeviceExecutor
from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.detectors.base import Detector
from goldenpart.server.vision.drift import MeasuredFrame, Token
from goldenpart.server.vision.features import mean_token
from goldenpart.server.vision.fitting import Shown
from goldenpart.server.vision.frame_statistics import measure_frame
from goldenpart.server.vision.inference import Query, batches_of_one_shape, embed


async def measure_golden(
    executor: DeviceExecutor,
    pool: ThreadPoolExecutor,
    detector: Detector,
    backbone: Backbone,
    golden_parts: Sequence[Shown],
    known: Sequence[Token | None] = (),
) -> list[MeasuredFrame]:
    """Measure golden parts, unrotated: figures of the pixels on the pool, mean tokens on the device, batch by batch. Event loop.

    Args:
        executor: owner of the device.
        pool: threads for pixels.
        detector: what was fitted; one that does not read the backbone has no mean tokens.
        backbone: the network.
        golden_parts: at least one.
        known: their mean tokens, if they were scored already; else they are embedded for it.
    """
    pictures = [shown[0] for shown in golden_parts]
    loop = asyncio.get_running_loop()
    statistics = await asyncio.gather(*(loop.run_in_executor(pool, measure_frame, picture) for picture in pictures))
    tokens = dict(enumerate(known))
    for places in batches_of_one_shape(pictures if not tokens else ()):
        queries = [Query(detector, pictures[place]) for place in places]
        tokens.update(zip(places, await executor.run_slice(partial(_mean_tokens, backbone, queries)), strict=True))
    return [MeasuredFrame(measured, tokens[place]) for place, measured in enumerate(statistics)]


def _mean_tokens(backbone: Backbone, queries: Sequence[Query]) -> list[Token | None]:
    embedded = embed(backbone, queries)
    return [None if picture.tokens is None else mean_token(picture.tokens, picture.prepared) for picture in embedded]
