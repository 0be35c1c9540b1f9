"""The search over settings: rungs, finalists, proof."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldenpart.client.errors import FailedPrecondition, InvalidArgument
from goldenpart.client.evaluation.datasets import LabelledImage
from goldenpart.client.evaluation.errors import EvaluationError
from goldenpart.client.evaluation.figures import Estimate, Interval
from goldenpart.client.evaluation.metrics.bootstrap import bootstrap_intervals
from goldenpart.client.evaluation.metrics.image_level import image_metrics
from goldenpart.client.tuning.bench import Bench
from goldenpart.client.tuning.certainty import auroc_gain
from goldenpart.client.tuning.halving import Rung, Score, halve
from goldenpart.client.tuning.pareto import Costs, pareto_front
from goldenpart.client.tuning.results import HeldOut, TriedSetting
from goldenpart.client.tuning.setting import Setting

if TYPE_CHECKING:
    from goldenpart.client.tuning.runner import Watcher

TIMED_IMAGES = 9


@dataclass(slots=True)
class _Record:
    """What is known of a setting so far."""

    images: int = 0
    score: Score | None = None
    bank_bytes: int = 0
    milliseconds: float | None = None
    on_front: bool = False
    failure: str = ""


class Search:
    """Finds the best of some settings. Blocks; belongs to one thread.

    Args:
        bench: Fits and inspects.
        settings: The reference first, all different.
        validation: Images to choose by, classes mixed.
        watcher: Is told how far it is.

    Attributes:
        best: Place of the best setting after ``run``.
        measurements: Settings times rungs so far.
        out_of_time: Whether settings were left out because the time was up.
    """

    def __init__(self, bench: Bench, settings: Sequence[Setting], validation: Sequence[LabelledImage], watcher: "Watcher") -> None:
        self._bench = bench
        self._settings = settings
        self._validation = validation
        self._watcher = watcher
        self._records = [_Record() for _ in settings]
        self._finalists: list[int] = []
        self._search_s = 0.0
        self.best = 0
        self.measurements = 0
        self.out_of_time = False

    def run(self, rungs: Sequence[Rung], order: Sequence[Setting], seconds: float | None) -> None:
        """Run the rungs; each gets its equal part of the time, as each has about as many inspections.

        Args:
            rungs: As planned.
            order: The settings in the order in which they are measured, the reference first.
            seconds: About so long; None = no limit.

        Raises:
            EvaluationError: The reference cannot be measured.
            GoldenpartError: A call failed.
        """
        started_s = time.monotonic()
        places = {setting: place for place, setting in enumerate(self._settings)}
        announced: set[int] = set()

        def measure(place: int, rung: Rung) -> Score | None:
            if rung.images not in announced:
                announced.add(rung.images)
                self._watcher.rung(len(announced), rung, len(rungs))
            return self._measure(place, rung)

        def is_late(rung: int) -> bool:
            late = seconds is not None and time.monotonic() - started_s > seconds * (rung + 1) / len(rungs)
            self.out_of_time |= late
            return late

        rounds = halve([places[setting] for setting in order], rungs, measure, is_late=is_late)
        self._finalists = [place for place, _ in rounds[-1].ranking]
        self.best = self._finalists[0]
        self._search_s = time.monotonic() - started_s

    def time_finalists(self) -> None:
        """Measure the time of a frame for every setting of the last rung, without reuse, and find the front among them."""
        images = self._validation[:TIMED_IMAGES]
        for done, place in enumerate(self._finalists):
            self._watcher.finishing("timing finalists", done, len(self._finalists))
            self._records[place].milliseconds = self._bench.milliseconds(self._settings[place], images)
        records = [self._records[place] for place in self._finalists]
        front = pareto_front([Costs(record.score or (0.0, 0.0), record.milliseconds or 0.0, record.bank_bytes / 1e6) for record in records])
        for place in front:
            records[place].on_front = True

    def prove(self, held_out: Sequence[LabelledImage]) -> HeldOut:
        """Compare the best setting with the reference on images that nothing was chosen by."""
        self._watcher.finishing("inspecting held-out images", 0, 2)
        truth = [image.defective for image in held_out]
        reference = self._bench.scores(self._settings[0], held_out)
        self._watcher.finishing("inspecting held-out images", 1, 2)
        best = self._bench.scores(self._settings[self.best], held_out)
        bad = sum(truth)
        return HeldOut(len(truth) - bad, bad, _auroc(reference, truth), _auroc(best, truth), auroc_gain(best, reference, truth))

    @property
    def settings_per_minute(self) -> float:
        """Measurements per minute of the rungs."""
        return 60 * self.measurements / self._search_s if self._search_s else 0.0

    def tried(self) -> tuple[TriedSetting, ...]:
        """Return all settings with what is known of them."""
        return tuple(self._tried(place) for place in range(len(self._settings)))

    def _measure(self, place: int, rung: Rung) -> Score | None:
        setting, record = self._settings[place], self._records[place]
        images = self._validation[: rung.images]
        try:
            record.bank_bytes = self._bench.fit(setting).bank_bytes
            found = image_metrics(self._bench.scores(setting, images), [image.defective for image in images])
            record.images, record.score = rung.images, Score(found.auroc, found.average_precision)
        except (InvalidArgument, FailedPrecondition, EvaluationError) as error:
            if place == 0:
                raise
            record.failure = str(error)
        self.measurements += 1
        self._watcher.measured(self._tried(place))
        return None if record.failure else record.score

    def _tried(self, place: int) -> TriedSetting:
        setting, record = self._settings[place], self._records[place]
        return TriedSetting(
            number=place,
            recipe=setting.recipe,
            shots=setting.shots,
            changes=setting.unlike(self._settings[0]),
            images=record.images,
            auroc=record.score.auroc if record.score else None,
            average_precision=record.score.average_precision if record.score else None,
            bank_bytes=record.bank_bytes,
            milliseconds=record.milliseconds,
            on_front=record.on_front,
            failure=record.failure,
        )


def by_preparation(settings: Sequence[Setting]) -> list[Setting]:
    """Order settings so that those that read the same features come together; the first one stays first."""

    def preparation(setting: Setting) -> tuple[str, ...]:
        recipe = setting.recipe
        return tuple(map(str, (recipe.preset, recipe.backbone, recipe.resolution_px, recipe.layers, recipe.rotations_deg)))

    groups: dict[tuple[str, ...], list[Setting]] = {}
    for setting in settings:
        groups.setdefault(preparation(setting), []).append(setting)
    return [setting for group in groups.values() for setting in group]


def _auroc(scores: Sequence[float], truth: Sequence[bool]) -> Estimate:
    return Estimate(image_metrics(scores, truth).auroc, Interval(*bootstrap_intervals(scores, truth).auroc))
