"""A fit in the manner of Ren et al., simplified: a small U-Net that sees one frame, taught by the clip's sharp ones.

*Video Deblurring by Fitting to Test Data* trains a network on the sharp frames of the clip, blurred at random, and
applies it to the others. Here: no meta-learning, no adversary, no perceptual loss; an L1 distance, straight kernels of
1 to 15 px in linear light, noise of one level.
"""

import math

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from hvdbench.frames import Frames, to_display, to_linear

LONGEST_PX = 15.0


class UNet(nn.Module):
    """Three scales, two convolutions a scale, a residual on the input."""

    def __init__(self, channels: int = 24) -> None:
        super().__init__()
        widths = (channels, 2 * channels, 4 * channels)
        self.down = nn.ModuleList([_pair(3, widths[0]), _pair(widths[0], widths[1]), _pair(widths[1], widths[2])])
        self.up = nn.ModuleList([_pair(widths[2] + widths[1], widths[1]), _pair(widths[1] + widths[0], widths[0])])
        self.last = nn.Conv2d(widths[0], 3, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, blurry: Tensor) -> Tensor:
        """Restore (N, 3, H, W) in [0, 1], sides divisible by 4."""
        x, kept = 4.0 * (blurry - 0.45), []
        for index, block in enumerate(self.down):
            x = block(F.avg_pool2d(x, 2) if index else x)
            kept.append(x)
        for block, beside in zip(self.up, (kept[1], kept[0]), strict=True):
            x = block(torch.cat((F.interpolate(x, scale_factor=2, mode="nearest"), beside), dim=1))
        return blurry + 0.3 * torch.as_tensor(self.last(x))


def _pair(inside: int, outside: int) -> nn.Sequential:
    first, second = nn.Conv2d(inside, outside, 3, padding=1), nn.Conv2d(outside, outside, 3, padding=1)
    return nn.Sequential(first, nn.LeakyReLU(0.1), second, nn.LeakyReLU(0.1))


def straight_kernel(length_px: float, angle: float) -> NDArray[np.float32]:
    """Return the kernel of a straight motion, (15, 15), which sums to 1."""
    side, offsets = 15, np.linspace(-0.5, 0.5, 41) * (length_px - 1.0)
    kernel = np.zeros((side, side), np.float32)
    for offset in offsets:
        x, y = 7 + offset * math.cos(angle), 7 + offset * math.sin(angle)
        left, top = math.floor(x), math.floor(y)
        for column, row in ((left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)):
            if 0 <= column < side and 0 <= row < side:
                kernel[row, column] += (1 - abs(x - column)) * (1 - abs(y - row))
    return np.asarray(kernel / kernel.sum(), np.float32)


def fit_ren(sharp: Frames, seed: int, steps: int = 80, patch_px: int = 96, batch: int = 4) -> UNet:
    """Fit to the sharp frames of a clip.

    Args:
        sharp: (N, H, W, 3) uint8, the selected frames.
        seed: of weights and draws.
        steps: of Adam at 1e-3, falling by a cosine to a thirtieth.
        patch_px: side of the crops, divisible by 4.
        batch: crops a step.
    """
    random = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = UNet()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min(1.0, (step + 1) / 20) * (1 / 30 + 29 / 60 * (1 + math.cos(math.pi * step / max(1, steps)))),
    )
    for _ in range(steps):
        blurry, truth = zip(*(_crop(sharp, patch_px, random) for _ in range(batch)), strict=True)
        loss = (network(_tensor(blurry)) - _tensor(truth)).abs().mean()
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        rate.step()
    return network


def apply_ren(network: UNet, blurry: Frames) -> NDArray[np.float32]:
    """Restore frames one by one: float32 (N, H, W, 3) in [0, 255]."""
    height, width = blurry.shape[1:3]
    found = []
    for frame in blurry:
        picture = F.pad(_tensor([frame]), (0, -width % 4, 0, -height % 4), mode="replicate")
        with torch.no_grad():
            restored = network(picture)[0, :, :height, :width].clamp(0, 1)
        found.append(255 * restored.permute(1, 2, 0).numpy())
    return np.stack(found)


def _crop(sharp: Frames, patch_px: int, random: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    frame = sharp[int(random.integers(len(sharp)))]
    size = min(patch_px, *(side // 4 * 4 for side in frame.shape[:2]))
    top, left = (int(random.integers(0, side - size + 1)) for side in frame.shape[:2])
    margin = 8
    wide = cv2.copyMakeBorder(frame, margin, margin, margin, margin, cv2.BORDER_REFLECT_101)
    window = np.asarray(wide[top : top + size + 2 * margin, left : left + size + 2 * margin], np.uint8)
    kernel = straight_kernel(float(random.uniform(1, LONGEST_PX)), float(random.uniform(0, math.pi)))
    blurred = to_display(np.asarray(cv2.filter2D(to_linear(window), -1, kernel), np.float32))
    noisy = np.clip(blurred + random.normal(0, 1, blurred.shape), 0, 255).round().astype(np.uint8)
    inside = slice(margin, margin + size)
    return noisy[inside, inside], np.ascontiguousarray(window[inside, inside])


def _tensor(frames: object) -> Tensor:
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float() / 255  # type: ignore[call-overload]
