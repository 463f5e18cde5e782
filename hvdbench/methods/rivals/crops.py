"""Draw random crops from frames, for the fits of rivals to one clip."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_HALVES = 2
_QUARTER_TURNS = 4


class PictureCrops:
    """A source of random crops, mirrored and turned at random, the same of several stacks of pictures.

    Args:
        stacks: pictures that belong together, each uint8 (N, H, W, C) with the same N, H and W.
        crop_px: side of the crops; smaller frames give smaller crops, whose side is a multiple of ``multiple_px``.
        random: the only source of randomness.
        device: device that the crops are moved to.
        multiple_px: number that the side of smaller crops is a multiple of, where the frames are large enough.
    """

    def __init__(
        self,
        stacks: Sequence[NDArray[Any]],
        crop_px: int,
        random: np.random.Generator,
        device: str,
        *,
        multiple_px: int = 1,
    ) -> None:
        self._stacks, self._random, self._device = stacks, random, device
        self._count, height, width = stacks[0].shape[:3]
        side = min(crop_px, height, width)
        self.side_px = max(side // multiple_px * multiple_px, min(side, multiple_px))
        self._last = (height - self.side_px, width - self.side_px)

    def draw(self, count: int) -> list[Tensor]:
        """Draw ``count`` crops of each stack, float32 (count, C, side, side) in [0, 1]."""
        crops: list[list[NDArray[Any]]] = [[] for _ in self._stacks]
        for _ in range(count):
            row = int(self._random.integers(self._count))
            top, left = (int(self._random.integers(last + 1)) for last in self._last)
            mirrored, turns = bool(self._random.integers(_HALVES)), int(self._random.integers(_QUARTER_TURNS))
            for crop, stack in zip(crops, self._stacks, strict=True):
                part = stack[row, top : top + self.side_px, left : left + self.side_px]
                crop.append(np.rot90(part[:, ::-1] if mirrored else part, turns))
        return [self._tensor(crop) for crop in crops]

    def _tensor(self, crops: list[NDArray[Any]]) -> Tensor:
        return torch.from_numpy(np.stack(crops)).to(self._device).permute(0, 3, 1, 2).float().div_(255).contiguous()
