"""The vectors of golden parts, read with the backbone a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.features import Vectors, extract_tokens, to_vectors
from goldenpart.server.vision.fitting import Progress, Shown, Stage, find_centre
from goldenpart.server.vision.inference import batches_of_one_shape
from goldenpart.server.vision.preparation import PreparedImage
from goldenpart.server.vision.recipe import Metric, Recipe

Take = Callable[[int, Vectors], None]
"""Gets the place of a picture in `GoldenVectors.pictures`, and its vectors."""


class GoldenVectors:
    """Reads golden parts for detectors that need each vector once. Device executor thread only, but for construction.

    Args:
        backbone: the network.
        recipe: layers, neighbourhood, metric.
        golden_parts: in order.

    Attributes:
        pictures: every golden part at every angle, part by part.
        angles: pictures per golden part.
        centre: (D,) float32, subtracted from every token; None unless the metric is ``centred_cosine``; set by `read`.
    """

    def __init__(self, backbone: Backbone, recipe: Recipe, golden_parts: Sequence[Shown]) -> None:
        self._backbone = backbone
        self._recipe = recipe
        self.pictures: list[PreparedImage] = [picture for shown in golden_parts for picture in shown]
        self.angles = len(golden_parts[0])
        self.centre: Vectors | None = None

    @property
    def parts(self) -> int:
        """Number of golden parts."""
        return len(self.pictures) // self.angles

    @property
    def patches(self) -> int:
        """Patches of all pictures that are inspected."""
        return sum(int(picture.inspected.sum()) for picture in self.pictures)

    @property
    def dimension(self) -> int:
        """Length D of a vector."""
        return self._backbone.dimension(self._recipe.layers)

    def read(self, take: Take) -> Iterator[Progress]:
        """Hand over every picture's vectors, pictures of one shape together; a step is one batch."""
        offset = 0
        if self._recipe.metric is Metric.CENTRED_COSINE:
            self.centre = yield from find_centre(self._backbone, self._recipe, self.pictures)
            offset = len(self.pictures)
        done = 0
        for places in batches_of_one_shape(self.pictures):
            self._read_batch(places, take)
            done += len(places)
            yield Progress(Stage.EMBEDDING, offset + done, offset + len(self.pictures))

    def read_part(self, golden: int, take: Take) -> None:
        """Hand over the vectors of one golden part at all angles once more."""
        start = golden * self.angles
        for places in batches_of_one_shape(self.pictures[start : start + self.angles]):
            self._read_batch([start + place for place in places], take)

    def _read_batch(self, places: Sequence[int], take: Take) -> None:
        tokens = extract_tokens(self._backbone, [self.pictures[place].pixels for place in places], self._recipe.layers)
        for place, grid in zip(places, tokens, strict=True):
            take(place, to_vectors(grid, self.pictures[place], self._recipe, self.centre))
