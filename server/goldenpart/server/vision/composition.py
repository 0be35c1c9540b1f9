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
PATCHES_PER_WORD = 150
"""Patches that the words are learned from are thinned to about so many of each."""
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
    """Learn words of all pictures together and count them; the same pictures have the same words.

    Args:
        pictures: P times (N, D) float32, the patches of each, in one layer.

    Returns:
        (P, K) float64, roots of the shares of each picture's patches, so that rare words are as steady as frequent ones. K is `WORDS`,
        or less where there are too few patches.
    """
    directions = [np.ascontiguousarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)) for vectors in pictures]
    patches = sum(len(vectors) for vectors in directions)
    words = max(1, min(WORDS, patches // _LEAST_PATCHES_PER_WORD))
    stride = max(1, patches // (words * PATCHES_PER_WORD))
    learned = faiss.Kmeans(directions[0].shape[1], words, niter=_ROUNDS, min_points_per_centroid=1)
    learned.train(np.concatenate(directions)[::stride])
    counts = [np.bincount(learned.index.search(vectors, 1)[1][:, 0], minlength=words) / len(vectors) for vectors in directions]
    return np.sqrt(np.stack(counts))


def unlikeness(found: Compositions) -> npt.NDArray[np.float64]:
    """Compare each picture with all others.

    Args:
        found: (P, K) float64 of at least three pictures.

    Returns:
        (P,) float64: root mean square over the words of the difference from the others' mean, in their standard deviations. Each word's
        variance is added to the square of the median deviation, so that a word that never varies does not decide alone.
    """
    return np.array([_from_others(found[place], np.delete(found, place, axis=0)) for place in range(len(found))])


def _from_others(own: Compositions, others: Compositions) -> float:
    deviation = others.std(axis=0, ddof=1)
    variance = np.square(deviation) + np.square(np.median(deviation) + _LEAST_DEVIATION)
    return float(np.sqrt((np.square(own - others.mean(axis=0)) / variance).mean()))
