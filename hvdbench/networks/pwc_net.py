"""PWC-Net: optical flow by pyramid, warping and cost volume (Sun et al., CVPR 2018; arXiv:1709.02371).

Parameter names are those of the PyTorch port in CDVD-TSP's checkpoints.
"""

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.layers.blocks import LEAKY_SLOPE, at_full_precision, warp_by_flow
from hvdbench.networks.layers.identity import zero_layer
from hvdbench.networks.layers.temporal_sharpness import inside_picture
from hvdbench.networks.network import Network

_INNER_MULTIPLE = 64
_REACH_PX = 4  # reach of the cost volume, at each level
_COSTS = (2 * _REACH_PX + 1) ** 2
_PYRAMID_WIDTHS = (3, 16, 32, 64, 96, 128, 196)
_DENSE_WIDTHS = (128, 128, 96, 64, 32)
_REFINER = ((128, 1), (128, 2), (128, 4), (96, 8), (64, 16), (32, 1))  # width, dilation
_NAMES = ("moduleOne", "moduleTwo", "moduleThr", "moduleFou", "moduleFiv", "moduleSix")
_FLOW_UNIT_PX = 20.0
_LEAST_WIDTH = 4


def inside_mask(flow: Tensor) -> Tensor:
    """Return where a flow points into the picture, without gradient; (N, 2, H, W) to (N, 1, H, W), 1 or 0."""
    with torch.no_grad():
        return inside_picture(at_full_precision(flow)).to(flow.dtype)  # 16-bit values just below one would round to it


