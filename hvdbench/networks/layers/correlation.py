"""Correlate all pairs of pixels at several scales, and read the correlations where a flow points (RAFT, ECCV 2020)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from hvdbench.networks.layers.blocks import at_full_precision, sample_at

LEVELS = 4


def correlation_pyramid(features_a: Tensor, features_b: Tensor) -> list[Tensor]:
    """Correlate every pixel of a with every pixel of b, at four scales of b.

    Args:
        features_a: features of a, (N, C, h, w).
        features_b: features of b, of the same shape.

    Returns:
        The correlations, (N*h*w, 1, h / 2^l, w / 2^l) for l = 0..3.
    """
    channels = features_a.shape[1]
    rows = features_a.flatten(2).transpose(1, 2)  # (N, h*w, C)
    pyramid = []
    for level in range(LEVELS):
        if level:
            features_b = F.avg_pool2d(features_b, 2)
        correlation = rows @ features_b.flatten(2) / math.sqrt(channels)  # (N, h*w, h_l*w_l)
        pyramid.append(correlation.reshape(-1, 1, *features_b.shape[-2:]))
    return pyramid


def look_up(pyramid: list[Tensor], flow: Tensor, radius: int) -> Tensor:
    """Read the correlations around where the flow points.

    The offsets of a square go down its columns: y changes faster than x, as in RAFT.

    Args:
        pyramid: result of :func:`correlation_pyramid`.
        flow: flow from a to b, (N, 2, h, w), in px at level 0.
        radius: r; offsets run from -r to r in px of each level.

    Returns:
        The correlations, (N, 4 (2r+1)^2, h, w).
    """
    batch, _, height, width = flow.shape
    side = 2 * radius + 1
    flow = at_full_precision(flow)
    steps = torch.arange(-radius, radius + 1, device=flow.device, dtype=flow.dtype)
    target_x = torch.arange(width, device=flow.device, dtype=flow.dtype) + flow[:, 0]  # (N, h, w)
    target_y = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1]
    read = []
    for level, correlation in enumerate(pyramid):
        x = target_x.reshape(-1, 1, 1) / 2**level + steps[:, None]  # (N*h*w, 2r+1, 1)
        y = target_y.reshape(-1, 1, 1) / 2**level + steps  # (N*h*w, 1, 2r+1)
        values = sample_at(correlation, *torch.broadcast_tensors(x, y))  # (N*h*w, 1, 2r+1, 2r+1)
        read.append(values.view(batch, height, width, side * side))
    return torch.cat(read, dim=-1).permute(0, 3, 1, 2).contiguous()
