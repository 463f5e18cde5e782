"""The network of "Explore Image Deblurring via Encoded Blur Kernel Space" (Tran et al., CVPR 2021; arXiv:2104.00317).

It finds a code of the blur between a sharp picture and its blurry twin, the paper's F, and blurs another sharp picture
by a code, the paper's G. Blur2Blur makes its "real" pictures with it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.network import Network

_SLOPE = 0.1
_ADAPTER_SLOPE = 0.2
_WIDEST = 8  # times the width of the features
_START_SCALE = 0.1


class _Residual(nn.Module):
    """Two 3x3 convolutions whose result is added to the input, started small."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x)))


class _ReflectedResidual(nn.Module):
    """Two 3x3 convolutions with reflected borders and without bias, added to the input.

    The places of the normalisation that the published configuration leaves out stay in the numbers of the keys.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=False),
            nn.Identity(),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=False),
            nn.Identity(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class _Extractor(nn.Module):
    """The paper's F on features: from those of a sharp and a blurry picture to the code of the blur between them."""

    def __init__(self, channels: int, code_channels: int, halvings: int, blocks: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(2 * channels, channels, 7, bias=False)]
        layers += [nn.Identity(), nn.ReLU()]
        for number in range(halvings):
            given, made = (min(channels * 2**power, code_channels) for power in (number, number + 1))
            layers += [nn.Conv2d(given, made, 3, stride=2, padding=1, bias=False), nn.Identity(), nn.ReLU()]
        layers += [_ReflectedResidual(code_channels) for _ in range(blocks)]
        self.model = nn.Sequential(*layers)

    def forward(self, sharp: Tensor, blurry: Tensor) -> Tensor:
        code: Tensor = self.model(torch.cat([sharp, blurry], dim=1))
        return code


class _Level(nn.Module):
    """A level of the U-shaped network that blurs features; the innermost one takes the code in.

    Each level but the outermost begins with a leaky ReLU, which in the published code works in place, so that what the
    level passes on beside its own result went through it too.
    """

    def __init__(self, outer: int, inner: int, submodule: "_Level | None", *, is_outermost: bool = False) -> None:
        super().__init__()
        self.is_outermost = is_outermost
        down = nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=False)
        up = nn.ConvTranspose2d(2 * inner, outer, 4, stride=2, padding=1, bias=is_outermost)
        # the numbers in the keys count the activations, which stand in forward here
        self.down = nn.Sequential(down) if is_outermost else nn.Sequential(nn.Identity(), down)
        self.submodule = submodule
        self.up = nn.Sequential(nn.ReLU(), up)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        if not self.is_outermost:
            x = F.leaky_relu(x, _ADAPTER_SLOPE)
        deep = self.down(x)
        deep = torch.cat([deep, code], dim=1) if self.submodule is None else self.submodule(deep, code)
        result: Tensor = self.up(deep)
        return torch.tanh(result) if self.is_outermost else torch.cat([result, x], dim=1)


class _Adapter(nn.Module):
    """The paper's G on features: a U-shaped network with the code in its innermost level."""

    def __init__(self, channels: int, halvings: int) -> None:
        super().__init__()
        level: _Level | None = None
        for number in reversed(range(halvings)):
            outer = channels * min(2 ** max(0, number - 1), _WIDEST)
            inner = channels * min(2**number, _WIDEST)
            level = _Level(outer, inner, level, is_outermost=number == 0)
        self.model = level

    def forward(self, features: Tensor, code: Tensor) -> Tensor:
        assert self.model is not None
        blurred: Tensor = self.model(features, code)
        return blurred


