"""Tokens of pictures that were read before, for callers who look at the same pictures again and again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

import torch

from goldenpart.server.vision.backbones import Backbone
from goldenpart.server.vision.backbones.base import Rgb

Key = tuple[str, tuple[int, ...], tuple[int, ...], str]
"""Digest of the weights, layers, shape of the picture, sha256 of the picture."""


class FeatureCache:
    """Least-recently-used cache of patch tokens within a byte budget, in main memory and in the very numbers the backbone gave.

    A picture is known by the sha256 of what the backbone is given: the prepared, normalised pixels. So two recipes that prepare an image
    alike share its tokens, and another resolution, resizing or rotation makes it another picture. The precision is one for a server's
    life and so no part of the key.

    `over` belongs to the event loop, `find` and `keep` to the device executor thread; the figures may be read on any thread.

    Args:
        budget_bytes: for tokens; 0 = off.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._tokens: OrderedDict[Key, torch.Tensor] = OrderedDict()
        self._readers: dict[int, RememberingBackbone] = {}
        self.size_bytes = 0
        self.hits = 0
        self.misses = 0

    def over(self, backbone: Backbone, *, wanted: bool = True) -> Backbone:
        """Return the backbone as one that remembers, the same object every time; itself if that is not wanted or the cache is off."""
        if not (wanted and self._budget_bytes):
            return backbone
        if (reader := self._readers.get(id(backbone))) is None:  # backbones are kept for the server's life, so ids stay theirs
            reader = self._readers[id(backbone)] = RememberingBackbone(backbone, self)
        return reader

    def find(self, key: Key) -> torch.Tensor | None:
        """Return the tokens of a picture, (h, w, D) on the CPU; None if they are not there."""
        found = self._tokens.get(key)
        if found is None:
            self.misses += 1
        else:
            self.hits += 1
            self._tokens.move_to_end(key)
        return found

    def keep(self, key: Key, tokens: torch.Tensor) -> None:
        """Take the tokens of a picture, (h, w, D) on any device; those used longest ago leave for them. Too large ones are not kept."""
        if tokens.nbytes > self._budget_bytes or key in self._tokens:
            return
        self._tokens[key] = tokens.detach().to("cpu", copy=True)
        self.size_bytes += tokens.nbytes
        while self.size_bytes > self._budget_bytes:
            _, dropped = self._tokens.popitem(last=False)
            self.size_bytes -= dropped.nbytes


class RememberingBackbone:
    """A backbone that looks into a cache first. Every other picture gets a pass of its own, so that its tokens depend on it alone.

    In a batch the last bits of a picture's tokens may depend on how many others it is read with; here a picture found and a picture read
    anew have the same tokens, bit by bit, whatever came before.

    Args:
        backbone: that reads.
        cache: that remembers.
    """

    def __init__(self, backbone: Backbone, cache: FeatureCache) -> None:
        self._backbone = backbone
        self._cache = cache

    @property
    def name(self) -> str:
        """See `Backbone.name`."""
        return self._backbone.name

    @property
    def digest(self) -> str:
        """See `Backbone.digest`."""
        return self._backbone.digest

    @property
    def patch_size(self) -> int:
        """See `Backbone.patch_size`."""
        return self._backbone.patch_size

    @property
    def mean(self) -> Rgb:
        """See `Backbone.mean`."""
        return self._backbone.mean

    @property
    def std(self) -> Rgb:
        """See `Backbone.std`."""
        return self._backbone.std

    @property
    def device(self) -> torch.device:
        """See `Backbone.device`."""
        return self._backbone.device

    def dimension(self, layers: tuple[int, ...] = ()) -> int:
        """See `Backbone.dimension`."""
        return self._backbone.dimension(layers)

    def patch_tokens(self, images: torch.Tensor, layers: tuple[int, ...] = ()) -> torch.Tensor:
        """See `Backbone.patch_tokens`. Device executor thread only."""
        return torch.stack([self._read(image, layers) for image in images])

    def _read(self, image: torch.Tensor, layers: tuple[int, ...]) -> torch.Tensor:
        pixels = image.permute(1, 2, 0).contiguous().cpu().numpy()  # (H, W, 3), as it lies in memory already
        key: Key = (self.digest, layers, tuple(image.shape), hashlib.sha256(pixels.data).hexdigest())
        if (found := self._cache.find(key)) is not None:
            return found.to(self.device)
        tokens = self._backbone.patch_tokens(image[None], layers)[0]  # (h, w, D)
        self._cache.keep(key, tokens)
        return tokens
