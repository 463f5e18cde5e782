"""A network for single pictures behind the door of those for clips: each frame by itself."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from hvdbench.methods.foreign.calling import call
from hvdbench.networks.spec import NetworkSpec

FRAMES_AT_ONCE = 8
"""The window of a method that asks for none: it changes no result, and bounds memory."""


class FrameByFrame(nn.Module):
    """Runs a network for single pictures over a clip, one frame after the other.

    Args:
        inner: takes (N, 3, H, W) and returns the same shape.
        spec: of the pictures it takes; no frame depends on another.
        output: which part of a tuple, list or dict that it returns is the restored one; None: it returns a tensor.
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
            FitError: the network fails, or returns another shape.
        """
        return torch.stack([call(self.inner, frame, self.output) for frame in clip.unbind(1)], dim=1)
