"""SPyNet: optical flow by a coarse-to-fine pyramid (Ranjan & Black, CVPR 2017), with MMEditing's parameter names."""

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.layers.blocks import warp_by_flow
from hvdbench.networks.network import Network

LEVELS = 6
_COARSEST_STEP_PX = 2 ** (LEVELS - 1)
_WIDTHS = (8, 32, 64, 32, 16, 2)  # input: two pictures and the flow so far; output: what is added to the flow
_COLOUR_MEAN = (0.485, 0.456, 0.406)
_COLOUR_STD = (0.229, 0.224, 0.225)


class _Conv(nn.Module):
    """A 7x7 convolution under the name ``conv``, as the published keys have it."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class _Level(nn.Module):
    """Five convolutions with ReLU between them; (N, 8, H, W) to (N, 2, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.basic_module = nn.ModuleList(_Conv(a, b) for a, b in itertools.pairwise(_WIDTHS))

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.basic_module[:-1]:
            x = F.relu(conv(x))  # (N, 32 | 64 | 32 | 16, H, W)
        return self.basic_module[-1](x)  # (N, 2, H, W)


class SPyNet(nn.Module):
    """A pyramid of six small networks for optical flow, each of which adds to the doubled flow of the one before.

    Inside, pictures of any size are resized to multiples of 32. It has 1.44 M parameters.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.basic_module = nn.ModuleList(_Level() for _ in range(LEVELS))
        self.register_buffer("mean", torch.tensor(_COLOUR_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_COLOUR_STD).view(1, 3, 1, 1))

    def start_at_zero_flow(self) -> None:
        """Set the last convolution of every level to zero, so that the network estimates no motion until it is trained.

        Otherwise the flow of random weights displaces what is warped by many pixels, and a fit starts from there.
        """
        for level in self.basic_module:
            for parameter in list(level.parameters())[-2:]:  # weight and bias of the last convolution
                nn.init.zeros_(parameter)

    def forward(self, reference: Tensor, supporting: Tensor) -> Tensor:
        """Return, for each pixel of ``reference``, the displacement in px to its match in ``supporting``.

        Args:
            reference: (N, 3, H, W), RGB in [0, 1].
            supporting: the same shape.

        Returns:
            (N, 2, H, W), x first: ``warp_by_flow(supporting, flow)`` looks like ``reference``.
        """
        height, width = reference.shape[-2:]
        inner = [math.ceil(side / _COARSEST_STEP_PX) * _COARSEST_STEP_PX for side in (height, width)]
        if inner == [height, width]:
            return self._pyramid_flow(reference, supporting)
        flow = self._pyramid_flow(
            F.interpolate(reference, size=inner, mode="bilinear", align_corners=False),  # (N, 3, H32, W32)
            F.interpolate(supporting, size=inner, mode="bilinear", align_corners=False),
        )
        flow = F.interpolate(flow, size=(height, width), mode="bilinear", align_corners=False)  # (N, 2, H, W)
        return flow * flow.new_tensor([width / inner[1], height / inner[0]]).view(1, 2, 1, 1)

    def _pyramid_flow(self, reference: Tensor, supporting: Tensor) -> Tensor:
        """Estimate the flow of pictures whose sides are multiples of 32."""
        pyramid = [((reference - self.mean) / self.std, (supporting - self.mean) / self.std)]
        for _ in range(LEVELS - 1):
            a, b = pyramid[-1]
            pyramid.append((F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)))  # (N, 3, H/2, W/2) of the one before
        coarsest = pyramid[-1][0]
        flow = torch.zeros_like(coarsest[:, :2])  # (N, 2, H/32, W/32)
        for level, (a, b) in zip(self.basic_module, reversed(pyramid), strict=True):
            if a.shape[-2:] != flow.shape[-2:]:
                flow = 2 * F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=True)  # (N, 2, 2h, 2w)
            warped = warp_by_flow(b, flow, padding_mode="border")
            flow = flow + level(torch.cat((a, warped, flow), dim=1))  # (N, 8, h, w) to (N, 2, h, w)
        return flow


NETWORK = Network(
    SPyNet,
    restores_clips=False,
    signature=("basic_module.0.basic_module.0.conv.weight",),
)
