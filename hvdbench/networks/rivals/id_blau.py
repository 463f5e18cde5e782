"""ID-Blau: blur a sharp picture under a condition, a direction and a length of the motion at each pixel, by diffusion.

Wu et al., "ID-Blau: Image Deblurring by Implicit Diffusion-based reBLurring AUgmentation", CVPR 2024
(arXiv:2312.10998). Parameter names and sizes are those of the published weights; the published code has no licence, and
none of it is here.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from hvdbench.networks.layers.identity import zero_layer
from hvdbench.networks.network import Network

CONDITION_CHANNELS = 6
"""Channels of a condition: sharp RGB in [-0.5, 0.5], a unit vector x, y, and a length in [0, 1]."""
_PERIOD = 10_000.0
_BETAS = (1e-6, 1e-2)  # of the paper's linear schedule
CHANGE_UNIT = 0.1
"""Change of a colour, of a range of 1, that stands for 1 where changes are predicted."""


class TimeEmbedding(nn.Module):
    """Sines and cosines of a step's number (Vaswani et al., 2017); (N,) to (N, dim)."""

    def __init__(self, dim: int) -> None:
        """Build the layer; ``dim`` is even."""
        super().__init__()
        self.dim = dim

    def forward(self, step: Tensor) -> Tensor:
        """Embed the numbers of steps."""
        half = self.dim // 2
        rates = torch.exp(torch.arange(half, device=step.device) * -(math.log(_PERIOD) / half))
        angles = step.float()[:, None] * rates
        return torch.cat((angles.sin(), angles.cos()), dim=-1)


