"""Steady-state measurement after perf_analyzer's method: windows until the last three agree within 10 %, at most ten."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

MOST_WINDOWS, AGREEING, TOLERANCE = 10, 3, 0.10


@dataclass(frozen=True, slots=True)
class Measurement:
    """Frames per second and latency of one call over the last windows; `stable` tells whether they agreed."""

    frames_per_s: float
    p50_ms: float
    p99_ms: float
    stable: bool


async def measure(call: Callable[[], Awaitable[int]], in_flight: int, window_s: float) -> Measurement:
    """Keep `in_flight` calls going, each of which returns the number of frames it did, until the rate is steady."""
    import asyncio  # noqa: PLC0415

    windows: list[tuple[float, list[float]]] = []
    while len(windows) < MOST_WINDOWS:
        latencies: list[float] = []
        frames = 0
        started = time.perf_counter()

        async def drive() -> None:
            nonlocal frames
            while time.perf_counter() - started < window_s:  # noqa: B023 - runs within this window only
                began = time.perf_counter()
                done = await call()  # not added in one expression: that would read the sum before it waits
                frames += done
                latencies.append(time.perf_counter() - began)  # noqa: B023

        await asyncio.gather(*(drive() for _ in range(in_flight)))
        windows.append((frames / (time.perf_counter() - started), latencies))
        rates = [rate for rate, _ in windows[-AGREEING:]]
        if len(rates) == AGREEING and max(rates) <= (1 + TOLERANCE) * min(rates):
            break
    rates = [rate for rate, _ in windows[-AGREEING:]]
    spent = np.concatenate([taken for _, taken in windows[-AGREEING:]]) * 1000
    stable = len(rates) == AGREEING and max(rates) <= (1 + TOLERANCE) * min(rates)
    return Measurement(float(np.mean(rates)), float(np.percentile(spent, 50)), float(np.percentile(spent, 99)), stable)
