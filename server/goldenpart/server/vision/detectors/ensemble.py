"""Two detectors that judge together, each on the scale of how rare its distances are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from goldenpart.server.errors import InvalidArgumentError
from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.detectors import tensor_file
from goldenpart.server.vision.detectors.base import Detector, DetectorContent, PatchDistances, Picture, Tensors
from goldenpart.server.vision.detectors.rarity import Rarity, estimate_rarity
from goldenpart.server.vision.features import Vectors
from goldenpart.server.vision.fitting import DetectorBuilder, Progress, Shown, Stage
from goldenpart.server.vision.inference import Query, embed
from goldenpart.server.vision.recipe import DetectorKind, Recipe

ReadContent = Callable[[DetectorKind, Tensors], DetectorContent]


@dataclass(frozen=True, slots=True, eq=False)
class EnsembleContent:
    """The members' contents and how rare their distances are.

    Attributes:
        members: in the order of the recipe's `ensemble_detectors`.
        rarities: of each.
    """

    members: tuple[DetectorContent, ...]
    rarities: tuple[Rarity, ...]

    def tensors(self) -> Tensors:
        """See `DetectorContent.tensors`; a member's names have its place before them."""
        named: dict[str, npt.NDArray[Any]] = {}
        for place, (member, rarity) in enumerate(zip(self.members, self.rarities, strict=True)):
            named |= {f"{place}.{name}": array for name, array in member.tensors().items()}
            named |= {f"{place}.rarity.distances": rarity.distances, f"{place}.rarity.rarities": rarity.rarities}
            named[f"{place}.rarity.tail"] = np.array([rarity.tail], np.float32)
        return named

    def to_bytes(self) -> bytes:
        """See `DetectorContent.to_bytes`."""
        return tensor_file.to_file(self.tensors())

    @classmethod
    def from_tensors(cls, tensors: Tensors, kinds: Sequence[DetectorKind], read: ReadContent) -> EnsembleContent:
        """Read what `tensors` returned.

        Args:
            tensors: by name.
            kinds: of the members.
            read: reads a member.

        Raises:
            RevisionDamagedError: it is something else.
        """
        members, rarities = [], []
        for place, kind in enumerate(kinds):
            prefix = f"{place}."
            own = {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}
            members.append(read(kind, own))
            rarities.append(_read_rarity(own))
        return cls(tuple(members), tuple(rarities))


@dataclass(slots=True, eq=False)
class Ensemble:
    """A detector whose patch distance is the mean of its members' rarities, in nats; see `Rarity`.

    Attributes:
        members: measure the patches.
        rarities: bring the distances of each to one scale.
        recipe: how patch distances become a score.
        reads_backbone: True.
    """

    members: tuple[Detector, ...]
    rarities: tuple[Rarity, ...]
    recipe: Recipe
    reads_backbone: bool = field(default=True, init=False)

    @property
    def content(self) -> EnsembleContent:
        """What it is made of."""
        return EnsembleContent(tuple(member.content for member in self.members), self.rarities)

    @property
    def size_bytes(self) -> int:
        """Memory that the members take, in bytes."""
        return sum(member.size_bytes for member in self.members)

    def measure(self, pictures: Sequence[Picture]) -> list[PatchDistances]:
        """See `Detector.measure`."""
        measured = [member.measure(pictures) for member in self.members]
        return [
            PatchDistances(
                np.mean(
                    [rarity.of(answer.distances) for rarity, answer in zip(self.rarities, answers, strict=True)], axis=0, dtype=np.float32
                )
            )
            for answers in zip(*measured, strict=True)
        ]


class EnsembleBuilder:
    """Fits an `Ensemble`; see `DetectorBuilder`. The members come one after the other, then the distances of golden parts left out.

    Args:
        backbone: the network.
        recipe: all knobs.
        golden_parts: in order, at least 2.
        members: fit the members.

    Raises:
        InvalidArgumentError: there is one golden part.
    """

    def __init__(self, backbone: Backbone, recipe: Recipe, golden_parts: Sequence[Shown], members: Sequence[DetectorBuilder]) -> None:
        if len(golden_parts) < 2:
            raise InvalidArgumentError(
                "An ensemble ranks distances of golden parts that were left out, which takes at least 2; there is 1. Send more, "
                "or choose a single detector.",
                field="image",
            )
        self._backbone = backbone
        self._recipe = recipe
        self._golden_parts = golden_parts
        self._builders = members
        self._rarities: tuple[Rarity, ...] = ()

    @property
    def patches(self) -> int:
        """See `DetectorBuilder.patches`."""
        return self._builders[0].patches

    def steps(self) -> Iterator[Progress]:
        """See `DetectorBuilder.steps`."""
        for builder in self._builders:
            yield from builder.steps()
        seen: list[list[Vectors]] = [[] for _ in self._builders]
        for golden in range(len(self._golden_parts)):
            for place, builder in enumerate(self._builders):
                seen[place].append(self._distances_without(builder, golden))
            yield Progress(Stage.TRAINING, golden + 1, len(self._golden_parts))
        self._rarities = tuple(estimate_rarity(np.concatenate(distances)) for distances in seen)

    @property
    def detector(self) -> Ensemble:
        """See `DetectorBuilder.detector`."""
        return Ensemble(tuple(builder.detector for builder in self._builders), self._rarities, self._recipe)

    @property
    def leaves_out(self) -> bool:
        """Whether all members do."""
        return all(builder.leaves_out for builder in self._builders)

    def without(self, golden: int) -> Ensemble:
        """See `LeavesOut.without`. Rarities stay those of all parts: they are the same for each part that is left out."""
        return Ensemble(tuple(builder.without(golden) for builder in self._builders), self._rarities, self._recipe)

    def _distances_without(self, builder: DetectorBuilder, golden: int) -> Vectors:
        rest = builder.without(golden)
        pictures = embed(self._backbone, [Query(rest, self._golden_parts[golden][0])])
        return rest.measure(pictures)[0].distances


def _read_rarity(tensors: Tensors) -> Rarity:
    distances, rarities = tensor_file.floats(tensors, "rarity.distances", 1), tensor_file.floats(tensors, "rarity.rarities", 1)
    tail = tensor_file.floats(tensors, "rarity.tail", 1)
    tensor_file.require(distances.shape == rarities.shape and tail.shape == (1,) and float(tail[0]) > 0, "rarity")
    tensor_file.require(bool((np.diff(distances) > 0).all() and (np.diff(rarities) > 0).all()), "rarity does not rise")
    return Rarity(distances, rarities, float(tail[0]))
