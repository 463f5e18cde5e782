"""Define what every network shares that makes the sharp frames of an exposure from its blurry picture."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

FRAMES = 7
"""Frames of a sequence, in the order of time."""
MIDDLE = FRAMES // 2


class SequenceNetwork(nn.Module):
    """A network of seven sharp frames from one blurry picture, RGB in [0, 1].

    Attributes:
        size_multiple: number of px that height and width must be multiples of.
        min_size_px: smallest height and width.
        inputs: planes that :meth:`planes` takes; the blurry picture comes first.
        outputs: planes that it returns; the seven frames come first.
    """

    size_multiple: int = 1
    min_size_px: int = 1
    inputs: int = 3
    outputs: int = 3 * FRAMES
    guesses_inputs: ClassVar[bool] = False
    """Whether :meth:`guesses` makes the inputs beside the blurry picture itself."""

    @abstractmethod
    def planes(self, inputs: Tensor) -> Tensor:
        """Return everything that a training needs, as planes.

        Args:
            inputs: (N, ``inputs``, H, W), with H and W as the attributes say.

        Returns:
            (N, ``outputs``, H, W): the frames, 21 planes, and what a loss needs beside them.
        """

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the seven frames (N, 7, 3, H, W), not clamped, of inputs as :meth:`planes` takes them.

        Raises:
            ValueError: if there are not as many planes, or the sizes do not fit.
        """
        multiple, least = self.size_multiple, self.min_size_px
        height, width = inputs.shape[-2:]
        if inputs.dim() != 4 or inputs.shape[1] != self.inputs or height % multiple or width % multiple:
            raise ValueError(
                f"{type(self).__name__} takes (N, {self.inputs}, H, W) with H and W multiples of {multiple}, "
                f"not {tuple(inputs.shape)}"
            )
        if min(height, width) < least:
            raise ValueError(f"{type(self).__name__} takes pictures of {least} px and more, not {width}x{height}")
        return frames_of(self.planes(inputs))

    def guesses(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Return one plausible sequence (N, 7, 3, H, W); here it is the only one, and the generator is not drawn from.

        Args:
            inputs: as for :meth:`forward`.
            generator: what a network draws from that knows several sequences.
        """
        return self(inputs)


def frames_of(planes: Tensor) -> Tensor:
    """Return the first 21 planes as frames, (N, C, H, W) to (N, 7, 3, H, W)."""
    return planes[:, : 3 * FRAMES].unflatten(1, (FRAMES, 3))
