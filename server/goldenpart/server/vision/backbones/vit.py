"""An inference-only vision transformer that reads the official DINOv2 checkpoints.

Papers: Dosovitskiy et al. 2021 (ViT, arXiv 2010.11929), Oquab et al. 2023 (DINOv2, arXiv 2304.07193),
Darcet et al. 2024 (register tokens, arXiv 2309.16588), Shazeer 2020 (SwiGLU, arXiv 2002.05202).
Module names follow the official state dict, so that its keys fit without renaming.

Letters in the shape comments: B images, H x W patches, N = 1 + registers + H * W tokens, D token length, h heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

_NORM_EPSILON = 1e-6  # the official value; torch's default is 1e-5


@dataclass(frozen=True, slots=True)
class VitConfig:
    """Shape of a vision transformer.

    Attributes:
        dimension: token length D.
        blocks: number of transformer blocks.
        heads: attention heads per block; divides `dimension`.
        registers: register tokens between the class token and the patch tokens.
        swiglu: gated feed-forward layers (DINOv2 g) instead of GELU ones.
        position_offset: patches added to the grid before the scale factor of the position embedding is formed. The official
            plain models keep 0.1, a relic their weights have been used with ever since; 0 interpolates to the exact size.
        position_antialias: low-pass the position embedding when it is scaled down (the official `_reg` models).
        patch_size: pixels per patch side.
        native_grid: patches per side of the stored position embedding (518 px / 14).
    """

    dimension: int
    blocks: int
    heads: int
    registers: int = 0
    swiglu: bool = False
    position_offset: float = 0.1
    position_antialias: bool = False
    patch_size: int = 14
    native_grid: int = 37


class PatchEmbed(nn.Module):
    """Project every non-overlapping patch to a token."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, config.dimension, kernel_size=config.patch_size, stride=config.patch_size)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (B, H * W, D) tokens of (B, 3, height, width) images, row by row."""
        grid: torch.Tensor = self.proj(images)  # (B, D, H, W)
        return grid.flatten(2).transpose(1, 2)  # (B, H * W, D)


class Attention(nn.Module):
    """Multi-head self-attention with one fused projection."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.dimension, 3 * config.dimension)
        self.proj = nn.Linear(config.dimension, config.dimension)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Mix the (B, N, D) tokens of each image."""
        B, N, D = x.shape
        qkv = self.qkv(x).view(B, N, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)  # (3, B, h, N, D / h)
        mixed = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])  # (B, h, N, D / h)
        projected: torch.Tensor = self.proj(mixed.transpose(1, 2).reshape(B, N, D))  # (B, N, D)
        return projected


class Mlp(nn.Module):
    """Feed-forward layer with the exact (erf) GELU, four times as wide as a token."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.dimension, 4 * config.dimension)
        self.fc2 = nn.Linear(4 * config.dimension, config.dimension)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Transform each (B, N, D) token on its own."""
        transformed: torch.Tensor = self.fc2(F.gelu(self.fc1(x)))
        return transformed


class SwiGlu(nn.Module):
    """Gated feed-forward layer: w3(silu(gate) * value), gate and value from the fused `w12`."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        width = swiglu_width(config.dimension)
        self.w12 = nn.Linear(config.dimension, 2 * width)
        self.w3 = nn.Linear(width, config.dimension)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Transform each (B, N, D) token on its own."""
        gate, value = self.w12(x).chunk(2, dim=-1)  # (B, N, width) each
        transformed: torch.Tensor = self.w3(F.silu(gate) * value)
        return transformed


def swiglu_width(dimension: int) -> int:
    """Width of the gated layer: two thirds of the plain one, so that the weights stay as many, rounded up to a multiple of 8."""
    return (int(4 * dimension * 2 / 3) + 7) // 8 * 8


class LayerScale(nn.Module):
    """Learned gain per channel on a residual branch (Touvron et al. 2021, arXiv 2103.17239)."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dimension))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale (B, N, D) tokens channel by channel."""
        return x * self.gamma


