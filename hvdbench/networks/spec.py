"""Define what a network that restores clips declares about itself, so that one caller can run them all."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeGuard

import torch
from torch import Tensor, nn

NetworkState = tuple[Tensor, ...]
"""The state that a forward recurrence keeps of the frames it has seen; only the network looks inside."""


@dataclass(frozen=True)
class NetworkSpec:
    """The input that a network was made for; :func:`hvdbench.methods.inference.restore.restore_clip` supplies it."""

    size_multiple: int = 1
    """Number of px that height and width must be multiples of."""
    min_size_px: int = 1
    """Smallest height and width that the module computes a result for."""
    min_frames: int = 1
    """Fewest frames in a clip."""
    channel_order: Literal["rgb", "bgr"] = "rgb"
    """Order of the three colour channels, at the input and at the output."""
    value_range: tuple[float, float] = (0.0, 1.0)
    """Values that stand for black and white, at the input and at the output."""
    context_frames: int | None = None
    """Frames before and after a frame that its result depends on; None where it is the whole clip."""
    context_px: int | None = None
    """Largest distance along a side of what a pixel's result depends on; None where it is the whole picture."""
    reduced_precision: bool = True
    """Whether its result stays accurate in 16-bit floats; it does not if it computes places of pixels in them."""
    carries_state: bool = False
    """Whether its recurrence runs forwards only and continues from a state, as in a :class:`StatefulNetwork`."""
    frozen: tuple[str, ...] = ()
    """Names of parameters, or of modules that contain them, which no training changes; all others are trainable."""

    def __post_init__(self) -> None:
        """Refuse sizes below 1, contexts below 0, an empty range, and a state that cannot be carried frame by frame."""
        if min(self.size_multiple, self.min_size_px, self.min_frames) < 1:
            raise ValueError(f"size_multiple, min_size_px and min_frames must be 1 or more: {self}")
        if min(self.context_frames or 0, self.context_px or 0) < 0:
            raise ValueError(f"context_frames and context_px must be 0 or more, or None: {self}")
        if self.value_range[0] >= self.value_range[1]:
            raise ValueError(f"the first number of value_range must be below the second: {self}")
        if self.carries_state and self.min_frames > 1:
            raise ValueError(f"a network that goes on from a state must take single frames (min_frames = 1): {self}")


class VideoNetwork(Protocol):
    """A ``torch.nn.Module`` that restores clips, with a ``spec``; the methods named here are the module's own."""

    spec: NetworkSpec

    def __call__(self, clip: Tensor) -> Tensor:
        """Restore (N, T, 3, H, W) to the same shape, with colours as the ``spec`` describes, at input and output."""
        ...

    def eval(self) -> Any:
        """Switch to evaluation."""
        ...

    def modules(self) -> Iterator[nn.Module]:
        """List the module and all below it."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """List the parameters."""
        ...

    def to(self, device: torch.device) -> Any:
        """Move the module, in place."""
        ...


class StatefulNetwork(VideoNetwork, Protocol):
    """A network whose recurrence runs forwards only, so that a clip can be given to it part by part."""

    def forward_from(self, clip: Tensor, state: NetworkState | None, *, is_end: bool) -> tuple[Tensor, NetworkState]:
        """Restore the next frames of a clip.

        A network that looks ahead returns results later than it takes frames, and the last ones at the end. The results
        of all parts of a clip together are those of the whole clip.

        Args:
            clip: (N, T, 3, H, W), one frame or more, with colours as the ``spec`` describes.
            state: state that the call before returned; None at the start of a clip.
            is_end: whether these are the last frames of the clip.

        Returns:
            The next results (N, T', 3, H, W), T' of 0 or more, and the state to continue from.
        """
        ...


def goes_on_from_a_state(network: VideoNetwork) -> TypeGuard[StatefulNetwork]:
    """Return whether a network declares that it carries a state."""
    return network.spec.carries_state


def trainable_parameters(network: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """List the parameters that training changes, with their names: all but those that the network's spec calls frozen.

    A network without a spec has no frozen parameters.

    Raises:
        ValueError: if the spec names a frozen part that the network does not have.
    """
    spec = getattr(network, "spec", None)
    frozen = spec.frozen if isinstance(spec, NetworkSpec) else ()
    named = list(network.named_parameters())
    for part in frozen:
        if not any(_is_within(name, part) for name, _ in named):
            raise ValueError(f"the spec of {type(network).__name__} calls '{part}' frozen, which is no part of it")
    return [(name, parameter) for name, parameter in named if not any(_is_within(name, part) for part in frozen)]


def _is_within(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")
