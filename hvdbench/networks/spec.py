"""What a network that restores clips tells about itself, so that one caller can serve them all."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class NetworkSpec:
    """The input that a network was made for; :func:`hvdbench.methods.inference.restore_clip` supplies it."""

    size_multiple: int = 1
    """Height and width must be multiples of this."""
    min_size_px: int = 1
    """Smallest height and width that the module computes a result for."""
    min_frames: int = 1
    """Fewest frames in a clip."""
    channel_order: Literal["rgb", "bgr"] = "rgb"
    """Order of the three colour channels, at the input and at the output."""
    value_range: tuple[float, float] = (0.0, 1.0)
    """What black and white are mapped to, at the input and at the output."""
    context_frames: int | None = None
    """Frames before and after a frame that its result depends on; None where it is the whole clip."""
    context_px: int | None = None
    """Largest distance along a side of what a pixel's result depends on; None where it is the whole picture."""
    reduced_precision: bool = True
    """Whether 16-bit floats keep its result; not where it computes places of pixels in them."""

    def __post_init__(self) -> None:
        """Refuse sizes below 1, contexts below 0 and an empty range."""
        if min(self.size_multiple, self.min_size_px, self.min_frames) < 1:
            raise ValueError(f"size_multiple, min_size_px and min_frames must be 1 or more: {self}")
        if min(self.context_frames or 0, self.context_px or 0) < 0:
            raise ValueError(f"context_frames and context_px must be 0 or more, or None: {self}")
        if self.value_range[0] >= self.value_range[1]:
            raise ValueError(f"value_range must rise: {self}")


class VideoNetwork(Protocol):
    """A ``torch.nn.Module`` that restores clips, with a ``spec``; the methods named here are the module's own."""

    spec: NetworkSpec

    def __call__(self, clip: Tensor) -> Tensor:
        """Restore (N, T, 3, H, W) to the same shape, colours as the ``spec`` says, at input and output."""
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
