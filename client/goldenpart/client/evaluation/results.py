"""What an evaluation found: frozen, so that reports and comparisons can rely on it. Written to ``results.json`` field by field."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from goldenpart.client.evaluation.figures import CalibrationFacts, ImageFigures, Latency, PixelFigures
from goldenpart.client.recipe import Recipe
from goldenpart.client.results import NotInspectedReason, Verdict

FORMAT_VERSION = 2
"""Of ``results.json`` and the run files; raised when a field changes its meaning."""


@dataclass(frozen=True, slots=True)
class ImageOutcome:
    """The outcome for one test image.

    Attributes:
        path: Relative to the run's folder, with forward slashes.
        defective: The truth.
        defect_type: Folder of the defect; ``good`` for good parts.
        verdict: What the server said.
        reason: Why it was not inspected; None for every other verdict.
        score: The larger the less normal.
        threshold: FAIL above it.
        p_value: Conformal p-value in (0, 1].
        seconds: From arrival at the server to the answer.
        masks: Paths of its masks, likewise; a pixel is defective where one of them is not 0. Empty without masks.
        heat_thumbnail: Small picture of its heat map, relative to the report's folder; empty without a report. 8-bit grey PNG;
            a pixel value times ``THUMBNAIL_SCALE`` is the heat in thresholds, 255 means that or more.
        explanation: Of its first region in a sentence; only for the worst of the wrong ones, and where a region reaches the limit.
        comparison: Picture of that region beside the nearest golden patch, relative to the report's folder; empty without one.
    """

    path: str
    defective: bool
    defect_type: str
    verdict: Verdict
    reason: NotInspectedReason | None
    score: float
    threshold: float
    p_value: float
    seconds: float
    masks: tuple[str, ...] = ()
    heat_thumbnail: str = ""
    explanation: str = ""
    comparison: str = ""


THUMBNAIL_SCALE = 1 / 64
"""Heat in thresholds of one grey level of a thumbnail; 64 is at the limit."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A test image that the model had seen.

    Attributes:
        test: Path of the test image.
        seen: Path of the image with the same pixels.
        role: ``golden`` or ``calibration``.
    """

    test: str
    seen: str
    role: str


@dataclass(frozen=True, slots=True)
class RunKey:
    """What makes two runs the same; a finished run with the same key is not repeated.

    Attributes:
        category: Name of the category in the dataset.
        shots: Golden parts.
        seed: Of the draw.
        all_golden: ``--shots all``: every good training image is a golden part.
        dataset_digest: sha256 of the category's files, hex (see ``datasets``).
        recipe_digest: sha256 of the resolved recipe, hex.
        backbone_digest: Digest of the backbone's weights, as the server names it.
        protocol_digest: sha256 of what else decides: rate, size of the calibration set, version of the server and of this format.
    """

    category: str
    shots: int
    seed: int
    all_golden: bool
    dataset_digest: str
    recipe_digest: str
    backbone_digest: str
    protocol_digest: str


@dataclass(frozen=True, slots=True)
class Run:
    """One category learned from one draw of golden parts, and tested.

    Attributes:
        key: What makes it repeatable.
        layout: How the dataset lies on disk, for example ``mvtec``.
        folder: Where; all paths of images are relative to it.
        recipe: All knobs, resolved by the server.
        golden: Paths of the golden parts.
        calibration_images: Paths of the good images the threshold was chosen from; empty if it is Fit's own.
        calibration: What the threshold rests on.
        bank_vectors: Vectors in the bank.
        image: Figures of images.
        pixel: Figures of pixels; None without masks.
        latency: Times; None if nothing was inspected.
        fit_s: Seconds of Fit at the client.
        calibrate_s: Seconds of Calibrate at the client; 0 if it was not called.
        images: One per test image, by path.
        leaks: Test images the model had seen: empty unless leaks were allowed. Figures with leaks prove nothing.
        warnings: What a careful engineer should know.
        finish_time: UTC.
    """

    key: RunKey
    layout: str
    folder: str
    recipe: Recipe
    golden: tuple[str, ...]
    calibration_images: tuple[str, ...]
    calibration: CalibrationFacts
    bank_vectors: int
    image: ImageFigures
    pixel: PixelFigures | None
    latency: Latency | None
    fit_s: float
    calibrate_s: float
    images: tuple[ImageOutcome, ...]
    leaks: tuple[Leak, ...]
    warnings: tuple[str, ...]
    finish_time: datetime

    @property
    def shots_text(self) -> str:
        """Number of golden parts for people: ``all (70)`` where all of them were asked for."""
        return f"all ({self.key.shots})" if self.key.all_golden else str(self.key.shots)


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over seeds or categories.

    Attributes:
        mean: Mean.
        sd: Standard deviation with n - 1; None for a single value.
        n: Values.
    """

    mean: float
    sd: float | None
    n: int


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """Runs that differ in their seed only, put together.

    Attributes:
        category: Name of the category; ``mean`` for the row that puts the categories together: the mean over categories of each seed's
            figure, then over seeds, as papers report it.
        shots: Golden parts; 0 for ``all`` in the row of means.
        all_golden: ``--shots all``.
        figures: By the names in ``FIGURE_NAMES``; a figure that a run lacks is left out.
    """

    category: str
    shots: int
    all_golden: bool
    figures: Mapping[str, Spread]


FIGURE_NAMES = (
    "image_auroc",
    "image_ap",
    "image_f1_max",
    "precision",
    "recall",
    "f1",
    "accuracy",
    "false_reject_rate",
    "pixel_auroc",
    "pixel_ap",
    "pixel_f1_max",
    "pixel_iou",
    "aupro",
    "aupro_005",
    "aupimo",
    "p50_s",
    "p99_s",
)
"""Names of the figures of a summary, in the order in which tables show them."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A run that cannot be.

    Attributes:
        category: Name of the category.
        shots: Golden parts asked for.
        why: What is missing.
    """

    category: str
    shots: int
    why: str


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured.

    Attributes:
        cpu: Model of the processor of the client's machine.
        cores: Its logical cores.
        system: Operating system.
        server_device: Device of the server's backbone, for example ``cpu``.
        server_version: Version of Goldenpart at the server.
        library_versions: Of the server, as pairs of name and version.
    """

    cpu: str
    cores: int
    system: str
    server_device: str
    server_version: str
    library_versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All of it: ``results.json``.

    Attributes:
        format_version: :data:`FORMAT_VERSION`.
        command: The exact command line.
        dataset: Path of the dataset as it was given.
        machine: Where.
        start_time: UTC.
        finish_time: UTC; runs that were found finished may be older.
        leak_allowed: ``--allow-leak`` was given.
        runs: By category, shots and seed.
        summary: By category and shots; the rows of means last, if there are several categories.
        skipped: Runs that cannot be.
    """

    format_version: int
    command: str
    dataset: str
    machine: Machine
    start_time: datetime
    finish_time: datetime
    leak_allowed: bool
    runs: tuple[Run, ...]
    summary: tuple[SummaryRow, ...]
    skipped: tuple[Skipped, ...]

    @property
    def leaks(self) -> int:
        """Test images, over all runs, that the model had seen."""
        return sum(len(run.leaks) for run in self.runs)
