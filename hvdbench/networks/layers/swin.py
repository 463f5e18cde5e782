"""Define RVRT's window transformer over short clips (Liu et al., Swin, ICCV 2021; Video Swin, CVPR 2022)."""

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_MASKED = -100.0
_MLP_RATIO = 2
Window = tuple[int, int, int]


def relative_positions(window: Window) -> Tensor:
    """Number the displacements between the L tokens of a window; (L, L) int64, tokens row-major over (d, h, w)."""
    spans = [2 * side - 1 for side in window]
    ranges = [torch.arange(side) for side in window]
    tokens = torch.cartesian_prod(*ranges)  # (L, 3)
    shift = torch.tensor(window) - 1
    displacement = tokens[:, None] - tokens[None] + shift  # (L, L, 3), from 0
    strides = torch.tensor([spans[1] * spans[2], spans[2], 1])
    return (displacement * strides).sum(dim=-1)


def to_windows(x: Tensor, window: Window) -> Tensor:
    """Cut (N, D, H, W, C), whose sides are multiples of the window's, into (N * windows, L, C)."""
    for axis, side in zip((1, 3, 5), window, strict=True):
        x = x.unflatten(axis, (-1, side))  # at last (N, D/d, d, H/h, h, W/w, w, C)
    return x.permute(0, 1, 3, 5, 2, 4, 6, 7).flatten(4, 6).flatten(0, 3)


