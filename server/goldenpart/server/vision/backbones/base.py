"""The one interface every feature extractor of Goldenpart implements."""

from __future__ import annotations

from typing import Protocol

import torch

Rgb = tuple[float, float, float]


class Backbone(Protocol):
    """A frozen network that turns an image batch into a grid of patch tokens.

    Owned by the device executor thread: construction may happen anywhere, calls happen there only.
    """

    @property
    def name(self) -> str:
        """Stable name a recipe uses, for example ``dinov2_vitb14`` or ``compact``."""

    @property
    def digest(self) -> str:
        """``sha256:<hex>`` of the weights file; part of every revision, so that a bank never meets other weights."""

    @property
    def patch_size(self) -> int:
        """Pixels covered by one token along each side; image sides must be multiples of it."""

    @property
    def mean(self) -> Rgb:
        """RGB mean subtracted from images in [0, 1]."""

    @property
    def std(self) -> Rgb:
        """RGB standard deviation images in [0, 1] are divided by."""

    @property
    def device(self) -> torch.device:
        """Where the weights live."""

    def dimension(self, layers: tuple[int, ...] = ()) -> int:
        """Length D of a token when the given layers are concatenated.

        Raises:
            ValueError: a layer does not exist.
        """

    def patch_tokens(self, images: torch.Tensor, layers: tuple[int, ...] = ()) -> torch.Tensor:
        """Extract patch tokens.

        Args:
            images: (B, 3, H, W) float32 RGB on `device`, normalised with `mean` and `std`; H and W multiples of `patch_size`.
            layers: which layers to read, concatenated along the last axis; empty means the backbone's default.

        Returns:
            (B, H / patch_size, W / patch_size, D) float32 on `device`.

        Raises:
            ValueError: a side is not a multiple of `patch_size`, or a layer does not exist.
        """
