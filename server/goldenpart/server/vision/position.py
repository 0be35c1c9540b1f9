"""Where a patch lies as part of what it is, for golden parts that lie still in the picture.

A hole that is missing leaves steel, and steel is normal - elsewhere. Where parts always lie at the same place, a patch can be compared with
golden patches around its own place rather than anywhere: its row and column, times a weight, are two more coordinates of its vector.
Position as evidence is in PaDiM (Defard et al., ICPR 2020), which has a Gaussian for every place, and in PNI (Bae et al., ICCV 2023), which
learns what is normal at a place; here the weight says how near is near, and nothing is learned.
"""

from __future__ import annotations

import numpy as np

from goldenpart.server.vision.features import Vectors
from goldenpart.server.vision.preparation import PreparedImage


def places_of(prepared: PreparedImage, weight: float) -> Vectors:
    """Return the places of a picture's inspected patches, (N, 2) float32 in row-major order: row and column over the shorter side.

    Args:
        prepared: the picture.
        weight: that they are multiplied with; distances are those of unit vectors for the cosine metrics, so with weight 1 a place a tenth
            of the side away costs 0.005 of cosine distance.
    """
    places = np.argwhere(prepared.inspected).astype(np.float32)
    return places * np.float32(weight / min(prepared.inspected.shape))


def with_places(vectors: Vectors, prepared: PreparedImage, weight: float) -> Vectors:
    """Return vectors (N, D) with the places of their patches, (N, D + 2); as they are if the weight is 0."""
    return np.concatenate([vectors, places_of(prepared, weight)], axis=1) if weight else vectors
