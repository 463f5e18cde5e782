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
_NEAR_PX, _WIDE_PX, _GRID = 7, 28, 4
_SHARPNESS_GAIN, _CHANGE_GAIN, _MOST_CHANGE = 10.0, 20.0, 4.0  # so that what a convolution sees is about one


class NeighbourBlend(nn.Module):
    """Blend a frame with warped neighbours by a softmax: the sharper, the better aligned and the nearer, the more.

    A convolution, which is zero until it is trained, corrects each neighbour's weight.
    """

    def __init__(self, planes: int = 9) -> None:
        """Build the layers.

        Args:
            planes: number of planes that :meth:`seen` returns.
        """
        super().__init__()
        self.priors = nn.Parameter(torch.tensor([_CONTRAST, _TRUST, _DISTANCE]))
        self.strength = nn.Parameter(torch.ones(()))
        self.weigh = nn.Sequential(
            nn.Conv2d(planes, _WIDTH, 3, padding=1), nn.LeakyReLU(LEAKY_SLOPE), nn.Conv2d(_WIDTH, 1, 3, padding=1)
        )
        zero_layer(self.weigh[-1])

    def start_at_identity(self) -> None:
        """Make untrained layers return zero."""
        nn.init.zeros_(self.strength)

    def contrast(self, one: Tensor, other: Tensor) -> Tensor:
        """Return how much sharper one picture is than another, from -1 to 1; both (N, 3, H, W), to (N, 1, H, W)."""
        return _contrast(one, other)

    def seen(self, frame: Tensor, warped: Tensor, contrast: Tensor, mask: Tensor, cue: Tensor | None) -> Tensor:
        """Return what the correction of a neighbour's weight is computed from, (N, planes, H, W).

        Args:
            frame: the frame, (N, 3, H, W).
            warped: the neighbour, warped to the frame, of the same shape.
            contrast: how much sharper the neighbour is, (N, 1, H, W).
            mask: where its flow is trusted, (N, 1, H, W).
            cue: further planes (N, K, H, W) that all neighbours share; None for none. Only subclasses take some.
        """
        return torch.cat((frame, warped, contrast, mask, (warped - frame).abs().mean(1, keepdim=True)), dim=1)

    def forward(self, frame: Tensor, neighbours: Sequence[Neighbour], cue: Tensor | None = None) -> Tensor:
        """Return what to add to a frame.

        Args:
            frame: the frame, (N, 3, H, W), of a range of one from black to white.
            neighbours: for each neighbour how many frames it is away, the picture (N, 3, H, W), the flow from the frame
                to it (N, 2, H, W) in px, and the flow back.
            cue: further planes for :meth:`seen`.

        Returns:
            The blend less the frame, (N, 3, H, W).
        """
        contrast_weight, trust_weight, distance_weight = self.priors.unbind()
        changes = [torch.zeros_like(frame)]
        logits = [torch.zeros_like(frame[:, :1])]
        for distance, picture, flow, back in neighbours:
            warped = warp_by_flow(picture, flow, padding_mode="border", mode="bicubic")
            change, contrast, mask = warped - frame, self.contrast(warped, frame), _trusted(flow, back)
            seen = self.seen(frame, warped, contrast, mask, cue)
            prior = contrast_weight * contrast + trust_weight * torch.log(mask + _LEAST_TRUST)
            logits.append(prior - distance_weight * (distance - 1) + self.weigh(seen))
            changes.append(change)
        shares = torch.softmax(torch.cat(logits, dim=1), dim=1).unbind(1)  # each (N, H, W)
        weighed = [share[:, None] * change for share, change in zip(shares, changes, strict=True)]
        return self.strength * torch.stack(weighed).sum(0)


class FrameBlend(NeighbourBlend):
    """A blend whose start compares the sharpness of wide places, since blur changes from frame to frame.

    Its correction sees sharpness and change at a scale at which a few minutes of training can use them: a neighbour
    that is as sharp as the frame is worth taking where it differs by noise alone, and not where it is misplaced.
    """

    def __init__(self, cues: int = 0) -> None:
        """Build the layers.

        Args:
            cues: number of further planes that the correction sees.
        """
        super().__init__(9 + cues)
        # weights of the other blend can have the same names and shapes; they lack this one, and so are refused
        self.register_buffer("compares_wide_places", torch.ones((), dtype=torch.bool))

    def contrast(self, one: Tensor, other: Tensor) -> Tensor:
        """Return how much sharper one picture is than another over about 28 px, from -1 to 1, (N, 1, H, W)."""
        return _relation(_wide_sharpness(one), _wide_sharpness(other))

    def seen(self, frame: Tensor, warped: Tensor, contrast: Tensor, mask: Tensor, cue: Tensor | None) -> Tensor:
        """Return the frame, both sharpnesses nearby and their relation, contrast, mask and change, and the cue."""
        sharp, sharp_warped = _sharpness(frame), _sharpness(warped)
        change = F.avg_pool2d((warped - frame).abs().mean(1, keepdim=True), 5, 1, 2)
        planes = [frame, _SHARPNESS_GAIN * sharp, _SHARPNESS_GAIN * sharp_warped, _relation(sharp_warped, sharp)]
        planes += [contrast, mask, (_CHANGE_GAIN * change).clamp_max(_MOST_CHANGE)]
        return torch.cat(planes if cue is None else [*planes, cue], dim=1)


def _trusted(flow_ab: Tensor, flow_ba: Tensor) -> Tensor:
    """Return where a flow leads back to where it came from: (N, 1, H, W), falling from 1 to 0 at 2 px."""
    error = flow_ab + warp_by_flow(flow_ba, flow_ab, padding_mode="border")
    return (1 - _ROUND_TRIP_SCALE * error.norm(dim=1, keepdim=True)).clamp_min(0)


def _contrast(one: Tensor, other: Tensor) -> Tensor:
    """Return how much sharper one picture is than another, from -1 to 1, (N, 1, H, W)."""
    return _relation(_sharpness(one), _sharpness(other))


def _relation(first: Tensor, second: Tensor) -> Tensor:
    """Return the difference of two sharpnesses over their sum, from -1 to 1; about 0 where both are noise."""
    return (first - second) / (first + second + _NOISE)


def _sharpness(picture: Tensor) -> Tensor:
    """Return the local mean of what a blur of 3x3 px takes away, (N, 1, H, W)."""
    return F.avg_pool2d(_taken_away(picture), _NEAR_PX, 1, _NEAR_PX // 2, count_include_pad=False)


def _wide_sharpness(picture: Tensor) -> Tensor:
    """Return the same mean over about 28x28 px, computed on a grid of 4 px, (N, 1, H, W)."""
    coarse = F.avg_pool2d(_taken_away(picture), _GRID, _GRID, ceil_mode=True, count_include_pad=False)
    cells = _WIDE_PX // _GRID  # odd
    mean = F.avg_pool2d(coarse, cells, 1, cells // 2, count_include_pad=False)
    return F.interpolate(mean, size=picture.shape[-2:], mode="bilinear", align_corners=False)


def _taken_away(picture: Tensor) -> Tensor:
    """Return how much a blur of 3x3 px changes the gray value, (N, 1, H, W)."""
    gray = picture.mean(1, keepdim=True)
    return (gray - F.avg_pool2d(gray, 3, 1, 1, count_include_pad=False)).abs()
