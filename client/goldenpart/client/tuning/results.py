"""What a tuning found, frozen, as it is printed and written."""

from dataclasses import dataclass
from datetime import datetime

from goldenpart.client.evaluation.figures import Estimate
from goldenpart.client.evaluation.results import Machine
from goldenpart.client.recipe import Recipe
from goldenpart.client.tuning.halving import Rung


@dataclass(frozen=True, slots=True)
class TriedSetting:
    """A setting and what came of it.

    Attributes:
        number: Place among all; 0 is the reference.
        fit: Number of what was fitted, in the order of the draw; settings that share it differ in how they score.
        recipe: As it was asked for.
        shots: Golden parts.
        changes: What differs from the reference, as ``knob=value``.
        images: Validation images it was judged by; 0 if it was not measured.
        auroc: On those; None if it was not measured (also the next).
        average_precision: On those.
        bank_bytes: Memory of what was learned; 0 if it was not fitted.
        milliseconds: Median time per frame in the server, queue left out; only of the reference and the best of every fit of the last rung.
        on_front: Whether none of those beats it in accuracy, time and memory together.
        failure: Why it could not be used; empty if it could.
    """

    number: int
    fit: int
    recipe: Recipe
    shots: int
    changes: tuple[str, ...]
    images: int
    auroc: float | None
    average_precision: float | None
    bank_bytes: int
    milliseconds: float | None
    on_front: bool
    failure: str

    @property
    def label(self) -> str:
        """What people call it."""
        return ", ".join(self.changes) or "reference"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """How the best setting and the reference do on images that nothing was chosen by.

    Attributes:
        good: Good images.
        defective: Defective images.
        reference_auroc: Of the reference.
        best_auroc: Of the best setting.
        gain: Best minus reference, with the interval of the paired bootstrap.
    """

    good: int
    defective: int
    reference_auroc: Estimate
    best_auroc: Estimate
    gain: Estimate

    @property
    def is_sure(self) -> bool:
        """Whether the whole interval of the gain lies above 0."""
        return self.gain.interval is not None and self.gain.interval.low > 0


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """What a way to set the threshold of the recommended setting does to the held-out images.

    Attributes:
        method: ``conformal`` or ``percentile``.
        false_reject_rate: Asked for.
        threshold: FAIL above this score; None if so few scores do not attain the rate (then the next two are None as well).
        false_rejects: Share of good held-out images that fail.
        escapes: Share of defective ones that do not.
    """

    method: str
    false_reject_rate: float
    threshold: float | None
    false_rejects: float | None
    escapes: float | None


@dataclass(frozen=True, slots=True)
class Tuning:
    """Everything.

    Attributes:
        command: The exact command line.
        dataset: Folder.
        category: Name in the dataset.
        machine: Where it was measured.
        seed: Of the draws and the split.
        validation: Good and defective validation images.
        rungs: As planned, in fits.
        settings: All, by fit.
        best: Number of the best on the validation images.
        recommended: ``best`` if the gain is sure, else 0, the reference.
        held_out: The proof.
        calibration_images: Good images whose scores ``thresholds`` rest on.
        thresholds: For the recommended setting; empty without calibration images.
        fits: What was drawn to be fitted.
        measurements: Settings times rungs measured.
        settings_per_minute: Measurements per minute of the search, without the final measurements.
        seconds: The whole took so long.
        out_of_time: Whether settings were left out because the time was up.
        finish_time: UTC.
        warnings: What a careful engineer should know.
    """

    command: str
    dataset: str
    category: str
    machine: Machine
    seed: int
    validation: tuple[int, int]
    rungs: tuple[Rung, ...]
    settings: tuple[TriedSetting, ...]
    best: int
    recommended: int
    held_out: HeldOut
    calibration_images: int
    thresholds: tuple[ThresholdChoice, ...]
    fits: int
    measurements: int
    settings_per_minute: float
    seconds: float
    out_of_time: bool
    finish_time: datetime
    warnings: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """Say in a sentence what to do."""
        held, label = self.held_out, self.settings[self.best].label
        if self.best == 0:
            return "Keep the preset: nothing that was tried is better on the validation images."
        interval = held.gain.interval
        low, high = (interval.low, interval.high) if interval else (0.0, 0.0)
        figures = f"AUROC {held.gain.value:+.4f} on the held-out images, 95 % interval {low:+.4f} to {high:+.4f}"
        if held.is_sure:
            return f"Use {label}: {figures}."
        return f"Keep the preset: the best found, {label}, is not surely better ({figures})."
