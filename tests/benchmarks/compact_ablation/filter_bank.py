"""A hand-crafted rival of the trained network: oriented filters and colour, the least a learned backbone must beat."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

_WAVELENGTHS = (4.0, 8.0, 16.0)  # pixels
_ORIENTATIONS = 6
_STRIDE = 8
WIDTH = len(_WAVELENGTHS) * _ORIENTATIONS + 3
"""Columns of a token: energies and opponent colours."""


class FilterBank:
    """Energy of Gabor filters (3 wavelengths x 6 orientations) and mean opponent colours per patch; tokens at stride 8."""

    def __init__(self) -> None:
        angles = [index * math.pi / _ORIENTATIONS for index in range(_ORIENTATIONS)]
        self._filters = [torch.stack([gabor(wavelength, angle) for angle in angles]).flatten(0, 1)[:, None] for wavelength in _WAVELENGTHS]

    @torch.inference_mode()
    def patch_tokens(self, images: torch.Tensor) -> torch.Tensor:
        """Map (1, 3, H, W) normalised RGB to (1, H / 8, W / 8, 21) float32."""
        luma = images.mean(dim=1, keepdim=True)
        opponent = torch.cat([luma, images[:, :1] - images[:, 1:2], images[:, 2:] - (images[:, :1] + images[:, 1:2]) / 2], dim=1)
        energies = [_energy(luma, filters) for filters in self._filters]
        pooled = F.avg_pool2d(torch.cat([*energies, opponent], dim=1), _STRIDE)
        return F.avg_pool2d(pooled, 3, 1, padding=1, count_include_pad=False).permute(0, 2, 3, 1)


def gabor(wavelength: float, angle: float) -> torch.Tensor:
    """Build the even and the odd Gabor filter of a wavelength in pixels and an angle in radians: (2, side, side) with zero mean."""
    radius = round(wavelength)
    axis = torch.arange(-radius, radius + 1, dtype=torch.float32)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    envelope = torch.exp(-(x**2 + y**2) / (2 * (wavelength / 2) ** 2))
    phase = 2 * math.pi * (x * math.cos(angle) + y * math.sin(angle)) / wavelength
    pair = torch.stack([envelope * torch.cos(phase), envelope * torch.sin(phase)])
    pair[0] -= envelope * pair[0].sum() / envelope.sum()
    return pair / pair.abs().sum(dim=(1, 2), keepdim=True)


def _energy(luma: torch.Tensor, filters: torch.Tensor) -> torch.Tensor:
    radius = filters.shape[-1] // 2
    responses = F.conv2d(F.pad(luma, (radius,) * 4, mode="reflect"), filters)
    even, odd = responses[:, 0::2], responses[:, 1::2]
    return torch.sqrt(even**2 + odd**2)
