"""Fits settings and inspects images with them, each image once per setting."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

from goldenpart.client.client import Client
from goldenpart.client.evaluation.datasets import LabelledImage
from goldenpart.client.evaluation.errors import EvaluationError
from goldenpart.client.evaluation.inspecting import inspect_in_flight
from goldenpart.client.evaluation.protocol import Draw
from goldenpart.client.evaluation.trial import named_images
from goldenpart.client.frames import Frame, InspectOptions
from goldenpart.client.images import distinct_names
from goldenpart.client.recipe import Recipe
from goldenpart.client.results import Inspection, NotInspectedReason, Verdict
from goldenpart.client.tuning.knob_space import Change
from goldenpart.client.tuning.setting import Learned, Setting

_FRAME_ID_BYTES = 128


class Bench:
    """One throw-away category with a staged revision, without a threshold, per setting. Blocks; belongs to one thread.

    Every call but those that are timed reuses features, so an image is read once for all settings that prepare it alike.

    Args:
        client: Of a server that is ready.
        category: Of the bench alone.
        draws: Golden parts and calibration images by the number of golden parts.
        calls_in_flight: Inspect calls at once.
    """

    def __init__(self, client: Client, category: str, draws: Mapping[int, Draw], calls_in_flight: int) -> None:
        self._client = client
        self._category = category
        self._draws = draws
        self._calls_in_flight = calls_in_flight
        self._learned: dict[Setting, Learned] = {}
        self._scores: dict[Setting, dict[str, tuple[float, ...]]] = {}

    def fit(self, setting: Setting) -> Learned:
        """Fit the setting, the first time.

        Raises:
            GoldenpartError: The server refuses it, or the call failed.
        """
        if setting not in self._learned:
            parts = named_images(self._draws[setting.shots].golden)
            report = self._client.fit(self._category, parts, recipe=setting.recipe, without_threshold=True, reuse_features=True)
            made = report.revision
            self._learned[setting] = Learned(made.recipe, report.patches, made.bank_bytes, made.revision)
        return self._learned[setting]

    def scores(self, setting: Setting, images: Sequence[LabelledImage]) -> list[float]:
        """Return the scores of images, inspecting those that have none yet.

        Raises:
            EvaluationError: An image was not inspected.
            GoldenpartError: A call failed.
        """
        return self.scores_by(setting, ({},), images)[0]

    def scores_by(self, setting: Setting, scorings: Sequence[Change], images: Sequence[LabelledImage]) -> list[list[float]]:
        """Return the scores of images by several ways to score, inspecting each image once.

        Args:
            setting: What is fitted.
            scorings: See `knob_space.scorings`; the same ones in every call with this setting, or its own alone.
            images: To inspect.

        Returns:
            Per way to score, in order, a score per image.

        Raises:
            EvaluationError: An image was not inspected.
            GoldenpartError: A call failed.
        """
        known = self._scores.setdefault(setting, {})
        new = [image for image in images if len(known.get(image.name, ())) < len(scorings)]
        rescore = tuple(replace(Recipe(), **change) for change in scorings)  # type: ignore[arg-type]  # knobs of a recipe by name
        frames = self._frames(setting, new, InspectOptions(reuse_features=True, rescore=rescore))
        for image, inspection in zip(new, inspect_in_flight(self._client, frames, self._calls_in_flight), strict=True):
            _check(inspection)
            known[image.name] = inspection.rescored
        return [[known[image.name][place] for image in images] for place in range(len(scorings))]

    def milliseconds(self, setting: Setting, images: Sequence[LabelledImage]) -> float:
        """Return the median time of a frame in the server without its wait, frame by frame and without reuse; the first one warms up.

        Raises:
            EvaluationError: An image was not inspected.
            GoldenpartError: A call failed.
        """
        times = []
        for frame in self._frames(setting, [images[0], *images], InspectOptions()):
            (inspection,) = inspect_in_flight(self._client, [frame], 1)
            _check(inspection)
            times.append(inspection.timings.total_s - inspection.timings.queue_s)
        return 1000 * median(times[1:])

    def calibration_scores(self, setting: Setting) -> tuple[float, ...]:
        """Return the scores of the calibration images; empty where too few images remain beside the golden parts.

        Raises:
            EvaluationError: An image was not inspected.
            GoldenpartError: A call failed.
        """
        return tuple(self.scores(setting, self._draws[setting.shots].calibration))

    def _frames(self, setting: Setting, images: Sequence[LabelledImage], options: InspectOptions) -> list[Frame]:
        ids = distinct_names([image.path for image in dict.fromkeys(images)], limit_bytes=_FRAME_ID_BYTES)
        revision = self.fit(setting).revision
        return [Frame(ids[image.path], self._category, image.path, options, revision=revision) for image in images]


def _check(inspection: Inspection) -> None:
    if inspection.verdict is Verdict.NOT_INSPECTED and inspection.reason is not NotInspectedReason.NOT_CALIBRATED:
        raise EvaluationError(
            f"{inspection.frame_id} was not inspected: {inspection.message} [{inspection.reason}]. Leave out images that are broken"
        )
