"""Inspection in the small: golden views of a drawn product and views of it with defects, to train patch distances on.

The same idea as episodic few-shot learning (Vinyals et al., Matching Networks, NeurIPS 2016) with the product's own question: how far is
this patch from everything in the bank? Defects are drawn as in DRAEM (Zavrtanik et al., ICCV 2021) and CutPaste (Li et al., CVPR 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from goldenpart.server.pretraining.blemishes import blemish
from goldenpart.server.pretraining.materials import Material, Picture, random_material

if TYPE_CHECKING:
    from collections.abc import Sequence

VIEW_SIDE = 128
PATCH = 8
GOLDEN_VIEWS = 3
TRIAL_VIEWS = 2
NORMAL, DEFECT, UNSURE = 0, 1, -1
_MARGIN = 12  # pixels around the view that its pose may need
_VISIBLE = 0.02  # mean absolute change of a patch that a person could see
_TOUCHED = 0.001


class Episode(NamedTuple):
    """One product.

    Attributes:
        views: (GOLDEN_VIEWS + TRIAL_VIEWS, side, side, 3) uint8 RGB, golden ones first.
        labels: (TRIAL_VIEWS, side / 8, side / 8) int8: NORMAL, DEFECT, or UNSURE where a defect is faint or near.
    """

    views: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Looseness:
    """How much good parts of one product differ: drawn once per episode.

    Attributes:
        shift_px: largest displacement.
        turn_deg: largest rotation.
        zoom: largest relative change of size.
        light: largest relative change of brightness, contrast and lighting gradient.
        noise: standard deviation of the sensor noise.
        blur_px: largest standard deviation of defocus.
    """

    shift_px: float
    turn_deg: float
    zoom: float
    light: float
    noise: float
    blur_px: float


def draw_episode(photographs: npt.NDArray[np.uint8], generator: np.random.Generator) -> Episode:
    """Draw a product, its golden views and its trial views.

    Args:
        photographs: (N, S, S, 3) uint8 RGB, S at least `VIEW_SIDE`.
        generator: the only source of chance.
    """
    scene = _KINDS[int(generator.integers(len(_KINDS)))](photographs, generator)
    loose = _looseness(generator)
    good = [_posed(scene(generator), loose, generator) for _ in range(GOLDEN_VIEWS + TRIAL_VIEWS)]
    labels = []
    for place in range(GOLDEN_VIEWS, len(good)):
        foreign = _crop(photographs, VIEW_SIDE, generator)
        damaged = good[place]
        for _ in range(int(generator.integers(1, 5))):
            damaged = blemish(damaged, foreign, generator)
        labels.append(_patch_labels(np.abs(np.clip(damaged, 0, 1) - np.clip(good[place], 0, 1)).mean(axis=2)))
        good[place] = damaged
    grey = generator.random() < 0.4  # factory cameras are often monochrome
    return Episode(np.stack([_exposed(view, loose, generator, grey=grey) for view in good]), np.stack(labels))


def _patch_labels(change: npt.NDArray[np.float32]) -> npt.NDArray[np.int8]:
    """Label patches by the mean absolute change of their pixels; the neighbours of a changed patch see it too, so nobody can say."""
    grid = change.reshape(change.shape[0] // PATCH, PATCH, -1, PATCH).mean(axis=(1, 3))
    near = cv2.dilate((grid > _TOUCHED).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return np.where(grid > _VISIBLE, DEFECT, np.where(near, UNSURE, NORMAL)).astype(np.int8)


def _looseness(generator: np.random.Generator) -> Looseness:
    shift, turn, zoom, light, noise, blur = generator.random(6) ** 1.5  # most fixtures are tight, some are loose
    return Looseness(8 * shift, 6 * turn, 0.05 * zoom, 0.35 * light, 0.03 * noise, 0.8 * blur)


def _photograph(photographs: npt.NDArray[np.uint8], generator: np.random.Generator) -> _Scene:
    """A detail of a photograph stands for a part that always looks the same."""
    picture = _crop(photographs, VIEW_SIDE + 2 * _MARGIN, generator)
    return lambda _: picture


def _surface(photographs: npt.NDArray[np.uint8], generator: np.random.Generator) -> _Scene:  # noqa: ARG001 - one signature
    """A surface without a shape, another piece of it in every view."""
    material = random_material(generator)
    return lambda sample: material.draw(sample, VIEW_SIDE + 2 * _MARGIN)


def _assembly(photographs: npt.NDArray[np.uint8], generator: np.random.Generator) -> _Scene:
    """Shapes of several materials on a background: fixed geometry, fresh surfaces."""
    side = VIEW_SIDE + 2 * _MARGIN
    ground = random_material(generator)
    shapes = [(_shape(side, generator), random_material(generator)) for _ in range(int(generator.integers(1, 6)))]
    label = _crop(photographs, side, generator) if generator.random() < 0.5 else None
    window = _shape(side, generator)
    drawn: Sequence[tuple[npt.NDArray[np.float32], Material]] = shapes

    def scene(sample: np.random.Generator) -> Picture:
        picture = ground.draw(sample, side)
        for cover, material in drawn:
            picture = picture + cover * (material.draw(sample, side) - picture)
        return picture if label is None else picture + window * (label - picture)

    return scene


_KINDS = (_photograph, _photograph, _surface, _assembly)
if TYPE_CHECKING:
    from collections.abc import Callable

    _Scene = Callable[[np.random.Generator], Picture]


def _shape(side: int, generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """Cover of a random ellipse, ring or polygon: (side, side, 1) float32 in [0, 1]."""
    cover = np.zeros((side, side), np.float32)
    centre, axes = generator.uniform(0.15, 0.85, 2) * side, generator.uniform(0.05, 0.45, 2) * side
    kind = generator.random()
    if kind < 0.5:
        corners = int(generator.integers(3, 8)) if kind < 0.25 else 4
        turns = np.sort(generator.uniform(0, 2 * np.pi, corners)) if kind < 0.25 else np.arange(4) * np.pi / 2 + np.pi / 4
        outline = centre + axes * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        cv2.fillPoly(cover, [np.round(outline * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    else:
        thickness = -1 if kind < 0.75 else int(generator.integers(2, 12))
        (x, y), (half_width, half_height) = np.round(centre).astype(int).tolist(), np.round(axes).astype(int).tolist()
        angle = float(generator.uniform(0, 180))
        cv2.ellipse(cover, (x, y), (half_width, half_height), angle, 0, 360, 1.0, thickness, cv2.LINE_AA)
    return cover[:, :, None]


def _crop(photographs: npt.NDArray[np.uint8], side: int, generator: np.random.Generator) -> Picture:
    """Cut a square of random place and zoom out of a random photograph: (side, side, 3) float32 RGB in [0, 1]."""
    photograph = photographs[int(generator.integers(len(photographs)))]
    extent = int(generator.uniform(0.35, 1.0) * photograph.shape[0])
    top, left = generator.integers(0, photograph.shape[0] - extent + 1, 2)
    cut = photograph[top : top + extent, left : left + extent]
    resized = cv2.resize(cut, (side, side), interpolation=cv2.INTER_AREA if extent > side else cv2.INTER_LINEAR)
    return np.asarray(resized / np.float32(255), np.float32)


def _posed(picture: Picture, loose: Looseness, generator: np.random.Generator) -> Picture:
    """Turn and shift a picture with a margin and cut the view out of its middle."""
    side = picture.shape[0]
    turn = cv2.getRotationMatrix2D(
        (side / 2, side / 2), loose.turn_deg * float(generator.uniform(-1, 1)), 1 + loose.zoom * float(generator.uniform(-1, 1))
    )
    turn[:, 2] = turn[:, 2] + loose.shift_px * generator.uniform(-1, 1, 2) - _MARGIN
    view = cv2.warpAffine(picture, turn, (VIEW_SIDE, VIEW_SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(view, np.float32)


def _exposed(view: Picture, loose: Looseness, generator: np.random.Generator, *, grey: bool) -> npt.NDArray[np.uint8]:
    """Take the view with a real camera: uneven light, defocus, noise, 8 bits."""
    gain, contrast, across, down = 1 + loose.light * generator.uniform(-1, 1, 4)
    ramp = np.linspace(across, 2 - across, VIEW_SIDE, dtype=np.float32)[None, :, None]
    slope = np.linspace(down, 2 - down, VIEW_SIDE, dtype=np.float32)[:, None, None]
    if grey:
        view = np.repeat(cv2.cvtColor(np.clip(view, 0, 1), cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)
    level = np.float32(view.mean())
    lit = (level + np.float32(contrast) * (view - level)) * np.float32(gain) * ramp * slope
    if loose.blur_px > 0.2:
        lit = np.asarray(cv2.GaussianBlur(lit, (0, 0), 0.2 + loose.blur_px * float(generator.random())), np.float32)
    noise = generator.standard_normal((VIEW_SIDE, VIEW_SIDE, 1 if grey else 3), np.float32)
    return np.clip((lit + np.float32(loose.noise) * noise) * 255 + 0.5, 0, 255).astype(np.uint8)
