"""Purohit's network: a recurrent decoder that moves the middle frame of an exposure to where each frame was.

Purohit, Shah and Rajagopalan, "Bringing Alive Blurred Moments", CVPR 2019, at the widths of HyperCUT's published code,
which is AGPL-3.0; none of it is here, nor are its parameter names. That code is given the true middle frame beside the
blurry picture, also when it is tested; here a network restores it, unless the published form is asked for.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.layers.blocks import warp_by_flow
from hvdbench.networks.layers.identity import lively_layers, zero_layer
from hvdbench.networks.nafnet import NAFNet
from hvdbench.networks.network import Network
from hvdbench.networks.related.sequence import FRAMES, MIDDLE, SequenceNetwork

SCALES = 4
"""Sizes at which frames are made: whole, 1/2, 1/4 and 1/8."""
_STRIDES = (1, 2, 1, 2, 1, 2, 1)  # down to 1/8 in all; where the published network halves is not known
_CENTRE_BLOCKS = {"enc_blk_nums": (1, 1, 2), "dec_blk_nums": (1, 1, 1)}


class PlainBlock(nn.Module):
    """``relu(x + conv(relu(conv(x))))`` of 3x3 convolutions without biases."""

    def __init__(self, channels: int) -> None:
        """Build the block."""
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        return F.relu(x + self.conv2(F.relu(self.conv1(x))))


class MotionEncoder(nn.Module):
    """BIE: the motion inside a blurry picture, (N, 6, H, W) with its middle frame to (N, hidden, H/8, W/8).

    The default size has 1 648 704 values.
    """

    def __init__(self, width: int = 64, hidden: int = 128) -> None:
        """Build the encoder."""
        super().__init__()
        widths = (6, *[width] * 3, *[hidden] * 4)
        layers: list[nn.Module] = []
        for one, other, stride in zip(widths, widths[1:], _STRIDES, strict=False):
            layers += [nn.Conv2d(one, other, 5, stride=stride, padding=2), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, pictures: Tensor) -> Tensor:
        """Encode the pictures."""
        return torch.tanh(self.layers(pictures))  # a state of the recurrence, which is in [-1, 1] as well


class MotionDecoder(nn.Module):
    """RVD: a recurrence over frames whose every step gives the flow from that frame to the middle one, at four sizes.

    The default size has 2 905 004 values.
    """

    def __init__(self, channels: Sequence[int] = (16, 32, 164), hidden: int = 128) -> None:
        """Build the decoder; ``channels`` are those at the whole size, 1/2 and 1/4, and ``hidden`` those at 1/8."""
        super().__init__()
        self.hidden = hidden
        widths = (*channels, hidden)
        self.downs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(one, other, 3, stride=1 if level == 0 else 2, padding=1), PlainBlock(other))
            for level, (one, other) in enumerate(zip((2, *widths), widths, strict=False))
        )
        self.gates = nn.Conv2d(2 * hidden, 4 * hidden, 3, padding=1)
        self.ups = nn.ModuleList(
            nn.Conv2d(one, other, 5, padding=2) for one, other in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.flows = nn.ModuleList(
            nn.Conv2d(2 * one + (2 if level else 0), 2, 3, padding=1) for level, one in enumerate(reversed(widths))
        )

    def forward(self, state: Tensor, count: int) -> list[list[Tensor]]:
        """Decode a sequence.

        Args:
            state: (N, hidden, H/8, W/8), the first hidden state.
            count: number of steps.

        Returns:
            For each step the flows (N, 2, h, w), x first, in px of their own size, whole size first.
        """
        cell = torch.zeros_like(state)
        flow = state.new_zeros(len(state), 2, 8 * state.shape[-2], 8 * state.shape[-1])
        steps = []
        for _ in range(count):
            kept = []
            x = flow
            for down in self.downs:
                x = down(x)
                kept.append(x)
            entry, forget, output, candidate = self.gates(torch.cat((x, state), dim=1)).chunk(4, dim=1)
            cell = torch.sigmoid(forget) * cell + torch.sigmoid(entry) * torch.tanh(candidate)
            state = torch.sigmoid(output) * torch.tanh(cell)
            found = [self.flows[0](torch.cat((state, kept[-1]), dim=1))]
            x = state
            for up, head, skipped in zip(self.ups, list(self.flows)[1:], kept[-2::-1], strict=True):
                x = F.relu(up(_doubled(x)))
                coarse = 2 * _doubled(found[0])  # px of the larger size
                found.insert(0, coarse + head(torch.cat((x, skipped, coarse), dim=1)))
            steps.append(found)
            flow = found[0]
        return steps


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class PurohitSequence(SequenceNetwork):
    """Seven frames of an exposure: its middle frame, moved by flows that are decoded from the blurry picture.

    The planes are the frames at four sizes, each enlarged to the whole one by repetition, then the mean length of the
    flows and their mean total variation, each as one plane.
    """

    size_multiple = 8
    min_size_px = 16
    outputs = SCALES * 3 * FRAMES + 2

    def __init__(
        self,
        width: int = 64,
        channels: Sequence[int] = (16, 32, 164),
        hidden: int = 128,
        centre_width: int = 32,
        *,
        centre_given: bool = False,
    ) -> None:
        """Build the network with random weights.

        Args:
            width: channels of the encoder's first layers.
            channels: channels of the decoder at the whole size, 1/2 and 1/4.
            hidden: channels of the recurrence.
            centre_width: width of the network that restores the middle frame.
            centre_given: whether the true middle frame is part of the input, as in the published code.
        """
        super().__init__()
        self.encoder = MotionEncoder(width, hidden)
        self.decoder = MotionDecoder(channels, hidden)
        self.centre = None if centre_given else NAFNet(centre_width, 1, **_CENTRE_BLOCKS)
        self.inputs = 6 if centre_given else 3

    def start_at_identity(self) -> None:
        """Make an untrained network return the middle frame seven times, or the blurry picture where none is given."""
        lively_layers(self.encoder)
        lively_layers(self.decoder)
        for head in self.decoder.flows:
            zero_layer(head)
        if self.centre is not None:
            self.centre.start_at_identity()

    def planes(self, inputs: Tensor) -> Tensor:
        """Return frames and flows, (N, 3, H, W) to (N, 86, H, W); with a given middle frame its planes come last."""
        blurry = inputs[:, :3]
        centre = inputs[:, 3:] if self.centre is None else self.centre(blurry[:, None])[:, 0]
        state = self.encoder(torch.cat((blurry, centre), dim=1))
        steps = self.decoder(state, FRAMES)  # [step][scale] (N, 2, h, w)
        packed, length, variation = [], inputs.new_zeros(len(inputs)), inputs.new_zeros(len(inputs))
        for scale in range(SCALES):
            small = F.interpolate(centre, scale_factor=2.0**-scale, mode="area") if scale else centre
            frames = []
            for step, flows in enumerate(steps):
                if step == MIDDLE and self.centre is not None:
                    frames.append(small)  # restored already: moved it would depend on a flow that must be zero
                    continue
                frames.append(warp_by_flow(small, flows[scale], padding_mode="border"))
            joined = torch.cat(frames, dim=1)  # (N, 21, h, w)
            packed.append(F.interpolate(joined, scale_factor=2**scale) if scale else joined)
        for flows in steps:
            length = length + flows[0].abs().mean(dim=(1, 2, 3)) / len(steps)
            across, down = flows[0].diff(dim=-1).abs(), flows[0].diff(dim=-2).abs()
            variation = variation + (across.mean(dim=(1, 2, 3)) + down.mean(dim=(1, 2, 3))) / len(steps)
        ends = torch.stack((length, variation), dim=1)[:, :, None, None].expand(-1, -1, *inputs.shape[-2:])
        return torch.cat((*packed, ends), dim=1)


def scales_of(planes: Tensor) -> list[Tensor]:
    """Return the frames at each size, whole size first: (N, 7, 3, h, w), of planes that a training got."""
    return [
        planes[:, 3 * FRAMES * scale : 3 * FRAMES * (scale + 1), :: 2**scale, :: 2**scale].unflatten(1, (FRAMES, 3))
        for scale in range(SCALES)
    ]


def flow_terms(planes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean length of the flows and their mean total variation, in px, both scalars."""
    ends = planes[:, -2:, 0, 0].mean(dim=0)
    return ends[0], ends[1]


NETWORK = Network(
    PurohitSequence,
    restores_clips=False,
    presets={"tiny": {"width": 16, "channels": (8, 12, 24), "hidden": 24, "centre_width": 8}},
    signature=("encoder.layers.0.weight", "decoder.gates.weight"),
)
