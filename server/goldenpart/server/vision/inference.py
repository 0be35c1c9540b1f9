"""One backbone pass over pictures of one shape, of any mix of categories, and what the detector of each says."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch

from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.detectors.base import Detector, Picture
from goldenpart.server.vision.features import Vectors, extract_tokens, mean_token
from goldenpart.server.vision.preparation import PreparedImage
from goldenpart.server.vision.recipe import Recipe
from goldenpart.server.vision.rescoring import measure_by
from goldenpart.server.vision.scoring import ScoredImage, image_score, score_patches

BATCH_PICTURES = 8
"""Pictures of one pass outside inspection. Fixed, because the same batches give the same floats, and so the same bank, byte for byte."""


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A picture and what judges it.

    Attributes:
        detector: of its category.
        prepared: the picture.
        rescore: recipes to score it by as well.
    """

    detector: Detector
    prepared: PreparedImage
    rescore: tuple[Recipe, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ScoredQuery:
    """The answer to a query.

    Attributes:
        scored: score and map.
        backbone_s: time of the pass it was part of, in seconds.
        search_s: time the detector took for all queries to it.
        token: (D,) float32, the picture's mean token; None for a detector that does not read the backbone.
        rescored: scores by `Query.rescore`, in that order.
    """

    scored: ScoredImage
    backbone_s: float
    search_s: float
    token: Vectors | None = None
    rescored: tuple[float, ...] = ()


def score_batch(backbone: Backbone, queries: Sequence[Query]) -> list[ScoredQuery]:
    """Score pictures of one shape whose recipes read the same layers. Device executor thread only.

    Args:
        backbone: the network all detectors were fitted with.
        queries: at least one; all `prepared.pixels` of equal shape.

    Returns:
        One answer per query, in order.

    Raises:
        InvalidArgumentError: a detector cannot judge pictures of that shape.
    """
    started = time.perf_counter()
    pictures = embed(backbone, queries)
    backbone_s = time.perf_counter() - started
    answers: dict[int, ScoredQuery] = {}
    for places in _by_detector(queries):
        started = time.perf_counter()
        detector, others = queries[places[0]].detector, queries[places[0]].rescore
        measured = measure_by(detector, [pictures[place] for place in places], (detector.recipe, *others))
        scored = [score_patches(own, queries[place].prepared, detector.recipe) for place, (own, *_) in zip(places, measured, strict=True)]
        rescored = [tuple(map(image_score, rest, others)) for _, *rest in measured]
        search_s = time.perf_counter() - started
        answers.update(
            {
                place: ScoredQuery(answer, backbone_s, search_s, _mean_token(pictures[place]), scores)
                for place, answer, scores in zip(places, scored, rescored, strict=True)
            }
        )
    return [answers[place] for place in range(len(queries))]


def embed(backbone: Backbone, queries: Sequence[Query]) -> list[Picture]:
    """Run the backbone on the pictures of one shape whose detectors read it; no pass if none does. Device executor thread only."""
    reading = [place for place, query in enumerate(queries) if query.detector.reads_backbone]
    found: dict[int, torch.Tensor] = {}
    if reading:
        layers = queries[reading[0]].detector.recipe.layers
        tokens = extract_tokens(backbone, [queries[place].prepared.pixels for place in reading], layers)
        found = dict(zip(reading, tokens, strict=True))
    return [Picture(query.prepared, found.get(place)) for place, query in enumerate(queries)]


def batches_of_one_shape(pictures: Iterable[PreparedImage]) -> Iterator[list[int]]:
    """Yield places of pictures in batches of equal shape, at most `BATCH_PICTURES` each; deterministic."""
    shapes: dict[tuple[int, ...], list[int]] = {}
    for place, picture in enumerate(pictures):
        shapes.setdefault(picture.pixels.shape, []).append(place)
    for places in shapes.values():
        rest = iter(places)
        while batch := list(islice(rest, BATCH_PICTURES)):
            yield batch


def _by_detector(queries: Sequence[Query]) -> list[list[int]]:
    groups: dict[tuple[int, tuple[Recipe, ...]], list[int]] = {}
    for place, query in enumerate(queries):
        groups.setdefault((id(query.detector), query.rescore), []).append(place)
    return list(groups.values())


def _mean_token(picture: Picture) -> Vectors | None:
    return None if picture.tokens is None else mean_token(picture.tokens, picture.prepared)
