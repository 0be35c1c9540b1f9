"""Drawn defects: what a good part never shows, with the exact change each makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from goldenpart.server.pretraining.materials import Picture

Mask = npt.NDArray[np.float32]
"""(H, W) float32 in [0, 1]: how much of the defect shows."""


def blemish(picture: Picture, foreign: Picture, generator: np.random.Generator) -> Picture:
    """Draw one defect of a random kind, place and size.

    Args:
        picture: (H, W, 3) float32 RGB; not changed.
        foreign: another picture of the same size, the source of foreign matter.
        generator: the only source of chance.

    Returns:
        The picture with the defect.
    """
    mask = _scratch(picture.shape[0], generator) if generator.random() < 0.3 else _blob(picture.shape[0], generator)
    matter = _MATTER[int(generator.integers(len(_MATTER)))](picture, foreign, mask, generator)
    strength = np.float32(generator.uniform(0.35, 1.0))
    return picture + (strength * mask)[:, :, None] * (matter - picture)


def _blob(side: int, generator: np.random.Generator) -> Mask:
    """A rough ellipse, rectangle or ragged patch of 2 to 40 pixels with a soft edge."""
    mask = np.zeros((side, side), np.float32)
    centre = generator.uniform(0.06, 0.94, 2) * side
    axes = np.exp(generator.uniform(np.log(1.2), np.log(0.16 * side), 2))
    angle = float(generator.uniform(0, 180))
    if generator.random() < 0.5:
        corners = 12
        turns = np.linspace(0, 2 * np.pi, corners, endpoint=False)
        radii = generator.uniform(0.6, 1.2, corners)
        outline = np.stack([np.cos(turns) * axes[0] * radii, np.sin(turns) * axes[1] * radii], axis=1)
    else:
        outline = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * axes
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    cv2.fillPoly(mask, [np.round((outline @ turn + centre) * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    return _soft(mask, generator)


def _scratch(side: int, generator: np.random.Generator) -> Mask:
    """A wandering line of 1 to 3 pixels width."""
    mask = np.zeros((side, side), np.float32)
    steps = int(generator.integers(2, 7))
    heading = generator.uniform(0, 2 * np.pi) + np.cumsum(generator.normal(0, 0.3, steps))
    length = generator.uniform(0.05, 0.6) * side / steps
    points = generator.uniform(0.05, 0.95, 2) * side + np.cumsum(length * np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0)
    cv2.polylines(mask, [np.round(points * 16).astype(np.int32)], False, 1.0, int(generator.integers(1, 4)), cv2.LINE_AA, 4)
    return _soft(mask, generator)


def _soft(mask: Mask, generator: np.random.Generator) -> Mask:
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), float(generator.uniform(0.3, 1.2))), np.float32)


def _stain(picture: Picture, foreign: Picture, mask: Mask, generator: np.random.Generator) -> Picture:  # noqa: ARG001 - one signature
    """Darker, brighter or tinted."""
    change = generator.uniform(0.08, 0.6) * generator.choice([-1.0, 1.0])
    tint = generator.uniform(0.3, 1.0, 3) if generator.random() < 0.4 else np.ones(3)
    return np.asarray(picture + change * tint, np.float32)


def _foreign(picture: Picture, foreign: Picture, mask: Mask, generator: np.random.Generator) -> Picture:  # noqa: ARG001 - one signature
    """Matter of another picture."""
    return foreign


def _displaced(picture: Picture, foreign: Picture, mask: Mask, generator: np.random.Generator) -> Picture:  # noqa: ARG001 - one signature
    """The part's own surface from elsewhere, turned: misplaced, double or missing detail."""
    side = picture.shape[0]
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), float(generator.uniform(0, 360)), float(generator.uniform(0.8, 1.25)))
    turn[:, 2] += generator.uniform(-0.4, 0.4, 2) * side
    moved = cv2.warpAffine(picture, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.float32)


def _worn(picture: Picture, foreign: Picture, mask: Mask, generator: np.random.Generator) -> Picture:  # noqa: ARG001 - one signature
    """Detail gone: smeared, polished, missing."""
    if generator.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), float(generator.uniform(2.0, 6.0))), np.float32)
    share = mask / max(float(mask.sum()), 1e-6)
    return np.broadcast_to((picture * share[:, :, None]).sum(axis=(0, 1)), picture.shape).astype(np.float32)


_MATTER = (_stain, _stain, _foreign, _displaced, _worn)
