"""Measure what frames look like: sharpness, noise, saturation."""

import cv2
import numpy as np

from hvdbench.frames import Frame, Gray, Image

SATURATED = 250
_BLOCK_PX = 16
_FLATTEST = 0.1  # share of the blocks that noise is measured in
_NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6.0  # unit noise in, unit noise out
_DARKEST, _BRIGHTEST = 8, 245


def smooth_sharpness(gray: Gray) -> float:
    """Return the variance of the Laplacian after a Gaussian of 1 px, which takes out most of noise and compression.

    Args:
        gray: uint8 (H, W).

    Returns:
        Squared gray levels.
    """
    smooth = cv2.GaussianBlur(gray.astype(np.float32), (0, 0), 1.0)
    return float(cv2.Laplacian(smooth, cv2.CV_32F, ksize=1).var())


def noise_level(gray: Gray) -> float:
    """Return the standard deviation of noise in flat patches (8-bit levels).

    The mask of Immerkaer (CVIU 64(2), 1996), which answers neither to ramps nor to even light, in the tenth of the
    16 px blocks that have the least gradient; blocks near black or white, where noise is clipped, are left out. NaN
    where none is left. Compression takes noise out: a clip that was encoded reads low.

    Args:
        gray: uint8 (H, W).
    """
    values = gray.astype(np.float32)
    answer = cv2.filter2D(values, cv2.CV_32F, _NOISE_MASK)
    smooth = cv2.GaussianBlur(values, (0, 0), 2.0)
    slope = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    level, steep, power = (_block_means(np.asarray(picture, np.float32)) for picture in (values, slope, answer**2))
    used = (level > _DARKEST) & (level < _BRIGHTEST)
    if not used.any():
        return float("nan")
    flat = np.argsort(steep[used], kind="stable")[: max(1, int(_FLATTEST * used.sum()))]
    return float(np.sqrt(np.median(power[used][flat])))


def _block_means(picture: Image) -> Image:
    """Return the means of whole blocks, flattened; the picture itself is the block where it is smaller than one."""
    size = min(_BLOCK_PX, *picture.shape)
    height, width = (length // size for length in picture.shape)
    blocks = picture[: height * size, : width * size].reshape(height, size, width, size)
    return np.asarray(blocks.mean(axis=(1, 3)).ravel(), np.float32)


def saturated_share(frame: Frame) -> float:
    """Return the share of pixels with a channel at 250 or more; ``frame`` is uint8 RGB (H, W, 3)."""
    return float((frame.max(axis=2) >= SATURATED).mean())
