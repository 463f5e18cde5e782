"""NAFNet, a network for single pictures without activation functions (Chen et al., ECCV 2022; arXiv:2204.04676)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.layers.identity import zero_layer
from hvdbench.networks.network import Network
from hvdbench.networks.spec import NetworkSpec

_NORM_EPS = 1e-6


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each pixel; (N, C, H, W) to the same shape."""

    def __init__(self, channels: int) -> None:
        """Build the layer; its scale starts at 1 and its shift at 0."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        pixels = x.permute(0, 2, 3, 1)  # (N, H, W, C)
        return F.layer_norm(pixels, self.weight.shape, self.weight, self.bias, _NORM_EPS).permute(0, 3, 1, 2)


def simple_gate(x: Tensor) -> Tensor:
    """Multiply the first half of the channels by the second; (N, 2C, H, W) to (N, C, H, W)."""
    left, right = x.chunk(2, dim=1)
    return left * right


class NafBlock(nn.Module):
    """A block of a depthwise convolution with gate and channel attention, followed by a gated feed-forward part.

    ``beta`` and ``gamma`` scale the two parts and start at zero, so an untrained block is the identity.
    """

    def __init__(self, channels: int) -> None:
        """Build the block for (N, C, H, W)."""
        super().__init__()
        self.norm1 = ChannelNorm(channels)
        self.conv1 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv2 = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1))
        self.conv3 = nn.Conv2d(channels, channels, 1)
        self.norm2 = ChannelNorm(channels)
        self.conv4 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv5 = nn.Conv2d(channels, channels, 1)
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        features = simple_gate(self.conv2(self.conv1(self.norm1(x))))  # (N, C, H, W)
        x = x + self.beta * self.conv3(features * self.sca(features))
        return x + self.gamma * self.conv5(simple_gate(self.conv4(self.norm2(x))))


class NAFNet(nn.Module):
    """A U-shaped network that restores every frame by itself: the baseline that uses no other frame.

    It takes RGB in [0, 1], and its output is added to the input. The default is the authors' network for GoPro at width
    32; keys are those of its checkpoint. The published variant for tests on large pictures, which replaces the pooling
    of the channel attention by a local one (TLC), is not included.
    """

    def __init__(
        self,
        width: int = 32,
        middle_blk_num: int = 1,
        enc_blk_nums: Sequence[int] = (1, 1, 1, 28),
        dec_blk_nums: Sequence[int] = (1, 1, 1, 1),
    ) -> None:
        """Build the network with random weights.

        Args:
            width: number of channels at full size; it doubles whenever the size is halved.
            middle_blk_num: number of blocks at the smallest size.
            enc_blk_nums: number of blocks at each size on the way down, from full size.
            dec_blk_nums: number of blocks at each size on the way up, to full size; it needs equally many entries.
        """
        super().__init__()
        if len(enc_blk_nums) != len(dec_blk_nums):
            raise ValueError(f"enc_blk_nums {enc_blk_nums} and dec_blk_nums {dec_blk_nums} must be equally long")
        self.size_multiple = 2 ** len(enc_blk_nums)
        self.spec = NetworkSpec(size_multiple=self.size_multiple, min_size_px=self.size_multiple, context_frames=0)
        self.intro = nn.Conv2d(3, width, 3, padding=1)
        self.ending = nn.Conv2d(width, 3, 3, padding=1)
        self.encoders, self.downs = nn.ModuleList(), nn.ModuleList()
        self.ups, self.decoders = nn.ModuleList(), nn.ModuleList()
        channels = width
        for blocks in enc_blk_nums:
            self.encoders.append(_blocks(channels, blocks))
            self.downs.append(nn.Conv2d(channels, 2 * channels, 2, stride=2))
            channels *= 2
        self.middle_blks = _blocks(channels, middle_blk_num)
        for blocks in dec_blk_nums:
            self.ups.append(nn.Sequential(nn.Conv2d(channels, 2 * channels, 1, bias=False), nn.PixelShuffle(2)))
            channels //= 2
            self.decoders.append(_blocks(channels, blocks))

    def start_at_identity(self) -> None:
        """Make an untrained network return its frames."""
        zero_layer(self.ending)

    def forward(self, clip: Tensor) -> Tensor:
        """Restore a clip (N, T, 3, H, W), RGB in [0, 1]; the result has the same shape and is not clamped.

        Raises:
            ValueError: if the clip has another shape, or H or W is not a multiple of 2 to the number of halvings.
        """
        multiple = self.size_multiple
        if clip.dim() != 5 or clip.shape[2] != 3 or clip.shape[-1] % multiple or clip.shape[-2] % multiple:
            raise ValueError(
                f"this NAFNet takes clips (N, T, 3, H, W) with H and W multiples of {multiple}, not {tuple(clip.shape)}"
            )
        frames = clip.flatten(0, 1)  # (N*T, 3, H, W)
        x = self.intro(frames)  # (N*T, width, H, W)
        kept = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            kept.append(x)
            x = down(x)  # (N*T, 2C, H/2, W/2) of the one before
        x = self.middle_blks(x)
        for decoder, up, skipped in zip(self.decoders, self.ups, reversed(kept), strict=True):
            x = decoder(up(x) + skipped)
        return (frames + self.ending(x)).unflatten(0, clip.shape[:2])  # (N, T, 3, H, W)


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(NafBlock(channels) for _ in range(count)))


NETWORK = Network(
    NAFNet,
    NetworkSpec(size_multiple=16, min_size_px=16, context_frames=0),  # four halvings by default
    presets={
        "small": {"width": 16, "enc_blk_nums": (1, 1, 2), "dec_blk_nums": (1, 1, 1)},
        "tiny": {"width": 8, "enc_blk_nums": (1, 1), "dec_blk_nums": (1, 1)},
    },
    signature=("intro.weight", "ending.weight", "middle_blks.0.sca.1.weight"),
)
