"""Guided deformable attention, the alignment of RVRT (Liang et al., NeurIPS 2022; arXiv:2206.02146)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hvdbench.networks.layers.blocks import LEAKY_SLOPE, at_full_precision, sample_at
from hvdbench.networks.layers.sampling import is_served, sampled_attention
from hvdbench.networks.layers.swin import Mlp

CLIP = 2
"""Number of frames that are refined together."""
_OFFSET_CHANNELS = 64
_TAPS_ALONG = 3
_TAPS = _TAPS_ALONG**2


class _OnChannels(nn.Sequential):
    """A layer over the channels of (N, D, C, H, W), under the name ``1``."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__(nn.Identity(), layer)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(2, -1)).movedim(-1, 2)


def sample_taps(features: Tensor, offset: Tensor) -> Tensor:
    """Sample 3x3 neighbourhoods, each tap moved by its own offset; bilinear, zero outside.

    Args:
        features: features to sample, (N, C, h, w).
        offset: (N, G, 9, 2, h, w), (y, x) in px for each of G groups of channels.

    Returns:
        The samples, (N, C, 9, h, w).
    """
    batch, groups = offset.shape[:2]
    height, width = features.shape[-2:]
    offset = at_full_precision(offset)
    reach = torch.arange(_TAPS_ALONG, device=offset.device, dtype=offset.dtype) - _TAPS_ALONG // 2
    rows = torch.arange(height, device=offset.device, dtype=offset.dtype)[:, None]
    columns = torch.arange(width, device=offset.device, dtype=offset.dtype)
    y = rows + (reach.repeat_interleave(_TAPS_ALONG)[:, None, None] + offset[:, :, :, 0])  # (N, G, 9, h, w)
    x = columns + (reach.repeat(_TAPS_ALONG)[:, None, None] + offset[:, :, :, 1])
    grouped = features.unflatten(1, (groups, -1)).flatten(0, 1)  # (N*G, C/G, h, w)
    sampled = sample_at(grouped, x.flatten(0, 1).flatten(1, 2), y.flatten(0, 1).flatten(1, 2))  # (N*G, C/G, 9*h, w)
    return sampled.view(batch, -1, _TAPS, height, width)


class GuidedDeformableAttention(nn.Module):
    """A layer that aligns the clip before with the current one by attention to places that the optical flow points to.

    Every pixel of each of the two current frames attends to 9 places in either frame of the clip before. Slot 0 is the
    frame at the same position in that clip, slot 1 the other. The places are the flow plus a learned residue; the first
    half of the offset groups moves keys, the second half moves values.
    """

    def __init__(self, channels: int, *, deformable_groups: int, heads: int, max_residue_px: float) -> None:
        """Build the layer; residues start at zero."""
        super().__init__()
        self.groups = deformable_groups
        self.heads = heads
        self.max_residue_px = max_residue_px
        layers: list[nn.Module] = [nn.Conv3d((1 + CLIP) * channels + 2 * CLIP, _OFFSET_CHANNELS, 1)]
        for _ in range(4):
            conv = nn.Conv3d(_OFFSET_CHANNELS, _OFFSET_CHANNELS, (1, 3, 3), padding=(0, 1, 1))
            layers += [nn.LeakyReLU(LEAKY_SLOPE), conv]
        head = nn.Conv3d(_OFFSET_CHANNELS, CLIP * deformable_groups * _TAPS * 2, 1)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)  # type: ignore[arg-type]
        self.conv_offset = nn.Sequential(*layers, nn.LeakyReLU(LEAKY_SLOPE), head)
        self.proj_q = _OnChannels(nn.Linear(channels, 2 * channels))
        self.proj_k = _OnChannels(nn.Linear(channels, 2 * channels))
        self.proj_v = _OnChannels(nn.Linear(channels, 2 * channels))
        self.proj = _OnChannels(nn.Linear(2 * channels, channels))
        self.mlp = _OnChannels(Mlp(channels, 2 * channels))

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, warped: Sequence[Tensor], flows: Sequence[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Align a clip.

        Args:
            query: current features, (N, 2, C, h, w).
            key: the same features of the clip before.
            value: features that are carried along from the clip before.
            warped: ``value`` warped by flow, (N, 2, C, h, w) for each slot.
            flows: flow from the current frames to those of the slot, (N, 2, 2, h, w) for each slot, px.

        Returns:
            The aligned features (N, 2, C, h, w), and the flows plus the mean of the residue over groups and taps.
        """
        condition = torch.cat((query, *warped, *flows), dim=2)  # (N, 2, 3C+4, h, w)
        residue = self.conv_offset(condition.transpose(1, 2)).transpose(1, 2)  # (N, 2, 2*G*9*2, h, w)
        residue = self.max_residue_px * torch.tanh(residue)
        offsets = []
        for part, flow in zip(residue.chunk(CLIP, dim=2), flows, strict=True):
            pairs = part.unflatten(2, (self.groups, _TAPS, 2))  # (N, 2, G, 9, 2, h, w), (y, x)
            offsets.append(pairs + flow.flip(2)[:, :, None, None])
        aligned = self.proj(self._attend(self.proj_q(query), self.proj_k(key), self.proj_v(value), offsets))
        aligned = aligned + self.mlp(aligned)
        return aligned, [offset.mean(dim=(2, 3)).flip(2) for offset in offsets]

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, offsets: Sequence[Tensor]) -> Tensor:
        """Attend to the sampled places; all (N, 2, 2C, h, w), to the same shape."""
        half = self.groups // 2
        if is_served(query) and self.heads % half == 0:
            return sampled_attention(query, key, value, offsets, heads=self.heads)
        return self._attend_to_samples(query, key, value, offsets)

    def _attend_to_samples(self, query: Tensor, key: Tensor, value: Tensor, offsets: Sequence[Tensor]) -> Tensor:
        """Attend as :meth:`_attend` does, with PyTorch's own operators, which keep all samples in memory."""
        half = self.groups // 2
        queries = query.flatten(0, 1).unflatten(1, (self.heads, -1)).flatten(3)  # (2N, heads, c, h*w)
        keys = self._sample(key, [offset[:, :, :half] for offset in offsets])  # (2N, heads, c, 2*9, h*w)
        logits = torch.einsum("nhcp,nhctp->nhtp", queries * queries.shape[2] ** -0.5, keys)
        values = self._sample(value, [offset[:, :, half:] for offset in offsets])
        attended = torch.einsum("nhtp,nhctp->nhcp", torch.softmax(logits, dim=2), values)  # (2N, heads, c, h*w)
        return attended.reshape(query.shape)

    def _sample(self, features: Tensor, offsets: Sequence[Tensor]) -> Tensor:
        """Sample both slots; (N, 2, 2C, h, w) to (2N, heads, 2C/heads, 2*9, h*w)."""
        slots = (features, features.flip(1))
        taps = [sample_taps(s.flatten(0, 1), o.flatten(0, 1)) for s, o in zip(slots, offsets, strict=True)]
        return torch.cat(taps, dim=2).unflatten(1, (self.heads, -1)).flatten(4)