class ResidualBlock(nn.Module):
    """Two convolutions after SiLU with the step's embedding added between them, and a shortcut around them."""

    def __init__(self, channels: int, outer: int, time_dim: int) -> None:
        """Build the block from ``channels`` to ``outer`` channels."""
        super().__init__()
        self.layer1 = nn.Sequential(nn.SiLU(), nn.Conv2d(channels, outer, 3, padding=1))
        # the identity stands where the published network has a dropout, which keeps the numbering
        self.layer2 = nn.Sequential(nn.SiLU(), nn.Identity(), nn.Conv2d(outer, outer, 3, padding=1))
        self.time_layer = nn.Sequential(nn.SiLU(), nn.Linear(time_dim, outer))
        self.shortcut = nn.Conv2d(channels, outer, 1) if channels != outer else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Apply the block to (N, C, H, W) with an embedding (N, time_dim)."""
        inner = self.layer1(x) + self.time_layer(time)[:, :, None, None]
        result: Tensor = self.layer2(inner) + self.shortcut(x)
        return result


class _Halve(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.downsample = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        return self.downsample(x)


class _Double(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.upsample = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        return self.upsample(x)


class UNet(nn.Module):
    """The network inside the diffusion; (N, 9, H, W) and steps (N,) to (N, 3, H, W).

    It has neither normalisation nor attention. The default has 9 498 627 parameters and 140 keys.
    """

    def __init__(
        self,
        base_channels: int = 64,
        channel_mults: Sequence[int] = (1, 2, 3),
        num_res_blocks: int = 2,
        time_dim: int = 256,
    ) -> None:
        """Build the network with random weights.

        Args:
            base_channels: channels at full size, and of the sines and cosines; an even number.
            channel_mults: their multiple at each size, from full size down; each size is half of the one before.
            num_res_blocks: residual blocks at each size on the way down; there is one more on the way up.
            time_dim: length of the step's embedding.
        """
        super().__init__()
        self.size_multiple = 2 ** (len(channel_mults) - 1)
        self.time_embedding = nn.Sequential(
            TimeEmbedding(base_channels), nn.Linear(base_channels, time_dim), nn.SiLU(), nn.Linear(time_dim, time_dim)
        )
        self.init_conv = nn.Conv2d(3 + CONDITION_CHANNELS, base_channels, 3, padding=1)
        self.downblocks, self.mid, self.upblocks = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels, kept = base_channels, [base_channels]
        for size, multiple in enumerate(channel_mults):
            for _ in range(num_res_blocks):
                self.downblocks.append(ResidualBlock(channels, base_channels * multiple, time_dim))
                channels = base_channels * multiple
                kept.append(channels)
            if size < len(channel_mults) - 1:
                self.downblocks.append(_Halve(channels))
                kept.append(channels)
        self.mid.extend(ResidualBlock(channels, channels, time_dim) for _ in range(2))
        for size, multiple in reversed(list(enumerate(channel_mults))):
            for _ in range(num_res_blocks + 1):
                self.upblocks.append(ResidualBlock(channels + kept.pop(), base_channels * multiple, time_dim))
                channels = base_channels * multiple
            if size:
                self.upblocks.append(_Double(channels))
        self.last_layer = nn.Sequential(nn.SiLU(), nn.Conv2d(base_channels, 3, 3, padding=1))

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        """Apply the network.

        Raises:
            ValueError: if x has another shape, or H or W is not a multiple of 2 to the number of halvings.
        """
        multiple = self.size_multiple
        if x.dim() != 4 or x.shape[1] != 3 + CONDITION_CHANNELS or x.shape[2] % multiple or x.shape[3] % multiple:
            raise ValueError(
                f"this U-Net of ID-Blau takes (N, {3 + CONDITION_CHANNELS}, H, W) with H and W multiples of "
                f"{multiple}, not {tuple(x.shape)}: pad the pictures"
            )
        time = self.time_embedding(step)
        x = self.init_conv(x)
        kept = [x]
        for block in self.downblocks:
            x = block(x, time)
            kept.append(x)
        for block in self.mid:
            x = block(x, time)
        for block in self.upblocks:
            x = block(torch.cat((x, kept.pop()), dim=1) if isinstance(block, ResidualBlock) else x, time)
        return self.last_layer(x)


class IdBlau(nn.Module):
    """The diffusion: its network as ``model``, its schedule as eight buffers, and a sampler.

    The default has the 148 keys of the published ``model_state``; the ``module.`` of its parallel wrapper is taken off
    when weights are loaded. The schedule is the file's, so hyper-parameters of it need not be known.
    """

    betas: Tensor
    alphas_cumprod: Tensor
    sqrt_alphas_cumprod: Tensor
    sqrt_one_minus_alphas_cumprod: Tensor

    def __init__(
        self,
        base_channels: int = 64,
        channel_mults: Sequence[int] = (1, 2, 3),
        num_res_blocks: int = 2,
        time_dim: int = 256,
        steps: int = 2000,
        predicts: Literal["noise", "change"] = "noise",
    ) -> None:
        """Build the diffusion with random weights.

        Args:
            base_channels, channel_mults, num_res_blocks, time_dim: sizes of the :class:`UNet`.
            steps: length of the schedule.
            predicts: what the network computes: the ``noise``, as published, or, ours, the ``change`` of the sharp
                picture to the blurred one in units of 0.1, from which the noise follows; a network that was hardly
                trained then returns the sharp picture, not noise.
        """
        super().__init__()
        self.predicts = predicts
        self.model = UNet(base_channels, channel_mults, num_res_blocks, time_dim)
        if predicts == "change":
            zero_layer(self.model.last_layer[1])
        betas = torch.linspace(*_BETAS, steps).double()
        kept = torch.cumprod(1 - betas, dim=0)
        buffers = {
            "betas": betas,
            "alphas": 1 - betas,
            "alphas_cumprod": kept,
            "sqrt_alphas_cumprod": kept.sqrt(),
            "sqrt_one_minus_alphas_cumprod": (1 - kept).sqrt(),
            "reciprocal_sqrt_alphas": (1 / (1 - betas)).sqrt(),
            "remove_noise_coeff": betas / (1 - kept).sqrt(),
            "sigma": betas.sqrt(),
        }
        for name, values in buffers.items():
            self.register_buffer(name, values.float())

    @property
    def size_multiple(self) -> int:
        """The number of px that height and width must be multiples of."""
        return self.model.size_multiple

    def perturbed(self, blurry: Tensor, step: Tensor, noise: Tensor) -> Tensor:
        """Add noise to blurry pictures, as step ``step`` of the diffusion (Ho et al., NeurIPS 2020, Eq. 4).

        Args:
            blurry: (N, 3, H, W) in [-0.5, 0.5].
            step: (N,) whole numbers.
            noise: normal noise of the shape of ``blurry``.
        """
        return _at(self.sqrt_alphas_cumprod, step) * blurry + _at(self.sqrt_one_minus_alphas_cumprod, step) * noise

    def forward(self, noisy: Tensor, condition: Tensor, step: Tensor) -> Tensor:
        """Return what the network predicts: noise or change, (N, 3, H, W).

        Args:
            noisy: (N, 3, H, W), as :meth:`perturbed` returns it.
            condition: (N, 6, H, W), as :data:`CONDITION_CHANNELS` describes it.
            step: (N,) whole numbers.
        """
        predicted: Tensor = self.model(torch.cat((noisy, condition), dim=1), step)
        return predicted

    def noise(self, noisy: Tensor, condition: Tensor, step: Tensor) -> Tensor:
        """Predict the noise in pictures; arguments as those of :meth:`forward`."""
        predicted = self(noisy, condition, step)
        if self.predicts == "noise":
            return predicted
        picture = condition[:, :3] + CHANGE_UNIT * predicted
        return (noisy - _at(self.sqrt_alphas_cumprod, step) * picture) / _at(self.sqrt_one_minus_alphas_cumprod, step)

    @torch.no_grad()
    def sample(
        self,
        condition: Tensor,
        start: Tensor,
        *,
        count: int = 20,
        ends_at: Literal["picture", "first step"] = "picture",
    ) -> Tensor:
        """Blur pictures in ``count`` steps of DDIM without noise (Song et al., ICLR 2021, Eq. 12 with eta 0).

        The steps are 1901, 1801, ... 1 of 2000 for a count of 20, as published.

        Args:
            condition: (N, 6, H, W), as :data:`CONDITION_CHANNELS` describes it.
            start: normal noise (N, 3, H, W).
            count: number of steps, at most that of the schedule.
            ends_at: where the last step leads: to the ``picture`` itself, or, as published, to the ``first step``
                of the diffusion, whose share of noise is 0.001.

        Returns:
            Blurred pictures (N, 3, H, W), not clamped.
        """
        steps = range(1, len(self.betas), len(self.betas) // count)[:count]
        x = start
        for number in reversed(range(len(steps))):
            step = torch.full((len(x),), steps[number], device=x.device)
            share = self.alphas_cumprod[steps[number]]
            before = self.alphas_cumprod[steps[number - 1] if number else 0]
            if number == 0 and ends_at == "picture":
                before = torch.ones_like(before)
            noise = self.noise(x, condition, step)
            picture = (x - (1 - share).sqrt() * noise) / share.sqrt()
            x = before.sqrt() * picture + (1 - before).sqrt() * noise
        return x


def _at(values: Tensor, step: Tensor) -> Tensor:
    """Return the values of steps (N,) in a shape that pictures are multiplied by."""
    return values[step][:, None, None, None]


NETWORK = Network(
    IdBlau,
    presets={
        "tiny": {"base_channels": 16, "channel_mults": (1, 2, 3), "num_res_blocks": 1, "time_dim": 64}
        | {"predicts": "change"}
    },
    restores_clips=False,
    signature=("model.init_conv.weight", "model.time_embedding.3.weight", "sqrt_one_minus_alphas_cumprod"),
)
