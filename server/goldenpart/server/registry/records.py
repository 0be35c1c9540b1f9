"""What goes into the store and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from goldenpart.server.registry.calibration_images import KeptPictures
from goldenpart.server.registry.category_name import check_category_name
from goldenpart.server.registry.challenge_gate import GateReport
from goldenpart.server.registry.manifest import IMAGE_SUFFIX, GoldenPart, Manifest
from goldenpart.server.vision.bank import BankContent
from goldenpart.server.vision.calibration import Calibration
from goldenpart.server.vision.detectors.base import DetectorContent
from goldenpart.server.vision.drift import DriftReference
from goldenpart.server.vision.mask import InspectionMask
from goldenpart.server.vision.recipe import Recipe


@dataclass(frozen=True, slots=True)
class GoldenImage:
    """A golden part with its picture.

    Attributes:
        part: what is known about it.
        data: the encoded picture, at least 1 byte.
        suffix: of its format, for example ``.png``.
    """

    part: GoldenPart
    data: bytes
    suffix: str

    def __post_init__(self) -> None:
        if not self.data or not IMAGE_SUFFIX.fullmatch(self.suffix):
            raise ValueError(
                f"The golden part {self.part.name!r} has {len(self.data)} bytes and the suffix {self.suffix!r}; a picture is not empty, "
                "and its suffix is like .png."
            )


@dataclass(frozen=True, slots=True, eq=False)
class RevisionDraft:
    """A fitted state that has no number yet.

    Attributes:
        category: where it goes; created if there is none of that name.
        recipe: all knobs.
        backbone_digest: sha256 of the backbone's weights, hex.
        golden_images: numbered 0, 1, 2, ... by their parts' indices.
        detector_content: what the recipe's detector learned.
        mask: where parts are inspected; None means everywhere.
        calibration: None if there is no threshold yet.
        drift: reference of the drift watch; None if nothing is known.
        parent_revision: the one whose golden parts it changes; empty if it is fitted anew.
        calibration_images: what the threshold was set on; None if that was leave-one-out.
        gate: what a gate said of it; None if none did.

    Raises:
        CategoryNameError: no category may be called that.
        ValueError: the numbering has gaps, or a bank is empty.
    """

    category: str
    recipe: Recipe
    backbone_digest: str
    golden_images: tuple[GoldenImage, ...]
    detector_content: DetectorContent
    mask: InspectionMask | None
    calibration: Calibration | None
    drift: DriftReference | None = None
    parent_revision: str = ""
    calibration_images: KeptPictures | None = None
    gate: GateReport | None = None

    def __post_init__(self) -> None:
        check_category_name(self.category)
        indices = [image.part.index for image in self.golden_images]
        if indices != list(range(len(indices))):
            raise ValueError(f"Golden parts of {self.category} have the indices {indices}; want 0, 1, 2, ...")
        if isinstance(self.detector_content, BankContent) and len(self.detector_content.vectors) < 1:
            raise ValueError(f"The bank for {self.category} is empty.")


@dataclass(frozen=True, slots=True)
class RevisionSummary:
    """A revision as a list shows it: its bank was not looked into.

    Attributes:
        manifest: None if it cannot be read.
        calibration: None if there is none, or if it cannot be read.
        category: whose revision it is.
        revision: its number there.
        damage: what is wrong, in words; empty if it is sound as far as looked: manifest, calibration, and the size of every file.
        gate: what a gate said of it; None if none did.
    """

    manifest: Manifest | None
    calibration: Calibration | None
    category: str
    revision: str
    damage: str
    gate: GateReport | None = None


@dataclass(frozen=True, slots=True, eq=False)
class StoredRevision:
    """A revision of which every byte was verified."""

    manifest: Manifest
    calibration: Calibration | None
    detector_content: DetectorContent
    mask: InspectionMask | None
    drift: DriftReference | None = None


@dataclass(frozen=True, slots=True)
class CategoryRecord:
    """A category.

    Attributes:
        category: its name.
        active_revision: that judges its parts; empty if none does.
        revision_count: damaged ones included.
        create_time: when its first revision came, UTC.
        activate_time: when the active revision last changed, UTC; None if none is active.
        etag: changes whenever the active revision does.
    """

    category: str
    active_revision: str
    revision_count: int
    create_time: datetime
    activate_time: datetime | None
    etag: str
