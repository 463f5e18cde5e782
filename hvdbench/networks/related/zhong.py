"""Zhong's networks: seven frames from a blurry picture and a guess of how each pixel moved, and what makes the guesses.

Zhong et al., "Animation from Blur: Multi-modal Blur Decomposition with Motion Guidance", ECCV 2022. The decomposer has
the published widths. The guesses come from a conditional variational autoencoder; the published one is trained against
discriminators too, which are left out here, and its layers are others.
"""

from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.layers.identity import lively_layers, zero_layer
from hvdbench.networks.network import Network
from hvdbench.networks.related.sequence import FRAMES, SequenceNetwork

CLASSES = 5
"""What a pixel's motion can be: none, or into one of the four quadrants."""
GUIDANCE = 2
"""Planes of a guidance: the signs of the motion along x and y, both 0 where there is none."""
_SIGNS = ((0.0, 0.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0))  # of the classes, in their order
_FRAME_PLANES = 3 * FRAMES
_EDGES = 5.0  # by which first filters without a mean are enlarged: edges are that much fainter than brightness
_CALM = 0.3  # size of what the last layer sums up, 784 values at the tiny size, whose weights move by one rate


def class_of(guidance: Tensor) -> Tensor:
    """Return the class of each pixel, (N, 2, H, W) of signs to (N, H, W) int64."""
    x, y = guidance[:, 0], guidance[:, 1]
    quadrant = torch.where(y > 0, torch.where(x > 0, 1, 2), torch.where(x > 0, 4, 3))
    return torch.where((x == 0) & (y == 0), 0, quadrant)


def signs_of(classes: Tensor) -> Tensor:
    """Return the guidance of classes, (N, H, W) to (N, 2, H, W) float32."""
    table = torch.tensor(_SIGNS, device=classes.device)
    return table[classes].permute(0, 3, 1, 2)


class Norm(nn.Module):
    """Normalisation over the batch, as published, or none at small sizes, whose batches are too small for it."""

    def __init__(self, channels: int, *, is_used: bool) -> None:
        """Build the layer."""
        super().__init__()
        self.layer = nn.BatchNorm2d(channels) if is_used else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        return self.layer(x)


class BottleneckBlock(nn.Module):
    """``x + conv(relu(norm(conv(relu(norm(x))))))`` of 3x3 convolutions."""

    def __init__(self, channels: int, *, normed: bool) -> None:
        """Build the block."""
        super().__init__()
        self.norm1, self.norm2 = Norm(channels, is_used=normed), Norm(channels, is_used=normed)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        x_inner = self.conv1(F.relu(self.norm1(x)))
        return x + self.conv2(F.relu(self.norm2(x_inner)))


class Decomposer(nn.Module):
    """An hourglass with two halvings and many blocks in the middle; (N, in, H, W) to (N, 21, H, W).

    With 5 planes in, the default size has 64 612 757 values.
    """

    def __init__(self, in_channels: int, width: int = 128, blocks: int = 12, *, normed: bool = True) -> None:
        """Build the network."""
        super().__init__()

        def layer(conv: nn.Module, channels: int) -> list[nn.Module]:
            return [conv, Norm(channels, is_used=normed), nn.ReLU()]

        self.first = nn.Sequential(*layer(nn.Conv2d(in_channels, width, 7, padding=3), width))
        downs: list[nn.Module] = []
        ups: list[nn.Module] = []
        for level in range(2):
            inner, outer = width * 2**level, width * 2 ** (level + 1)
            downs += layer(nn.Conv2d(inner, outer, 3, stride=2, padding=1), outer)
            downs += layer(nn.Conv2d(outer, outer, 3, padding=1), outer)
            inner, outer = width * 2 ** (2 - level), width * 2 ** (1 - level)
            ups += layer(nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1), outer)
            ups += layer(nn.Conv2d(outer, outer, 3, padding=1), outer)
        self.downs, self.ups = nn.Sequential(*downs), nn.Sequential(*ups)
        self.middle = nn.Sequential(*(BottleneckBlock(4 * width, normed=normed) for _ in range(blocks)))
        self.normed = normed
        self.last = nn.Conv2d(width, _FRAME_PLANES, 7, padding=3)

    def enliven(self) -> None:
        """Draw the weights of a network without normalisations so that the signal of edges reaches the last layer."""
        lively_layers(self)
        for block in self.middle:
            assert isinstance(block, BottleneckBlock)
            zero_layer(block.conv2)  # the values would grow from block to block otherwise
        first, last = self.first[0], self.ups[-3]
        assert isinstance(first, nn.Conv2d)
        assert isinstance(last, nn.Conv2d)
        with torch.no_grad():
            of_picture = first.weight[:, :3]
            of_picture.sub_(of_picture.mean(dim=(2, 3), keepdim=True)).mul_(_EDGES)
            last.weight.mul_(_CALM)

    def forward(self, planes: Tensor) -> Tensor:
        """Apply the network."""
        return self.last(self.ups(self.middle(self.downs(self.first(planes)))))


