"""Send the candidates of frames through a fitted fusion network."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hvdbench.methods.fusion.candidates import CandidateStack
from hvdbench.networks.fusion import FusionNetwork

_WHOLE_PX = 1920 * 1088


def apply_fusion(network: FusionNetwork, stack: CandidateStack, device: str) -> NDArray[np.float32]:
    """Restore every frame of a stack, float32 (N, H, W, 3) in [0, 255]; odd sizes are padded by repeating the edge.

    Frames larger than 1080p go through the network in strips that overlap by what it sees, which saves memory.
    """
    height, width = stack.colours.shape[2:4]
    restored = np.empty((len(stack.index), height, width, 3), np.float32)
    reach = 2 * (2 + 2 * len(network.body))  # px: one of half the resolution for each convolution
    for row in range(len(stack.index)):
        flags = torch.from_numpy(stack.is_sharp[row : row + 1]).float().to(device)
        for top, bottom in _strips(height, width):
            first, last = max(0, top - reach), min(height, bottom + reach)
            strip = (slice(row, row + 1), slice(None), slice(first, last))
            picture = _restored_strip(network, stack.colours[strip], stack.masks[strip], flags)
            restored[row, top:bottom] = picture[top - first : bottom - first]
    return restored


def _restored_strip(
    network: FusionNetwork, colours: NDArray[Any], masks: NDArray[np.uint8], flags: Tensor
) -> NDArray[np.float32]:
    """Restore some rows of a frame, (1, C, h, W, 3) and (1, C, h, W), to float32 (h, W, 3) in [0, 255]."""
    height, width = masks.shape[2:]
    pictures = torch.from_numpy(colours).to(flags.device).movedim(-1, -3).float() / 255
    trust = torch.from_numpy(masks).to(flags.device).float().unsqueeze(2) / 255  # (1, C, 1, h, W)
    if height % 2 or width % 2:
        edge = (0, width % 2, 0, height % 2, 0, 0)
        pictures = torch.nn.functional.pad(pictures, edge, mode="replicate")
        trust = torch.nn.functional.pad(trust, edge, mode="replicate")
    with torch.no_grad():
        picture, _ = network(pictures, trust, flags)  # (1, 3, h, W)
    restored: NDArray[np.float32] = 255 * picture[0, :, :height, :width].clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    return restored


def _strips(height: int, width: int) -> list[tuple[int, int]]:
    """Cut the rows of a large frame into strips that begin at even rows; a frame of up to 1080p is one."""
    if height * width <= _WHOLE_PX:
        return [(0, height)]
    rows = max(2, _WHOLE_PX // 2 // width // 2 * 2)
    return [(top, min(height, top + rows)) for top in range(0, height, rows)]
