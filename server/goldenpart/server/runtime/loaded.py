"""Revisions in memory: immutable snapshots, loaded on demand, kept within a byte budget."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

import structlog

from goldenpart.server.errors import BackboneMismatchError
from goldenpart.server.registry.manifest import GoldenPart
from goldenpart.server.registry.store import Store, StoredRevision
from goldenpart.server.runtime.backbones import Backbones
from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.calibration import Calibration
from goldenpart.server.vision.detectors.base import Detector
from goldenpart.server.vision.detectors.catalogue import open_detector
from goldenpart.server.vision.drift import DriftReference, DriftScale
from goldenpart.server.vision.mask import InspectionMask
from goldenpart.server.vision.plausibility import PictureGate

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedRevision:
    """Everything needed to judge a frame, of exactly one revision.

    Attributes:
        category, revision: its name.
        backbone: the network its detector was fitted with.
        detector: measures patches; on the device executor thread only.
        calibration: None if it has no threshold.
        mask: where to inspect; None = everywhere.
        golden_parts: by golden index.
        drift: reference of the drift watch; None if the revision has none.
        drift_scale: the same, to place frames on.
        picture_gate: doubts pictures that are unlike all of its reference.
    """

    category: str
    revision: str
    backbone: Backbone
    detector: Detector
    calibration: Calibration | None
    mask: InspectionMask | None
    golden_parts: tuple[GoldenPart, ...]
    drift: DriftReference | None = None
    drift_scale: DriftScale = field(init=False)
    picture_gate: PictureGate = field(init=False)

    def __post_init__(self) -> None:
        # frozen, and derived from the others
        object.__setattr__(self, "drift_scale", DriftScale(self.drift, self.calibration))
        object.__setattr__(self, "picture_gate", PictureGate(self.drift, [(part.width_px, part.height_px) for part in self.golden_parts]))


class LoadedRevisions:
    """Least-recently-used cache of loaded revisions. Belongs to the event loop.

    A revision that is dropped lives on for as long as a frame in flight holds it.

    Args:
        store: where revisions are kept.
        backbones: loaded networks.
        budget_bytes: for banks and other detectors; the newest is kept even if it alone exceeds it.
    """

    def __init__(self, store: Store, backbones: Backbones, budget_bytes: int) -> None:
        self._store = store
        self._backbones = backbones
        self._budget_bytes = budget_bytes
        self._loaded: OrderedDict[tuple[str, str], LoadedRevision] = OrderedDict()
        self._loading: dict[tuple[str, str], asyncio.Task[LoadedRevision]] = {}

    @property
    def bank_bytes(self) -> int:
        """Memory that banks and other detectors take, in bytes. Any thread."""
        loaded = tuple(self._loaded.values())  # in one step: the metrics endpoint reads while the loop adds and drops
        return sum(revision.detector.size_bytes for revision in loaded)

    async def get(self, category: str, revision: str = "") -> LoadedRevision:
        """Return a revision, loading it if need be; callers that want the same one share the load.

        Args:
            category: its category.
            revision: its number; empty means the active one.

        Raises:
            UnknownCategoryError, UnknownRevisionError: there is no such thing.
            RevisionDamagedError: a file does not match its digest.
            BackboneMismatchError: it was fitted with other weights than this server has.
            BackboneUnavailableError: the weights cannot be had.
        """
        key = (category, revision or self._store.active_revision(category))
        if (found := self._loaded.get(key)) is not None:
            self._loaded.move_to_end(key)
            return found
        if (loading := self._loading.get(key)) is None:
            loading = self._loading[key] = asyncio.create_task(self._load(key))
            loading.add_done_callback(lambda task: self._finish(key, task))
        return await asyncio.shield(loading)  # a caller that gives up must not take the others' load along

    def forget(self, category: str, revision: str = "") -> None:
        """Drop a revision, or all of a category; one that is being loaded still serves those who wait for it, but is not kept."""
        for kept in (self._loaded, self._loading):
            for key in [key for key in kept if key[0] == category and revision in ("", key[1])]:
                del kept[key]

    async def _load(self, key: tuple[str, str]) -> LoadedRevision:
        stored = await asyncio.to_thread(self._store.read, *key)
        backbone = await self._backbones.get(stored.manifest.recipe.backbone)
        check_backbone(stored, backbone)
        detector = await asyncio.to_thread(open_detector, stored.detector_content, stored.manifest.recipe, backbone.device)
        _log.info("revision_loaded", category=key[0], revision=key[1], bank_bytes=detector.size_bytes)
        return LoadedRevision(*key, backbone, detector, stored.calibration, stored.mask, stored.manifest.golden_parts, stored.drift)

    def _finish(self, key: tuple[str, str], task: asyncio.Task[LoadedRevision]) -> None:
        wanted = self._loading.get(key) is task
        if wanted:
            del self._loading[key]
        if task.cancelled() or task.exception() is not None or not wanted:
            return
        self._loaded[key] = task.result()
        while self.bank_bytes > self._budget_bytes and len(self._loaded) > 1:
            dropped, _ = self._loaded.popitem(last=False)
            _log.info("revision_unloaded", category=dropped[0], revision=dropped[1])


def check_backbone(stored: StoredRevision, backbone: Backbone) -> None:
    """Refuse a revision that was fitted with other weights.

    Raises:
        BackboneMismatchError: its digest is not the backbone's.
    """
    wanted = stored.manifest.backbone_digest
    if wanted != backbone.digest:
        raise BackboneMismatchError(
            f"Revision {stored.manifest.revision} of {stored.manifest.category} was fitted with {backbone.name} weights {wanted}; "
            f"this server has {backbone.digest}. Fit the category again, or give the server those weights.",
            revision_digest=wanted,
            server_digest=backbone.digest,
        )
