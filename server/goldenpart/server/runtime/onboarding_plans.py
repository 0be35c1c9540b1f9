"""What Fit and Calibrate are asked for."""

from __future__ import annotations

from dataclasses import dataclass

from goldenpart.server.vision.calibration import ThresholdRequest
from goldenpart.server.vision.mask import InspectionMask
from goldenpart.server.vision.recipe import DetectorKind, Recipe


@dataclass(frozen=True, slots=True, eq=False)
class FitPlan:
    """What to learn and how."""

    category: str
    recipe: Recipe
    mask: InspectionMask | None
    threshold: ThresholdRequest
    stage_only: bool
    etag: str
    reuse_features: bool = False
    without_threshold: bool = False

    @property
    def stays_staged(self) -> bool:
        """Whether the revision is not activated: by wish, or because without a threshold it would judge nothing."""
        return self.stage_only or self.without_threshold or self.recipe.detector is DetectorKind.AUTOENCODER


@dataclass(frozen=True, slots=True)
class CalibrationPlan:
    """Which revision to calibrate and how; an empty revision means the active one.

    With `gate` it is activated only if it does no worse on the challenge set, but for so many added false rejects.
    """

    category: str
    revision: str
    threshold: ThresholdRequest
    stage_only: bool
    etag: str
    gate: bool = False
    added_false_rejects: int = 0
    reuse_features: bool = False
