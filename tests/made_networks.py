"""Networks without parameters, named by import string as a third party names its own."""

import torch
from torch import Tensor, nn

from hvdbench.networks.spec import NetworkSpec


class Identity(nn.Module):
    """Gives the frames back."""

    spec = NetworkSpec(context_frames=0, context_px=0)

    def forward(self, clip: Tensor) -> Tensor:
        return clip.clone()


class Noisy(Identity):
    """Adds noise to the frames."""

    def forward(self, clip: Tensor) -> Tensor:
        return clip + 0.05 * torch.randn_like(clip)


class NeighbourMean(nn.Module):
    """Averages each frame with those beside it; the ends repeat."""

    spec = NetworkSpec(context_frames=1, context_px=0)

    def forward(self, clip: Tensor) -> Tensor:
        padded = torch.cat((clip[:, :1], clip, clip[:, -1:]), dim=1)
        return (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3


class NotFinite(nn.Module):
    """Fails as diverged weights do, where a clip gets bright."""

    spec = NetworkSpec(context_frames=0, context_px=0)

    def forward(self, clip: Tensor) -> Tensor:
        return torch.where(clip > 0.9, torch.nan, clip)
