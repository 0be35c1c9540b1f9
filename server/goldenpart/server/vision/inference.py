"""One backbone pass over pictures of one shape, of any mix of categories, and the search of each in its own bank."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.bank import Bank, PatchNeighbours
from goldenpart.server.vision.features import Vectors, extract_tokens, to_vectors
from goldenpart.server.vision.preparation import PreparedImage
from goldenpart.server.vision.scoring import ScoredImage, score_neighbours

BATCH_PICTURES = 8
"""Pictures of one pass outside inspection. Fixed, because the same batches give the same floats, and so the same bank, byte for byte."""


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A picture and the bank it is compared with.

    Attributes:
        bank: of its category.
        prepared: the picture.
        without_golden: a golden part to leave out of the search.
    """

    bank: Bank
    prepared: PreparedImage
    without_golden: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ScoredQuery:
    """The answer to a query.

    Attributes:
        scored: score and map.
        backbone_s: time of the pass it was part of, in seconds.
        search_s: time of the search of all queries to the same bank.
    """

    scored: ScoredImage
    backbone_s: float
    search_s: float


def score_batch(backbone: Backbone, queries: Sequence[Query]) -> list[ScoredQuery]:
    """Score pictures of one shape whose recipes read the same layers. Device executor thread only.

    Args:
        backbone: the network all banks were made with.
        queries: at least one; all `prepared.pixels` of equal shape.

    Returns:
        One answer per query, in order.
    """
    started = time.perf_counter()
    tokens = extract_tokens(backbone, [query.prepared.pixels for query in queries], queries[0].bank.recipe.layers)
    vectors = [
        to_vectors(grid, query.prepared, query.bank.recipe, query.bank.content.centre) for grid, query in zip(tokens, queries, strict=True)
    ]
    backbone_s = time.perf_counter() - started
    answers: dict[int, ScoredQuery] = {}
    for places in _by_bank(queries):
        started = time.perf_counter()
        found = _search_together([queries[place] for place in places], [vectors[place] for place in places])
        scored = [
            score_neighbours(queries[place].bank, neighbours, vectors[place], queries[place].prepared, queries[place].without_golden)
            for place, neighbours in zip(places, found, strict=True)
        ]
        search_s = time.perf_counter() - started
        answers.update({place: ScoredQuery(answer, backbone_s, search_s) for place, answer in zip(places, scored, strict=True)})
    return [answers[place] for place in range(len(queries))]


def batches_of_one_shape(pictures: Iterable[PreparedImage]) -> Iterator[list[int]]:
    """Yield places of pictures in batches of equal shape, at most `BATCH_PICTURES` each; deterministic."""
    shapes: dict[tuple[int, ...], list[int]] = {}
    for place, picture in enumerate(pictures):
        shapes.setdefault(picture.pixels.shape, []).append(place)
    for places in shapes.values():
        rest = iter(places)
        while batch := list(islice(rest, BATCH_PICTURES)):
            yield batch


def _by_bank(queries: Sequence[Query]) -> list[list[int]]:
    groups: dict[tuple[int, int | None], list[int]] = {}
    for place, query in enumerate(queries):
        groups.setdefault((id(query.bank), query.without_golden), []).append(place)
    return list(groups.values())


def _search_together(queries: Sequence[Query], vectors: Sequence[Vectors]) -> list[PatchNeighbours]:
    """Search all patches of queries to one bank in one go: one matrix product instead of many."""
    found = queries[0].bank.neighbours(np.concatenate(vectors), queries[0].without_golden)
    ends = np.cumsum([len(patches) for patches in vectors])[:-1]
    pieces = zip(np.split(found.distances, ends), np.split(found.rows, ends), strict=True)
    return [PatchNeighbours(distances, rows) for distances, rows in pieces]
