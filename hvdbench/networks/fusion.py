"""Fusion: a small network that blends a blurry frame with its aligned neighbours; it is this project's own design."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.layers.blocks import LEAKY_SLOPE, ResidualBlock
from hvdbench.networks.network import Network

_COLOUR_CENTRE = 0.45
_COLOUR_GAIN = 4.0
_LOGIT_GAIN = 4.0
_MASK_FLOOR = 1e-3


class FusionNetwork(nn.Module):
    """Blend aligned candidates pixel by pixel and add a small residual.

    It is not recurrent, and pixels reach the output directly, so that it learns within a minute on one core. Inside it
    works at half resolution (pixel unshuffle). The last convolution starts at zero, so an untrained network returns the
    blend that follows from the masks alone and favours one candidate.
    """

    def __init__(
        self,
        candidates: int = 5,
        channels: int = 32,
        blocks: int = 3,
        residual_scale: float = 0.3,
        favoured: int = 0,
        favour: float = 2.0,
    ) -> None:
        """Build the network.

        Args:
            candidates: C, the number of candidates: the blurry frame and C-1 frames aligned with it.
            channels: number of channels of the features.
            blocks: number of residual blocks.
            residual_scale: factor on the residual; 1 is the full range of the colours.
            favoured: number of the candidate that an untrained network favours.
            favour: number that is added to this candidate's blend logit.
        """
        super().__init__()
        if candidates < 1:
            raise ValueError(f"a fusion network needs at least 1 candidate, not {candidates}")
        self.candidates = candidates
        self.residual_scale = residual_scale
        self.favoured = favoured
        self.favour = favour
        self.first = nn.Conv2d(candidates * (4 * 4 + 1), channels, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(channels, leaky_slope=LEAKY_SLOPE, gain=1.0) for _ in range(blocks)))
        self.last = nn.Conv2d(channels, 4 * (candidates + 3), 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight, a=LEAKY_SLOPE)
        nn.init.zeros_(self.first.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, candidates: Tensor, masks: Tensor, is_sharp: Tensor) -> tuple[Tensor, Tensor]:
        """Restore one frame from its candidates.

        Args:
            candidates: (N, C, 3, H, W), RGB in [0, 1], H and W even; the first is the blurry frame itself.
            masks: (N, C, 1, H, W) in [0, 1], how far each aligned candidate can be trusted; the first is all ones.
            is_sharp: (N, C), 1 where the candidate is a frame that was selected as sharp, else 0.

        Returns:
            The restored frame (N, 3, H, W), not clamped, and the blend weights (N, C, 1, H, W), which sum to 1.

        Raises:
            ValueError: if the shapes do not fit one another or the network, or H or W is odd.
        """
        self._check(candidates, masks, is_sharp)
        height, width = candidates.shape[-2:]
        colours = (candidates.flatten(1, 2) - _COLOUR_CENTRE) * _COLOUR_GAIN  # (N, 3C, H, W)
        planes = torch.cat((colours, masks.flatten(1, 2)), dim=1)  # (N, 4C, H, W)
        planes = F.pixel_unshuffle(planes, 2)  # (N, 16C, H/2, W/2)
        flags = is_sharp.to(planes.dtype)[..., None, None].expand(-1, -1, height // 2, width // 2)  # (N, C, H/2, W/2)
        x = F.leaky_relu(self.first(torch.cat((planes, flags), dim=1)), LEAKY_SLOPE)  # (N, channels, H/2, W/2)
        x = F.pixel_shuffle(self.last(self.body(x)), 2)  # (N, C+3, H, W)
        logits, residual = x.split((self.candidates, 3), dim=1)  # (N, C, H, W), (N, 3, H, W)
        bias = torch.zeros(self.candidates, 1, 1, device=x.device, dtype=x.dtype)
        bias[self.favoured] = self.favour
        prior = bias + torch.log(masks.squeeze(2) + _MASK_FLOOR)  # (N, C, H, W)
        weights = torch.softmax(_LOGIT_GAIN * logits + prior, dim=1).unsqueeze(2)  # (N, C, 1, H, W)
        restored = (weights * candidates).sum(dim=1) + self.residual_scale * residual  # (N, 3, H, W)
        return restored, weights

    def _check(self, candidates: Tensor, masks: Tensor, is_sharp: Tensor) -> None:
        """Refuse shapes that do not fit one another or the network."""
        if candidates.dim() != 5 or candidates.shape[1:3] != (self.candidates, 3):
            raise ValueError(
                f"this fusion network takes candidates (N, {self.candidates}, 3, H, W), not {tuple(candidates.shape)}"
            )
        batch, count, _, height, width = candidates.shape
        if height % 2 or width % 2:
            raise ValueError(
                f"the fusion network takes even heights and widths, not {width}x{height}: pad the frames first"
            )
        if masks.shape != (batch, count, 1, height, width) or is_sharp.shape != (batch, count):
            raise ValueError(
                f"masks must be ({batch}, {count}, 1, {height}, {width}) and is_sharp ({batch}, {count}), "
                f"not {tuple(masks.shape)} and {tuple(is_sharp.shape)}"
            )


NETWORK = Network(
    FusionNetwork,
    restores_clips=False,
    signature=("first.weight", "body.0.conv1.weight", "last.weight"),
)