class _Widths:
    """The widths of all layers, as shares of the published ones."""

    def __init__(self, share: float) -> None:
        def scaled(widths: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(max(_LEAST_WIDTH, round(share * width)) for width in widths)

        self.pyramid = (3, *scaled(_PYRAMID_WIDTHS[1:]))
        self.dense = scaled(_DENSE_WIDTHS)
        self.refiner = scaled(tuple(width for width, _ in _REFINER))


def cost_volume(first: Tensor, second: Tensor) -> Tensor:
    """Correlate each pixel with the 9x9 pixels around its place in the other features; zero outside.

    Args:
        first: (N, C, H, W).
        second: the same shape.

    Returns:
        (N, 81, H, W), means over the channels, displacements row by row from (-4, -4).
    """
    height, width = first.shape[-2:]
    padded = F.pad(second, [_REACH_PX] * 4)
    steps = range(2 * _REACH_PX + 1)
    costs = [
        (first * padded[..., y : y + height, x : x + width]).mean(dim=1)  # (N, H, W)
        for y, x in itertools.product(steps, steps)
    ]
    return torch.stack(costs, dim=1)


class _Extractor(nn.Module):
    """The pyramid of six levels, each half the size of the one before."""

    def __init__(self, widths: _Widths) -> None:
        super().__init__()
        for name, (in_channels, channels) in zip(_NAMES, itertools.pairwise(widths.pyramid), strict=True):
            layers: list[nn.Module] = [nn.Conv2d(in_channels, channels, 3, stride=2, padding=1)]
            for _ in range(2):
                layers += [nn.LeakyReLU(LEAKY_SLOPE), nn.Conv2d(channels, channels, 3, padding=1)]
            self.add_module(name, nn.Sequential(*layers, nn.LeakyReLU(LEAKY_SLOPE)))

    def forward(self, picture: Tensor) -> list[Tensor]:
        levels = []
        for name in _NAMES:
            picture = self.get_submodule(name)(picture)
            levels.append(picture)
        return levels


class _Decoder(nn.Module):
    """The decoder of flow and features at one level; the coarsest has no flow to start from."""

    def __init__(self, level: int, widths: _Widths) -> None:
        super().__init__()
        coarsest = level == len(_NAMES)
        self.unit_px = _FLOW_UNIT_PX / 2**level  # a flow of 1 in px of this level
        channels = _COSTS if coarsest else _COSTS + widths.pyramid[level] + 4
        if not coarsest:
            coarser = _COSTS + (0 if level + 1 == len(_NAMES) else widths.pyramid[level + 1] + 4)
            self.moduleUpflow = nn.ConvTranspose2d(2, 2, 4, stride=2, padding=1)
            self.moduleUpfeat = nn.ConvTranspose2d(coarser + sum(widths.dense), 2, 4, stride=2, padding=1)
        for name, width in zip(_NAMES[:-1], widths.dense, strict=True):
            self.add_module(name, nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(LEAKY_SLOPE)))
            channels += width
        self.moduleSix = nn.Sequential(nn.Conv2d(channels, 2, 3, padding=1))

    def forward(self, first: Tensor, second: Tensor, coarser: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
        if coarser is None:
            features = F.leaky_relu(cost_volume(first, second), LEAKY_SLOPE)
        else:
            flow = self.moduleUpflow(coarser[0])  # (N, 2, H, W)
            flow_px = flow * self.unit_px
            warped = warp_by_flow(second, flow_px) * inside_mask(flow_px)
            costs = F.leaky_relu(cost_volume(first, warped), LEAKY_SLOPE)
            features = torch.cat((costs, first, flow, self.moduleUpfeat(coarser[1])), dim=1)
        for name in _NAMES[:-1]:
            features = torch.cat((self.get_submodule(name)(features), features), dim=1)
        return self.moduleSix(features), features


class _Refiner(nn.Module):
    """Dilated convolutions that see the context of the finest level."""

    def __init__(self, widths: _Widths) -> None:
        super().__init__()
        channels = _COSTS + widths.pyramid[2] + 4 + sum(widths.dense)
        layers: list[nn.Module] = []
        for width, (_, dilation) in zip(widths.refiner, _REFINER, strict=True):
            layers += [nn.Conv2d(channels, width, 3, padding=dilation, dilation=dilation), nn.LeakyReLU(LEAKY_SLOPE)]
            channels = width
        self.moduleMain = nn.Sequential(*layers, nn.Conv2d(channels, 2, 3, padding=1))

    def forward(self, features: Tensor) -> Tensor:
        return self.moduleMain(features)


class PWCNet(nn.Module):
    """A network that estimates optical flow from a cost volume at each level of a pyramid, up to 1/4 size.

    Inside, pictures of any size are resized to multiples of 64. It has 9.37 M parameters. It samples with pixel centres
    at the corners of the grid (``align_corners=True``), like the versions of PyTorch that the published weights were
    trained with.
    """

    def __init__(self, width: float = 1.0) -> None:
        """Build the network with random weights.

        Args:
            width: share of the published widths that the layers have, each at least 4; 1 is the published network.
        """
        super().__init__()
        widths = _Widths(width)
        self.moduleExtractor = _Extractor(widths)
        for level, name in enumerate(_NAMES[1:], start=2):
            self.add_module(name, _Decoder(level, widths))
        self.moduleRefiner = _Refiner(widths)

    def start_at_zero_flow(self) -> None:
        """Make an untrained network return zero flow, by zero layers at the end of all levels and of the refiner."""
        for name in _NAMES[1:]:
            zero_layer(self.get_submodule(f"{name}.moduleSix"))
        zero_layer(self.moduleRefiner.moduleMain[-1])

    def forward(self, reference: Tensor, supporting: Tensor) -> Tensor:
        """Return, for each pixel of ``reference``, the displacement in px to its match in ``supporting``.

        Args:
            reference: (N, 3, H, W) in [0, 1], in the channel order of the weights' training (CDVD-TSP: RGB).
            supporting: pictures of the same shape.

        Returns:
            The flow, (N, 2, H, W), x first, with which ``warp_by_flow(supporting, flow)`` looks like ``reference``.
        """
        height, width = reference.shape[-2:]
        inner = [math.ceil(side / _INNER_MULTIPLE) * _INNER_MULTIPLE for side in (height, width)]
        flow = self._pyramid_flow(
            F.interpolate(reference, size=inner, mode="bilinear", align_corners=False),  # (N, 3, H64, W64)
            F.interpolate(supporting, size=inner, mode="bilinear", align_corners=False),
        )  # (N, 2, H64/4, W64/4)
        flow = _FLOW_UNIT_PX * F.interpolate(flow, size=(height, width), mode="bilinear", align_corners=False)
        return flow * flow.new_tensor([width / inner[1], height / inner[0]]).view(1, 2, 1, 1)

    def _pyramid_flow(self, reference: Tensor, supporting: Tensor) -> Tensor:
        """Estimate the flow of pictures whose sides are multiples of 64, at 1/4 size, in units of 20 px."""
        pyramids = zip(self.moduleExtractor(reference), self.moduleExtractor(supporting), strict=True)
        levels = dict(zip(_NAMES, pyramids, strict=True))
        flow, features = self.get_submodule(_NAMES[-1])(*levels[_NAMES[-1]], None)  # (N, 2, H/64, W/64), (N, C, ...)
        for name in reversed(_NAMES[1:-1]):
            flow, features = self.get_submodule(name)(*levels[name], (flow, features))  # twice the size each time
        return flow + self.moduleRefiner(features)


NETWORK = Network(
    PWCNet,
    restores_clips=False,
    signature=("moduleExtractor.moduleOne.0.weight", "moduleRefiner.moduleMain.0.weight"),
)
