"""MIMO-UNet, a network for single pictures at three scales (Cho et al., ICCV 2021; arXiv:2108.05054)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.layers.identity import zero_layer
from hvdbench.networks.network import Network
from hvdbench.networks.spec import NetworkSpec

SCALES = 3
"""The number of results: at a quarter, at half, and at the whole of each side."""
_MULTIPLE = 2 ** (SCALES - 1)
_COLOURS = 3


class _Convolution(nn.Module):
    """A convolution, or one that doubles the sides, with a ReLU after it if asked for; its keys begin ``main.0``."""

    def __init__(
        self, given: int, made: int, kernel: int, stride: int = 1, *, relu: bool = True, doubles: bool = False
    ) -> None:
        super().__init__()
        convolution: nn.Module
        if doubles:
            convolution = nn.ConvTranspose2d(given, made, kernel, stride, padding=kernel // 2 - 1)
        else:
            convolution = nn.Conv2d(given, made, kernel, stride, padding=kernel // 2)
        self.main = nn.Sequential(convolution, *([nn.ReLU(inplace=True)] if relu else []))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.main(x)
        return result


class _Residual(nn.Module):
    """Two 3x3 convolutions whose result is added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main = nn.Sequential(_Convolution(channels, channels, 3), _Convolution(channels, channels, 3, relu=False))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.main(x)


class _Blocks(nn.Module):
    """Residual blocks at one scale."""

    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(_Residual(channels) for _ in range(count)))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layers(x)
        return result


