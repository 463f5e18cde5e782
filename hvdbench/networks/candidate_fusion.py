"""Candidate fusion: the network of ``fusion_pretrained``, which corrects the re-blur blend; it is this project's own.

It sees a frame's candidates, how far each can be trusted, how well each re-blurs to the input, what the blend lacks of
the input once it is blurred again, and the blend corrected by that. Inside it works at half resolution, and a small
head works at full resolution. The head's last convolution starts at zero, so that an untrained network returns the
blend.
"""

from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.layers.blocks import LEAKY_SLOPE, ResidualBlock
from hvdbench.networks.network import Network

PICTURES = ("blurry", "blend", "corrected", "previous", "next", "before", "before_2", "after", "after_2")
"""The pictures that are blended, three planes each: from ``previous`` on they are warped onto the blurry frame, and
``corrected`` is the blend after a few steps towards a picture that re-blurs to the input."""
MASKS = PICTURES[3:]
"""The pictures that have a mask, one plane each."""
ERRORS = PICTURES[5:]
"""The sharp pictures, which have a re-blur error, one plane each."""
COUNTS = (3 * len(PICTURES), len(MASKS), len(ERRORS), 3, 2, 1)
"""The numbers of planes of pictures, masks, errors, what the blend lacks, the path, and the noise, in this order."""
PLANES = sum(COUNTS)
MASK_PLANE, ERROR_PLANE, LACKING_PLANE, PATH_PLANE, NOISE_PLANE = accumulate(COUNTS[:-1])
"""The first plane of each kind after the pictures."""
MIDDLE = 128 / 255
"""The value that stands for zero in planes with a sign."""

_BLEND = PICTURES.index("blend")
_COLOUR_CENTRE, _COLOUR_GAIN, _DIFFERENCE_GAIN, _SIGNED_GAIN = 0.45, 2.0, 6.0, 3.0
_FAVOUR = 4.0
_MASK_FLOOR = 1e-3
_LOGIT_GAIN = 4.0
_RESIDUAL_SCALE = 0.3
_HEAD = 16


class CandidateFusion(nn.Module):
    """Blend a frame's candidates anew, pixel by pixel, and add a residual."""

    def __init__(self, channels: int = 32, blocks: int = 4) -> None:
        """Build the network.

        Args:
            channels: number of channels of the features at half resolution.
            blocks: number of residual blocks.
        """
        super().__init__()
        self.first = nn.Conv2d(4 * PLANES, channels, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(channels, leaky_slope=LEAKY_SLOPE, gain=1.0) for _ in range(blocks)))
        self.up = nn.Conv2d(channels, 4 * _HEAD, 3, padding=1)
        self.head = nn.Conv2d(_HEAD + 6, _HEAD, 3, padding=1)
        self.last = nn.Conv2d(_HEAD, len(PICTURES) + 3, 3, padding=1)
        for layer in (self.first, self.up, self.head):
            nn.init.kaiming_normal_(layer.weight, a=LEAKY_SLOPE)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, planes: Tensor) -> Tensor:
        """Restore frames.

        Args:
            planes: (N, PLANES, H, W) in [0, 1], H and W even, as
                :func:`hvdbench.methods.fusion.pretrained.planes.frame_planes` makes them.

        Returns:
            The restored frames, RGB (N, 3, H, W), not clamped.

        Raises:
            ValueError: if the number of planes is another one, or H or W is odd.
        """
        pictures = planes[:, :MASK_PLANE].unflatten(1, (len(PICTURES), 3))
        return blended(pictures, planes[:, MASK_PLANE:ERROR_PLANE], *self.choose(planes))

    def choose(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Return what :func:`blended` takes besides pictures and masks.

        Args:
            planes: as for :meth:`forward`.

        Returns:
            The logits of the pictures' weights (N, len(PICTURES), H, W), and the residual (N, 3, H, W).

        Raises:
            ValueError: if the number of planes is another one, or H or W is odd.
        """
        if planes.dim() != 4 or planes.shape[1] != PLANES or planes.shape[2] % 2 or planes.shape[3] % 2:
            raise ValueError(f"candidate fusion takes (N, {PLANES}, H, W) of even size, not {tuple(planes.shape)}")
        colours, masks, errors, lacking, path, noise = planes.split(COUNTS, dim=1)
        pictures = colours.unflatten(1, (len(PICTURES), 3))
        blend = pictures[:, _BLEND]
        differences = (pictures - blend.unsqueeze(1)) * _DIFFERENCE_GAIN
        lacking = (lacking - MIDDLE) * _SIGNED_GAIN
        inputs = torch.cat(
            (
                (blend - _COLOUR_CENTRE) * _COLOUR_GAIN,
                differences[:, :_BLEND].flatten(1, 2),
                differences[:, _BLEND + 1 :].flatten(1, 2),
                masks,
                errors,
                lacking,
                (path - MIDDLE) * _SIGNED_GAIN,
                noise,
            ),
            dim=1,
        )
        x = F.leaky_relu(self._halved(inputs), LEAKY_SLOPE)  # (N, channels, H/2, W/2)
        # On a CPU these convolutions take half the time where the channels of a pixel lie side by side.
        x = F.pixel_shuffle(self.up(self.body(x.contiguous(memory_format=torch.channels_last))), 2)  # (N, _HEAD, H, W)
        x = torch.cat((x, inputs[:, :3].to(x), lacking.to(x)), dim=1).contiguous(memory_format=torch.channels_last)
        x = self.last(F.leaky_relu(self.head(F.leaky_relu(x, LEAKY_SLOPE)), LEAKY_SLOPE))
        logits, residual = x.to(planes.dtype, memory_format=torch.contiguous_format).split((len(PICTURES), 3), dim=1)
        return logits, residual

    def _halved(self, inputs: Tensor) -> Tensor:
        """Return ``first(pixel_unshuffle(inputs, 2))`` as one strided convolution, which moves far fewer bytes."""
        weight = self.first.weight.unflatten(1, (PLANES, 2, 2))  # (channels, PLANES, 2, 2, 3, 3)
        weight = weight.permute(0, 1, 4, 2, 5, 3).flatten(4, 5).flatten(2, 3)  # (channels, PLANES, 6, 6)
        return F.conv2d(inputs, weight, self.first.bias, stride=2, padding=2)


def blended(pictures: Tensor, masks: Tensor, logits: Tensor, residual: Tensor) -> Tensor:
    """Blend pictures by the weights that a network chose, and add its residual.

    Args:
        pictures: (N, len(PICTURES), 3, H, W) in [0, 1].
        masks: where the pictures of ``MASKS`` can be trusted, (N, len(MASKS), H, W) in [0, 1].
        logits: (N, len(PICTURES), H, W); zeros leave the blend, as no residual does.
        residual: (N, 3, H, W).

    Returns:
        The restored frames, RGB (N, 3, H, W), not clamped.
    """
    prior = torch.cat((torch.zeros_like(masks[:, : len(PICTURES) - len(MASKS)]), torch.log(masks + _MASK_FLOOR)), dim=1)
    prior[:, _BLEND] += _FAVOUR
    # Minus the start: the favoured blend is nearly, not wholly, what softmax gives, and the start must be exact.
    moved = torch.softmax(_LOGIT_GAIN * logits + prior, dim=1) - torch.softmax(prior, dim=1)
    return pictures[:, _BLEND] + (moved.unsqueeze(2) * pictures).sum(dim=1) + _RESIDUAL_SCALE * residual


NETWORK = Network(
    CandidateFusion,
    restores_clips=False,
    signature=("first.weight", "up.weight", "head.weight", "last.weight"),
)
