"""The words of inspection: what comes in, what goes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from goldenpart.server.errors import GoldenpartError
from goldenpart.server.vision.calibration import Calibration, Judgement
from goldenpart.server.vision.drift import Placement, Signal
from goldenpart.server.vision.explanation import Appearance, Tone
from goldenpart.server.vision.explanation_text import NormalRange
from goldenpart.server.vision.image import ImageSource
from goldenpart.server.vision.regions import Region
from goldenpart.server.vision.rescoring import Knobs
from goldenpart.server.vision.scoring import WorstPatch
from goldenpart.server.vision.zones_ruling import Ruling

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels of an original upright picture."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to make beside the verdict, whether features of the same picture may be taken from the cache, and other knobs to score it by."""

    regions: bool = False
    heatmap: bool = False
    overlay: bool = False
    explanation: bool = False
    reuse_features: bool = False
    rescore: tuple[Knobs, ...] = ()

    @property
    def any(self) -> bool:
        """Whether a heat map has to be drawn."""
        return self.regions or self.heatmap or self.overlay or self.explanation


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One camera image to inspect.

    Attributes:
        frame_id: the sender's name for it.
        category: product type.
        source: the picture.
        wanted: what to make beside the verdict.
        revision: to judge by; empty means the active one.
        deadline: monotonic seconds after which nobody wants the verdict; None = no such time.
    """

    frame_id: str
    category: str
    source: ImageSource
    wanted: Wanted
    revision: str
    deadline: float | None


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time went, in seconds; see the contract's StageTimings."""

    queue_s: float
    decode_s: float
    backbone_s: float
    search_s: float
    post_s: float
    total_s: float
    batch_size: int


@dataclass(frozen=True, slots=True)
class Nearest:
    """What the most anomalous patch was compared with.

    Attributes:
        worst: the patch, its distance and the golden patch it is nearest to.
        box: of the patch in the frame.
        golden_name: of that golden part.
        golden_box: of the golden patch, in the golden part as it was shown.
    """

    worst: WorstPatch
    box: Box
    golden_name: str
    golden_box: Box


@dataclass(frozen=True, slots=True, eq=False)
class RegionEvidence:
    """What is known about a region.

    Attributes:
        region: where, how much, in which zone.
        patch: box of its worst patch in the frame.
        distance: of that patch from normal, in the detector's unit.
        normal: largest patch distances of normal images; None where they are not known.
        p_value: share of normal images that have a patch at least so far, (1 + #) / (n + 1); None likewise.
        appearance: how it looks, measured.
        text: all of it in one sentence.
        caption: the same in a few words.
        nearest: the golden patch nearest to the worst patch; None if the detector compares with no single golden part.
        tone_to_golden: colour of the worst patch against that golden patch; only in explanations.
        picture_png: the two side by side; only in explanations.
    """

    region: Region
    patch: Box
    distance: float
    normal: NormalRange | None
    p_value: float | None
    appearance: Appearance
    text: str
    caption: str
    nearest: Nearest | None
    tone_to_golden: Tone | None = None
    picture_png: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """A frame that was inspected.

    Attributes:
        frame: as it came.
        revision: that judged.
        score: image score.
        calibration: of the revision; None means no verdict is possible.
        width_px, height_px: of the upright picture.
        patches, patches_excluded: compared, and left out by the mask.
        nearest: the evidence; None if the detector compares with no single golden part.
        timings: where the time went.
        regions: highest excess first; only if wanted.
        ruling: of the revision's zones, or of its doubts about the picture; None if only the score counts.
        heatmap_png, heatmap_scale: only if wanted.
        overlay_png: only if wanted.
        drift: what a drift watch looks at, each placed among the revision's reference frames.
        rescored: scores by the other knobs that were wanted, in that order.
    """

    frame: Frame
    revision: str
    score: float
    calibration: Calibration | None
    width_px: int
    height_px: int
    patches: int
    patches_excluded: int
    nearest: Nearest | None
    timings: Timings
    regions: tuple[RegionEvidence, ...] = ()
    ruling: Ruling | None = None
    heatmap_png: bytes = b""
    heatmap_scale: float = 0.0
    overlay_png: bytes = field(default=b"", repr=False)
    drift: Mapping[Signal, Placement] = field(default_factory=dict)
    rescored: tuple[float, ...] = ()

    @property
    def judgement(self) -> Judgement | None:
        """What the part is; None without calibration."""
        if self.ruling is not None:
            return self.ruling.judgement
        return None if self.calibration is None else self.calibration.judge(self.score)


@dataclass(frozen=True, slots=True, eq=False)
class NotInspected:
    """A frame that was not, and why.

    Attributes:
        frame_id, category: as they came.
        error: the reason.
        total_s: seconds from arrival to this answer.
    """

    frame_id: str
    category: str
    error: GoldenpartError
    total_s: float


Outcome = Inspection | NotInspected