class GuidancePredictor(nn.Module):
    """A conditional variational autoencoder of guidances under a blurry picture."""

    def __init__(self, width: int = 64, code: int = 4) -> None:
        """Build the network; a code has ``code`` numbers."""
        super().__init__()
        self.code = code
        widths = (3 + CLASSES, width, 2 * width, 4 * width, 4 * width)
        layers: list[nn.Module] = []
        for one, other in pairwise(widths):
            layers += [nn.Conv2d(one, other, 3, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.encoder = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 2 * code))
        inner = (3 + code, width, 2 * width, 4 * width)
        self.downs = nn.ModuleList(
            nn.Conv2d(one, other, 3, stride=1 if level == 0 else 2, padding=1)
            for level, (one, other) in enumerate(pairwise(inner))
        )
        self.middle = nn.Conv2d(4 * width + code, 4 * width, 3, padding=1)
        self.ups = nn.ModuleList(
            nn.Conv2d(one + other + code, other, 3, padding=1)
            for one, other in ((4 * width, 2 * width), (2 * width, width))
        )
        self.last = nn.Conv2d(width, CLASSES, 3, padding=1)

    def encode(self, blurry: Tensor, guidance: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log of the variance of the code, (N, code) each, of a guidance (N, 2, H, W)."""
        shown = F.one_hot(class_of(guidance), CLASSES).permute(0, 3, 1, 2).to(blurry)
        mean, log_variance = self.encoder(torch.cat((blurry, shown), dim=1)).chunk(2, dim=1)
        return mean, log_variance.clamp(-10, 10)

    def forward(self, blurry: Tensor, code: Tensor) -> Tensor:
        """Return the logits of the classes, (N, 5, H, W), for a code (N, code), which every layer sees."""

        def seen(x: Tensor) -> Tensor:
            return torch.cat((x, code[:, :, None, None].expand(-1, -1, *x.shape[-2:])), dim=1)

        x, kept = seen(blurry), []
        for down in self.downs:
            x = F.relu(down(x))
            kept.append(x)
        x = F.relu(self.middle(seen(x)))
        for up, skipped in zip(self.ups, kept[-2::-1], strict=True):
            x = F.relu(up(seen(torch.cat((F.interpolate(x, scale_factor=2), skipped), dim=1))))
        return self.last(x)


class ZhongSequence(SequenceNetwork):
    """Seven frames in two stages: the first from blurry picture and guidance, the second from the first's frames too.

    The planes are the frames of the second stage, those of the first, the logits of the guidance, and its divergence
    from the prior (Kullback-Leibler, in nats) as one plane. Where the guidance says that nothing moved, the frames of
    the first stage are the blurry picture.
    """

    size_multiple = 8
    min_size_px = 32
    inputs = 3 + GUIDANCE
    guesses_inputs: ClassVar[bool] = True
    outputs = 2 * _FRAME_PLANES + CLASSES + 1

    def __init__(
        self, width: int = 128, blocks: int = 12, guess_width: int = 64, code: int = 4, *, normed: bool = True
    ) -> None:
        """Build the networks with random weights.

        Args:
            width: channels of both decomposers at the whole size.
            blocks: blocks in the middle of each.
            guess_width: channels of the predictor of guidances.
            code: numbers of its code.
            normed: whether decomposers normalise over the batch.
        """
        super().__init__()
        self.stage1 = Decomposer(3 + GUIDANCE, width, blocks, normed=normed)
        self.stage2 = Decomposer(3 + _FRAME_PLANES, width, blocks, normed=normed)
        self.predictor = GuidancePredictor(guess_width, code)

    def start_at_identity(self) -> None:
        """Make an untrained network return the blurry picture seven times."""
        for stage in (self.stage1, self.stage2):
            if not stage.normed:
                stage.enliven()
            zero_layer(stage.last)
        lively_layers(self.predictor)

    def decompose(self, blurry: Tensor, guidance: Tensor) -> tuple[Tensor, Tensor]:
        """Return the frames of the second and the first stage, (N, 21, H, W) each."""
        moves = (guidance != 0).any(dim=1, keepdim=True).to(blurry)
        copies = blurry.repeat(1, FRAMES, 1, 1)
        rough = copies + moves * self.stage1(torch.cat((blurry, guidance), dim=1))
        return rough + self.stage2(torch.cat((blurry, rough), dim=1)), rough

    def planes(self, inputs: Tensor) -> Tensor:
        """Return what a training compares, for a blurry picture and its true guidance, (N, 5, H, W) to (N, 48, H, W).

        In training the code is drawn around its mean from the global generator; in evaluation it is the mean.
        """
        blurry, guidance = inputs[:, :3], inputs[:, 3:]
        fine, rough = self.decompose(blurry, guidance)
        mean, log_variance = self.predictor.encode(blurry, guidance)
        code = mean + torch.randn_like(mean) * (0.5 * log_variance).exp() if self.training else mean
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)  # (N,)
        shown = divergence[:, None, None, None].expand(-1, 1, *blurry.shape[-2:])
        return torch.cat((fine, rough, self.predictor(blurry, code), shown), dim=1)

    def guess(self, blurry: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a plausible guidance, (N, 3, H, W) to (N, 2, H, W)."""
        code = torch.randn(len(blurry), self.predictor.code, generator=generator).to(blurry)
        return signs_of(self.predictor(blurry, code).argmax(dim=1)).to(blurry)

    def guesses(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Return the sequence (N, 7, 3, H, W) of a drawn guidance; of the inputs only the blurry picture is read."""
        blurry = inputs[:, :3]
        return self.decompose(blurry, self.guess(blurry, generator))[0].unflatten(1, (FRAMES, 3))


def rough_of(planes: Tensor) -> Tensor:
    """Return the first stage's frames (N, 7, 3, H, W) of planes that a training got."""
    return planes[:, _FRAME_PLANES : 2 * _FRAME_PLANES].unflatten(1, (FRAMES, 3))


def guess_terms(planes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits of the guidance (N, 5, H, W) and the mean divergence of its code, a scalar, in nats."""
    return planes[:, -1 - CLASSES : -1], planes[:, -1, 0, 0].mean()


NETWORK = Network(
    ZhongSequence,
    restores_clips=False,
    presets={"tiny": {"width": 16, "blocks": 3, "guess_width": 12, "normed": False}},
    signature=("stage1.first.0.weight", "predictor.encoder.0.weight"),
)
