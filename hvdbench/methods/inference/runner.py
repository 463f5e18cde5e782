"""Convert between 8-bit or 16-bit frames and the tensors of networks: colours, range, device, precision."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hvdbench.errors import FitError
from hvdbench.methods.inference.windows import Level
from hvdbench.networks.spec import NetworkSpec, NetworkState, VideoNetwork, goes_on_from_a_state

logger = logging.getLogger(__name__)
Precision = Literal["float32", "bfloat16", "float16"]
Result = TypeVar("Result")
_DTYPES: dict[str, torch.dtype] = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class Runner:
    """A runner of a network on frames, in the precision asked for or, with one warning, in float32 if that fails.

    Attributes:
        precision: number format that the network computes in; it may change with the first call.
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

    def run(self, frames: NDArray[Level]) -> Tensor:
        """Restore (T, H, W, 3) uint8 or uint16 RGB, of a size that the network takes.

        Returns:
            The result, (1, T, 3, H, W), on the device, in the channel order and value range of the network.

        Raises:
            FitError: if the device has too little memory.
            ValueError: if the network returned another shape.
        """
        restored = self._run(frames, self.network)
        count, height, width = frames.shape[:3]
        if restored.shape != (1, count, 3, height, width):
            shapes = f"{(1, count, 3, height, width)} into {tuple(restored.shape)}"
            raise ValueError(f"the network turned {shapes}: the shape must stay the same")
        self._is_proven = True
        return restored

    def run_from(
        self, frames: NDArray[Level], state: NetworkState | None, *, is_end: bool
    ) -> tuple[Tensor, NetworkState]:
        """Restore the next frames of a clip from the state that the frames before them left.

        Args:
            frames: (T, H, W, 3) uint8 or uint16 RGB, of a size that the network takes.
            state: state from the call before; None at the start of a clip.
            is_end: whether these are the last frames of the clip.

        Returns:
            The next results (1, T', 3, H, W), fewer or more than T if the network looks ahead, and the state.

        Raises:
            FitError: if the device has too little memory.
            ValueError: if the network does not carry a state, or returned another height or width.
        """
        network = self.network
        if not goes_on_from_a_state(network):
            raise ValueError(f"{type(network).__name__} does not carry a state from one window to the next")
        restored, state = self._run(frames, lambda clip: network.forward_from(clip, state, is_end=is_end))
        if restored.shape[-2:] != frames.shape[1:3]:
            raise ValueError(
                f"the network turned {frames.shape[1:3]} into {tuple(restored.shape[-2:])}: height and width must stay "
                "the same"
            )
        self._is_proven = self._is_proven or restored.shape[1] > 0
        return restored, state

    def _run(self, frames: NDArray[Level], forward: Callable[[Tensor], Result]) -> Result:
        """Convert frames to a tensor and call the network with it."""
        with torch.no_grad():
            clip = to_network(frames, self.network.spec, self.device)
            try:
                return self._in_precision(lambda: forward(clip))
            except torch.cuda.OutOfMemoryError as error:
                count, height, width = frames.shape[:3]
                raise FitError(
                    f"the memory of {self.device} is too small for {count} frames of {width}x{height} px here: "
                    "choose a shorter window or a smaller tile"
                ) from error

    def _in_precision(self, forward: Callable[[], Result]) -> Result:
        """Run the network; if the first run in 16 bits fails but the same run in float32 does not, use float32."""
        if self.precision == "float32":
            return forward()
        try:
            with torch.autocast(self.device.type, _DTYPES[self.precision]):
                return forward()
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            if self._is_proven:
                raise
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        result = forward()
        self._fall_back(reason)
        return result

    def _fall_back(self, reason: str) -> None:
        name = type(self.network).__name__
        logger.warning(
            "%s does not run in %s on %s, so it runs in float32 (%s)", name, self.precision, self.device, reason
        )
        self.precision = "float32"


def to_network(frames: NDArray[Level], spec: NetworkSpec, device: torch.device) -> Tensor:
    """Turn (T, H, W, 3) uint8 or uint16 RGB into (1, T, 3, H, W) float32 in the spec's channel order and range."""
    low, high = spec.value_range
    levels = torch.from_numpy(frames.copy() if frames.dtype == np.uint8 else frames.astype(np.float32))
    clip = levels.to(device).permute(0, 3, 1, 2).unsqueeze(0).contiguous()  # (1, T, 3, H, W)
    if spec.channel_order == "bgr":
        clip = clip.flip(2)
    return clip.float().div_(np.iinfo(frames.dtype).max).mul_(high - low).add_(low)


def from_network(clip: Tensor, spec: NetworkSpec, dtype: type[Level]) -> NDArray[Level]:
    """Turn (1, T, 3, H, W) in the spec's channel order and range into (T, H, W, 3) RGB, rounded half up.

    Args:
        clip: result of the network.
        spec: spec of the network.
        dtype: uint8 or uint16; its largest value is white.

    Raises:
        FitError: if a value is not finite.
    """
    low, high = spec.value_range
    if not torch.isfinite(clip).all():
        raise FitError(
            "the network returned values that are not finite: its weights are damaged, its training diverged, or "
            "float16 overflowed"
        )
    if spec.channel_order == "bgr":
        clip = clip.flip(2)
    levels = (clip.float() - low).div_(high - low).clamp_(0, 1)  # a copy of its own, changed in place
    levels = levels.mul_(np.iinfo(dtype).max).add_(0.5).floor_()
    levels = levels.to(torch.uint8 if dtype == np.uint8 else torch.int32)
    return levels[0].permute(0, 2, 3, 1).cpu().numpy().astype(dtype, order="C")  # (T, H, W, 3)


@contextmanager
def running(network: VideoNetwork, device: torch.device) -> Iterator[None]:
    """Move a network to a device and switch it to evaluation while the block runs, and undo both afterwards."""
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
