"""The door between 8-bit frames and the tensors of networks: colours, range, device, precision."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from hvdbench.errors import FitError
from hvdbench.frames import Frames
from hvdbench.networks.spec import NetworkSpec, VideoNetwork

logger = logging.getLogger(__name__)
Precision = Literal["float32", "bfloat16", "float16"]
_DTYPES: dict[str, torch.dtype] = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class Runner:
    """Runs a network on frames, in the precision asked for or, with one warning, in float32 where that cannot be.

    Attributes:
        precision: what it computes in; it may change with the first call.
    """

    def __init__(self, network: VideoNetwork, device: torch.device, precision: Precision) -> None:
        if precision not in get_args(Precision):
            raise ValueError(f"precision must be one of {', '.join(get_args(Precision))}, not '{precision}'")
        self.network = network
        self.device = device
        self.precision: Precision = precision
        self._is_proven = False
        if precision != "float32" and not network.spec.reduced_precision:
            self._fall_back("it declares that it loses accuracy there")

    def run(self, frames: Frames) -> Tensor:
        """Restore (T, H, W, 3) uint8 RGB, of a size that the network takes.

        Returns:
            (1, T, 3, H, W) on the device, in the order and range of the network.

        Raises:
            FitError: the device has too little memory.
            ValueError: the network gave another shape.
        """
        with torch.no_grad():
            clip = to_network(frames, self.network.spec, self.device)
            try:
                result = self._forward(clip)
            except torch.cuda.OutOfMemoryError as error:
                count, height, width = frames.shape[:3]
                raise FitError(
                    f"the memory of {self.device} does not hold {count} frames of {width}x{height} px in this network: "
                    "give it a shorter window or a smaller tile"
                ) from error
        if result.shape != clip.shape:
            raise ValueError(f"the network turned {tuple(clip.shape)} into {tuple(result.shape)}: another shape")
        return result

    def _forward(self, clip: Tensor) -> Tensor:
        """Run the network; where the first run in 16 bits fails and the same in float32 does not, stay with that."""
        if self.precision == "float32":
            return self.network(clip)
        try:
            with torch.autocast(self.device.type, _DTYPES[self.precision]):
                result = self.network(clip)
            self._is_proven = True
            return result
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            if self._is_proven:
                raise
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        result = self.network(clip)
        self._fall_back(reason)
        return result

    def _fall_back(self, reason: str) -> None:
        name = type(self.network).__name__
        logger.warning(
            "%s does not run in %s on %s (%s): going on in float32", name, self.precision, self.device, reason
        )
        self.precision = "float32"


def to_network(frames: Frames, spec: NetworkSpec, device: torch.device) -> Tensor:
    """Turn (T, H, W, 3) uint8 RGB into (1, T, 3, H, W) float32 in the order and range of the spec."""
    low, high = spec.value_range
    clip = torch.from_numpy(frames.copy()).to(device)
    clip = clip.permute(0, 3, 1, 2).unsqueeze(0).contiguous()  # (1, T, 3, H, W)
    if spec.channel_order == "bgr":
        clip = clip.flip(2)
    return clip.float().div_(255).mul_(high - low).add_(low)


def from_network(clip: Tensor, spec: NetworkSpec) -> Frames:
    """Turn (1, T, 3, H, W) in the order and range of the spec into (T, H, W, 3) uint8 RGB, rounded half up.

    Raises:
        FitError: a value is not finite.
    """
    low, high = spec.value_range
    if not torch.isfinite(clip).all():
        raise FitError(
            "the network gave values that are not finite: its weights are damaged, it diverged, or float16 overflowed"
        )
    if spec.channel_order == "bgr":
        clip = clip.flip(2)
    levels = (clip.float() - low).div_(high - low).clamp_(0, 1).mul_(255)  # a copy of its own, changed in place
    eight_bit = levels.add_(0.5).floor_().to(torch.uint8)
    return np.asarray(eight_bit[0].permute(0, 2, 3, 1).cpu().numpy(), np.uint8)  # (T, H, W, 3)


@contextmanager
def running(network: VideoNetwork, device: torch.device) -> Iterator[None]:
    """Put a network on a device and into evaluation, and back afterwards."""
    home = next((parameter.device for parameter in network.parameters()), device)
    modes = [(module, module.training) for module in network.modules()]
    try:
        network.to(device)
        network.eval()
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        network.to(home)
