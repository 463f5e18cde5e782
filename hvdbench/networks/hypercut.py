"""HyperCUT: find out which of two frames comes first, for the temporal order of the sharp frames in a blurry one.

Pham et al., "HyperCUT: Video Sequence from a Single Blurry Image using Unsupervised Ordering", CVPR 2023
(arXiv:2304.01686). Parameter names and layout are those of the published code, which is AGPL-3.0; none of it is here.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.network import Network

_HALVINGS = 5
_MEAN = (0.485, 0.456, 0.406)
SPREAD = (0.229, 0.224, 0.225)
"""What the published networks' pictures in [0, 1] are divided by, channel by channel."""
_SLOPE = 0.01  # that of the published table's LeakyReLU()
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


class _Activation(nn.Module):
    """A LeakyReLU that is the identity as long as ``slope`` is 1."""

    slope = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return x if self.slope == 1.0 else F.leaky_relu(x, self.slope)


class PairEncoder(nn.Module):
    """A network that turns two frames into one vector; (N, 6, H, W) to (N, out_dim).

    The published code has an activation of slope 1, which does nothing, after each of the first six convolutions.
    """

    def __init__(self, out_dim: int, features: int = 32, blocks: int = 6) -> None:
        """Make the network with random weights."""
        super().__init__()
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(6, features, 7), _Activation()]
        channels = features
        for halving in range(_HALVINGS):
            # as wide as the vectors at the end, but no wider before
            wider = out_dim if halving == _HALVINGS - 1 else min(features * 2 ** (halving + 1), out_dim)
            layers += [nn.Conv2d(channels, wider, 3, stride=2, padding=1), _Activation()]
            channels = wider
        layers += [_MirroredBlock(channels) for _ in range(blocks)]
        self.model = nn.Sequential(*layers)

    def activate(self, slope: float) -> None:
        """Set the slope of the activations below zero; 1 is none."""
        for layer in self.model:
            if isinstance(layer, _Activation):
                layer.slope = slope

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
    first, by :meth:`normalised`: minus 0.485, 0.456, 0.406, divided by 0.229, 0.224, 0.225, channel by channel. These
    numbers are for RGB, but the published loader passes BGR, so published weights need BGR as well.

    Attributes:
        as_meant: None for the published network, which takes BGR and has no activations before its blocks. True in one
            that takes RGB and has them. The value is a buffer, so that a weight file contains it, and loading weights
            of either kind makes the network one of that kind.
    """

    as_meant: Tensor | None

    def __init__(self, out_dim: int = 128, features: int = 32, blocks: int = 6, *, as_meant: bool = False) -> None:
        """Make the network with random weights.

        Args:
            out_dim: length of the vectors.
            features: channels after the first convolution.
            blocks: residual blocks at the smallest size.
            as_meant: whether it takes RGB and has activations; the published one does neither. Then its weights are
                drawn by Kaiming's rule for LeakyReLU, since PyTorch's own starts with vectors that are nearly the same
                for all pairs, and the training with a loss that hardly changes.
        """
        super().__init__()
        self.f_func = PairEncoder(out_dim, features, blocks)
        self.hyperplane = Hyperplane(out_dim)
        self.register_buffer("as_meant", None)
        self._make(as_meant)
        for layer in self.f_func.modules() if as_meant else ():
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
                nn.init.zeros_(layer.bias)

    def normalised(self, frames: Tensor) -> Tensor:
        """Return RGB frames in [0, 1], (..., 3, H, W), in the colours and numbers that the network takes."""
        mean, spread = (torch.tensor(numbers, device=frames.device)[:, None, None] for numbers in (_MEAN, SPREAD))
        return ((frames if self.as_meant is not None else frames.flip(-3)) - mean) / spread

    def sides(self, frames: Tensor) -> Tensor:
        """Return on which side of the plane each pair of frames lies, and how far from it.

        Args:
            frames: (N, T, 3, H, W) RGB in [0, 1], T odd and 3 or more, H and W of 33 px or more.

        Returns:
            The inner products of Eq. 5, (N, T - 1): those of the pairs (k, T - 1 - k) and of their reverses in turn,
            outer pairs first.

        Raises:
            ValueError: under the conditions of :meth:`forward`.
        """
        return self.hyperplane(self(self.normalised(frames))).squeeze(-1)

    def ahead(self, frames: Tensor) -> Tensor:
        """Return :meth:`sides` of the pairs alone, without their reverses, for half of the time; (N, (T - 1) / 2)."""
        last, shown = frames.shape[1] - 1, self.normalised(frames)
        pairs = [self.encode(shown[:, index], shown[:, last - index]) for index in range(last // 2)]
        return self.hyperplane(torch.stack(pairs, dim=1)).squeeze(-1)

    def _make(self, as_meant: bool) -> None:
        device = self.hyperplane.hyperplane.device
        self.as_meant = torch.ones((), dtype=torch.bool, device=device) if as_meant else None
        self.f_func.activate(_SLOPE if as_meant else 1.0)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        self._make(f"{prefix}as_meant" in state_dict)
        super()._load_from_state_dict(state_dict, prefix, *rest)

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
    presets={"tiny": {"out_dim": 48, "features": 8, "blocks": 1}},
    signature=("f_func.model.1.weight", "hyperplane.hyperplane"),
)