def from_windows(windows: Tensor, window: Window, size: Window) -> Tensor:
    """Put windows (N * windows, L, C) back to (N, D, H, W, C) of ``size`` (D, H, W)."""
    counts = [whole // side for whole, side in zip(size, window, strict=True)]
    x = windows.view(-1, *counts, *window, windows.shape[-1])  # (N, nd, nh, nw, d, h, w, C)
    return x.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(-1, *size, windows.shape[-1])


def shift_mask(size: Window, window: Window, shift: Window, device: torch.device) -> Tensor:
    """Return what to add for tokens that only a cyclic shift brought into one window, -100, else 0; (windows, L, L)."""
    region = torch.zeros((1, *size, 1), device=device)
    for axis, (whole, side, step) in enumerate(zip(size, window, shift, strict=True)):
        along = torch.arange(whole, device=device)
        number = (along >= whole - side).int() + (along >= whole - step).int() if step else torch.zeros_like(along)
        region = 3 * region + number.view([-1 if other == axis + 1 else 1 for other in range(5)])
    region = to_windows(region, window).squeeze(-1)  # (windows, L)
    return torch.where(region[:, None] == region[:, :, None], 0.0, _MASKED)


class Mlp(nn.Module):
    """Two linear layers with GELU between them, over the last dimension."""

    def __init__(self, channels: int, hidden: int) -> None:
        """Build the layers."""
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers."""
        return self.fc2(F.gelu(self.fc1(x)))


class WindowAttention(nn.Module):
    """Multi-head self-attention among the tokens of a window, with a learned bias for each displacement."""

    relative_position_index: Tensor

    def __init__(self, channels: int, window: Window, heads: int) -> None:
        """Build the layer; ``heads`` must divide ``channels``."""
        super().__init__()
        self.heads = heads
        table = torch.empty(math.prod(2 * side - 1 for side in window), heads)
        self.relative_position_bias_table = nn.Parameter(nn.init.trunc_normal_(table, std=0.02))
        self.register_buffer("relative_position_index", relative_positions(window))
        self.qkv_self = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        """Attend within each window.

        Args:
            windows: (N * windows, L, C).
            mask: (windows, L, L), which is added to the attention before the softmax; None for no mask.

        Returns:
            The result, (N * windows, L, C).
        """
        count, length, channels = windows.shape
        qkv = self.qkv_self(windows).view(count, length, 3, self.heads, channels // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # (N * windows, heads, L, C / heads) each
        scale = (channels // self.heads) ** -0.5
        logits = (query * scale) @ key.transpose(-2, -1)  # (N * windows, heads, L, L)
        logits = logits + self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        if mask is not None:
            logits = (logits.unflatten(0, (-1, len(mask))) + mask[:, None]).flatten(0, 1)
        attended = torch.softmax(logits, dim=-1) @ value
        return self.proj(attended.transpose(1, 2).flatten(2))


class SwinLayer(nn.Module):
    """A layer of attention within windows, shifted or not, and a feed-forward part, each with its residual."""

    def __init__(self, channels: int, window: Window, heads: int, *, shifted: bool) -> None:
        """Build the layer; a shifted one moves its windows by half their size."""
        super().__init__()
        self.window = window
        self.shifted = shifted
        self.norm1 = nn.LayerNorm(channels)
        self.attn = WindowAttention(channels, window, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = Mlp(channels, _MLP_RATIO * channels)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer to (N, D, H, W, C) of any size; padding takes part in the attention, as published."""
        x = x + self._attend(self.norm1(x))
        return x + self.mlp(self.norm2(x))

    def _attend(self, x: Tensor) -> Tensor:
        """Pad and shift, attend, and undo both."""
        depth, height, width = x.shape[1:4]
        missing = [-whole % side for whole, side in zip(x.shape[1:4], self.window, strict=True)]
        padded = F.pad(x, (0, 0, 0, missing[2], 0, missing[1], 0, missing[0]))  # (N, D', H', W', C)
        size = (depth + missing[0], height + missing[1], width + missing[2])
        shift = (0, 0, 0)
        if self.shifted:  # there is no shift along a side that a single window covers
            steps = [s // 2 if whole > s else 0 for whole, s in zip(x.shape[1:4], self.window, strict=True)]
            shift = (steps[0], steps[1], steps[2])
        mask = None
        if any(shift):
            mask = shift_mask(size, self.window, shift, x.device)
            padded = padded.roll([-step for step in shift], dims=(1, 2, 3))
        windows = self.attn(to_windows(padded, self.window), mask)
        attended = from_windows(windows, self.window, size)
        if any(shift):
            attended = attended.roll(shift, dims=(1, 2, 3))
        return attended[:, :depth, :height, :width]


class SwinGroup(nn.Module):
    """A group of layers, alternately with straight and shifted windows, and a linear layer, within one residual."""

    def __init__(self, channels: int, window: Window, heads: int, depth: int) -> None:
        """Build ``depth`` layers."""
        super().__init__()
        layers = [SwinLayer(channels, window, heads, shifted=bool(index % 2)) for index in range(depth)]
        self.residual_group = nn.ModuleDict({"blocks": nn.Sequential(*layers)})
        self.linear = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the group; (N, D, H, W, C) to the same shape."""
        return x + self.linear(self.residual_group["blocks"](x))


class SwinStage(nn.Module):
    """A 3x3 convolution of each frame, then groups of window attention; (N, D, C_in, H, W) to (N, D, C, H, W)."""

    def __init__(
        self, in_channels: int, channels: int, window: Window, *, groups: int, blocks: int, depth: int, heads: int
    ) -> None:
        """Build the stage.

        Args:
            in_channels: number of channels that come in, C_in.
            channels: number of channels of the result, C.
            window: numbers of frames, rows and columns in a window.
            groups: number of groups of the convolution.
            blocks: number of groups of layers.
            depth: number of layers in each group.
            heads: number of attention heads.
        """
        super().__init__()
        conv = nn.Conv3d(in_channels, channels, (1, 3, 3), padding=(0, 1, 1), groups=groups)
        body = nn.Sequential(*itertools.starmap(SwinGroup, [(channels, window, heads, depth)] * blocks))
        self.main = nn.ModuleDict({"1": conv, "3": nn.LayerNorm(channels), "5": body, "7": nn.LayerNorm(channels)})

    def forward(self, x: Tensor) -> Tensor:
        """Apply the stage."""
        x = self.main["1"](x.transpose(1, 2)).movedim(1, -1)  # (N, D, H, W, C)
        x = self.main["7"](self.main["5"](self.main["3"](x)))
        return x.movedim(-1, 2)
