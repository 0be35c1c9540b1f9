"""All runs of an evaluation, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from goldenpart.client.client import Client
from goldenpart.client.evaluation.datasets import LabelledCategory, open_dataset
from goldenpart.client.evaluation.datasets.digests import CategoryDigests, digest_category
from goldenpart.client.evaluation.errors import EvaluationError, NotEvaluableError
from goldenpart.client.evaluation.json_records import digest_of
from goldenpart.client.evaluation.machine import this_machine
from goldenpart.client.evaluation.metrics.bootstrap import REPLICATES
from goldenpart.client.evaluation.protocol import Draw, Protocol
from goldenpart.client.evaluation.results import FORMAT_VERSION, Evaluation, Run, RunKey, Skipped
from goldenpart.client.evaluation.run_files import RunFiles
from goldenpart.client.evaluation.run_warnings import label_warnings
from goldenpart.client.evaluation.summary import summarise
from goldenpart.client.evaluation.throwaway import throwaway_category
from goldenpart.client.evaluation.trial import Trial, Watcher
from goldenpart.client.recipe import Detector, Recipe
from goldenpart.client.server_info import ServerInfo

_NOISE_SHAPE = (64, 64, 3)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to evaluate.

    Attributes:
        dataset: Folder of a dataset or a category.
        categories: Names; empty means all.
        shots: Numbers of golden parts; None stands for all good training images.
        seeds: Of the draws, at least one. With all images there is nothing to draw, so then the first one alone counts.
        recipe: Knobs of Fit.
        protocol: How runs are set up.
        report: Where results are kept and finished runs looked for; None = nowhere.
        bootstrap: Replicates for the intervals; 0 = none.
        calls_in_flight: Inspect calls at once.
        reuse_features: Runs share what the backbone makes of an image, through the server's cache; then there are no times.
        command: The exact command line, for the record.
    """

    dataset: Path
    categories: tuple[str, ...] = ()
    shots: tuple[int | None, ...] = (16,)
    seeds: tuple[int, ...] = (0,)
    recipe: Recipe = field(default_factory=Recipe)
    protocol: Protocol = field(default_factory=Protocol)
    report: Path | None = None
    bootstrap: int = REPLICATES
    calls_in_flight: int = 2
    reuse_features: bool = False
    command: str = ""


@dataclass(frozen=True, slots=True)
class _Model:
    """What the server makes of the recipe."""

    recipe_digest: str
    backbone_digest: str


def evaluate(client: Client, plan: Plan, watcher: Watcher) -> Evaluation:
    """Run everything that is planned and not yet finished. Blocks; an interrupt leaves finished runs on disk and no category behind.

    Args:
        client: Of a server that is ready.
        plan: What to do.
        watcher: Is told how far it is.

    Raises:
        DatasetLayoutError: The folder is no dataset that is known here.
        LeakError: Test images are learned from or calibrated with.
        EvaluationError: No run at all can be, or a run broke off.
        GoldenpartError: A call failed.
        OSError: An image cannot be read, or a result cannot be written.
    """
    return _Evaluation(client, plan, watcher).run()


