"""The search over settings: rungs, finalists, proof."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
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
from goldenpart.client.tuning.knob_space import Change, scorings
from goldenpart.client.tuning.pareto import Costs, pareto_front
from goldenpart.client.tuning.results import HeldOut, TriedSetting
from goldenpart.client.tuning.setting import Setting

if TYPE_CHECKING:
    from goldenpart.client.tuning.runner import Watcher

TIMED_IMAGES = 9
TIMED_SETTINGS = 10
"""Each is fitted for itself and times so many frames and one more."""


@dataclass(slots=True)
class _Record:
    """A setting and what is known of it so far."""

    setting: Setting
    images: int = 0
    score: Score | None = None
    bank_bytes: int = 0
    milliseconds: float | None = None
    on_front: bool = False
    failure: str = ""


@dataclass(slots=True)
class _Fit:
    """What is fitted once, and the settings that are scored by it, its own first."""

    setting: Setting
    scorings: list[Change] = field(default_factory=list)
    records: list[_Record] = field(default_factory=list)

    @property
    def best(self) -> _Record:
        """The best of the settings; the earliest of equals."""
        return max(self.records, key=lambda record: record.score or Score(0.0, 0.0))


class Search:
    """Finds the best of some settings. Blocks; belongs to one thread.

    Every fit is scored in all ways that change nothing that was learned, for one search per image; it is judged by the best of them.

    Args:
        bench: Fits and inspects.
        settings: What is fitted, the reference first, all different.
        fixed: Names of knobs that stay as they are.
        validation: Images to choose by, classes mixed.
        watcher: Is told how far it is.

    Attributes:
        measurements: Settings times rungs so far.
        out_of_time: Whether fits were left out because the time was up.
    """

    def __init__(
        self,
        bench: Bench,
        settings: Sequence[Setting],
        fixed: Collection[str],
        validation: Sequence[LabelledImage],
        watcher: "Watcher",
    ) -> None:
        self._bench = bench
        self._fixed = fixed
        self._validation = validation
        self._watcher = watcher
        self._fits = [_Fit(setting, records=[_Record(setting)]) for setting in settings]
        self._reference = self._fits[0].records[0]
        self._best = self._reference
        self._finalists: list[_Record] = []
        self._search_s = 0.0
        self.measurements = 0
        self.out_of_time = False

    @property
    def best(self) -> Setting:
        """The best setting after `run`."""
        return self._best.setting

    def run(self, rungs: Sequence[Rung], order: Sequence[Setting], seconds: float | None) -> None:
        """Run the rungs; each gets its equal part of the time, as each has about as many inspections.

        Args:
            rungs: As planned.
            order: What is fitted in the order in which it is measured, the reference first.
            seconds: About so long; None = no limit.

        Raises:
            EvaluationError: The reference cannot be measured.
            GoldenpartError: A call failed.
        """
        started_s = time.monotonic()
        places = {fit.setting: place for place, fit in enumerate(self._fits)}
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
        winners = [self._fits[place].best for place, _ in rounds[-1].ranking]
        self._best = max([self._reference, *winners], key=lambda record: record.score or Score(0.0, 0.0))
        others = [record for record in winners if record is not self._reference]  # the best first
        self._finalists = [self._reference, *others[: TIMED_SETTINGS - 1]]
        self._search_s = time.monotonic() - started_s

    def time_finalists(self) -> None:
        """Measure the time of a frame, without reuse, by the reference and the best of every fit of the last rung; find the front."""
        images = self._validation[:TIMED_IMAGES]
        for done, record in enumerate(self._finalists):
            self._watcher.finishing("timing finalists", done, len(self._finalists))
            record.milliseconds = self._bench.milliseconds(record.setting, images)
            record.bank_bytes = self._bench.fit(record.setting).bank_bytes
        costs = [Costs(one.score or (0.0, 0.0), one.milliseconds or 0.0, one.bank_bytes / 1e6) for one in self._finalists]
        for place in pareto_front(costs):
            self._finalists[place].on_front = True

    def prove(self, held_out: Sequence[LabelledImage]) -> HeldOut:
        """Compare the best setting with the reference on images that nothing was chosen by."""
        self._watcher.finishing("inspecting held-out images", 0, 2)
        truth = [image.defective for image in held_out]
        reference = self._bench.scores(self._reference.setting, held_out)
        self._watcher.finishing("inspecting held-out images", 1, 2)
        best = self._bench.scores(self._best.setting, held_out)
        bad = sum(truth)
        return HeldOut(len(truth) - bad, bad, _auroc(reference, truth), _auroc(best, truth), auroc_gain(best, reference, truth))

    @property
    def settings_per_minute(self) -> float:
        """Measurements per minute of the rungs."""
        return 60 * self.measurements / self._search_s if self._search_s else 0.0

    def tried(self) -> tuple[tuple[TriedSetting, ...], int]:
        """Return all settings with what is known of them, by fit, and the place of the best among them."""
        records = [(number, record) for number, fit in enumerate(self._fits) for record in fit.records]
        best = next(place for place, (_, record) in enumerate(records) if record is self._best)
        return tuple(self._tried(place, number, record) for place, (number, record) in enumerate(records)), best

    def _measure(self, place: int, rung: Rung) -> Score | None:
        fit, own = self._fits[place], self._fits[place].records[0]
        images = self._validation[: rung.images]
        try:
            learned = self._bench.fit(fit.setting)
            if not fit.scorings:
                fit.scorings = scorings(learned.recipe, self._fixed)
                fit.records += [_Record(fit.setting.changed(change)) for change in fit.scorings[1:]]
            by_scoring = self._bench.scores_by(fit.setting, fit.scorings, images)
            truth = [image.defective for image in images]
            for record, scores in zip(fit.records, by_scoring, strict=True):
                found = image_metrics(scores, truth)
                record.images, record.score = rung.images, Score(found.auroc, found.average_precision)
                record.bank_bytes = learned.bank_bytes
        except (InvalidArgument, FailedPrecondition, EvaluationError) as error:
            if place == 0:
                raise
            fit.records[1:] = []  # none of its ways to score can be used
            own.failure, own.score, own.images = str(error), None, 0
        self.measurements += 0 if own.failure else len(fit.records)
        self._watcher.measured(self._tried(0, place, fit.best), len(fit.records))
        return fit.best.score

    def _tried(self, number: int, fit: int, record: _Record) -> TriedSetting:
        return TriedSetting(
            number=number,
            fit=fit,
            recipe=record.setting.recipe,
            shots=record.setting.shots,
            changes=record.setting.unlike(self._reference.setting),
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
