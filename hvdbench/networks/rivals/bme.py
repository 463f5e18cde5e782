"""BME: estimate how many pixels each point of a blurry picture travelled while the shutter was open.

He et al., "Domain-adaptive Video Deblurring via Test-time Blurring", ECCV 2024 (DaDeblur). Parameter names and sizes
are those of the published weights; the published code has no licence, and none of it is here.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.network import Network

_EXPANSION = 4  # of ResNet's bottleneck: its output is four times as wide as its 3x3 convolution
_SLOPE = 0.2
SIZE_MULTIPLE = 16
"""Number of px that height and width must be multiples of; other sizes do not fit where the scales are fused."""
MIN_SIZE_PX = 32
"""Smallest side, in px; of a smaller one nothing is left at the coarsest scale."""


class Bottleneck(nn.Module):
    """ResNet's residual block of 1x1, 3x3 and 1x1 convolutions; the 3x3 one has the stride (He et al., CVPR 2016)."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        """Build the block from ``channels`` to four times ``width`` channels."""
        super().__init__()
        outer = _EXPANSION * width
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outer, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outer)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != outer:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, outer, 1, stride=stride, bias=False), nn.BatchNorm2d(outer)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block; (N, C, H, W) to (N, 4 width, H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.relu(self.bn3(self.conv3(x)) + shortcut)


def _stage(channels: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    first = Bottleneck(channels, width, stride)
    return nn.Sequential(first, *(Bottleneck(_EXPANSION * width, width, 1) for _ in range(blocks - 1)))


class ScaleFusion(nn.Module):
    """Asymmetric fusion (AFF): each scale's features are joined with those of its two nearest scales."""

    def __init__(self, channels: Sequence[int], features: int) -> None:
        """Build the fusion of five scales with ``channels`` each, finest first, to ``features`` channels.

        The finest scale gets half of them.
        """
        super().__init__()
        joined = 3 * features
        for scale, width in enumerate(channels):
            outer = features if scale else features // 2
            setattr(self, f"conv{scale}", nn.Conv2d(width, features, 3, padding=1))
            setattr(self, f"conv{scale}_1x1", nn.Conv2d(joined, joined, 1))
            setattr(self, f"conv{scale}_out", nn.Conv2d(joined, outer, 3, padding=1))

    def forward(self, scales: Sequence[Tensor]) -> list[Tensor]:
        """Fuse five scales, finest first, each half as large as the one before; a half is rounded up at the last."""
        x0, x1, x2, x3, x4 = (self.get_submodule(f"conv{scale}")(features) for scale, features in enumerate(scales))
        fourth = F.interpolate(x4, scale_factor=2)  # one pixel more than x3 where that has an odd side
        third = _fitted(x3, fourth)
        return [
            self._joined(0, x0, F.interpolate(x1, scale_factor=2), F.interpolate(x2, scale_factor=4)),
            self._joined(1, F.interpolate(x0, scale_factor=0.5), x1, F.interpolate(x2, scale_factor=2)),
            self._joined(2, F.interpolate(x1, scale_factor=0.5), x2, F.interpolate(x3, scale_factor=2)),
            self._joined(3, _fitted(F.interpolate(x2, scale_factor=0.5), fourth), third, fourth),
            self._joined(
                4, _fitted(F.interpolate(x2, scale_factor=0.25), x4), F.interpolate(third, scale_factor=0.5), x4
            ),
        ]

    def _joined(self, scale: int, *parts: Tensor) -> Tensor:
        fused = self.get_submodule(f"conv{scale}_1x1")(torch.cat(parts, dim=1))
        joined: Tensor = self.get_submodule(f"conv{scale}_out")(fused)
        return joined


class _ResBlock(nn.Module):
    """Two 3x3 convolutions with batch norm and leaky ReLU, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.LeakyReLU(_SLOPE),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.main(x)


class _Decoder(nn.Module):
    """A row of residual blocks."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.main = nn.Sequential(*(_ResBlock(channels) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x)


class _Merge(nn.Module):
    """A layer that doubles coarse features and merges them with those of the next finer scale."""

    def __init__(self, channels: int, outer: int) -> None:
        super().__init__()
        self.Up = nn.Sequential(nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1))
        self.conv = nn.Sequential(nn.Conv2d(2 * channels, outer, 1), nn.LeakyReLU(_SLOPE))

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        return self.conv(torch.cat((_fitted(self.Up(coarse), fine), fine), dim=1))


class BlurMagnitude(nn.Module):
    """A network that maps a blurry picture to the length of each pixel's path, divided by a fixed length.

    The published weights take BGR in [0, 1], and 1 stands for 205 px, the longest path of their training. The default
    has 27 990 593 parameters and 718 keys.
    """

    def __init__(
        self,
        width: int = 64,
        blocks: Sequence[int] = (3, 4, 6, 3),
        features: int = 64,
        decoder_blocks: int = 5,
    ) -> None:
        """Build the network with random weights.

        Args:
            width: channels of the first convolution; 64 makes the encoder a ResNet.
            blocks: bottlenecks of each of the four stages; (3, 4, 6, 3) makes it a ResNet-50.
            features: channels of the decoder, an even number; the finest scale has half of them.
            decoder_blocks: residual blocks at each scale of the decoder.
        """
        super().__init__()
        if len(blocks) != 4 or features % 2:
            raise ValueError(f"blocks must have 4 entries and features be even, not {tuple(blocks)} and {features}")
        channels = [width, *(_EXPANSION * width * 2**stage for stage in range(4))]
        self.div_2 = nn.Sequential(
            nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.div_4 = nn.Sequential(nn.MaxPool2d(3, stride=2, padding=1), _stage(width, width, blocks[0], 1))
        self.div_8 = _stage(channels[1], 2 * width, blocks[1], 2)
        self.div_16 = _stage(channels[2], 4 * width, blocks[2], 2)
        self.div_32 = _stage(channels[3], 8 * width, blocks[3], 2)
        self.aff = ScaleFusion(channels, features)
        half = features // 2
        self.decoder_0 = _Decoder(half, decoder_blocks)
        self.decoder_1 = _Decoder(half, decoder_blocks)
        self.decoder_2 = _Decoder(features, decoder_blocks)
        self.decoder_3 = _Decoder(features, decoder_blocks)
        self.decoder_4 = _Decoder(features, decoder_blocks)
        self.cm_0 = _Merge(half, half)
        self.cm_1 = _Merge(features, half)
        self.cm_2 = _Merge(features, features)
        self.cm_3 = _Merge(features, features)
        self.Up = nn.ConvTranspose2d(half, half, 4, stride=2, padding=1)
        self.classifier = nn.Conv2d(half, 1, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Estimate the magnitudes.

        Args:
            pictures: (N, 3, H, W) in [0, 1], H and W multiples of 16 from 32 on.

        Returns:
            Magnitudes (N, 1, H, W) in units of the training's longest path, not clamped.

        Raises:
            ValueError: if the pictures have another shape, or H or W is too small or not a multiple of 16.
        """
        sides = pictures.shape[2:]
        fits = all(side % SIZE_MULTIPLE == 0 and side >= MIN_SIZE_PX for side in sides)
        if pictures.dim() != 4 or pictures.shape[1] != 3 or not fits:
            raise ValueError(
                f"BME takes pictures (N, 3, H, W) with H and W multiples of {SIZE_MULTIPLE} from {MIN_SIZE_PX} on, "
                f"not {tuple(pictures.shape)}: pad them"
            )
        x, scales = pictures, []
        for stage in (self.div_2, self.div_4, self.div_8, self.div_16, self.div_32):
            x = stage(x)
            scales.append(x)
        fused = self.aff(scales)
        x = self.decoder_4(fused[4])
        x = self.decoder_3(self.cm_3(x, fused[3]))
        x = self.decoder_2(self.cm_2(x, fused[2]))
        x = self.decoder_1(self.cm_1(x, fused[1]))
        x = self.decoder_0(self.cm_0(x, fused[0]))
        return self.classifier(self.Up(x))


def _fitted(x: Tensor, like: Tensor) -> Tensor:
    """Pad a picture with zeros, or cut it, to the size of another; an odd rest goes to the bottom and right."""
    rows, columns = (like.shape[axis] - x.shape[axis] for axis in (2, 3))
    return F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


NETWORK = Network(
    BlurMagnitude,
    presets={"tiny": {"width": 8, "blocks": (1, 1, 1, 1), "features": 24, "decoder_blocks": 1}},
    restores_clips=False,
    signature=("div_2.0.weight", "aff.conv4_1x1.weight", "classifier.weight"),
)
