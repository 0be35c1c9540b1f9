"""Laying one picture over another: which patches show the same place of two parts.

Patches of two pictures that choose each other as nearest are taken for the same place. Most of them agree on one similarity transform
(shift, turn, scale) if the part lies in one plane and is made alike every time; it is found by RANSAC (Fischler & Bolles, Communications
of the ACM 1981). Where parts cannot be laid over each other, few matches agree, and that share tells.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from goldenpart.server.vision.preparation import PreparedImage

Places = npt.NDArray[np.float32]
"""(N, 2) float32, x and y of patches in the upright picture, in patches."""

_ITERATIONS, _CONFIDENCE = 2000, 0.999
_LEAST_MATCHES = 2


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """How one picture lies on another.

    Attributes:
        matrix: (2, 3) float64, carries places of the one to places of the other.
        agreement: share of matches that agree, 0 to 1.
    """

    matrix: npt.NDArray[np.float64]
    agreement: float

    def carry(self, places: Places) -> Places:
        """Return where places of the one picture lie on the other, (N, 2) float32, possibly outside of it."""
        return np.asarray(places @ self.matrix[:, :2].T + self.matrix[:, 2], np.float32)


def agrees_within(places: Places) -> float:
    """Return how near a transform must carry a match for the match to agree, in patches.

    A quarter of a patch, because places lie on a grid, and 2.7 % of the shorter side of what is inspected: the same part of the picture at
    every resolution, two patches at 64. Were it a number of patches, all parts would lie alike in small pictures.
    """
    return 0.25 + 1.75 * (float(np.ptp(places, axis=0).min()) + 1) / 64


def register(matched: Places, to: Places, within: float) -> Registration:
    """Find the transform on which most matches agree; the same matches always give the same one. Any thread.

    Args:
        matched: (n, 2) float32, places in the one picture.
        to: (n, 2) float32, the same places in the other. With fewer than two there is no agreement.
        within: see `agrees_within`.
    """
    matrix, agrees = None, None
    if len(matched) >= _LEAST_MATCHES:
        matrix, agrees = cv2.estimateAffinePartial2D(
            matched, to, method=cv2.RANSAC, ransacReprojThreshold=within, maxIters=_ITERATIONS, confidence=_CONFIDENCE
        )
    if matrix is None or agrees is None:
        return Registration(np.eye(2, 3), 0.0)
    return Registration(np.asarray(matrix, np.float64), float(np.mean(agrees)))


def upright_places(prepared: PreparedImage, angle_deg: float) -> Places:
    """Return where the inspected patches of a rotated picture lie in the upright one, (N, 2) float32 in row-major order.

    Args:
        prepared: the rotated picture.
        angle_deg: by which it was rotated, counter-clockwise about the centre.
    """
    places = np.argwhere(prepared.inspected)[:, ::-1].astype(np.float64)  # x, y
    geometry = prepared.geometry
    content = np.array([geometry.content_width_px, geometry.content_height_px], np.float64)
    centre = (content / geometry.patch_px - 1) / 2
    cos, sin = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    return np.asarray((places - centre) @ np.array([[cos, sin], [-sin, cos]]) + centre, np.float32)
