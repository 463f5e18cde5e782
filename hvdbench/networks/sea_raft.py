"""SEA-RAFT: optical flow with its uncertainty (Wang et al., ECCV 2024; arXiv:2405.14793), with published names."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.layers.blocks import at_full_precision
from hvdbench.networks.layers.correlation import LEVELS, correlation_pyramid, look_up
from hvdbench.networks.network import Network

_SCALE = 8  # features and flow have an eighth of the picture's size
_MIN_SIZE_PX = _SCALE * 2**LEVELS  # the coarsest correlation map is then 2 px wide
_UPSAMPLING_TAPS = 9
_UPSAMPLING_TEMPERATURE = 0.25
_MAX_LOG_SCALE = 10.0  # var_max of the published configurations
_START_LAYER_SCALE = 1e-6


class FlowEstimate(NamedTuple):
    """Flow with the mixture of two Laplace distributions that its error is drawn from."""

    flow: Tensor
    """(N, 2, H, W), x first, px."""
    info: Tensor
    """(N, 4, H, W): two weights before the softmax, then two raw logarithms of the scale in px, before clamping."""


class _ResidualBlock(nn.Module):
    """A block of two 3x3 convolutions with batch normalisation, and ReLU after each and after the sum.

    The shortcut's normalisation has two names, as in the published keys.
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != channels:
            self.bn3 = nn.BatchNorm2d(channels)
            self.downsample = nn.Sequential(nn.Conv2d(in_channels, channels, 1, stride=stride), self.bn3)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.relu(shortcut + x)

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False, **given: Any) -> dict[str, Any]:  # type: ignore[override]
        """Return the state dict with a copy under the second name, because safetensors refuses shared memory."""
        state: dict[str, Any] = super().state_dict(prefix=prefix, keep_vars=keep_vars, **given)
        for key in [] if keep_vars else [key for key in state if key.startswith(f"{prefix}bn3.")]:
            state[key] = state[key].clone()
        return state


