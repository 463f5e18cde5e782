"""The U-Net that Ren et al. (arXiv 2012.05228, section III-B) fit to a clip; no weights of theirs were published.

They name the U-Net of Ronneberger et al. (MICCAI 2015) and no size. Here it has that paper's widths and depth, pads its
convolutions so that the size stays the same, and adds its result to the frame.
"""

import torch
from torch import Tensor, nn

from hvdbench.networks.layers.identity import zero_layer
from hvdbench.networks.network import Network
from hvdbench.networks.spec import NetworkSpec


class ConvolvedTwice(nn.Sequential):
    """Two 3x3 convolutions, each followed by a ReLU; (N, C, H, W) to (N, C', H, W)."""

    def __init__(self, before: int, after: int) -> None:
        """Draw He's weights, as the U-Net's authors do: normal, with the variance 2 / fan-in."""
        first, second = nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)
        for convolution in (first, second):
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        super().__init__(first, nn.ReLU(), second, nn.ReLU())


class RenUNet(nn.Module):
    """Restore every frame by itself through a U-Net.

    RGB in [0, 1]. The default has 31.0 million parameters.
    """

    def __init__(self, width: int = 64, depth: int = 4, residual: bool = True) -> None:
        """Build the network with random weights.

        Args:
            width: number of channels at full size; it doubles whenever the size is halved.
            depth: number of halvings.
            residual: whether the result is added to the frame; if not, the network makes the whole frame.
        """
        super().__init__()
        self.residual = residual
        self.spec = _spec(depth)
        widths = [width * 2**level for level in range(depth + 1)]
        self.encoders = nn.ModuleList(
            ConvolvedTwice(before, after) for before, after in zip([3, *widths], widths, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(2 * narrow, narrow, 2, stride=2) for narrow in widths[-2::-1])
        self.decoders = nn.ModuleList(ConvolvedTwice(2 * narrow, narrow) for narrow in widths[-2::-1])
        self.last = nn.Conv2d(width, 3, 1)

    def start_at_identity(self) -> None:
        """Make an untrained network return its frames; one whose result is not added to them stays as it is."""
        if self.residual:
            zero_layer(self.last)

    def forward(self, clip: Tensor) -> Tensor:
        """Restore a clip (N, T, 3, H, W), RGB in [0, 1]; the result has the same shape and is not clamped.

        Raises:
            ValueError: if the clip has another shape, or H or W is not a multiple of 2 to the number of halvings.
        """
        multiple = self.spec.size_multiple
        if clip.dim() != 5 or clip.shape[2] != 3 or clip.shape[-1] % multiple or clip.shape[-2] % multiple:
            raise ValueError(
                f"this U-Net takes clips (N, T, 3, H, W) with H and W multiples of {multiple}, not {tuple(clip.shape)}"
            )
        frames = clip.flatten(0, 1)  # (N*T, 3, H, W)
        if frames.device.type == "cpu":  # a quarter less time for a step there, measured at widths of 16
            frames = frames.contiguous(memory_format=torch.channels_last)
        x, kept = frames, list[Tensor]()
        for level, encoder in enumerate(self.encoders):
            x = encoder(self.pool(x) if level else x)  # (N*T, 2^level C, H / 2^level, W / 2^level)
            kept.append(x)
        for up, decoder, skipped in zip(self.ups, self.decoders, kept[-2::-1], strict=True):
            x = decoder(torch.cat((skipped, up(x)), dim=1))
        result = self.last(x)
        return (frames + result if self.residual else result).unflatten(0, clip.shape[:2])  # (N, T, 3, H, W)


def _spec(depth: int) -> NetworkSpec:
    """Return what a U-Net takes.

    A convolution at 1 / 2^level of the size reaches 2^level px. There are four at each level but the lowest, which has
    two, and the halvings round a place by up to 2^depth - 1 px.
    """
    reach = 4 * (2**depth - 1) + 2 * 2**depth + 2**depth - 1
    return NetworkSpec(size_multiple=2**depth, min_size_px=2**depth, context_frames=0, context_px=reach)


NETWORK = Network(
    RenUNet,
    _spec(4),
    presets={
        "small": {"width": 16, "depth": 3},
        "compact": {"width": 16, "depth": 2},
        "tiny": {"width": 4, "depth": 2},
    },
    signature=("encoders.0.0.weight", "ups.0.weight", "decoders.0.2.weight", "last.weight"),
)