class KernelWizard(nn.Module):
    """A network that finds the code of a blur, and blurs a sharp picture by a code; RGB in [0, 1].

    The default is that of Blur2Blur's configuration, without the variational part, with the keys of
    ``GOPRO_woVAE.pth``: 49 205 187 parameters, 159 keys; a code has 512 channels and 1/128 of the picture's sides.

    Attributes:
        size_multiple: number that sides must be a multiple of.
        min_size_px: least side for which a code can be found.
    """

    def __init__(
        self,
        nf: int = 64,
        front_blocks: int = 10,
        back_blocks: int = 20,
        code_blocks: int = 4,
        halvings: int = 5,
        feature_halvings: int = 2,
    ) -> None:
        """Build the network with random weights.

        Args:
            nf: number of channels of the features.
            front_blocks: number of residual blocks of the features.
            back_blocks: number of residual blocks of the reconstruction.
            code_blocks: number of residual blocks of the extractor.
            halvings: number of times that the features' sides are halved down to those of the code, 2 or more.
            feature_halvings: number of times that a picture's sides are halved to those of its features, 0 to 2. At 2 a
                small network stayed at the sharp picture for 240 steps, at 0 it learned within 160.
        """
        super().__init__()
        if min(nf, front_blocks, back_blocks, code_blocks) < 1 or halvings < 2 or feature_halvings not in range(3):
            raise ValueError(
                "nf and the numbers of blocks must be 1 or more, halvings 2 or more, and feature_halvings 0, 1 or 2"
            )
        self.code_channels = nf * min(2 ** (halvings - 1), _WIDEST)
        self.size_multiple = 2 ** (feature_halvings + halvings)
        self.min_size_px = 2 * self.size_multiple  # the extractor reflects the borders of its code
        strides = [2 if number < feature_halvings else 1 for number in range(2)]
        self.feature_extractor = nn.Sequential(
            nn.Conv2d(3, nf, 3, padding=1),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(nf, nf, 3, stride=strides[0], padding=1),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(nf, nf, 3, stride=strides[1], padding=1),
            nn.LeakyReLU(_SLOPE),
            *(_Residual(nf) for _ in range(front_blocks)),
        )
        self.kernel_extractor = _Extractor(nf, self.code_channels, halvings, code_blocks)
        self.adapter = _Adapter(nf, halvings)
        self.recon_trunk = nn.Sequential(
            *(_Residual(nf) for _ in range(back_blocks)),
            nn.Conv2d(nf, strides[1] ** 2 * nf, 3, padding=1),
            nn.PixelShuffle(strides[1]),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(nf, strides[0] ** 2 * nf, 3, padding=1),
            nn.PixelShuffle(strides[0]),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(nf, nf, 3, padding=1),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(nf, 3, 3, padding=1),
        )
        self._draw_weights()

    def _draw_weights(self) -> None:
        """Draw weights under which the code reaches the result.

        torch's own draw halves the signal at every layer, and there is no normalisation: 400 steps left a small network
        where it was, at the sharp picture.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, a=_ADAPTER_SLOPE)
                if isinstance(module, nn.ConvTranspose2d):
                    module.weight.data.mul_(2.0)  # each result is the sum over a quarter of the places of the kernel
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for block in self.modules():
            if isinstance(block, _Residual):
                block.conv1.weight.data.mul_(_START_SCALE)
                block.conv2.weight.data.mul_(_START_SCALE)
        self.recon_trunk[-1].weight.data.mul_(_START_SCALE)  # type: ignore[operator]

    def forward(self, sharp: Tensor, blurry: Tensor) -> Tensor:
        """Find the code of the blur between pictures (N, 3, H, W); (N, C, h, w).

        Raises:
            ValueError: if a side is too short or no multiple of :attr:`size_multiple`.
        """
        height, width = sharp.shape[-2:]
        if min(height, width) < self.min_size_px or height % self.size_multiple or width % self.size_multiple:
            raise ValueError(
                f"this kernel network takes pictures whose sides are multiples of {self.size_multiple} and "
                f"{self.min_size_px} px or more, not {tuple(sharp.shape)}"
            )
        code: Tensor = self.kernel_extractor(self.feature_extractor(sharp), self.feature_extractor(blurry))
        return code

    def adapt(self, sharp: Tensor, code: Tensor) -> Tensor:
        """Blur sharp pictures (N, 3, H, W) by codes (N, C, h, w); the result is not clamped."""
        blurred: Tensor = sharp + self.recon_trunk(self.adapter(self.feature_extractor(sharp), code))
        return blurred


NETWORK = Network(
    KernelWizard,
    presets={
        "tiny": {
            "nf": 8,
            "front_blocks": 1,
            "back_blocks": 2,
            "code_blocks": 1,
            "halvings": 3,
            "feature_halvings": 0,
        }
    },
    restores_clips=False,
    signature=("feature_extractor.0.weight", "kernel_extractor.model.1.weight", "recon_trunk.0.conv1.weight"),
)
