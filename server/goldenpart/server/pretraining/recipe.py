"""Named pretraining recipes: every number that decides what the weights of `compact` become."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to train the classifier.

    Attributes:
        name: what the command line and the model card call it.
        epochs: passes over the training images.
        sizes: (until, side) steps: images have `side` pixels until the fraction `until` of all epochs is over; ascending, last until is 1.
        batch: images per step.
        peak_rate: highest learning rate of the one-cycle schedule.
        warmup: fraction of all steps over which the rate rises to its peak.
        momentum: Nesterov momentum.
        weight_decay: L2 penalty on convolution and head weights, not on BatchNorm and biases.
        label_smoothing: share of the target spread over all classes.
        zoom: (low, high) area fraction a random crop covers.
        aspect: largest ratio of the crop's sides.
        jitter: largest relative change of brightness, contrast and saturation.
        grey: probability that an image loses its colour.
        seed: decides initial weights, order and augmentation.
    """

    name: str
    epochs: int = 14
    sizes: tuple[tuple[float, int], ...] = ((0.45, 48), (1.0, 64))
    batch: int = 256
    peak_rate: float = 0.4
    warmup: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 5e-5
    label_smoothing: float = 0.1
    zoom: tuple[float, float] = (0.35, 1.0)
    aspect: float = 4 / 3
    jitter: float = 0.4
    grey: float = 0.2
    seed: int = 0

    def side(self, epoch: int, epochs: int) -> int:
        """Return the image side in pixels during `epoch` (0-based) of `epochs`."""
        return next(side for until, side in self.sizes if (epoch + 0.5) / epochs <= until)


@dataclass(frozen=True, slots=True)
class Refinement:
    """The second phase: patch distances are trained on drawn inspections.

    Attributes:
        steps: updates of the weights.
        episodes: drawn products per step.
        peak_rate: highest learning rate of the one-cycle schedule.
        warmup: fraction of the steps over which the rate rises to its peak.
        clip: longest gradient.
        share: weight of the refined network in the shipped average of it and the first phase's.
        seed: decides products and augmentation.
    """

    steps: int = 400
    episodes: int = 6
    peak_rate: float = 2e-4
    warmup: float = 0.1
    clip: float = 5.0
    share: float = 0.4
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training command does: classification, then refinement if there is one."""

    classification: Recipe
    refinement: Refinement | None = None


FIRST = Recipe("first")
REHEARSAL = Recipe("rehearsal", epochs=4, sizes=((1.0, 32),), batch=64, peak_rate=0.1)  # proves the machinery in seconds

PLANS = {
    "first": Plan(FIRST),
    "final": Plan(FIRST, Refinement()),
    "rehearsal": Plan(REHEARSAL, Refinement(steps=12, episodes=2)),
}