class _FusionOfScales(nn.Module):
    """Asymmetric feature fusion: features of all three scales, brought to one, mixed by two convolutions."""

    def __init__(self, given: int, made: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(_Convolution(given, made, 1), _Convolution(made, made, 3, relu=False))

    def forward(self, scales: list[Tensor]) -> Tensor:
        result: Tensor = self.conv(torch.cat(scales, dim=1))
        return result


class _ShallowFeatures(nn.Module):
    """Features of a reduced picture, which is kept among them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            _Convolution(_COLOURS, channels // 4, 3),
            _Convolution(channels // 4, channels // 2, 1),
            _Convolution(channels // 2, channels // 2, 3),
            _Convolution(channels // 2, channels - _COLOURS, 1),
        )
        self.conv = _Convolution(channels, channels, 1, relu=False)

    def forward(self, picture: Tensor) -> Tensor:
        result: Tensor = self.conv(torch.cat([picture, self.main(picture)], dim=1))
        return result


class _Attention(nn.Module):
    """Features that are changed by their product with those of the reduced picture."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.merge = _Convolution(channels, channels, 3, relu=False)

    def forward(self, features: Tensor, of_picture: Tensor) -> Tensor:
        return features + self.merge(features * of_picture)


class MIMOUNet(nn.Module):
    """A U-shaped network that takes a picture at three scales and returns it at three scales.

    It takes RGB in [0, 1], and each result is added to the picture of its scale. The default is the authors' MIMO-UNet
    (not "+"), with the keys of its checkpoint: 6 807 171 parameters, 244 keys. Blur2Blur's generator is the same.
    """

    def __init__(self, base_channel: int = 32, num_res: int = 8) -> None:
        """Build the network with random weights.

        Args:
            base_channel: number of channels at full size; twice and four times as many at half and a quarter.
            num_res: number of residual blocks at each scale, on the way down and on the way up.
        """
        super().__init__()
        if base_channel < 4 or num_res < 1:
            raise ValueError(f"base_channel must be 4 or more and num_res 1 or more, not {base_channel} and {num_res}")
        self.spec = NetworkSpec(size_multiple=_MULTIPLE, min_size_px=_MULTIPLE, context_frames=0)
        one, two, four = base_channel, 2 * base_channel, 4 * base_channel
        self.Encoder = nn.ModuleList(_Blocks(channels, num_res) for channels in (one, two, four))
        self.feat_extract = nn.ModuleList(
            [
                _Convolution(_COLOURS, one, 3),
                _Convolution(one, two, 3, 2),
                _Convolution(two, four, 3, 2),
                _Convolution(four, two, 4, 2, doubles=True),
                _Convolution(two, one, 4, 2, doubles=True),
                _Convolution(one, _COLOURS, 3, relu=False),
            ]
        )
        self.Decoder = nn.ModuleList(_Blocks(channels, num_res) for channels in (four, two, one))
        self.Convs = nn.ModuleList([_Convolution(four, two, 1), _Convolution(two, one, 1)])
        self.ConvsOut = nn.ModuleList(_Convolution(channels, _COLOURS, 3, relu=False) for channels in (four, two))
        self.AFFs = nn.ModuleList(_FusionOfScales(one + two + four, channels) for channels in (one, two))
        self.FAM1, self.SCM1 = _Attention(four), _ShallowFeatures(four)
        self.FAM2, self.SCM2 = _Attention(two), _ShallowFeatures(two)

    def draw_weights(self) -> None:
        """Draw the weights anew (He et al., ICCV 2015), so that features are as large at every depth.

        PyTorch's own weights make features smaller with every layer: a hundredth of the picture's before the last one,
        so that short trainings from the identity moved the result by nothing.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        for module in self.modules():
            if isinstance(module, _Residual):
                zero_layer(module.main[1])  # else each block would add to the features' size

    def start_at_identity(self) -> None:
        """Make an untrained network return the picture at each scale."""
        for layer in (self.feat_extract[-1], *self.ConvsOut):
            zero_layer(layer)

    def scales(self, pictures: Tensor) -> list[Tensor]:
        """Restore pictures (N, 3, H, W), RGB in [0, 1], at three scales, which are not clamped.

        Returns:
            The results (N, 3, H/4, W/4), (N, 3, H/2, W/2) and (N, 3, H, W).

        Raises:
            ValueError: if the pictures have another shape, or H or W is not a multiple of 4.
        """
        if pictures.dim() != 4 or pictures.shape[1] != _COLOURS or any(s % _MULTIPLE for s in pictures.shape[-2:]):
            raise ValueError(
                f"MIMO-UNet takes pictures (N, 3, H, W) with H and W multiples of {_MULTIPLE}, not "
                f"{tuple(pictures.shape)}"
            )
        half, quarter = reduced(pictures)
        whole = self.Encoder[0](self.feat_extract[0](pictures))  # (N, C, H, W)
        middle = self.Encoder[1](self.FAM2(self.feat_extract[1](whole), self.SCM2(half)))  # (N, 2C, H/2, W/2)
        deep = self.Encoder[2](self.FAM1(self.feat_extract[2](middle), self.SCM1(quarter)))  # (N, 4C, H/4, W/4)
        deep_at_half = _enlarged(deep)
        fused_middle = self.AFFs[1]([_halved(whole), middle, deep_at_half])
        fused_whole = self.AFFs[0]([whole, _enlarged(middle), _enlarged(deep_at_half)])
        x = self.Decoder[0](deep)
        smallest = quarter + self.ConvsOut[0](x)
        x = self.Decoder[1](self.Convs[0](torch.cat([self.feat_extract[3](x), fused_middle], dim=1)))
        middling = half + self.ConvsOut[1](x)
        x = self.Decoder[2](self.Convs[1](torch.cat([self.feat_extract[4](x), fused_whole], dim=1)))
        return [smallest, middling, pictures + self.feat_extract[5](x)]

    def forward(self, clip: Tensor) -> Tensor:
        """Restore each frame of a clip (N, T, 3, H, W), RGB in [0, 1]; the result has the same shape.

        Raises:
            ValueError: if the clip has another shape, or H or W is not a multiple of 4.
        """
        if clip.dim() != 5:
            raise ValueError(f"MIMO-UNet takes clips (N, T, 3, H, W), not {tuple(clip.shape)}")
        return self.scales(clip.flatten(0, 1))[-1].unflatten(0, clip.shape[:2])


def reduced(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Return pictures (N, C, H, W) at half and at a quarter of each side, as the network reduces them."""
    half = _halved(pictures)
    return half, _halved(half)


def _halved(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=0.5)


def _enlarged(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2)


NETWORK = Network(
    MIMOUNet,
    NetworkSpec(size_multiple=_MULTIPLE, min_size_px=_MULTIPLE, context_frames=0),
    presets={"small": {"base_channel": 16, "num_res": 2}, "tiny": {"base_channel": 8, "num_res": 1}},
    signature=("SCM1.main.0.main.0.weight", "FAM2.merge.main.0.weight", "ConvsOut.1.main.0.weight"),
)
