"""Blend each frame with its neighbours beside a network's features, so that sharp pixels reach blurry frames unchanged.

Ours, not of a published network: features of a small network that was trained for minutes cannot carry detail.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.layers.blocks import LEAKY_SLOPE, warp_by_flow
from hvdbench.networks.layers.identity import zero_layer

Neighbour = tuple[int, Tensor, Tensor, Tensor]
REACH = 2
"""How many frames before and after a frame take part."""
_WIDTH = 16
_CONTRAST, _TRUST, _DISTANCE = 16.0, 2.0, 1.0  # chosen on validation clips, before any training
_NOISE = 2 / 255  # a difference in sharpness below this is none
_ROUND_TRIP_SCALE = 0.5  # per px; from 2 px on a flow is not trusted
_LEAST_TRUST = 1e-3


class NeighbourBlend(nn.Module):
    """Blend a frame with warped neighbours by a softmax: the sharper, the better aligned and the nearer, the more.

    A convolution, which is zero until it is trained, corrects each neighbour's weight.
    """

    def __init__(self) -> None:
        """Build the layers."""
        super().__init__()
        self.priors = nn.Parameter(torch.tensor([_CONTRAST, _TRUST, _DISTANCE]))
        self.strength = nn.Parameter(torch.ones(()))
        self.weigh = nn.Sequential(
            nn.Conv2d(9, _WIDTH, 3, padding=1), nn.LeakyReLU(LEAKY_SLOPE), nn.Conv2d(_WIDTH, 1, 3, padding=1)
        )
        zero_layer(self.weigh[-1])

    def start_at_identity(self) -> None:
        """Make untrained layers return zero."""
        nn.init.zeros_(self.strength)

    def forward(self, frame: Tensor, neighbours: Sequence[Neighbour]) -> Tensor:
        """Return what to add to a frame.

        Args:
            frame: the frame, (N, 3, H, W), of a range of one from black to white.
            neighbours: for each neighbour how many frames it is away, the picture (N, 3, H, W), the flow from the frame
                to it (N, 2, H, W) in px, and the flow back.

        Returns:
            The blend less the frame, (N, 3, H, W).
        """
        contrast_weight, trust_weight, distance_weight = self.priors.unbind()
        changes = [torch.zeros_like(frame)]
        logits = [torch.zeros_like(frame[:, :1])]
        for distance, picture, flow, back in neighbours:
            warped = warp_by_flow(picture, flow, padding_mode="border", mode="bicubic")
            change, contrast, mask = warped - frame, _contrast(warped, frame), _trusted(flow, back)
            seen = torch.cat((frame, warped, contrast, mask, change.abs().mean(1, keepdim=True)), dim=1)
            prior = contrast_weight * contrast + trust_weight * torch.log(mask + _LEAST_TRUST)
            logits.append(prior - distance_weight * (distance - 1) + self.weigh(seen))
            changes.append(change)
        shares = torch.softmax(torch.cat(logits, dim=1), dim=1).unbind(1)  # each (N, H, W)
        weighed = [share[:, None] * change for share, change in zip(shares, changes, strict=True)]
        return self.strength * torch.stack(weighed).sum(0)


def _trusted(flow_ab: Tensor, flow_ba: Tensor) -> Tensor:
    """Return where a flow leads back to where it came from: (N, 1, H, W), falling from 1 to 0 at 2 px."""
    error = flow_ab + warp_by_flow(flow_ba, flow_ab, padding_mode="border")
    return (1 - _ROUND_TRIP_SCALE * error.norm(dim=1, keepdim=True)).clamp_min(0)


def _contrast(one: Tensor, other: Tensor) -> Tensor:
    """Return how much sharper one picture is than another, from -1 to 1, (N, 1, H, W)."""
    first, second = _sharpness(one), _sharpness(other)
    return (first - second) / (first + second + _NOISE)


def _sharpness(picture: Tensor) -> Tensor:
    """Return the local mean of what a blur of 3x3 px takes away, (N, 1, H, W)."""
    gray = picture.mean(1, keepdim=True)
    smooth = F.avg_pool2d(gray, 3, 1, 1, count_include_pad=False)
    return F.avg_pool2d((gray - smooth).abs(), 7, 1, 3, count_include_pad=False)