class _Encoder(nn.Module):
    """The first three stages of a ResNet and a 1x1 convolution; (N, C_in, H, W) to (N, C, H/8, W/8)."""

    def __init__(self, in_channels: int, channels: int, *, widths: Sequence[int], depths: Sequence[int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, widths[0], 7, stride=2, padding=3)
        self.bn1 = nn.BatchNorm2d(widths[0])
        stages = [
            nn.Sequential(
                _ResidualBlock(widths[stage], widths[stage + 1], 1 if stage == 0 else 2),
                *(_ResidualBlock(widths[stage + 1], widths[stage + 1], 1) for _ in range(depth - 1)),
            )
            for stage, depth in enumerate(depths)
        ]
        self.layer1, self.layer2, self.layer3 = stages
        self.final_conv = nn.Conv2d(widths[-1], channels, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # (N, C0, H/2, W/2)
        x = self.layer3(self.layer2(self.layer1(x)))  # (N, C3, H/8, W/8)
        return self.final_conv(x)


class _MotionEncoder(nn.Module):
    """Layers from correlations and flow to a motion feature (N, C, h, w), whose last two channels are the flow."""

    def __init__(self, correlations: int, channels: int) -> None:
        super().__init__()
        self.convc1 = nn.Conv2d(correlations, 2 * channels, 1)
        self.convc2 = nn.Conv2d(2 * channels, channels + channels // 2, 3, padding=1)
        self.convf1 = nn.Conv2d(2, channels, 7, padding=3)
        self.convf2 = nn.Conv2d(channels, channels // 2, 3, padding=1)
        self.conv = nn.Conv2d(2 * channels, channels - 2, 3, padding=1)

    def forward(self, flow: Tensor, correlation: Tensor) -> Tensor:
        matched = F.relu(self.convc2(F.relu(self.convc1(correlation))))  # (N, 3C/2, h, w)
        moved = F.relu(self.convf2(F.relu(self.convf1(flow))))  # (N, C/2, h, w)
        x = F.relu(self.conv(torch.cat((matched, moved), dim=1)))  # (N, C-2, h, w)
        return torch.cat((x, flow), dim=1)


class _ConvNextBlock(nn.Module):
    """A ConvNeXt block with a 1x1 convolution behind its sum; (N, C_in, h, w) to (N, C, h, w)."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(in_channels, in_channels, 7, padding=3, groups=in_channels)
        self.norm = nn.LayerNorm(in_channels, eps=1e-6)
        self.pwconv1 = nn.Linear(in_channels, 4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, in_channels)
        self.gamma = nn.Parameter(torch.full((in_channels,), _START_LAYER_SCALE))
        self.final = nn.Conv2d(in_channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x).movedim(1, -1))  # (N, h, w, C_in)
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return self.final(x + y.movedim(-1, 1))


class _UpdateBlock(nn.Module):
    """One step of the recurrence, which updates the hidden feature by the correlations where the flow points."""

    def __init__(self, correlations: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.encoder = _MotionEncoder(correlations, channels)
        self.refine = nn.ModuleList(_ConvNextBlock(3 * channels, channels) for _ in range(blocks))

    def forward(self, hidden: Tensor, context: Tensor, correlation: Tensor, flow: Tensor) -> Tensor:
        motion = self.encoder(flow, correlation)
        for block in self.refine:
            hidden = block(torch.cat((hidden, context, motion), dim=1))
        return hidden


class SeaRaft(nn.Module):
    """A network that estimates optical flow and its uncertainty by a first guess and a few steps over correlations.

    It takes pictures of any size. Inside, they are extended to multiples of 8, by repeated edges divided between
    opposite sides, and to at least 128 px, below which the published module fails. The correlations of a pair take
    ``(H*W/64)**2 * 5.3`` bytes. The default is the published spring-M with 19 663 876 parameters; on Spring its authors
    run it on pictures of half the size and double the flow. L has the same weights with 12 iterations, S has ``depths``
    2, 2, 2.
    """

    def __init__(
        self,
        depths: Sequence[int] = (3, 4, 6),
        initial_dim: int = 64,
        block_dims: Sequence[int] = (64, 128, 256),
        dim: int = 128,
        radius: int = 4,
        num_blocks: int = 2,
        iters: int = 4,
    ) -> None:
        """Build the network with random weights.

        Args:
            depths: numbers of residual blocks in the encoders' three stages, by default those of ResNet-34; (2, 2, 2)
                is ResNet-18.
            initial_dim: number of channels of the encoders' first convolution.
            block_dims: numbers of channels of their three stages.
            dim: number of channels of the hidden feature and of the context, which must be even.
            radius: correlations are read in squares of ``2 * radius + 1`` px a side, at four scales.
            num_blocks: number of ConvNeXt blocks in a step.
            iters: number of steps after the first guess, 0 or more.
        """
        super().__init__()
        if len(depths) != 3 or len(block_dims) != 3:
            raise ValueError(f"depths and block_dims must name three stages, not {depths} and {block_dims}")
        self.dim = dim
        self.radius = radius
        self.iters = iters
        widths = (initial_dim, *block_dims)
        self.cnet = _Encoder(6, 2 * dim, widths=widths, depths=depths)
        self.fnet = _Encoder(3, 2 * dim, widths=widths, depths=depths)
        self.init_conv = nn.Conv2d(2 * dim, 2 * dim, 3, padding=1)
        self.upsample_weight = nn.Sequential(
            nn.Conv2d(dim, 2 * dim, 3, padding=1), nn.ReLU(), nn.Conv2d(2 * dim, _UPSAMPLING_TAPS * _SCALE**2, 1)
        )
        self.flow_head = nn.Sequential(
            nn.Conv2d(dim, 2 * dim, 3, padding=1), nn.ReLU(), nn.Conv2d(2 * dim, 6, 3, padding=1)
        )
        self.update_block = _UpdateBlock(LEVELS * (2 * radius + 1) ** 2, dim, num_blocks)

    def forward(self, reference: Tensor, supporting: Tensor) -> Tensor:
        """Return, for each pixel of ``reference``, the displacement in px to its match in ``supporting``.

        Args:
            reference: (N, 3, H, W), RGB in [0, 1].
            supporting: pictures of the same shape.

        Returns:
            The flow, (N, 2, H, W), x first, with which ``warp_by_flow(supporting, flow)`` looks like ``reference``.
        """
        return self.estimate(reference, supporting).flow

    def estimate(self, reference: Tensor, supporting: Tensor) -> FlowEstimate:
        """Return the flow as :meth:`forward` does, with its uncertainty."""
        padding = _padding(reference)
        *_, (flow, info, hidden) = self._steps(_prepare(reference, padding), _prepare(supporting, padding))
        return self._upsample(flow, info, hidden, padding)

    def estimate_all(self, reference: Tensor, supporting: Tensor) -> list[FlowEstimate]:
        """Return the first guess and the result of every step, over which the training loss is summed."""
        padding = _padding(reference)
        steps = self._steps(_prepare(reference, padding), _prepare(supporting, padding))
        return [self._upsample(flow, info, hidden, padding) for flow, info, hidden in steps]

    def _steps(self, reference: Tensor, supporting: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield flow (N, 2, h, w) in px of 1/8 size, info (N, 4, h, w) and hidden feature (N, dim, h, w) of a step."""
        features = self.init_conv(self.cnet(torch.cat((reference, supporting), dim=1)))  # (N, 2 dim, h, w)
        hidden, context = features.split(self.dim, dim=1)
        flow, info = self.flow_head(hidden).split((2, 4), dim=1)
        flow = at_full_precision(flow)  # in 16 bits, changes of part of a pixel would be lost
        yield flow, info, hidden
        if self.iters == 0:
            return
        pyramid = correlation_pyramid(self.fnet(reference), self.fnet(supporting))
        for _ in range(self.iters):
            flow = flow.detach()
            hidden = self.update_block(hidden, context, look_up(pyramid, flow, self.radius), flow.to(hidden.dtype))
            change, info = self.flow_head(hidden).split((2, 4), dim=1)
            flow = flow + change
            yield flow, info, hidden

    def _upsample(self, flow: Tensor, info: Tensor, hidden: Tensor, padding: list[int]) -> FlowEstimate:
        """Bring a step's result to full size: each pixel is a convex mixture of 3x3 pixels at 1/8 size."""
        logits = _UPSAMPLING_TEMPERATURE * self.upsample_weight(hidden)  # (N, 9 * 64, h, w)
        weights = logits.unflatten(1, (_UPSAMPLING_TAPS, _SCALE**2)).softmax(dim=1)  # (N, 9, 64, h, w)
        small = torch.cat((_SCALE * flow, info), dim=1)  # (N, 6, h, w)
        taps = F.unfold(small, 3, padding=1).view(len(small), 6, _UPSAMPLING_TAPS, 1, *small.shape[-2:])
        mixed = torch.zeros_like(taps[:, :, 0])  # grows to (N, 6, 64, h, w)
        for tap in range(_UPSAMPLING_TAPS):
            mixed = mixed + weights[:, None, tap] * taps[:, :, tap]
        full = F.pixel_shuffle(mixed.flatten(1, 2), _SCALE)  # (N, 6, 8h, 8w)
        left, right, top, bottom = padding
        full = full[..., top : full.shape[-2] - bottom, left : full.shape[-1] - right]  # (N, 6, H, W)
        return FlowEstimate(full[:, :2], full[:, 2:])


def flow_confidence(info: Tensor, *, max_log_scale: float = _MAX_LOG_SCALE) -> Tensor:
    """Return the confidence of a flow, from 1 (sure) towards 0: ``exp(-(w_1 log b_1 + w_2 log b_2))``.

    ``w`` is the softmax of the two weights, ``log b_1`` clamped to [0, ``max_log_scale``], ``log b_2`` = 0 (a fixed
    scale of 1 px). The mixed log scale is what the authors' demo draws as uncertainty; that the exponential turns it
    into a confidence is our choice. It is the inverse of the weighted geometric mean of the scales in px.

    Args:
        info: (N, 4, H, W), from :class:`FlowEstimate`.
        max_log_scale: bound that the weights were trained with; 10 in all published configurations.

    Returns:
        The confidence, (N, 1, H, W) in (0, 1].
    """
    share = info[:, :2].softmax(dim=1)[:, :1]  # (N, 1, H, W), of the component with the free scale
    return torch.exp(-share * info[:, 2:3].clamp(0, max_log_scale))


def _padding(picture: Tensor) -> list[int]:
    """Return by how much a picture grows at its left, right, top and bottom."""
    padding = []
    for side in (picture.shape[-1], picture.shape[-2]):
        missing = max(math.ceil(side / _SCALE) * _SCALE, _MIN_SIZE_PX) - side
        padding += [missing // 2, missing - missing // 2]
    return padding


def _prepare(picture: Tensor, padding: list[int]) -> Tensor:
    """Map [0, 1] to [-1, 1] and repeat the edges outwards."""
    return F.pad(2 * picture - 1, padding, mode="replicate")


NETWORK = Network(
    SeaRaft,
    restores_clips=False,
    signature=("cnet.layer1.0.conv1.weight", "fnet.layer1.0.conv1.weight"),
)
