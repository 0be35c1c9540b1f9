"""Pictures of a category, each compared with every other one."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial import KDTree
from tqdm import tqdm

from goldenpart.client.parts import Defect, draw_flange
from goldenpart.server.vision.audit_comparison import PartPatches, pair_evidence
from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.coverage import Distances, distances_between
from goldenpart.server.vision.features import extract_tokens, to_vectors
from goldenpart.server.vision.image import EncodedImage, Rgb8, decode
from goldenpart.server.vision.preparation import prepare
from goldenpart.server.vision.recipe import Metric, Recipe
from goldenpart.server.vision.registration import upright_places

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Images:
    """Pictures of a category: good and defective ones."""

    good: list[Rgb8]
    bad: list[Rgb8]


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """A picture compared with P others, or P golden parts of a trial; see `PairEvidence`.

    Attributes:
        anywhere, in_place: (P, N) float32.
        twins: (P, N) int32, the patch of the other at the same place.
        agreement: (P,) float64.
    """

    anywhere: Distances
    in_place: Distances
    twins: npt.NDArray[np.int32]
    agreement: Scores

    def among(self, others: Sequence[int]) -> Compared:
        """Keep some of the others."""
        return Compared(self.anywhere[others], self.in_place[others], self.twins[others], self.agreement[others])


def real_images(folder: Path, good: int, bad: int, seed: int) -> Images:
    """Choose pictures of a category in MVTec layout."""
    chooser = random.Random(seed)
    good_paths = sorted((folder / "train" / "good").iterdir())
    bad_paths = sorted(path for path in (folder / "test").glob("*/*") if path.parent.name != "good")
    chosen = [chooser.sample(paths, min(most, len(paths))) for paths, most in ((good_paths, good), (bad_paths, bad))]
    return Images(*([decode(EncodedImage(path.read_bytes())) for path in paths] for paths in chosen))


def drawn_images(good: int, bad: int, seed: int) -> Images:
    """Draw flanges, the kinds of damage taking turns."""
    rng, kinds = np.random.default_rng(seed), tuple(Defect)
    return Images(
        [draw_flange(rng).image for _ in range(good)], [draw_flange(rng, kinds[index % len(kinds)]).image for index in range(bad)]
    )


def embed(images: Sequence[Rgb8], recipe: Recipe, backbone: Backbone) -> Iterator[PartPatches]:
    """Yield the patches of each picture."""
    for image in images:
        prepared = prepare(image, recipe, backbone.patch_size)
        vectors = to_vectors(extract_tokens(backbone, [prepared.pixels], recipe.layers)[0], prepared, recipe)
        yield PartPatches(vectors, upright_places(prepared, 0.0), len(vectors))


def compare(parts: Sequence[PartPatches], metric: Metric) -> list[Compared]:
    """Compare every picture with every one; to itself its patches are infinitely far."""
    trees = [KDTree(part.places) for part in parts]
    shapes = [(len(parts), part.upright) for part in parts]
    found = [
        Compared(np.full(s, np.inf, np.float32), np.full(s, np.inf, np.float32), np.zeros(s, np.int32), np.zeros(s[0])) for s in shapes
    ]
    for first in tqdm(range(len(parts)), "comparing", leave=False):
        for second in range(first):
            distances = distances_between(parts[first].vectors, parts[second].vectors, metric, torch.device("cpu"))
            for own, other, matrix in ((first, second, distances), (second, first, distances.T.contiguous())):
                pair = pair_evidence(parts[own], parts[other], matrix)
                found[own].anywhere[other], found[own].in_place[other] = pair.anywhere, pair.in_place
                found[own].twins[other] = trees[other].query(pair.registration.carry(parts[own].places))[1]
                found[own].agreement[other] = pair.registration.agreement
    return found


def load_or_compare(images: Images, recipe: Recipe, backbone: Backbone, kept: Path | None) -> list[Compared]:
    """Return what the file `kept` holds if it exists; else compare all pictures and write it."""
    if kept is not None and kept.exists():
        with np.load(kept) as archive:
            return [Compared(*(archive[f"{index}/{field.name}"] for field in fields(Compared))) for index in range(archive["pictures"])]
    pictures = compare(list(embed([*images.good, *images.bad], recipe, backbone)), recipe.metric)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_name(f"partial-{kept.name}")
        arrays = {f"{i}/{field.name}": getattr(one, field.name) for i, one in enumerate(pictures) for field in fields(Compared)}
        np.savez(partial, pictures=len(pictures), **arrays)
        partial.replace(kept)
    return pictures
