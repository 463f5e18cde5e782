"""Define parts that several networks share; their submodules are named as in the published checkpoints."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAKY_SLOPE = 0.1


def at_full_precision(px: Tensor) -> Tensor:
    """Convert places or displacements in px to float32, because bfloat16 lacks whole numbers above 256."""
    return px.float() if px.dtype in (torch.float16, torch.bfloat16) else px


def sample_at(picture: Tensor, x: Tensor, y: Tensor, *, padding_mode: str = "zeros", mode: str = "bilinear") -> Tensor:
    """Sample at places in px, with pixel centres at integers.

    Args:
        picture: picture, (N, C, H, W).
        x: columns, (N, h, w), float32 or wider.
        y: rows, of the same shape.
        padding_mode: values outside of the picture: "zeros" or "border".
        mode: interpolation: "bilinear" or "bicubic".

    Returns:
        The samples, (N, C, h, w), in the dtype of ``picture``.
    """
    height, width = picture.shape[-2:]
    grid = torch.stack((2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1), dim=-1)  # (N, h, w, 2)
    wide = torch.promote_types(picture.dtype, grid.dtype)
    sampled = F.grid_sample(picture.to(wide), grid.to(wide), mode=mode, padding_mode=padding_mode, align_corners=True)
    return sampled.to(picture.dtype)


def warp_by_flow(picture: Tensor, flow_ab: Tensor, *, padding_mode: str = "zeros", mode: str = "bilinear") -> Tensor:
    """Sample ``picture`` (view b) where the flow of view a points, so that the result looks like a.

    Args:
        picture: view b, (N, C, H, W).
        flow_ab: flow from a to b, (N, 2, H, W), x first, in px of this size.
        padding_mode: values outside of the picture: "zeros" or "border".
        mode: interpolation: "bilinear" or "bicubic".

    Returns:
        The warped picture, (N, C, H, W).
    """
    height, width = picture.shape[-2:]
    flow_ab = at_full_precision(flow_ab)
    x = torch.arange(width, device=flow_ab.device, dtype=flow_ab.dtype) + flow_ab[:, 0]  # (N, H, W)
    y = torch.arange(height, device=flow_ab.device, dtype=flow_ab.dtype)[:, None] + flow_ab[:, 1]  # (N, H, W)
    return sample_at(picture, x, y, padding_mode=padding_mode, mode=mode)


def initialise_residual(conv: nn.Conv2d, *, gain: float) -> None:
    """Draw Kaiming-normal weights times ``gain``, and set the bias to zero."""
    nn.init.kaiming_normal_(conv.weight, a=0, mode="fan_in")
    with torch.no_grad():
        conv.weight.mul_(gain)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


class ResidualBlock(nn.Module):
    """``x + conv2(act(conv1(x)))`` without normalisation; (N, C, H, W) to the same shape."""

    def __init__(self, channels: int, *, leaky_slope: float = 0.0, gain: float = 0.1) -> None:
        """Build the block.

        Args:
            channels: number of channels, C.
            leaky_slope: slope of the activation below zero; 0 is the plain ReLU.
            gain: factor on the Kaiming-normal start; small values make a deep stack start near the identity.
        """
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.leaky_slope = leaky_slope
        initialise_residual(self.conv1, gain=gain)
        initialise_residual(self.conv2, gain=gain)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        return x + self.conv2(F.leaky_relu(self.conv1(x), self.leaky_slope))


class ResidualStack(nn.Module):
    """A 3x3 convolution to ``channels``, LeakyReLU, then residual blocks; (N, C_in, H, W) to (N, C, H, W)."""

    def __init__(self, in_channels: int, channels: int, blocks: int) -> None:
        """Build the stack with ``blocks`` residual blocks."""
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(in_channels, channels, 3, padding=1),
            nn.LeakyReLU(LEAKY_SLOPE),
            nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks))),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Apply the stack."""
        return self.main(x)


class ShuffleUpsampler(nn.Module):
    """Double height and width by a 3x3 convolution and a pixel shuffle; (N, C_in, H, W) to (N, C, 2H, 2W)."""

    def __init__(self, in_channels: int, channels: int) -> None:
        """Build the layer."""
        super().__init__()
        self.upsample_conv = nn.Conv2d(in_channels, channels * 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        x = self.upsample_conv(x)  # (N, 4C, H, W)
        return F.pixel_shuffle(x, 2)  # (N, C, 2H, 2W)
