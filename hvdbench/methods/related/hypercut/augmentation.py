"""Change the frames of an exposure at random, all of them alike, so that an order is learned from motion alone."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.functional import adjust_hue

from hvdbench.methods.related.hypercut.settings import AugmentationSettings

_LUMA = (0.299, 0.587, 0.114)


def augmented(frames: Tensor, settings: AugmentationSettings, random: np.random.Generator) -> Tensor:
    """Return the frames of one exposure, moved, recoloured and with noise.

    Args:
        frames: (T, 3, h, w) RGB in [0, 1].
        settings: how often and how much.
        random: generator that is drawn from; the number of draws is always the same.

    Returns:
        Frames of the same shape, in [0, 1].
    """
    moves, colours, noises = random.random(3) < (settings.moved_share, settings.coloured_share, settings.noisy_share)
    where = random.uniform(-1, 1, 5)
    factors = random.uniform(-1, 1, 4)
    level = random.uniform(*settings.noise_levels)
    noise = random.standard_normal(frames.shape[1:], np.float32)
    if moves:
        frames = _moved(frames, settings, where)
    if colours:
        frames = _recoloured(frames, settings, factors)
    if noises:
        frames = frames + torch.from_numpy(noise).to(frames) * (level / 255)
    return frames.clamp(0, 1)


def _moved(frames: Tensor, settings: AugmentationSettings, where: np.ndarray) -> Tensor:
    """Move, turn and shear frames around their middle; what comes in from outside is mirrored."""
    height, width = frames.shape[-2:]
    turn, shear_x, shear_y = np.radians(
        [settings.turn_deg * where[2], settings.shear_deg * where[3], settings.shear_deg * where[4]]
    )
    turned = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    sheared = np.array([[1.0, math.tan(shear_x)], [math.tan(shear_y), 1.0]])
    to_px = np.diag([width / 2, height / 2])  # the grid's unit is half a side, which differs between the sides
    linear = np.linalg.inv(to_px) @ turned @ sheared @ to_px
    shift = 2 * settings.shift * where[:2]
    affine = torch.from_numpy(np.column_stack((linear, shift))).to(frames)[None]
    grid = functional.affine_grid(affine, [1, 3, height, width], align_corners=False).expand(len(frames), -1, -1, -1)
    return functional.grid_sample(frames, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _recoloured(frames: Tensor, settings: AugmentationSettings, factors: np.ndarray) -> Tensor:
    """Change brightness, contrast, saturation and hue, in this order."""
    brightness, contrast, saturation = (
        1 + spread * factor
        for spread, factor in zip((settings.brightness, settings.contrast, settings.saturation), factors, strict=False)
    )
    frames = (frames * brightness).clamp(0, 1)
    mean = _luma(frames).mean()
    frames = (mean + (frames - mean) * contrast).clamp(0, 1)
    gray = _luma(frames)
    frames = (gray + (frames - gray) * saturation).clamp(0, 1)
    turned: Tensor = adjust_hue(frames, float(settings.hue * factors[3]))
    return turned


def _luma(frames: Tensor) -> Tensor:
    """Return the luma, (T, 3, h, w) to (T, 1, h, w)."""
    weights = torch.tensor(_LUMA, device=frames.device, dtype=frames.dtype)
    return (frames * weights[:, None, None]).sum(dim=1, keepdim=True)