class _Evaluation:
    """The state of one evaluation. Belongs to one thread."""

    def __init__(self, client: Client, plan: Plan, watcher: Watcher) -> None:
        self._client = client
        self._plan = plan
        self._watcher = watcher
        self._files = RunFiles(plan.report) if plan.report else None
        self._server: ServerInfo = client.server_info()
        self._skipped: list[Skipped] = []

    def run(self) -> Evaluation:
        """Do what is planned, category by category."""
        start_time = datetime.now(UTC)
        categories = open_dataset(self._plan.dataset, self._plan.categories)
        planned = len(categories) * len(tuple(self._draws()))
        model = self._resolve()
        runs: list[Run] = []
        for index, category in enumerate(categories):
            digests = self._digest(category)
            for place, (shots, seed) in enumerate(self._draws()):
                number = index * (planned // len(categories)) + place + 1
                if (run := self._run_or_skip(category, digests, model, (shots, seed), (number, planned))) is not None:
                    runs.append(run)
        if not runs:
            raise EvaluationError(f"no run can be: {'; '.join(dict.fromkeys(skipped.why for skipped in self._skipped))}")
        return Evaluation(
            format_version=FORMAT_VERSION,
            command=self._plan.command,
            dataset=str(self._plan.dataset),
            machine=this_machine(self._server),
            start_time=start_time,
            finish_time=datetime.now(UTC),
            leak_allowed=self._plan.protocol.allow_leak,
            runs=tuple(runs),
            summary=summarise(runs),
            skipped=tuple(self._skipped),
        )

    def _draws(self) -> Iterator[tuple[int | None, int]]:
        for shots in self._plan.shots:
            for seed in self._plan.seeds if shots is not None else self._plan.seeds[:1]:
                yield shots, seed

    @property
    def _least_golden(self) -> int:
        return 2 if self._plan.recipe.detector is Detector.ENSEMBLE else 1  # an ensemble leaves one out

    def _resolve(self) -> _Model:
        """Fit noise for nothing but the answer: the server alone knows its defaults, and names no digest of an idle backbone."""
        parts = list(np.random.default_rng(0).integers(0, 256, (self._least_golden, *_NOISE_SHAPE), np.uint8))
        with throwaway_category(self._client) as name:
            revision = self._client.fit(name, parts, recipe=self._plan.recipe, stage_only=True).revision
        return _Model(digest_of(revision.recipe), revision.backbone_digest)

    def _digest(self, category: LabelledCategory) -> CategoryDigests:
        total, done = len(category.images), 0

        def count() -> None:
            nonlocal done
            done += 1
            self._watcher.reading(category.name, done, total)

        digests = digest_category(category, count)
        if self._files is not None:
            self._files.keep_manifest(category.name, digests.files)
        return digests

    def _run_or_skip(
        self, category: LabelledCategory, digests: CategoryDigests, model: _Model, what: tuple[int | None, int], place: tuple[int, int]
    ) -> Run | None:
        shots, seed = what
        try:
            draw = self._draw(category, digests, shots, seed)
            key = self._key(category, digests, model, draw, what)
            self._watcher.started(key, *place)
            return self._run(category, draw, key)
        except NotEvaluableError as error:
            self._skipped.append(Skipped(category.name, shots or 0, str(error)))
            self._watcher.warned(f"{category.name}, {shots or 'all'} shots, seed {seed}: skipped, {error}")
            return None

    def _draw(self, category: LabelledCategory, digests: CategoryDigests, shots: int | None, seed: int) -> Draw:
        limits = self._server.limits
        protocol = self._plan.protocol
        protocol = replace(protocol, calibration_images=min(protocol.calibration_images, limits.calibration_images))
        draw = protocol.draw(category, digests.pixels, shots, seed)
        if len(draw.golden) < self._least_golden:
            raise NotEvaluableError(f"an ensemble learns from at least {self._least_golden} golden parts, not {len(draw.golden)}")
        if len(draw.golden) > limits.golden_parts:
            raise NotEvaluableError(f"{len(draw.golden)} golden parts are more than the server takes in one Fit ({limits.golden_parts})")
        return replace(draw, warnings=(*label_warnings(category, digests), *draw.warnings))

    def _key(self, category: LabelledCategory, digests: CategoryDigests, model: _Model, draw: Draw, what: tuple[int | None, int]) -> RunKey:
        protocol = self._plan.protocol
        decides: tuple[object, ...] = (
            FORMAT_VERSION, self._server.version, protocol.false_reject_rate, protocol.calibration_images, self._plan.bootstrap
        )  # fmt: skip
        if self._plan.reuse_features:
            decides += ("reuse_features",)  # such a run has no times
        return RunKey(
            category=category.name,
            shots=len(draw.golden),
            seed=what[1],
            all_golden=what[0] is None,
            dataset_digest=digests.dataset,
            recipe_digest=model.recipe_digest,
            backbone_digest=model.backbone_digest,
            protocol_digest=digest_of(decides),
        )

    def _run(self, category: LabelledCategory, draw: Draw, key: RunKey) -> Run:
        if self._files is not None and (found := self._files.find(key)) is not None:
            run = replace(found, folder=str(category.folder))  # the same dataset may lie elsewhere by now
            self._watcher.finished(run, found=True)
            return run
        trial = Trial(
            client=self._client,
            category=category,
            draw=draw,
            key=key,
            recipe=self._plan.recipe,
            false_reject_rate=self._plan.protocol.false_reject_rate,
            bootstrap=self._plan.bootstrap,
            calls_in_flight=self._plan.calls_in_flight,
            reuse_features=self._plan.reuse_features,
            files=self._files,
            watcher=self._watcher,
        )
        run = trial.run()
        if self._files is not None:
            self._files.keep(run)
        self._watcher.finished(run, found=False)
        return run
