"""Nearest neighbours by matrix products that are quick on one core: found in bfloat16, their distances measured in float32."""

from __future__ import annotations

import torch

_QUERY_ROWS = 256  # keeps the product small enough for the allocator to reuse


def nearest_squared(bank: torch.Tensor, queries: torch.Tensor, k: int, dtype: torch.dtype = torch.bfloat16) -> torch.Tensor:
    """Find the squared Euclidean distances to the k nearest bank vectors.

    Args:
        bank: (M, D) float32.
        queries: (N, D) float32.
        k: how many, at most M.
        dtype: of the products that find the neighbours. bfloat16 may take a bank vector that is within about 1 % as near as the nearest;
            the distance to the one taken is exact.

    Returns:
        (N, k) float32, ascending.
    """
    centre = bank.mean(dim=0)  # distances stay as they are, roundings shrink
    shifted, asked = bank - centre, queries - centre
    keys, rows = _with_lengths(shifted, dtype, own=False), _with_lengths(asked, dtype, own=True)
    nearest = []
    for block, exact in zip(torch.split(rows, _QUERY_ROWS), torch.split(asked, _QUERY_ROWS), strict=True):
        closeness = block @ keys.T  # -|q - b|^2 / 2: near zero, so finely rounded, where it matters
        found = closeness.max(dim=1, keepdim=True).indices if k == 1 else closeness.topk(k, dim=1).indices
        nearest.append((exact[:, None] - shifted[found]).square().sum(dim=2).sort(dim=1).values)
    return torch.cat(nearest)


def _with_lengths(vectors: torch.Tensor, dtype: torch.dtype, *, own: bool) -> torch.Tensor:
    """Append columns to (N, D) such that a product of a query and a key is q.b - |q|^2 / 2 - |b|^2 / 2: (N, D + 4) in `dtype`."""
    lengths = vectors.square().sum(dim=1, keepdim=True) / -2
    coarse = lengths.to(dtype)
    rest = (lengths - coarse.float()).to(dtype)
    ones = torch.ones_like(coarse)
    columns = [coarse, rest, ones, ones] if own else [ones, ones, coarse, rest]
    return torch.cat([vectors.to(dtype), *columns], dim=1)
