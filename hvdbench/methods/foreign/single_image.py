"""Run a network for single pictures over clips, each frame by itself."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from hvdbench.methods.foreign.calling import call
from hvdbench.networks.spec import NetworkSpec

FRAMES_AT_ONCE = 8
"""The window of a method that asks for none: it bounds memory and does not change results."""


class FrameByFrame(nn.Module):
    """A network for clips that runs a network for single pictures, one frame after the other.

    Args:
        inner: network that takes (N, 3, H, W) and returns the same shape.
        spec: description of the pictures that the network takes; no frame depends on another.
        output: part of the returned tuple, list or dict that is the restored picture; None if it returns a tensor.
    """

    def __init__(
        self, inner: Callable[[Tensor], object], spec: NetworkSpec | None = None, output: int | str | None = None
    ) -> None:
        super().__init__()
        self.inner = inner
        self.spec = spec or NetworkSpec(context_frames=0)
        self.output = output

    def forward(self, clip: Tensor) -> Tensor:
        """Restore (N, T, 3, H, W) to the same shape.

        Raises:
            FitError: if the network fails or returns another shape.
        """
        return torch.stack([call(self.inner, frame, self.output) for frame in clip.unbind(1)], dim=1)
