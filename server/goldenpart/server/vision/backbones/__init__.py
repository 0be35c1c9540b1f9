"""Backbones: frozen networks that turn images into patch tokens."""

from __future__ import annotations

from goldenpart.server.vision.backbones.base import Backbone, Rgb
from goldenpart.server.vision.backbones.catalogue import backbone_names, open_backbone
from goldenpart.server.vision.backbones.precision import Precision

__all__ = ["Backbone", "Precision", "Rgb", "backbone_names", "open_backbone"]
