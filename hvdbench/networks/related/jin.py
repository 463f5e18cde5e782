"""Jin's network: seven sharp frames of one exposure from its blurry picture, the middle one first.

Jin, Meishvili and Favaro, "Learning to Extract a Video Sequence from a Single Motion-Blurred Image", CVPR 2018. Widths,
dilations and the order in which frames are made are facts about the published network; the published code has no
licence, and none of it is here, nor are its parameter names.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.layers.identity import zero_layer
from hvdbench.networks.network import Network
from hvdbench.networks.related.sequence import SequenceNetwork

_DILATIONS = ((1, 2), (4, 8), (8, 4), (2, 1))  # of the four blocks in the middle
_WIDENING, _NARROWING = ((1, 2), (2, 4), (4, 8)), ((8, 4), (4, 2), (2, 1))  # the same for the middle frame's network
_PLAIN = (1, 1)
_CENTRE_CELL, _OUTER_CELL = 4, 5  # px along the side of a cell whose values become channels


class NormedBlock(nn.Module):
    """Two branches, each normalised over a picture's pixels before every convolution, and added; any width to any."""

    def __init__(self, channels: int, outer: int, dilations: Sequence[int]) -> None:
        """Build the block; the second branch has a 3x3 convolution for each dilation, the first has one of 1x1."""
        super().__init__()
        self.short = _normed(channels, outer, 1, 1)
        widths = [channels, *[outer] * len(dilations)]
        self.long = nn.Sequential(
            *(_normed(one, other, 3, step) for one, other, step in zip(widths, widths[1:], dilations, strict=False))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        return self.short(x) + self.long(x)


def _normed(channels: int, outer: int, size: int, dilation: int) -> nn.Sequential:
    padding = dilation * (size // 2)
    return nn.Sequential(
        nn.InstanceNorm2d(channels, affine=True),
        nn.ReLU(),
        nn.Conv2d(channels, outer, size, padding=padding, dilation=dilation, bias=False),
    )


class FrameMaker(nn.Module):
    """A network that makes one frame from the blurry picture and frames made before, as the change of one of them.

    Each colour goes through the same layers by itself, on a grid of cells; then the three are mixed.
    """

    def __init__(
        self,
        cell: int,
        widths: Sequence[int],
        stages: Sequence[Sequence[tuple[int, int]]],
        colours: int,
        *,
        mixes_deeply: bool,
    ) -> None:
        """Build the network with random weights.

        Args:
            cell: side in px of the cells whose values become channels.
            widths: channels that each input picture gets at first; their sum is the width.
            stages: dilations of the two 3x3 convolutions of each block, stage by stage.
            colours: channels where the three colours are mixed.
            mixes_deeply: whether the mixing block has two 3x3 convolutions, not one.
        """
        super().__init__()
        self.cell, width = cell, sum(widths)
        self.inputs = nn.ModuleList(nn.Conv2d(cell**2, one, 5, padding=2, bias=False) for one in widths)
        self.stages = nn.ModuleList(
            nn.Sequential(*(NormedBlock(width, width, pair) for pair in stage)) for stage in stages
        )
        self.heads = nn.ModuleList(NormedBlock(width, cell**2, (1,)) for _ in stages)
        self.mix = nn.Sequential(
            nn.Conv2d(3, colours, 3, padding=1, bias=False),
            NormedBlock(colours, colours, (1, 1) if mixes_deeply else (1,)),
            nn.InstanceNorm2d(colours, affine=True),
            nn.ReLU(),
        )
        self.last = nn.Conv2d(colours, 3, 3, padding=1, bias=False)

    def forward(self, *pictures: Tensor) -> Tensor:
        """Make a frame, (N, 3, H, W), with H and W multiples of the cell; the last picture is the one changed."""
        count, colours, height, width = pictures[0].shape
        alone = (one.reshape(-1, 1, height, width) for one in pictures)
        grids = [F.pixel_unshuffle(one, self.cell) for one in alone]  # (3N, cell², h, w) each
        x = torch.cat([layer(grid) for layer, grid in zip(self.inputs, grids, strict=True)], dim=1)
        found = torch.zeros_like(grids[0])
        for stage, head in zip(self.stages, self.heads, strict=True):
            x = stage(x)
            found = found + head(x)  # (3N, cell², h, w)
        change = F.pixel_shuffle(found, self.cell).reshape(count, colours, height, width)
        return pictures[-1] + change + self.last(self.mix(pictures[-1] + change))


class JinSequence(SequenceNetwork):
    """Seven frames of an exposure: the middle one, then the pairs beside it, each from frames that were made before.

    The default size has 18 213 376 values: 4 972 032 for the middle frame, 7 868 928 for the third and fifth, and
    2 686 208 for each of the outer pairs, whose two frames share one network.
    """

    size_multiple = _CENTRE_CELL * _OUTER_CELL
    min_size_px = 2 * size_multiple  # a single cell has no spread to be normalised by
    outputs = 21

    def __init__(
        self, centre_width: int = 144, width: int = 128, colours: int = 32, blocks: int = 4, centre_blocks: int = 3
    ) -> None:
        """Build the network with random weights.

        Args:
            centre_width: channels of the network of the middle frame.
            width: channels of the others, a multiple of 4.
            colours: channels where the colours are mixed; the middle frame's network has twice as many.
            blocks: plain blocks in a stage of the networks of the third and fifth frame; the outer ones have half.
            centre_blocks: the same for the middle frame.
        """
        super().__init__()
        widths = (width // 2, width // 4, width // 4)
        ends = (_PLAIN,) * centre_blocks
        stages = (ends, _WIDENING, _NARROWING, ends)
        self.centre = FrameMaker(_CENTRE_CELL, (centre_width,), stages, 2 * colours, mixes_deeply=True)
        near, far = (((_PLAIN,) * count, _DILATIONS, (_PLAIN,) * count) for count in (blocks, blocks // 2))
        self.third, self.fifth, self.second, self.first = (
            FrameMaker(_OUTER_CELL, widths, kind, colours, mixes_deeply=False) for kind in (near, near, far, far)
        )

    def start_at_identity(self) -> None:
        """Make an untrained network return the blurry picture seven times."""
        for maker in (self.centre, self.third, self.fifth, self.second, self.first):
            zero_layer(maker.last)
            for head in maker.heads:
                for layer in head.modules():  # not the normalisations: with both at zero no gradient would get through
                    if isinstance(layer, nn.Conv2d):
                        zero_layer(layer)

    def planes(self, inputs: Tensor) -> Tensor:
        """Return the seven frames as planes, (N, 3, H, W) to (N, 21, H, W)."""
        fourth = self.centre(inputs)
        third = self.third(inputs, fourth, fourth)
        fifth = self.fifth(inputs, third, fourth)
        second, sixth = self.second(inputs, fourth, third), self.second(inputs, fourth, fifth)
        first, seventh = self.first(inputs, third, second), self.first(inputs, fifth, sixth)
        return torch.cat((first, second, third, fourth, fifth, sixth, seventh), dim=1)


NETWORK = Network(
    JinSequence,
    restores_clips=False,
    presets={
        "tiny": {"centre_width": 24, "width": 24, "colours": 8, "blocks": 2, "centre_blocks": 1},
    },
    signature=("centre.inputs.0.weight", "third.inputs.2.weight"),
)
