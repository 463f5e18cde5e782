"""The Markovian discriminator of Ren et al. (arXiv 2012.05228, section III-B4): a critic that judges small patches.

The paper says that it has five hidden layers and names SinGAN, whose critic has 3x3 convolutions of 32 channels with
leaky ReLUs. SinGAN's batch normalisation is left out, because a gradient penalty is on each picture by itself
(Gulrajani et al., NeurIPS 2017, section 4).
"""

import torch
from torch import Tensor, nn

_SLOPE = 0.2  # of the leaky ReLU below zero: SinGAN's


class RenCritic(nn.Module):
    """Map pictures (N, 3, H, W), RGB in [0, 1], to a judgement of the patch around each pixel, (N, 1, H, W).

    A judgement has no bounds and no unit; a higher one means more like a sharp picture. With five hidden layers, it
    depends on 13x13 px.
    """

    def __init__(self, channels: int = 32, layers: int = 5) -> None:
        """Build the critic with random weights.

        Args:
            channels: channels of the hidden layers.
            layers: number of hidden layers, at least 1; one more convolution makes the judgement of the last one.
        """
        super().__init__()
        hidden: list[nn.Module] = []
        for number in range(layers):
            hidden += [nn.Conv2d(channels if number else 3, channels, 3, padding=1), nn.LeakyReLU(_SLOPE)]
        self.hidden = nn.Sequential(*hidden)
        self.last = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Judge the patch around each pixel."""
        if pictures.device.type == "cpu":  # a quarter less time for a step there, measured at 8 channels
            pictures = pictures.contiguous(memory_format=torch.channels_last)
        return self.last(self.hidden(pictures))
