"""What a picture is made of: how often each kind of patch occurs in it. A missing hole leaves every patch normal, but not their number.

Patches are sorted into visual words (Sivic & Zisserman, Video Google, ICCV 2003) by the coarsest layer, which tells parts of the product
apart rather than their grain, and pictures are compared by the shares of their words, as logical anomalies are found in MVTec LOCO (Kim
et al., Few shot part segmentation reveals compositional logic for industrial anomaly detection, AAAI 2024; here without segmentation).
"""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np
import numpy.typing as npt

from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.features import Vectors

Compositions = npt.NDArray[np.float64]

WORDS = 64
VOCABULARIES = 4
"""Sets of words, each from other lots: where k-means puts its words is half chance, which averages out."""
PATCHES_PER_WORD = 150
"""The words are learned from so many patches of all pictures together, drawn by lot: every so many of a grid would be columns of it."""
_LEAST_PATCHES_PER_WORD = 39  # fewer make k-means place words on single patches; FAISS warns below the same number
_ROUNDS = 10
_LEAST_DEVIATION = 0.002  # of the root of a share: below it lies noise


def coarsest_columns(backbone: Backbone, layers: tuple[int, ...]) -> slice:
    """Return the columns that the highest of the given layers has in tokens; no layers mean the backbone's own choice."""
    chosen = layers or backbone.default_layers
    place = chosen.index(max(chosen))
    start = sum(backbone.dimension((layer,)) for layer in chosen[:place])
    return slice(start, start + backbone.dimension((chosen[place],)))


def compositions(pictures: Sequence[Vectors]) -> Compositions:
    """Learn words of all pictures together, several times, and count them; the same pictures have the same words.

    Args:
        pictures: P times (N, D) float32, the patches of each, in one layer.

    Returns:
        (V, P, K) float64 for V `VOCABULARIES`, roots of the shares of each picture's patches, so that rare words are as steady as frequent
        ones. K is `WORDS`, or less where there are too few patches.
    """
    patches = sum(len(vectors) for vectors in pictures)
    words = max(1, min(WORDS, patches // _LEAST_PATCHES_PER_WORD))
    share = min(1.0, words * PATCHES_PER_WORD / patches)
    return np.stack([_count(pictures, words, share, seed) for seed in range(VOCABULARIES)])


def _count(pictures: Sequence[Vectors], words: int, share: float, seed: int) -> Compositions:
    """Learn one vocabulary from a share of the patches, and count its words, (P, K)."""
    lots = np.random.default_rng(seed)
    drawn = [vectors[lots.choice(len(vectors), max(1, round(share * len(vectors))), replace=False)] for vectors in pictures]
    learned = faiss.Kmeans(pictures[0].shape[1], words, niter=_ROUNDS, seed=seed, min_points_per_centroid=1)
    learned.train(_directions(np.concatenate(drawn)))
    found = (learned.index.search(_directions(vectors), 1)[1][:, 0] for vectors in pictures)
    return np.sqrt(np.stack([np.bincount(rows, minlength=words) / len(rows) for rows in found]))


def unlikeness(found: Compositions) -> npt.NDArray[np.float64]:
    """Compare each picture with all others.

    Args:
        found: (V, P, K) float64 of at least three pictures.

    Returns:
        (P,) float64: root mean square over the words of the difference from the others' mean, in their standard deviations, averaged over
        the vocabularies. To each word's variance the square of the median deviation is added, so that a word that never varies does not
        decide alone.
    """
    each = [[_from_others(shares[place], np.delete(shares, place, axis=0)) for place in range(len(shares))] for shares in found]
    return np.asarray(np.mean(each, axis=0), np.float64)


def _directions(vectors: Vectors) -> Vectors:
    return np.ascontiguousarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6), np.float32)


def _from_others(own: Compositions, others: Compositions) -> float:
    deviation = others.std(axis=0, ddof=1)
    variance = np.square(deviation) + np.square(np.median(deviation) + _LEAST_DEVIATION)
    return float(np.sqrt((np.square(own - others.mean(axis=0)) / variance).mean()))
