"""Backbones in memory, each loaded once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import structlog
import torch

from goldenpart.server.vision.backbones import Backbone, Precision, open_backbone

_log = structlog.get_logger(__name__)


class Backbones:
    """Loads backbones on demand and keeps them. Belongs to the event loop.

    Args:
        weights: local weights files by backbone name; the others come from the cache, the package or the network.
        cache: folder of downloaded weights.
        device: where they compute.
        precision: number format they compute in.
    """

    def __init__(self, weights: Mapping[str, Path], cache: Path, device: torch.device, precision: Precision) -> None:
        self._weights = weights
        self._cache = cache
        self._device = device
        self._precision = precision
        self._tasks: dict[str, asyncio.Task[Backbone]] = {}

    @property
    def device(self) -> torch.device:
        """Where backbones compute."""
        return self._device

    def loaded(self) -> dict[str, Backbone]:
        """Return the backbones in memory by name."""
        done = {name: task for name, task in self._tasks.items() if task.done() and not task.cancelled() and task.exception() is None}
        return {name: task.result() for name, task in done.items()}

    async def get(self, name: str) -> Backbone:
        """Return a backbone, loading it if need be; a failed load is tried again next time.

        Raises:
            UnknownBackboneError: there is none of that name.
            BackboneUnavailableError: its weights cannot be had.
            WeightsDigestError: its weights are not what they should be.
        """
        task = self._tasks.get(name)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._tasks[name] = asyncio.create_task(self._load(name))
        return await asyncio.shield(task)

    async def _load(self, name: str) -> Backbone:
        weights = self._weights.get(name)
        backbone = await asyncio.to_thread(
            open_backbone, name, weights=weights, cache=self._cache, device=self._device, precision=self._precision
        )
        _log.info("backbone_loaded", backbone=name, digest=backbone.digest, device=str(self._device), precision=self._precision)
        return backbone
