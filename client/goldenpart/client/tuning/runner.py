"""One tuning from the dataset to the recommendation."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol as Interface

from goldenpart.client.client import Client
from goldenpart.client.evaluation.datasets import LabelledCategory, LabelledImage, open_dataset
from goldenpart.client.evaluation.datasets.digests import digest_category
from goldenpart.client.evaluation.errors import EvaluationError
from goldenpart.client.evaluation.machine import this_machine
from goldenpart.client.evaluation.protocol import Draw, Protocol
from goldenpart.client.evaluation.throwaway import throwaway_category
from goldenpart.client.recipe import Recipe
from goldenpart.client.tuning.bench import Bench
from goldenpart.client.tuning.halving import Rung, plan_rungs
from goldenpart.client.tuning.knob_space import draw_settings, recipe_fixed
from goldenpart.client.tuning.results import ThresholdChoice, TriedSetting, Tuning
from goldenpart.client.tuning.search import Search, by_preparation
from goldenpart.client.tuning.setting import Setting
from goldenpart.client.tuning.split import Split, split_test
from goldenpart.client.tuning.thresholds import threshold_choices

_DEFAULT_SHOTS = 16
_ALL_SHOTS = (4, 8, 16, 32)
_SEARCH_SHARE = 0.8  # of the time that is given; the rest is for the final measurements


class Watcher(Interface):
    """Is told how far a tuning is, in the thread that runs it."""

    def reading(self, done: int, total: int) -> None:
        """Images have been read for their digests."""

    def rung(self, number: int, rung: Rung, rungs: int) -> None:
        """A rung starts; ``number`` counts from 1."""

    def measured(self, setting: TriedSetting, ways: int) -> None:
        """A fit has been scored in so many ways, of which this is the best, or it has failed."""

    def finishing(self, what: str, done: int, total: int) -> None:
        """The search is over; final measurements go on."""

    def warned(self, message: str) -> None:
        """Something is worth knowing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to tune.

    Attributes:
        dataset: Folder of a dataset or a category.
        category: Name in the dataset; empty if it has only one.
        shots: Golden parts; None means 16 and others beside.
        recipe: The reference; knobs that it sets stay as they are.
        budget: Fits to try, the reference included; each is scored in many ways.
        seconds: About so long; None = until the budget is spent.
        seed: Of all draws.
        validation_share: Of the test images that settings are chosen by.
        calls_in_flight: Inspect calls at once.
        command: The exact command line, for the record.

    Raises:
        ValueError: There is nothing to try, or no time.
    """

    dataset: Path
    category: str = ""
    shots: int | None = None
    recipe: Recipe = field(default_factory=Recipe)
    budget: int = 27
    seconds: float | None = None
    seed: int = 0
    validation_share: float = 0.5
    calls_in_flight: int = 2
    command: str = ""

    def __post_init__(self) -> None:
        if self.budget < 2:
            raise ValueError(f"a budget of {self.budget} fits leaves nothing to compare; give at least 2")
        if self.seconds is not None and self.seconds <= 0:
            raise ValueError(f"{self.seconds:g} seconds are no time; give more than 0, or leave the limit out")
        if self.shots is not None and self.shots < 1:
            raise ValueError(f"{self.shots} golden parts are too few; give at least 1")


@dataclass(frozen=True, slots=True)
class _Material:
    """Images, and which of them are for what."""

    category: LabelledCategory
    split: Split
    draws: dict[int, Draw]
    shots: int
    warnings: tuple[str, ...]


def tune(client: Client, plan: Plan, watcher: Watcher) -> Tuning:
    """Do everything in a throw-away category. Blocks; an interrupt leaves no category behind.

    Args:
        client: Of a server that is ready.
        plan: What to do.
        watcher: Is told how far it is.

    Raises:
        EvaluationError: The dataset does not do, or the reference cannot be measured.
        GoldenpartError: A call failed.
        OSError: An image cannot be read.
    """
    started_s = time.monotonic()
    info = client.server_info()
    material = _gather(plan, watcher, info.limits.golden_parts)
    with throwaway_category(client) as name:
        bench = Bench(client, name, material.draws, plan.calls_in_flight)
        reference = Setting(plan.recipe, material.shots)
        learned, fixed = bench.fit(reference), recipe_fixed(plan.recipe)
        settings = draw_settings(reference, learned, max(material.draws), plan.budget, plan.seed, vary_shots=plan.shots is None)
        search = Search(bench, settings, fixed, material.split.validation, watcher)
        rungs = plan_rungs(len(settings), len(material.split.validation))
        search_s = None if plan.seconds is None else plan.seconds * _SEARCH_SHARE - (time.monotonic() - started_s)
        search.run(rungs, by_preparation(settings) if search_s is None else settings, search_s)
        search.time_finalists()
        held_out = search.prove(material.split.held_out)
        normals, thresholds = _thresholds(bench, search.best if held_out.is_sure else reference, material.split)
    validation = material.split.validation
    defective = sum(image.defective for image in validation)
    tried, best = search.tried()
    return Tuning(
        command=plan.command,
        dataset=str(plan.dataset),
        category=material.category.name,
        machine=this_machine(info),
        seed=plan.seed,
        validation=(len(validation) - defective, defective),
        rungs=rungs,
        settings=tried,
        best=best,
        recommended=best if held_out.is_sure else 0,
        held_out=held_out,
        calibration_images=normals,
        thresholds=thresholds,
        fits=len(settings),
        measurements=search.measurements,
        settings_per_minute=search.settings_per_minute,
        seconds=time.monotonic() - started_s,
        out_of_time=search.out_of_time,
        finish_time=datetime.now(UTC),
        warnings=material.warnings,
    )


def _thresholds(bench: Bench, setting: Setting, split: Split) -> tuple[int, tuple[ThresholdChoice, ...]]:
    normal = bench.calibration_scores(setting)
    scores = bench.scores(setting, split.held_out)
    labelled = list(zip(scores, split.held_out, strict=True))
    good, bad = ([score for score, image in labelled if image.defective is kind] for kind in (False, True))
    return len(normal), threshold_choices(normal, good, bad)


def _gather(plan: Plan, watcher: Watcher, most_golden: int) -> _Material:
    category = _only_category(plan)
    done, total = 0, len(category.images)

    def count() -> None:
        nonlocal done
        done += 1
        watcher.reading(done, total)

    digests = digest_category(category, count)
    category, broken = _without(category, digests.undecodable)
    pixels = digests.pixels
    split = split_test(category.test, pixels, plan.validation_share, plan.seed)
    protocol = Protocol()
    distinct = len({pixels[image.name] for image in category.train})
    most = min(max(1, distinct - protocol.normals_needed * (not category.validation)), most_golden)
    shots = plan.shots or min(_DEFAULT_SHOTS, most)
    numbers = {shots} if plan.shots else {shots, *(number for number in _ALL_SHOTS if number <= most)}
    draws = {number: protocol.draw(category, pixels, number, plan.seed) for number in sorted(numbers)}
    warnings = (*broken, *dict.fromkeys(warning for draw in draws.values() for warning in draw.warnings))
    for warning in warnings:
        watcher.warned(warning)
    return _Material(category, split, draws, shots, warnings)


def _without(category: LabelledCategory, undecodable: Sequence[str]) -> tuple[LabelledCategory, tuple[str, ...]]:
    """Leave images out that cannot be decoded, of which one would end the search; return the warning as well, if there are any."""
    if not undecodable:
        return category, ()

    def left(images: tuple[LabelledImage, ...]) -> tuple[LabelledImage, ...]:
        return tuple(image for image in images if image.name not in undecodable)

    kept = replace(category, train=left(category.train), validation=left(category.validation), test=left(category.test))
    count = f"{len(undecodable)} image{'' if len(undecodable) == 1 else 's'}"
    return kept, (f"{count} cannot be decoded and {'was' if len(undecodable) == 1 else 'were'} left out: {', '.join(undecodable)}",)


def _only_category(plan: Plan) -> LabelledCategory:
    categories = open_dataset(plan.dataset, (plan.category,) if plan.category else ())
    if len(categories) > 1:
        names = ", ".join(category.name for category in categories)
        raise EvaluationError(f"{plan.dataset} has {len(categories)} categories; choose one with --category: {names}")
    return categories[0]
