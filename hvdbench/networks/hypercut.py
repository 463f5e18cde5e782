"""HyperCUT: find out which of two frames comes first, for the temporal order of the sharp frames in a blurry one.

Pham et al., "HyperCUT: Video Sequence from a Single Blurry Image using Unsupervised Ordering", CVPR 2023
(arXiv:2304.01686). Parameter names and layout are those of the published code, which is AGPL-3.0; none of it is here.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.network import Network

_FEATURES = 32
_HALVINGS = 5
_BLOCKS = 6
MIN_SIZE_PX = 33
"""Smallest side, in px; a smaller one leaves a single pixel after the five halvings, which cannot be mirrored."""


class _MirroredBlock(nn.Module):
    """``x`` plus two 3x3 convolutions over mirrored borders with a ReLU between them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class PairEncoder(nn.Module):
    """A network that turns two frames into one vector; (N, 6, H, W) to (N, out_dim).

    The published code has an activation of slope 1, which does nothing, after each of the first six convolutions; here
    the identity takes its place to keep the numbering.
    """

    def __init__(self, out_dim: int) -> None:
        """Make the network with random weights."""
        super().__init__()
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(6, _FEATURES, 7), nn.Identity()]
        channels = _FEATURES
        for halving in range(_HALVINGS):
            wider = min(_FEATURES * 2 ** (halving + 1), out_dim)
            layers += [nn.Conv2d(channels, wider, 3, stride=2, padding=1), nn.Identity()]
            channels = wider
        layers += [_MirroredBlock(channels) for _ in range(_BLOCKS)]
        self.model = nn.Sequential(*layers)

    def forward(self, pair: Tensor) -> Tensor:
        """Encode the pair."""
        return self.model(pair).mean(dim=(2, 3))  # (N, out_dim, H/32, W/32) to (N, out_dim)


class Hyperplane(nn.Module):
    """A fixed random plane that divides the vectors; it is never trained, so it is a buffer."""

    hyperplane: Tensor

    def __init__(self, out_dim: int) -> None:
        """Draw the normal and the offset uniformly from [-1, 1]."""
        super().__init__()
        self.register_buffer("hyperplane", torch.rand(out_dim + 1) * 2 - 1)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return a number whose sign is the side of the plane; (..., out_dim) to (..., 1).

        As in the published code, the offset is added to every entry of the normal, v . (c + b), not to the product.
        """
        return vectors @ (self.hyperplane[:-1] + self.hyperplane[-1])[:, None]


@dataclass(frozen=True)
class OrderLoss:
    """The terms of the training loss, each a scalar."""

    total: Tensor
    diff: Tensor
    """Term that asks that a pair and its reverse lie on different sides."""
    same: Tensor
    """Term that asks that pairs of the same exposure, in the same direction, lie on the same side."""


class HyperCUT(nn.Module):
    """A network that maps pairs of frames to vectors, a pair and its reverse to different sides of a fixed plane.

    The default size has 2 315 681 values. Keys are those of a published checkpoint. Frames in [0, 1] must be normalised
    first: minus 0.485, 0.456, 0.406, divided by 0.229, 0.224, 0.225, channel by channel. These numbers are for RGB, but
    the published loader passes BGR, so published weights need BGR as well.
    """

    def __init__(self, out_dim: int = 128) -> None:
        """Make the network with random weights.

        Args:
            out_dim: length of the vectors.
        """
        super().__init__()
        self.f_func = PairEncoder(out_dim)
        self.hyperplane = Hyperplane(out_dim)

    def encode(self, first: Tensor, second: Tensor) -> Tensor:
        """Encode ordered pairs of frames.

        Args:
            first: first frames, (N, 3, H, W), normalised as for :class:`HyperCUT`, at least 33 px high and wide.
            second: second frames, of the same shape.

        Returns:
            The vectors, (N, out_dim).

        Raises:
            ValueError: if the shapes differ or the frames are too small.
        """
        if first.shape != second.shape or first.dim() != 4 or first.shape[1] != 3 or min(first.shape[2:]) < MIN_SIZE_PX:
            raise ValueError(
                f"HyperCUT takes two (N, 3, H, W) with H and W of {MIN_SIZE_PX} px or more, "
                f"not {tuple(first.shape)} and {tuple(second.shape)}"
            )
        return self.f_func(torch.cat((first, second), dim=1))

    def forward(self, frames: Tensor) -> Tensor:
        """Encode the pairs (0, 6), (6, 0), (1, 5), (5, 1), (2, 4), (4, 2) of the sharp frames of one exposure.

        Args:
            frames: (N, 7, 3, H, W), normalised as for :class:`HyperCUT`. Any odd number of frames from 3 on works;
                            outer pairs come first.

        Returns:
            The vectors, (N, 6, out_dim), or (N, T - 1, out_dim) for T frames.

        Raises:
            ValueError: if the frames have another shape, or their number is even or below 3.
        """
        if frames.dim() != 5 or frames.shape[1] < 3 or frames.shape[1] % 2 == 0:
            raise ValueError(f"HyperCUT takes (N, T, 3, H, W) with an odd T of 3 or more, not {tuple(frames.shape)}")
        last = frames.shape[1] - 1
        vectors = []
        for index in range(last // 2):
            outer, inner = frames[:, index], frames[:, last - index]
            vectors += [self.encode(outer, inner), self.encode(inner, outer)]
        return torch.stack(vectors, dim=1)  # (N, T - 1, out_dim)

    def order_loss(self, vectors: Tensor) -> OrderLoss:
        """Return the loss of what :meth:`forward` returned for seven frames; (N, 6, out_dim)."""
        sides = self.hyperplane(vectors).squeeze(-1)  # (N, 6)
        ahead, reverse = sides[:, 0::2], sides[:, 1::2]  # (N, 3) each
        diff = F.softplus(ahead * reverse).mean()
        same = F.softplus(-ahead * ahead.roll(-1, dims=1)).mean()  # each of the three pairs with the next, cyclically
        return OrderLoss(total=0.5 * diff + 0.5 * same, diff=diff, same=same)


NETWORK = Network(
    HyperCUT,
    restores_clips=False,
    signature=("f_func.model.1.weight", "hyperplane.hyperplane"),
)