class Block(nn.Module):
    """Pre-norm transformer block with LayerScale on both branches."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.dimension, eps=_NORM_EPSILON)
        self.attn = Attention(config)
        self.ls1 = LayerScale(config.dimension)
        self.norm2 = nn.LayerNorm(config.dimension, eps=_NORM_EPSILON)
        self.mlp = SwiGlu(config) if config.swiglu else Mlp(config)
        self.ls2 = LayerScale(config.dimension)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Advance (B, N, D) tokens by one block."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        x = x + self.ls2(self.mlp(self.norm2(x)))
        return x  # noqa: RET504 - the two branches read best side by side


class VisionTransformer(nn.Module):
    """ViT whose forward pass returns patch tokens after chosen blocks.

    Freshly built weights are torch's defaults and the tokens zero: load a state dict before use. Not thread-safe.
    """

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.config = config
        self.dtype = torch.float32
        self.patch_embed = PatchEmbed(config)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.dimension))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.native_grid**2, config.dimension))
        if config.registers:
            self.register_tokens = nn.Parameter(torch.zeros(1, config.registers, config.dimension))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.dimension, eps=_NORM_EPSILON)

    def compute_in(self, dtype: torch.dtype) -> None:
        """Let patch projection and blocks work in `dtype`; position embedding and final norm stay float32 (they cost nothing)."""
        self.dtype = dtype
        self.patch_embed.to(dtype)
        self.blocks.to(dtype)

    def forward(self, images: torch.Tensor, layers: tuple[int, ...] = ()) -> torch.Tensor:
        """Compute patch tokens.

        Args:
            images: (B, 3, height, width) normalised RGB; both sides multiples of the patch size.
            layers: 1-based numbers of the blocks to read, in the order they are concatenated; empty means the last block.

        Returns:
            (B, H, W, D * len(layers)) float32. Every layer passes the final norm, as in the official `get_intermediate_layers`.

        Raises:
            ValueError: the images are not (B, 3, height, width), a side is not a multiple of the patch size, or a block does not exist.
        """
        layers = layers or (self.config.blocks,)
        self._check(images, layers)
        x = self._embed(images)  # (B, N, D)
        read: dict[int, torch.Tensor] = {}
        for number, block in enumerate(self.blocks[: max(layers)], start=1):
            x = block(x)
            if number in layers:
                read[number] = self.norm(x[:, 1 + self.config.registers :].float())  # (B, H * W, D)
        tokens = torch.cat([read[number] for number in layers], dim=-1)  # (B, H * W, D * len(layers))
        rows, columns = images.shape[2] // self.config.patch_size, images.shape[3] // self.config.patch_size
        return tokens.view(-1, rows, columns, tokens.shape[-1])

    def position_encoding(self, rows: int, columns: int) -> torch.Tensor:
        """Resample the stored position embedding to a grid of patches.

        Returns:
            (1, 1 + rows * columns, D) float32, the class token's first. Bicubic (a = -0.75; with antialias a = -0.5), as in the
            official `interpolate_pos_encoding`, whose scale factor (rows + offset) / 37 also shifts the sampling points.
        """
        native, offset = self.config.native_grid, self.config.position_offset
        if native == rows == columns:
            return self.pos_embed
        grid = self.pos_embed[:, 1:].view(1, native, native, -1).permute(0, 3, 1, 2)  # (1, D, 37, 37)
        antialias = self.config.position_antialias
        if offset:
            scale = ((rows + offset) / native, (columns + offset) / native)
            grid = F.interpolate(grid, scale_factor=scale, mode="bicubic", antialias=antialias)
        else:
            grid = F.interpolate(grid, size=(rows, columns), mode="bicubic", antialias=antialias)
        return torch.cat((self.pos_embed[:, :1], grid.flatten(2).transpose(1, 2)), dim=1)

    def _embed(self, images: torch.Tensor) -> torch.Tensor:
        B, _, height, width = images.shape
        position = self.position_encoding(height // self.config.patch_size, width // self.config.patch_size)
        patches = self.patch_embed(images.to(self.dtype)).float()  # (B, H * W, D)
        x = torch.cat((self.cls_token.expand(B, -1, -1), patches), dim=1) + position
        if self.config.registers:  # registers know no position
            x = torch.cat((x[:, :1], self.register_tokens.expand(B, -1, -1), x[:, 1:]), dim=1)
        return x.to(self.dtype)  # (B, N, D)

    def _check(self, images: torch.Tensor, layers: tuple[int, ...]) -> None:
        patch = self.config.patch_size
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"The images have shape {tuple(images.shape)}; expected (B, 3, height, width).")
        height, width = images.shape[2:]
        if height < patch or width < patch or height % patch or width % patch:
            raise ValueError(f"The images are {width} x {height} px; both sides must be positive multiples of {patch}, pad them.")
        self.check_layers(layers)

    def check_layers(self, layers: tuple[int, ...]) -> None:
        """Raise ValueError if a block does not exist."""
        last = self.config.blocks
        missing = [number for number in layers if not 1 <= number <= last]
        if missing:
            raise ValueError(f"Block {missing[0]} does not exist; this backbone has the blocks 1 to {last}.")
