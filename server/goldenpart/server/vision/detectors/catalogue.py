"""Which class stands for which detector: fitting, opening, reading from disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from goldenpart.server.errors import RevisionDamagedError
from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.bank import Bank, BankContent
from goldenpart.server.vision.detectors import tensor_file
from goldenpart.server.vision.detectors.autoencoder import Autoencoder, AutoencoderContent
from goldenpart.server.vision.detectors.autoencoder_training import AutoencoderBuilder
from goldenpart.server.vision.detectors.base import Detector, DetectorContent, Tensors
from goldenpart.server.vision.detectors.ensemble import Ensemble, EnsembleBuilder, EnsembleContent
from goldenpart.server.vision.detectors.gaussian import Gaussian, GaussianContent
from goldenpart.server.vision.detectors.gaussian_builder import GaussianBuilder
from goldenpart.server.vision.detectors.subspace import Subspace, SubspaceBuilder, SubspaceContent
from goldenpart.server.vision.fitting import BankBuilder, DetectorBuilder, Shown
from goldenpart.server.vision.recipe import DetectorKind, Recipe

_BUILDERS: dict[DetectorKind, type[BankBuilder | GaussianBuilder | SubspaceBuilder | AutoencoderBuilder]] = {
    DetectorKind.BANK: BankBuilder,
    DetectorKind.GAUSSIAN: GaussianBuilder,
    DetectorKind.SUBSPACE: SubspaceBuilder,
    DetectorKind.AUTOENCODER: AutoencoderBuilder,
}
_CONTENTS: dict[DetectorKind, type[BankContent | GaussianContent | SubspaceContent | AutoencoderContent]] = {
    DetectorKind.BANK: BankContent,
    DetectorKind.GAUSSIAN: GaussianContent,
    DetectorKind.SUBSPACE: SubspaceContent,
    DetectorKind.AUTOENCODER: AutoencoderContent,
}


def open_builder(backbone: Backbone, recipe: Recipe, golden_parts: Sequence[Shown]) -> DetectorBuilder:
    """Choose what fits the recipe's detector to golden parts. Any thread.

    Raises:
        InvalidArgumentError: the detector cannot be fitted to these golden parts.
        RecipeError: a knob does not go with the backbone.
    """
    if recipe.detector is DetectorKind.ENSEMBLE:
        members = [open_builder(backbone, member, golden_parts) for member in _member_recipes(recipe)]
        return EnsembleBuilder(backbone, recipe, golden_parts, members)
    return _BUILDERS[recipe.detector](backbone, recipe, golden_parts)


def open_detector(content: DetectorContent, recipe: Recipe, device: torch.device) -> Detector:
    """Make a detector of what was kept of it. Any thread; blocks while a search index is built."""
    match content:
        case BankContent():
            return Bank(content, recipe, device)
        case GaussianContent():
            return Gaussian(content, recipe, device)
        case SubspaceContent():
            return Subspace(content, recipe, device)
        case AutoencoderContent():
            return Autoencoder(content, recipe, device)
        case EnsembleContent():
            members = zip(content.members, _member_recipes(recipe), strict=True)
            return Ensemble(tuple(open_detector(member, own, device) for member, own in members), content.rarities, recipe)
        case _:
            raise TypeError(f"{type(content).__name__} is the content of no detector")


def read_content(data: bytes, recipe: Recipe) -> DetectorContent:
    """Read what `DetectorContent.to_bytes` wrote for the recipe's detector.

    Raises:
        RevisionDamagedError: it is something else.
    """
    if recipe.detector is DetectorKind.BANK:
        return BankContent.from_bytes(data)
    tensors = tensor_file.from_file(data)
    if recipe.detector is DetectorKind.ENSEMBLE:
        return EnsembleContent.from_tensors(tensors, recipe.ensemble_detectors, _read_member)
    return _read_member(recipe.detector, tensors)


def _read_member(kind: DetectorKind, tensors: Tensors) -> DetectorContent:
    try:
        return _CONTENTS[kind].from_tensors(tensors)
    except RevisionDamagedError as error:
        raise RevisionDamagedError(error.message, file=tensor_file.FILE) from error


def _member_recipes(recipe: Recipe) -> list[Recipe]:
    return [dataclasses.replace(recipe, detector=kind) for kind in recipe.ensemble_detectors]
